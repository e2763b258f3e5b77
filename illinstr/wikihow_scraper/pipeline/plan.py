"""What a crawl would do, worked out without a single request: ``--dry-run``."""

from __future__ import annotations

from collections import Counter
from typing import Any

from illinstr.errors import FetchError
from illinstr.wikihow_scraper.fetching import visits
from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.fetching.discover import Discovery
from illinstr.wikihow_scraper.fetching.fetch import FetchConfig
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.fetching.sitemaps import read_sitemap
from illinstr.wikihow_scraper.sites import registry

SITE_FILES = 2  # robots.txt and the TDM file, asked once a host and run
JITTER = 1.125  # a pause is lengthened by up to a quarter, by chance


def plan(
    discovery: Discovery,
    cache: Cache,
    config: FetchConfig,
    *,
    limit: int | None = None,
    refresh: bool = False,
    retry_failed: bool = False,
    site: str | None = None,
) -> dict[str, Any]:
    """The pages that would be fetched, host by host, and the least time that takes.

    Lists (sitemaps, categories) that are kept from an earlier run are read; those that are not are named as unknown,
    for how many pages they hold is known only once they have been asked. Images come on top of the time.
    """
    pages, unknown = _known_pages(discovery, cache)
    urls = list(dict.fromkeys([*discovery.asked, *pages]))[:limit]
    visited = {url: visits.read(cache, url) for url in urls}
    kept = {url for url in urls if cache.entry(url) or cache.entry(registry.address(url, site))}
    wanted = [url for url in urls if _would_ask(visited[url], url in kept, refresh=refresh, retry_failed=retry_failed)]
    hosts = Counter(check_url(url) for url in [*wanted, *unknown])
    seconds = {host: (count + SITE_FILES) * _pause_s(host, config) * JITTER for host, count in hosts.items()}
    return {
        "pages": len(urls),
        "settled": len(urls) - len(wanted),
        "to_fetch": dict(sorted(Counter(check_url(url) for url in wanted).items())),
        "urls": [registry.address(url, site) for url in wanted],
        "unknown_lists": unknown,
        "refused": dict(discovery.refused),
        "seconds": round(max(seconds.values(), default=0.0), 1),
    }


def lines(planned: dict[str, Any]) -> tuple[str, ...]:
    """The plan for a reader: addresses first, sums last."""
    said = [f"fetch {url}" for url in planned["urls"]]
    said += [f"ask   {url} (how many pages it lists is not known yet)" for url in planned["unknown_lists"]]
    said += [f"skip  {url}: {reason}" for url, reason in planned["refused"].items()]
    said.append(f"{planned['pages']} pages: {planned['settled']} settled already, {len(planned['urls'])} to fetch")
    said += [f"  {host}: {count}" for host, count in planned["to_fetch"].items()]
    said.append(f"at the chosen pace about {duration(planned['seconds'])}, images and unknown lists not counted")
    return tuple(said)


def _would_ask(visit: visits.Visit | None, kept: bool, *, refresh: bool, retry_failed: bool) -> bool:
    if visit is None:
        return refresh or not kept
    return refresh or (retry_failed and visit.outcome in ("failed", "robots"))


def _pause_s(host: str, config: FetchConfig) -> float:
    terms = registry.terms_of(host)
    return max(config.min_interval_s, terms.min_interval_s) if terms is not None else config.min_interval_s


def _known_pages(discovery: Discovery, cache: Cache) -> tuple[list[str], list[str]]:
    """Pages behind the lists that are kept, and the lists that are not."""
    pages: list[str] = []
    unknown: list[str] = []
    waiting = [(sitemap, "sitemap", 0) for sitemap in discovery.sitemaps]
    waiting += [(category, "category", 0) for category in discovery.categories]
    seen = set()
    while waiting:
        url, kind, level = waiting.pop(0)
        if url in seen:
            continue
        seen.add(url)
        stored = cache.get(url)
        if stored is None:
            unknown.append(url)
            continue
        try:
            if kind == "sitemap":
                form, entries = read_sitemap(stored[1], url)
                listed = [entry.url for entry in entries if entry.counts(check_url(url), discovery.since)]
                if form == "urlset":
                    pages += listed
                else:
                    waiting += [(found, kind, level) for found in listed]
            else:
                category = registry.listing(stored[1], stored[0].final_url)
                pages += category.articles
                waiting += [(found, kind, level) for found in category.further]
                if level < discovery.category_depth:
                    waiting += [(found, kind, level + 1) for found in category.subcategories]
        except FetchError:
            unknown.append(url)
    return pages, unknown


def duration(seconds: float) -> str:
    """A time for a reader."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
