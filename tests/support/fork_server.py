"""Python programs in processes of their own, forked from one that has imported the libraries already.

Importing torch and diffusers costs most of a short program's time. ``run`` and ``Popen`` take the words that
``subprocess`` would take (``[sys.executable, "-c", code, ...]``, ``-m module``, or a script) and the options our tests
use; the process is a real one, with its own id, streams, signals and exit code. It is forked from one of three servers,
which start at first use and end with the tests: ``project`` has imported every library and every module of ours;
``libraries`` no module of ours; ``light`` only what ``illinstr --help`` imports, for tests that forbid torch.

Not for tests of what an import does, of environment variables that libraries read when they are imported
(``HF_*``), or of differences between interpreters (hash seeds): they need ``subprocess``.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
cpu_seconds = 0.0  # of all processes that have ended here


class Popen:
    """What our tests use of ``subprocess.Popen``.

    Args:
        words: ``sys.executable`` and its arguments.
        stdin, stdout, stderr: None (this process's own), ``subprocess.PIPE``, ``DEVNULL``, ``STDOUT``, a file or its
            number.
        server: "project", "libraries" or "light".
        forked_children: the processes that this one starts with ``sys.executable`` are forked from it, too.
    """

    def __init__(
        self,
        words: Sequence[str],
        *,
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        cwd: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        text: bool = False,
        start_new_session: bool = False,
        server: str = "project",
        forked_children: bool = False,
    ) -> None:
        assert words[0] == sys.executable, words
        self.args, self.returncode = list(words), None
        self._mine: list[int] = []  # given to the process and closed here
        fds, pipes = zip(
            *(self._stream(place, each) for place, each in enumerate((stdin, stdout, stderr))), strict=True
        )
        fds = [fds[1] if stderr == subprocess.STDOUT and place == 2 else fd for place, fd in enumerate(fds)]
        modes = ("w", "r", "r") if text else ("wb", "rb", "rb")
        self.stdin, self.stdout, self.stderr = (
            None if pipe is None else os.fdopen(pipe, mode) for pipe, mode in zip(pipes, modes, strict=True)
        )
        job = {
            "words": [str(word) for word in words[1:]],
            "cwd": str(cwd or Path.cwd()),
            "env": dict(os.environ if env is None else env),
            "session": start_new_session,
            "forked_children": forked_children,
        }
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(_server(server))
        socket.send_fds(self._socket, [b"x"], fds)
        self._socket.sendall(json.dumps(job).encode() + b"\n")
        for fd in self._mine:
            os.close(fd)
        self._read = b""
        self.pid = int(self._line(None) or 0)

    def _stream(self, place: int, asked: Any) -> tuple[int, int | None]:
        """The file number for the process, and our end of its pipe."""
        if asked is None or asked == subprocess.STDOUT:
            return place, None
        if asked == subprocess.DEVNULL:
            self._mine.append(os.open(os.devnull, os.O_RDWR))
            return self._mine[-1], None
        if asked != subprocess.PIPE:
            return (asked if isinstance(asked, int) else asked.fileno()), None
        reading, writing = os.pipe()
        theirs, ours = (reading, writing) if place == 0 else (writing, reading)
        self._mine.append(theirs)
        return theirs, ours

    def _line(self, timeout: float | None) -> str | None:
        """The server's next line; None where none came in time."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while b"\n" not in self._read:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            if not select.select([self._socket], [], [], left)[0]:
                return None
            piece = self._socket.recv(4096)
            assert piece, "the fork server is gone"
            self._read += piece
        line, self._read = self._read.split(b"\n", 1)
        return line.decode()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        global cpu_seconds
        if self.returncode is None:
            ended = self._line(timeout)
            if ended is None:
                raise subprocess.TimeoutExpired(self.args, timeout or 0)
            self.returncode, seconds = json.loads(ended)
            cpu_seconds += seconds
            self._socket.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:
        """Write ``input``, read both streams to their ends, wait."""
        said: dict[int, Any] = {}

        def read(place: int, stream: IO[Any]) -> None:
            said[place] = stream.read()
            stream.close()

        streams = [(1, self.stdout), (2, self.stderr)]
        readers = [threading.Thread(target=read, args=each, daemon=True) for each in streams if each[1] is not None]
        for reader in readers:
            reader.start()
        if self.stdin is not None:
            with contextlib.suppress(BrokenPipeError), self.stdin:
                if input:
                    self.stdin.write(input)
        try:
            self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        finally:
            for reader in readers:
                reader.join(timeout)
        return said.get(1), said.get(2)

    def __enter__(self) -> Popen:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream is not None:
                stream.close()
        self.wait()


def run(
    words: Sequence[str],
    *,
    input: Any = None,
    capture_output: bool = False,
    check: bool = False,
    timeout: float | None = 600,
    **options: Any,
) -> subprocess.CompletedProcess[Any]:
    """As ``subprocess.run``, with the options of ``Popen``.

    Raises:
        subprocess.CalledProcessError: with ``check``, where the exit code is not 0.
        subprocess.TimeoutExpired: it was ended after ``timeout`` seconds.
    """
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    process = Popen(words, **options)
    out, errors = process.communicate(input, timeout)
    done = subprocess.CompletedProcess(process.args, process.wait(), out, errors)
    if check:
        done.check_returncode()
    return done


@functools.cache
def _server(kind: str) -> str:
    """Start a server; the address of its socket."""
    folder = tempfile.TemporaryDirectory(prefix="fork-")
    address = f"{folder.name}/socket"
    words = [sys.executable, "-m", "tests.support.fork_server_process", kind, address]
    # The end of stdin tells the server that the tests have ended; Ctrl-C is for the tests, not for it.
    options: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "start_new_session": True}
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    options |= {"cwd": ROOT, "env": {**os.environ, **QUIET, "PYTHONPATH": path}}
    process: Any = (
        Popen(words, server="libraries", **options) if kind == "project" else subprocess.Popen(words, **options)
    )

    def end() -> None:
        process.stdin.close()
        process.wait(timeout=30)
        folder.cleanup()

    atexit.register(end)
    assert process.stdout.readline() == b"ready\n", "the fork server did not start"
    process.stdout.close()
    return address
