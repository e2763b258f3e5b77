"""Ctrl-C: once asks the work to end well, twice ends it.

Everything published is whole at every moment, so ending at once loses nothing but what is in hand.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

INTERRUPTED = 130
_ASKED = b"finishing what is in hand; press Ctrl-C again to stop at once\n"


class Stop:
    """Whether the user wants to stop. As a context manager it listens to Ctrl-C (in the main thread, and only where
    the signal is not ignored already)."""

    def __init__(self) -> None:
        self.requested = False
        self._wakers: list[Callable[[], object]] = []
        self._former: Any = None

    def on_request(self, wake: Callable[[], object]) -> None:
        """Call ``wake`` when the user asks; it must be safe inside a signal handler."""
        self._wakers.append(wake)

    def request(self) -> None:
        """Ask, as a first Ctrl-C does."""
        self.requested = True
        for wake in self._wakers:
            wake()

    def __enter__(self) -> Self:
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        if threading.current_thread() is threading.main_thread() and not ignored:
            self._former = signal.signal(signal.SIGINT, self._pressed)
        return self

    def __exit__(self, *exception: object) -> None:
        self._wakers.clear()
        if self._former is not None:
            signal.signal(signal.SIGINT, self._former)
            self._former = None

    def _pressed(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            os.write(2, b"error: interrupted\n")
            os._exit(INTERRUPTED)  # threads at work would keep an ordinary exit waiting
        self.requested = True  # before a word is said: the answer to it may come at once
        os.write(2, _ASKED)
        self.request()
