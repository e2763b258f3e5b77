"""What a command may find around it: closed or broken streams, limits of the system, no home, signals."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable


def _close(number: int) -> Callable[[], None]:
    def act() -> None:
        os.close(number)
        stream = ("stdin", "stdout", "stderr")[number]
        setattr(sys, stream, None)  # as Python itself finds a stream that was closed before it started

    return act


def _broken_stdout() -> None:
    read, write = os.pipe()
    os.close(read)
    os.dup2(write, 1)
    sys.stdout = os.fdopen(1, "w", closefd=False)


def _limit(kind: int, value: int) -> Callable[[], None]:
    def act() -> None:
        if kind == resource.RLIMIT_FSIZE:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))

    return act


def _no_home() -> None:
    for name in ("HOME", "XDG_CACHE_HOME", "ILLINSTR_CACHE", "USER", "LOGNAME"):
        os.environ.pop(name, None)


def _signals(*numbers: int, after_s: float = 0.2) -> Callable[[], None]:
    def act() -> None:
        def send() -> None:
            for number in numbers:
                os.kill(os.getpid(), number)

        threading.Timer(after_s, send).start()

    return act


SURROUNDINGS: dict[str, Callable[[], None]] = {
    "no stdin": _close(0),
    "no stdout": _close(1),
    "no stderr": _close(2),
    "a reader that went away": _broken_stdout,
    "files of 4 KiB at most": _limit(resource.RLIMIT_FSIZE, 4096),
    "few open files": _limit(resource.RLIMIT_NOFILE, 12),
    "no home": _no_home,
    "SIGTERM": _signals(signal.SIGTERM),
    "SIGHUP": _signals(signal.SIGHUP),
    "SIGINT": _signals(signal.SIGINT),
    "SIGINT twice": _signals(signal.SIGINT, signal.SIGINT),
    "SIGTERM twice": _signals(signal.SIGTERM, signal.SIGTERM),
    "SIGTERM and SIGINT": _signals(signal.SIGTERM, signal.SIGINT),
}
