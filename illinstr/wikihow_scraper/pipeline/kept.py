"""What a crawl left in the cache, as pages to be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.fetching.visits import Visit
from illinstr.wikihow_scraper.source import Source, no_image


def source_of(visit: Visit, cache: Cache, *, images: bool = True) -> Source:
    """What a visit gave."""
    if visit.outcome != "fetched":
        return Source(visit.url, url=visit.url, error=(visit.outcome, visit.reason or "no reason given"))
    stored = cache.get(visit.place)
    if stored is None or stored[0].sha256 != visit.sha256:
        return Source(visit.url, url=visit.url, error=("failed", "gone from the cache"))
    entry, content = stored
    return Source(
        visit.url,
        url=entry.final_url,
        content=content,
        charset=entry.charset,
        fetched=entry.fetched,
        reservations=(*entry.reservations, "fetched"),
        find_image=_Cached(cache) if images else no_image,
        lost={image.url: image.reason for image in visit.pictures if image.reason is not None} if images else {},
    )


@dataclass(frozen=True)
class _Cached:
    cache: Cache

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        url = record.get("url")
        stored = self.cache.get(url) if isinstance(url, str) else None
        return stored[1] if stored is not None else None
