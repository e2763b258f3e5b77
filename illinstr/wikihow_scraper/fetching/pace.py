"""Whose turn it is: waits between requests, pauses a site asks for, and the end of a site's patience.

One request at a time a host; a 429 or 503 from one host pauses all of them, since whoever runs several of our hosts
behind one door meant the whole crawl. A host that refuses, slows down or stays silent too often in a row is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from illinstr.progress import Reporter
from illinstr.wikihow_scraper.fetching.settings import FetchConfig, HostClosed, Stopped
from illinstr.wikihow_scraper.fetching.watch import Watch


@dataclass
class _Host:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ready_at: float = 0.0
    refusals: int = 0
    slowdowns: int = 0
    silences: int = 0
    closed: str | None = None


class Pace:
    """Keeps the time for one crawl.

    Args:
        config: waits and limits.
        reporter: is told about pauses and closed hosts.
        stop: set when the user wants to stop; no request starts and no wait goes on after that.
        watch: counts what is waited for each host.
    """

    def __init__(
        self, config: FetchConfig, reporter: Reporter, stop: asyncio.Event, watch: Watch | None = None
    ) -> None:
        self._watch = watch or Watch(reporter)
        self._config = config
        self._reporter = reporter
        self._stop = stop
        self._hosts: dict[str, _Host] = {}
        self._paused_until = 0.0

    @property
    def closed(self) -> dict[str, str]:
        """The hosts closed in this run, each with its reason."""
        return {name: host.closed for name, host in self._hosts.items() if host.closed is not None}

    @contextlib.asynccontextmanager
    async def turn(self, name: str, crawl_delay_s: Callable[[], float]) -> AsyncIterator[None]:
        """Wait for the host's next turn and hold it for one request; ``crawl_delay_s`` is asked when that has ended.

        Raises:
            HostClosed: the host is not asked any more.
            Stopped: the user wants to stop.
        """
        host = self._host(name)
        began = time.monotonic()
        async with host.lock:
            while host.closed is None and (wait := max(host.ready_at, self._paused_until) - time.monotonic()) > 0:
                await self.sleep(wait)
            self._watch.waited(name, time.monotonic() - began)
            if self._stop.is_set():
                raise Stopped("stopped by the user")
            if host.closed is not None:
                raise HostClosed(host.closed)
            try:
                yield
            finally:
                pause = max(self._config.min_interval_s, crawl_delay_s())
                host.ready_at = time.monotonic() + pause * random.uniform(1.0, 1.25)

    async def sleep(self, seconds: float) -> None:
        """Wait, but not longer than the user does.

        Raises:
            Stopped: the user wants to stop.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        if self._stop.is_set():
            raise Stopped("stopped by the user")

    def welcomed(self, name: str) -> None:
        """The host gave a proper answer."""
        host = self._host(name)
        host.refusals = host.slowdowns = host.silences = 0

    def refused(self, name: str, what: str) -> None:
        """The host answered 401, 403 or with a block page."""
        host = self._host(name)
        host.refusals += 1
        if host.refusals >= self._config.max_refusals:
            self._close(name, f"refused {host.refusals} times in a row ({what})")

    def silent(self, name: str, what: str) -> None:
        """The host gave no usable answer, however often it was asked."""
        host = self._host(name)
        host.silences += 1
        if host.silences >= self._config.max_silences:
            self._close(name, f"gave no usable answer to {host.silences} requests in a row ({what})")

    def slowed(self, name: str, status: int, asked_s: float) -> float:
        """The host answered 429 or 503: everything pauses, longer each time. Returns the seconds.

        Raises:
            HostClosed: it asked for more than we wait within a run, or asked too often.
        """
        host = self._host(name)
        host.slowdowns += 1
        if asked_s > self._config.longest_wait_s:
            raise HostClosed(self._close(name, f"asked for a pause of {asked_s:.0f} s (HTTP {status})"))
        if host.slowdowns >= self._config.max_slowdowns:
            raise HostClosed(self._close(name, f"answered {status} {host.slowdowns} times in a row"))
        grown = self._config.backoff_s * 2.0 ** (host.slowdowns - 1) * random.uniform(1.0, 1.25)
        pause = max(asked_s, min(grown, self._config.longest_wait_s))
        self._paused_until = max(self._paused_until, time.monotonic() + pause)
        self._reporter.log(f"{name} answered {status}: everything pauses {pause:.0f} s")
        return pause

    def _close(self, name: str, why: str) -> str:
        host = self._host(name)
        if host.closed is None:
            host.closed = f"{name} {why}; it is not asked any more in this run"
            self._reporter.log(host.closed)
        return host.closed

    def _host(self, name: str) -> _Host:
        return self._hosts.setdefault(name, _Host())


def retry_after_s(value: Any) -> float:
    """Seconds a ``Retry-After`` header asks for (RFC 9110, section 10.2.3: a number or a date); 0 where it is absent
    or unreadable."""
    text = str(value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
