"""How long work tells its user where it is, without knowing about terminals.

Rooms take a ``Reporter``; the command line hands them one that draws Rich bars on a terminal and plain lines elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable


class Advance(Protocol):
    """Moves a task forward by ``amount`` and may replace the text shown behind its bar."""

    def __call__(self, amount: int = 1, *, status: str | None = None) -> None: ...


class Reporter(Protocol):
    """Receives progress and messages."""

    def task(self, description: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """Open a task of ``total`` units (unknown when None)."""

    def log(self, message: str) -> None:
        """Tell the user one line."""


@runtime_checkable
class EventReporter(Reporter, Protocol):
    """A reporter for programs that watch: it also receives events, each a name with fields."""

    def event(self, name: str, **fields: Any) -> None:
        """Tell one event; values are plain JSON."""


def tell_event(reporter: Reporter, name: str, **fields: Any) -> None:
    """Tell an event to a reporter that takes some; any other hears nothing of it."""
    if isinstance(reporter, EventReporter):
        reporter.event(name, **fields)


class SilentReporter:
    """A reporter for library use and ``--quiet``: it says nothing."""

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        def advance(amount: int = 1, *, status: str | None = None) -> None:
            return None

        yield advance

    def log(self, message: str) -> None:
        return None


_current: ContextVar[Reporter | None] = ContextVar("illinstr_reporter", default=None)


def current_reporter() -> Reporter:
    """The reporter of the work this code is a part of; a silent one where none was set."""
    return _current.get() or SilentReporter()


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Inside the block, ``current_reporter`` is ``reporter``."""
    token = _current.set(reporter)
    try:
        yield
    finally:
        _current.reset(token)
