"""What every command says and where: results on stdout, everything else on stderr.

``reporter()`` draws Rich bars on a terminal and prints a plain line at most every few seconds elsewhere, so that logs
stay readable. Untrusted text (goals, titles) is escaped before it meets Rich markup.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from illinstr.errors import printable
from illinstr.progress import Advance, Reporter, SilentReporter

PLAIN_INTERVAL_S = 5.0


class PlainReporter:
    """Progress as plain lines, for logs and pipes."""

    def __init__(self, interval_s: float = PLAIN_INTERVAL_S) -> None:
        self.interval_s = interval_s

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Print the task's state when it starts, every ``interval_s`` seconds, and when it ends."""
        done, latest, shown_at = 0, "", time.monotonic()

        def show() -> None:
            amount = f"{done}/{total}" if total is not None else str(done)
            self.log(f"{description}: {amount} {latest}".rstrip())

        def advance(amount: int = 1, *, status: str | None = None) -> None:
            nonlocal done, latest, shown_at
            done += amount
            latest = status if status is not None else latest
            if time.monotonic() - shown_at >= self.interval_s:
                shown_at = time.monotonic()
                show()

        yield advance
        show()

    def log(self, message: str) -> None:
        """Print one line on stderr."""
        print(printable(message), file=sys.stderr, flush=True)


class RichReporter:
    """Progress as bars, for a person at a terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Draw one bar for as long as the task is open."""
        from rich import progress
        from rich.markup import escape

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            progress.TextColumn("{task.fields[status]}", markup=False),
        )
        with progress.Progress(*columns, console=self.console) as bars:
            bar = bars.add_task(escape(description), total=total, status="")

            def advance(amount: int = 1, *, status: str | None = None) -> None:
                bars.advance(bar, amount)
                if status is not None:
                    bars.update(bar, status=printable(status))

            yield advance

    def log(self, message: str) -> None:
        """Print one line on stderr, above any bar."""
        self.console.print(printable(message), markup=False, highlight=False)


class JsonReporter:
    """Everything as JSON objects, each on a line of stderr, for a program that watches: ``time`` (ISO 8601, UTC),
    ``event``, and the event's own fields."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Tell when a task begins, whenever it advances, and when it ends."""
        done = 0
        self.event("begun", task=description, total=total)

        def advance(amount: int = 1, *, status: str | None = None) -> None:
            nonlocal done
            done += amount
            self.event("progress", task=description, done=done, total=total, status=status)

        yield advance
        self.event("ended", task=description, done=done, total=total)

    def log(self, message: str) -> None:
        """Tell a message as an event."""
        self.event("message", message=message)

    def event(self, name: str, **fields: Any) -> None:
        """Write one line."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": now, "event": name, **fields})
        with self._lock:
            print(line, file=sys.stderr, flush=True)


def reporter(quiet: bool = False) -> Reporter:
    """The reporter that fits where stderr goes."""
    if quiet:
        return SilentReporter()
    return RichReporter() if sys.stderr.isatty() else PlainReporter()


def emit(result: dict[str, Any], path: str | None, *, as_json: bool, lines: tuple[str, ...] = ()) -> None:
    """Print a command's result on stdout.

    Args:
        result: what ``--json`` prints, as one object.
        path: what was made; the last line of stdout when not ``--json``.
        as_json: print the object instead of lines.
        lines: human-readable lines to print before the path.
    """
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for line in lines:
        print(line)
    if path is not None:
        print(path)
