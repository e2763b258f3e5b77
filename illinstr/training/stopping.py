"""Ending a run on request: a scheduler's signal is heard, the step under way is finished and saved, and the run ends.

Slurm, Kubernetes and spot machines send SIGTERM some seconds before they kill; Slurm can send another signal earlier
(``--signal=USR1@300``). A run that was asked to end says so with an exit code of its own, and the same command goes on.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

from illinstr.errors import IllinstrError

STOPPED_CODE = 128 + signal.SIGTERM  # 143, as a shell shows a program that SIGTERM ended


class Stopped(IllinstrError):
    """The run was asked to end, and has: what it had learnt is saved."""

    exit_code = STOPPED_CODE

    def __init__(self, signal_name: str, what_is_kept: str) -> None:
        super().__init__(
            f"ended by {signal_name} {what_is_kept}", hint="run the same command again: it goes on from there"
        )


class _HeardError(BaseException):
    """Unwinds what may be left undone; no library takes it for a failure of its own."""


class StopSignals:
    """Hears SIGTERM and the signals ``more`` names (``USR1``) instead of dying of them.

    Attributes:
        heard: the first signal that came, for example ``SIGTERM``; None while none has. Later ones change nothing:
            schedulers send it to a launcher and to its processes, which then meet it twice.
    """

    def __init__(self, more: Sequence[str] = ()) -> None:
        self.heard: str | None = None
        self._numbers = [signal.SIGTERM, *(signal.Signals[f"SIG{name}"] for name in more)]
        self._interrupting = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, the signals are heard; only a program's main thread can."""
        former: dict[signal.Signals, Any] = {}
        if threading.current_thread() is threading.main_thread():
            former = {number: signal.signal(number, self._hear) for number in self._numbers}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.heard is not None:
            return
        self.heard = signal.Signals(number).name
        if self._interrupting:
            raise _HeardError

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[None]:
        """Inside, a signal ends the block at once, quietly: for what a run can do again. Ask ``heard`` afterwards."""
        if self.heard is not None:
            yield
            return
        try:
            self._interrupting = True
            try:
                yield
            finally:
                self._interrupting = False
        except _HeardError:
            self._interrupting = False
