"""Which pages to visit: those named, those of sitemaps (sitemaps.org protocol 0.9, index files included), and those of
categories with all their pages and, as deep as wished, their sub-categories.

Only addresses on a list's own host count, as the protocol says, so a list cannot send us elsewhere. Lists are kept
like pages, so a run taken up again works through the very same pages.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from illinstr.errors import FetchError
from illinstr.wikihow_scraper.fetching.fetch import Fetcher, HostClosed, Stopped
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.sites.site import Listing

MAX_SITEMAPS = 1000
MAX_SITEMAP_BYTES = 60_000_000  # the protocol allows 50 MB uncompressed
MAX_CATEGORY_PAGES = 5500

ReadListing = Callable[[bytes, str], Listing]


class Listed(NamedTuple):
    """A page to visit; ``modified`` is its sitemap's ``lastmod``, which begins YYYY-MM-DD, empty without one;
    ``refusal`` says why it is not asked for."""

    url: str
    modified: str = ""
    refusal: str | None = None

    def counts(self, host: str, since: str | None) -> bool:
        """Whether an entry of a sitemap on ``host`` is to be followed, given the day asked for."""
        return _host(self.url) == host and not (since is not None and self.modified and self.modified[:10] < since)


@dataclass(frozen=True)
class Discovery:
    """Where pages come from: ``urls`` first (``refused`` names those that are no addresses, with the reason), then a
    ``sitemap`` (pages modified ``since`` that day), then ``categories`` with their sub-categories down to
    ``category_depth``, 0 for none."""

    urls: tuple[str, ...] = ()
    sitemap: str | None = None
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
        return (*self.asked, *((self.sitemap,) if self.sitemap is not None else ()), *self.categories)


async def find_pages(fetcher: Fetcher, discovery: Discovery, read_listing: ReadListing) -> list[Listed]:
    """Every page to visit, each once, in order; ``read_listing`` says what a category page lists.

    Raises:
        FetchError: a list cannot be had or is none; one missing part is as bad, for a list with a hole in it would pass
            for the whole.
    """
    found = {url: Listed(url, refusal=discovery.refused.get(url)) for url in discovery.urls}
    if discovery.sitemap is not None:
        for page in await sitemap_pages(fetcher, discovery.sitemap, since=discovery.since):
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
        sitemap: address of a sitemap or of an index of sitemaps.
        since: leave out pages whose ``lastmod`` is before this day; pages without one stay.

    Raises:
        FetchError: a part cannot be had or is no sitemap.
    """
    host = check_url(sitemap)
    waiting, seen, pages = [sitemap], {sitemap}, dict[str, Listed]()
    while waiting:
        where = waiting.pop(0)
        try:
            _, content = await fetcher.get(where, "sitemap")
        except (HostClosed, Stopped):
            raise
        except FetchError as error:
            raise FetchError(f"{where}: {error.message}", hint=error.hint) from error
        kind, entries = read_sitemap(content)
        for entry in entries:
            if not entry.counts(host, since):
                continue
            if kind == "urlset":
                pages[entry.url] = entry
            elif entry.url not in seen:
                seen.add(entry.url)
                waiting.append(entry.url)
        if len(seen) > MAX_SITEMAPS:
            raise FetchError(f"more than {MAX_SITEMAPS} sitemaps behind {sitemap}")
    return list(pages.values())


def read_sitemap(content: bytes) -> tuple[str, list[Listed]]:
    """A sitemap's kind ("urlset" or "sitemapindex") and its entries; gzip is undone.

    Raises:
        FetchError: no sitemap, or too large.
    """
    try:
        entries = list(_entries(_inflated(content)))
    except (etree.XMLSyntaxError, zlib.error) as error:
        raise FetchError(f"not a sitemap: {type(error).__name__}") from error
    kinds = [kind for kind, _ in entries if kind in ("urlset", "sitemapindex")]
    if not kinds:
        raise FetchError("not a sitemap: no urlset and no sitemapindex")
    return kinds[-1], [entry for _, entry in entries if entry is not None]


def _inflated(content: bytes) -> bytes:
    if not content.startswith(b"\x1f\x8b"):
        return content
    inflate = zlib.decompressobj(wbits=31)
    content = inflate.decompress(content, MAX_SITEMAP_BYTES)
    if inflate.unconsumed_tail:
        raise FetchError(f"sitemap is over the limit of {MAX_SITEMAP_BYTES} bytes")
    return content


def _entries(content: bytes) -> Iterator[tuple[str, Listed | None]]:
    # No entities, no DTD, no network: a sitemap is a stranger's XML.
    safe = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False}
    location = modified = ""
    for _, element in etree.iterparse(io.BytesIO(content), events=("end",), **safe):
        if not isinstance(element.tag, str):
            continue
        name, text = etree.QName(element).localname, (element.text or "").strip()
        if name == "loc":
            location = text
        elif name == "lastmod":
            modified = text[:40] if re.match(r"\d{4}-\d\d-\d\d", text) else ""
        elif name in ("url", "sitemap"):
            if location:
                yield name, Listed(location, modified)
            location = modified = ""
            element.clear()
        elif name in ("urlset", "sitemapindex"):
            yield name, None


def _host(url: str) -> str | None:
    try:
        return check_url(url)
    except FetchError:
        return None
