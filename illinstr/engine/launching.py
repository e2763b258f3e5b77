"""One command in several processes on this machine, each a copy of the same ``illinstr ARGUMENTS``.

The processes form a process group (``process_group.py``). Starting and ending them is ours: when one fails the others
are ended, the command has its message and its exit code, and no process outlives the command that started it, even one
that is killed.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, TimeoutExpired
from typing import Any

from illinstr.engine.devices import threads_per_process
from illinstr.engine.process_group import is_launched
from illinstr.errors import IllinstrError, UsageError
from illinstr.program import ERROR_FILE_VARIABLE

MODULE = "illinstr"
PARENT_VARIABLE = "ILLINSTR_LAUNCHED_BY"
RANK_PREFIX = b"process "
POLL_S = 0.1
GRACE_S = 2.0  # for the other processes to meet the same failure and end by themselves
END_S = 10.0  # between asking a process to end and ending it
MAX_PROCESSES = 256


class ProcessError(IllinstrError):
    """A process of a group was killed."""


def check_processes(processes: int) -> None:
    """Refuse a number of processes that makes no sense, or one given where a launcher has started processes already.

    Raises:
        UsageError: which of them.
    """
    if not 1 <= processes <= MAX_PROCESSES:
        raise UsageError(
            f"--processes {processes} is not between 1 and {MAX_PROCESSES}", hint="one a GPU, or one a few CPU cores"
        )
    if processes > 1:
        refuse_inside_launcher()


def refuse_inside_launcher() -> None:
    """Refuse to start processes from a process that was itself started by a launcher.

    Raises:
        UsageError: it was.
    """
    if is_launched():
        raise UsageError(
            "processes are already launched here",
            hint="leave out --processes and --accelerate-config under accelerate launch or torchrun",
        )


def arguments_without(arguments: Sequence[str], *options: str) -> list[str]:
    """Command-line arguments without the given options and their values, so that processes start none themselves."""
    kept: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":
            return [*kept, word, *words]
        if word in options:
            next(words, None)
        elif not word.startswith(tuple(f"{option}=" for option in options)):
            kept.append(word)
    return kept


def launch_processes(
    arguments: Sequence[str],
    processes: int,
    environment: Mapping[str, str] | None = None,
    *,
    pass_on: Sequence[str] = (),
) -> int:
    """Run ``illinstr ARGUMENTS`` in ``processes`` processes and wait for them.

    The first has this process's stdout and stderr; of the others what their ``RankReporter`` logs is shown, and of one
    that fails all it wrote. A failure that several meet is printed once.

    Args:
        arguments: what follows ``illinstr``.
        processes: how many.
        environment: added to that of every process.
        pass_on: signals (``TERM``, ``USR1``) that the processes answer themselves: they are sent on, and waited for.

    Returns:
        The exit code of the first that failed, 130 when one was interrupted, 128 and the signal's number when one
        that was passed on came too early to be answered, 0 when all did their work.

    Raises:
        ProcessError: one was killed; the others were ended.
        KeyboardInterrupt: passed on after all have ended.
    """
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        PARENT_VARIABLE: str(os.getpid()),
        "OMP_NUM_THREADS": str(threads_per_process(processes)),
    }
    started: list[Popen[bytes]] = []
    voices: list[_Voice] = []
    previous = _interrupt_on_terminate()
    passed = _Passed(started, pass_on)
    notes = Path(tempfile.mkdtemp(prefix="illinstr-"))
    try:
        for rank in range(processes):
            own = {"RANK": str(rank), "LOCAL_RANK": str(rank), ERROR_FILE_VARIABLE: str(notes / str(rank))}
            process = Popen(
                [sys.executable, "-m", MODULE, *arguments],
                env={**os.environ, **(environment or {}), **shared, **own},
                stdin=None if rank == 0 else DEVNULL,
                stdout=None if rank == 0 else DEVNULL,
                stderr=None if rank == 0 else PIPE,
                start_new_session=True,  # Ctrl-C reaches this process alone, which ends the others in order
            )
            started.append(process)
            voices.append(_Voice(process))
        return _wait(started, voices, notes, passed)
    finally:
        end_processes(started)
        for voice in voices:
            voice.heard()
        shutil.rmtree(notes, ignore_errors=True)
        passed.end()
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)


class _Passed:
    """Sends some signals on to the processes instead of ending the group by them."""

    def __init__(self, started: Sequence[Popen[bytes]], names: Sequence[str]) -> None:
        self.started = started
        self.sent: set[int] = set()
        self._former: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.Signals[f"SIG{name}"] for name in names):
                self._former[number] = signal.signal(number, self._send)

    def _send(self, number: int, frame: object) -> None:
        self.sent.add(number)
        for process in self.started:
            if process.poll() is None:
                process.send_signal(number)

    def end(self) -> None:
        """Give the signals back their former meaning."""
        for number, handler in self._former.items():
            signal.signal(number, handler)


class _Voice:
    """What a process other than the first writes on stderr: progress is shown at once, the rest is kept."""

    def __init__(self, process: Popen[bytes]) -> None:
        self.lines: deque[bytes] = deque(maxlen=1000)
        self._thread: threading.Thread | None = None
        if process.stderr is not None:
            self._stream = process.stderr
            self._thread = threading.Thread(target=self._listen, daemon=True)
            self._thread.start()

    def _listen(self) -> None:
        with self._stream:
            for line in self._stream:
                if line.startswith(RANK_PREFIX):
                    _show([line])
                else:
                    self.lines.append(line)

    def heard(self) -> Iterable[bytes]:
        """What was kept, once the process has ended."""
        if self._thread is not None:
            self._thread.join(GRACE_S)
        return self.lines


def _show(lines: Iterable[bytes]) -> None:
    sys.stderr.write(b"".join(lines).decode(errors="replace"))
    sys.stderr.flush()


def _wait(started: Sequence[Popen[bytes]], voices: Sequence[_Voice], notes: Path, passed: _Passed) -> int:
    while True:
        codes = [process.poll() for process in started]
        failed = next(((rank, code) for rank, code in enumerate(codes) if code), None)
        if failed is not None:
            break
        if all(code == 0 for code in codes):
            return 0
        time.sleep(POLL_S)
    rank, code = failed
    end_processes(started, grace_s=GRACE_S)
    if code in (130, -signal.SIGINT):
        return 130
    if -code in passed.sent:
        return 128 - code
    if code < 0:
        raise ProcessError(
            f"process {rank} of {len(started)} was killed by signal {-code}; the others were ended",
            hint="out of memory, perhaps; what is finished is kept, and the same command goes on from there",
        )
    known = notes / str(rank)
    _show([known.read_bytes()] if known.exists() else voices[rank].heard())
    return code


def end_processes(started: Sequence[Popen[bytes]], *, grace_s: float = 0.0) -> None:
    """Wait ``grace_s`` seconds for processes to end by themselves, ask the rest to end, then end them."""
    _await(started, grace_s)
    for process in started:
        if process.poll() is None:
            process.terminate()
    _await(started, END_S)
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


def _await(started: Sequence[Popen[bytes]], patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    for process in started:
        try:
            process.wait(timeout=max(deadline - time.monotonic(), 0.0))
        except TimeoutExpired:
            return


def _interrupt_on_terminate() -> Any:
    """Make SIGTERM end this process as Ctrl-C does; the handler before it, None outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return None

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    return signal.signal(signal.SIGTERM, interrupt)


def free_port() -> int:
    """A TCP port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_with_launcher() -> None:
    """End this process soon after the one that launched it has gone, however it went."""
    launcher = os.environ.pop(PARENT_VARIABLE, None)  # it speaks to this process, not to those that it starts
    if launcher is None:
        return

    def watch() -> None:
        while os.getppid() == int(launcher):
            time.sleep(POLL_S * 5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="illinstr-launcher-watch").start()
