"""Which pages a site has, from its sitemap (sitemaps.org protocol 0.9), index files included.

Only addresses on the sitemap's own host count, as the protocol says, so a sitemap cannot send us elsewhere.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from illinstr.errors import FetchError
from illinstr.wikihow_scraper.fetch import Fetcher
from illinstr.wikihow_scraper.safety import check_url

MAX_SITEMAPS = 1000
MAX_SITEMAP_BYTES = 60_000_000  # the protocol allows 50 MB uncompressed


class Entry(NamedTuple):
    """An address in a sitemap; ``modified`` is the day of its ``lastmod``, YYYY-MM-DD, empty without one."""

    url: str
    modified: str


async def sitemap_pages(fetcher: Fetcher, sitemap: str, *, since: str | None = None) -> list[str]:
    """The pages of a sitemap, each once, in its order.

    Args:
        fetcher: asks, politely.
        sitemap: address of a sitemap or of an index of sitemaps.
        since: leave out pages whose ``lastmod`` is before this day; pages without one stay.

    Raises:
        FetchError: a sitemap cannot be had or is none; one missing part of an index is as bad, for a list with a hole
            in it would pass for the whole.
    """
    host = check_url(sitemap)
    waiting, seen, pages = [sitemap], {sitemap}, dict[str, None]()
    while waiting:
        where = waiting.pop(0)
        _, content = await fetcher.get(where, "sitemap")
        kind, entries = read_sitemap(content)
        for entry in entries:
            if _host(entry.url) != host or (since is not None and entry.modified and entry.modified < since):
                continue
            if kind == "urlset":
                pages[entry.url] = None
            elif entry.url not in seen:
                seen.add(entry.url)
                waiting.append(entry.url)
        if len(seen) > MAX_SITEMAPS:
            raise FetchError(f"more than {MAX_SITEMAPS} sitemaps behind {sitemap}")
    return list(pages)


def read_sitemap(content: bytes) -> tuple[str, list[Entry]]:
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


def _entries(content: bytes) -> Iterator[tuple[str, Entry | None]]:
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
            modified = text[:10] if re.match(r"\d{4}-\d\d-\d\d", text) else ""
        elif name in ("url", "sitemap"):
            if location:
                yield name, Entry(location, modified)
            location = modified = ""
            element.clear()
        elif name in ("urlset", "sitemapindex"):
            yield name, None


def _host(url: str) -> str | None:
    try:
        return check_url(url)
    except FetchError:
        return None
