"""What a crawl is doing, host by host: asked, kept, refused, failed, waited, bytes, and the time that is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from illinstr.errors import FetchError
from illinstr.progress import Reporter, tell_event
from illinstr.wikihow_scraper.fetching.settings import NotAllowed, OptedOut

REFUSALS = ("HTTP 401", "HTTP 403", "HTTP 429", "block page")


@dataclass
class HostCounts:
    """One host: ``asked`` counts requests, ``kept`` answers that were stored or still hold, ``refused`` what
    robots.txt, a reservation or the server itself forbids, ``failed`` the rest; ``waited_s`` seconds of waiting for
    its turns, ``bytes`` of kept answers, ``left`` its pages that are not settled."""

    asked: int = 0
    kept: int = 0
    refused: int = 0
    failed: int = 0
    waited_s: float = 0.0
    bytes: int = 0
    left: int = 0


class Watch:
    """Counts for one crawl, and tells ``reporter`` every event."""

    def __init__(self, reporter: Reporter) -> None:
        self.hosts: dict[str, HostCounts] = {}
        self._reporter = reporter
        self._began: dict[str, float] = {}
        self._settled: dict[str, int] = {}

    def asked(self, host: str) -> None:
        """A request was answered by the host."""
        self._began.setdefault(host, time.monotonic())
        self._of(host).asked += 1

    def waited(self, host: str, seconds: float) -> None:
        """A request waited for its turn."""
        self._of(host).waited_s += seconds

    def kept(self, host: str, url: str, kind: str, size: int) -> None:
        """An answer is in the cache; of no bytes where the one that was there still holds."""
        counts = self._of(host)
        counts.kept += 1
        counts.bytes += size
        tell_event(self._reporter, "kept", host=host, url=url, kind=kind, bytes=size)

    def refused_or_failed(self, host: str, url: str, error: FetchError) -> None:
        """Nothing came of an address."""
        refused = isinstance(error, NotAllowed | OptedOut) or error.message in REFUSALS
        counts = self._of(host)
        counts.refused += refused
        counts.failed += not refused
        tell_event(self._reporter, "refused" if refused else "failed", host=host, url=url, reason=error.message)

    def pages(self, host: str, left: int) -> None:
        """So many pages of the host are not settled."""
        self._of(host).left = left

    def settled(self, host: str, url: str, outcome: str, reason: str | None, images: dict[str, str | None]) -> None:
        """A page is settled; ``images`` maps each of its images to why there is none, None where there is one."""
        counts = self._of(host)
        counts.left = max(0, counts.left - 1)
        if host in self._began:
            self._settled[host] = self._settled.get(host, 0) + 1
        lost = {image: why for image, why in images.items() if why is not None}
        told: dict[str, Any] = {"outcome": outcome, "reason": reason, "images": len(images) - len(lost)}
        tell_event(self._reporter, "page", host=host, url=url, **told, missing_images=lost, eta_s=self.eta_s(host))

    def eta_s(self, host: str | None = None) -> float | None:
        """Seconds until a host's pages (those of all hosts, side by side) are settled at the pace so far; None while
        that is not known."""
        if host is None:
            known = [left for name in self.hosts if (left := self.eta_s(name)) is not None]
            return max(known, default=None)
        done = self._settled.get(host, 0)
        if not done:
            return None
        return round((time.monotonic() - self._began[host]) / done * self.hosts[host].left, 1)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """The counts as plain JSON values, hosts in order."""
        return {
            host: {**asdict(counts), "waited_s": round(counts.waited_s, 1)}
            for host, counts in sorted(self.hosts.items())
        }

    def lines(self) -> Iterator[str]:
        """The counts for a reader."""
        for host, found in self.as_dict().items():
            numbers = ", ".join(f"{name} {found[name]}" for name in ("asked", "kept", "refused", "failed"))
            yield f"{host}: {numbers}, waited {found['waited_s']:.0f} s, {found['bytes']:,} bytes"

    def _of(self, host: str) -> HostCounts:
        return self.hosts.setdefault(host, HostCounts())
