"""Which pages to visit: those named, those of sitemaps (sitemaps.org protocol 0.9, index files included), and those of
categories with all their pages and, as deep as wished, their sub-categories.

Only addresses on a list's own host count, as the protocol says, so a list cannot send us elsewhere. Lists are kept
like pages, so a run taken up again works through the very same pages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import urlsplit

from lxml import etree

from illinstr.errors import FetchError
from illinstr.files import text_encoding
from illinstr.wikihow_scraper.fetching.coding import GZIP_MAGIC, gunzipped
from illinstr.wikihow_scraper.fetching.fetch import Fetcher, HostClosed, Stopped
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.sites.site import Listing

MAX_SITEMAPS = 1000
MAX_SITEMAP_BYTES = 60_000_000  # the protocol allows 50 MB uncompressed
MAX_CATEGORY_PAGES = 5500

# The protocol, and the addresses it had before; any scheme and version.
_SITEMAP_SPACE = re.compile(r"https?://(?:www\.)?(?:sitemaps\.org|google\.com)/schemas/sitemap/[\d.]+/?$")

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
        kind, entries = read_sitemap(await _sitemap(fetcher, where))
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


def read_sitemap(content: bytes) -> tuple[str, list[Listed]]:
    """A sitemap's kind ("urlset" or "sitemapindex") and its entries.

    Read as the protocol says, by the names of its namespace alone, so that the addresses of images and videos in it are
    no pages; gzip is undone, what is before the XML passed over, and damaged XML read as far as it goes. A text file
    with an address on each line is a sitemap, too.

    Raises:
        FetchError: no sitemap, or too large.
    """
    content = gunzipped(content, MAX_SITEMAP_BYTES) if content.startswith(GZIP_MAGIC) else content
    encoding = text_encoding(content[:4])
    start = content if encoding == "utf-8" else content.decode(encoding, errors="replace").encode()
    if not start.lstrip().startswith(b"<"):
        return "urlset", _text_entries(start.decode(errors="replace"))
    start = start.lstrip()
    if encoding != "utf-8":  # its declaration names the encoding it no longer has
        start = re.sub(rb"^<\?xml[^>]{0,200}\?>", b"", start)
    try:
        entries = list(_entries(start))
    except etree.XMLSyntaxError as error:
        raise FetchError(f"not a sitemap: {type(error).__name__}") from error
    kinds = [kind for kind, _ in entries if kind in ("urlset", "sitemapindex")]
    if not kinds:
        raise FetchError("not a sitemap: no urlset and no sitemapindex")
    return kinds[-1], [entry for _, entry in entries if entry is not None]


def _text_entries(text: str) -> list[Listed]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [Listed(line) for line in lines if _host(line) is not None]
    if not found or len(found) * 2 < len(lines):
        raise FetchError("not a sitemap: neither XML nor a list of addresses")
    return found


def _entries(content: bytes) -> Iterator[tuple[str, Listed | None]]:
    # No entities, no DTD, no network: a sitemap is a stranger's XML. A bare "&" and the like are read over.
    safe = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False, "recover": True}
    location = modified = ""
    for _, element in etree.iterparse(io.BytesIO(content), events=("end",), **safe):
        if not isinstance(element.tag, str):
            continue
        space, _, name = element.tag.rpartition("}")
        if space and not _SITEMAP_SPACE.match(space.removeprefix("{")):
            continue
        text = (element.text or "").strip()
        if name == "loc":
            location = location or text
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
