"""Which pages to visit: those named, those of sitemaps (sitemaps.org protocol 0.9, index files included), and those of
categories with all their pages and, as deep as wished, their sub-categories.

Only addresses on a list's own host count, as the protocol says, so a list cannot send us elsewhere. Lists are kept
like pages, so a run taken up again works through the very same pages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from illinstr.errors import FetchError
from illinstr.wikihow_scraper.fetching.fetch import Fetcher, HostClosed, Stopped
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.fetching.sitemaps import Listed, read_sitemap
from illinstr.wikihow_scraper.sites.site import Listing

MAX_SITEMAPS = 1000
MAX_CATEGORY_PAGES = 5500

ReadListing = Callable[[bytes, str], Listing]


@dataclass(frozen=True)
class Discovery:
    """Where pages come from: ``urls`` first (``refused`` names those that are no addresses, with the reason), then
    ``sitemaps`` (pages modified ``since`` that day), then ``categories`` with their sub-categories down to
    ``category_depth``, 0 for none."""

    urls: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()
    since: str | None = None
    categories: tuple[str, ...] = ()
    category_depth: int = 0
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> tuple[str, ...]:
        """Those of ``urls`` that are addresses."""
        return tuple(url for url in self.urls if url not in self.refused)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address the user named."""
        return (*self.asked, *self.sitemaps, *self.categories)


async def find_pages(fetcher: Fetcher, discovery: Discovery, read_listing: ReadListing) -> list[Listed]:
    """Every page to visit, each once, in order; ``read_listing`` says what a category page lists.

    Raises:
        FetchError: a list cannot be had or is none; one missing part is as bad, for a list with a hole in it would pass
            for the whole.
    """
    found = {url: Listed(url, refusal=discovery.refused.get(url)) for url in discovery.urls}
    for sitemap in discovery.sitemaps:
        for page in await sitemap_pages(fetcher, sitemap, since=discovery.since):
            found[page.url] = page
    for category in discovery.categories:
        for url in await category_pages(fetcher, category, read_listing, depth=discovery.category_depth):
            found.setdefault(url, Listed(url))
    return list(found.values())


async def category_pages(fetcher: Fetcher, category: str, read_listing: ReadListing, *, depth: int = 0) -> list[str]:
    """The articles of a category, over all its pages; with ``depth``, those of its sub-categories too.

    Raises:
        FetchError: a part cannot be had, or there are absurdly many. A sub-category that is not there (404) is passed
            over: categories do link to such.
    """
    articles = dict[str, None]()
    waiting, seen = [(category, 0)], {category}
    while waiting:
        url, level = waiting.pop(0)
        try:
            entry, content = await fetcher.get(url, "list")
        except (HostClosed, Stopped):
            raise
        except FetchError as error:
            if level > 0 and error.message in ("HTTP 404", "HTTP 410"):
                continue
            raise FetchError(f"{url}: {error.message}", hint=error.hint) from error
        page = read_listing(content, entry.final_url)
        articles |= dict.fromkeys(page.articles)
        deeper = [(found, level + 1) for found in page.subcategories] if level < depth else []
        for found, below in [*((further, level) for further in page.further), *deeper]:
            if found not in seen:
                seen.add(found)
                waiting.append((found, below))
        if len(seen) > MAX_CATEGORY_PAGES:
            raise FetchError(f"more than {MAX_CATEGORY_PAGES} category pages behind {category}")
    return list(articles)


async def sitemap_pages(fetcher: Fetcher, sitemap: str, *, since: str | None = None) -> list[Listed]:
    """The pages of a sitemap, each once, in its order.

    Args:
        fetcher: asks, politely.
        sitemap: address of a sitemap, of an index of sitemaps, or of a robots.txt that names some (those may lie on
            another host, as the protocol allows, and hold pages of the robots.txt's own).
        since: leave out pages whose ``lastmod`` is before this day; pages without one stay.

    Raises:
        FetchError: a part cannot be had or is no sitemap.
    """
    host = check_url(sitemap)
    waiting = [sitemap]
    if urlsplit(sitemap).path == "/robots.txt":
        waiting = await fetcher.sitemaps(sitemap)
        if not waiting:
            raise FetchError(f"{sitemap} names no sitemap")
    seen, pages = set(waiting), dict[str, Listed]()
    while waiting:
        where = waiting.pop(0)
        kind, entries = read_sitemap(await _sitemap(fetcher, where), where)
        for entry in entries:
            own = check_url(where) if kind == "sitemapindex" else host
            if not (entry.counts(host, since) or entry.counts(own, since)):
                continue
            if kind == "urlset":
                pages[entry.url] = entry
            elif entry.url not in seen:
                seen.add(entry.url)
                waiting.append(entry.url)
        if len(seen) > MAX_SITEMAPS:
            raise FetchError(f"more than {MAX_SITEMAPS} sitemaps behind {sitemap}")
    return list(pages.values())


async def _sitemap(fetcher: Fetcher, where: str) -> bytes:
    try:
        return (await fetcher.get(where, "sitemap"))[1]
    except (HostClosed, Stopped):
        raise
    except FetchError as error:
        raise FetchError(f"{where}: {error.message}", hint=error.hint) from error
