"""Runs a command in several processes on this machine, as ``accelerate launch`` does on many."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

GRACE_S = 5.0
POLL_S = 0.1


def launch(processes: int, arguments: Sequence[str]) -> int:
    """Run ``illinstr ARGUMENTS`` in ``processes`` processes that know of each other.

    The first has this process's stdout and stderr. Of the others nothing is heard unless one fails where the first did
    not. When one fails, the rest are ended: what is finished is kept, and the same command goes on from there.

    Returns:
        The first's exit code, or that of another which failed, 130 after Ctrl-C.
    """
    meeting = {"WORLD_SIZE": str(processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
    program = [sys.executable, "-m", "illinstr", *arguments]
    with tempfile.TemporaryFile() as said:
        crew = [
            subprocess.Popen(
                program,
                env=os.environ | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdout=None if rank == 0 else subprocess.DEVNULL,
                stderr=None if rank == 0 else said,
            )
            for rank in range(processes)
        ]
        try:
            codes = _wait(crew)
        except KeyboardInterrupt:
            _end(crew)
            return 130
        failed = next((code for code in codes if code), 0)
        if failed and (not codes[0] or codes[0] < 0):
            said.seek(0)
            shutil.copyfileobj(said, sys.stderr.buffer)
    return codes[0] if codes[0] > 0 else (failed if failed > 0 else int(bool(failed)))


def _wait(crew: list[subprocess.Popen[bytes]]) -> list[int]:
    while any(process.poll() is None for process in crew):
        if any(process.poll() for process in crew):
            _end(crew)
        time.sleep(POLL_S)
    return [process.returncode for process in crew]


def _end(crew: list[subprocess.Popen[bytes]]) -> None:
    """Give the processes a moment to end by themselves, then end them."""
    deadline = time.monotonic() + GRACE_S
    for process in crew:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
