"""Lists of pages as sites publish them: sitemaps.org protocol 0.9 (XML, index files, text, RSS 2.0 and Atom 1.0 feeds).

Read as the protocol says, by the names of its namespace alone, so that the addresses of images and videos in a sitemap
are no pages. What programs write around it is passed over: white space and messages before the XML, a bare "&", damage
further on.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from lxml import etree

from illinstr.errors import FetchError
from illinstr.files import text_encoding
from illinstr.wikihow_scraper.addresses import absolute
from illinstr.wikihow_scraper.fetching.coding import GZIP_MAGIC, gunzipped
from illinstr.wikihow_scraper.fetching.safety import check_url

MAX_SITEMAP_BYTES = 60_000_000  # the protocol allows 50 MB uncompressed

# The protocol, and the addresses it had before, any scheme and version; Atom (RFC 4287). RSS has none.
_SPACE = re.compile(
    r"https?://(?:www\.)?(?:(?:sitemaps\.org|google\.com)/schemas/sitemap/[\d.]+|w3\.org/2005/Atom)/?$", re.IGNORECASE
)
_ROOT = re.compile(rb"<\?xml\b|<(?:[\w.-]{1,30}:)?(?:urlset|sitemapindex|rss|feed)(?=[\s>/])", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[0-9a-f]{1,6});)", re.IGNORECASE)
_LITERAL = re.compile(rb"<!\[CDATA\[.*?\]\]>", re.DOTALL)
_KINDS = {"urlset": "urlset", "sitemapindex": "sitemapindex", "rss": "urlset", "feed": "urlset"}
_ENTRIES = ("url", "sitemap", "item", "entry")
_HEAD = 8192


class Listed(NamedTuple):
    """A page to visit; ``modified`` is its sitemap's ``lastmod``, which begins YYYY-MM-DD, empty without one;
    ``refusal`` says why it is not asked for."""

    url: str
    modified: str = ""
    refusal: str | None = None

    def counts(self, host: str, since: str | None) -> bool:
        """Whether an entry of a sitemap on ``host`` is to be followed, given the day asked for."""
        return _host(self.url) == host and not (since is not None and self.modified and self.modified[:10] < since)


def read_sitemap(content: bytes, where: str | None = None) -> tuple[str, list[Listed]]:
    """A list's kind ("urlset" or "sitemapindex") and its entries.

    Args:
        content: XML, or text with an address on each line; gzip is undone.
        where: its address, against which relative ones stand.

    Raises:
        FetchError: no sitemap, or too large.
    """
    content = gunzipped(content, MAX_SITEMAP_BYTES) if content.startswith(GZIP_MAGIC) else content
    encoding = text_encoding(content[:4])
    start = content if encoding == "utf-8" else content.decode(encoding, errors="replace").encode()
    root = _ROOT.search(start[:_HEAD])
    if root is None and not start.lstrip().startswith(b"<"):
        return "urlset", _text_entries(start.decode(errors="replace"))
    start = start[root.start() :] if root is not None else start.lstrip()
    if encoding != "utf-8":  # its declaration names the encoding it no longer has
        start = re.sub(rb"^<\?xml[^>]{0,200}\?>", b"", start)
    try:
        entries = list(_entries(_mended(start)))
    except etree.XMLSyntaxError as error:
        raise FetchError(f"not a sitemap: {type(error).__name__}") from error
    kinds = [kind for kind, _ in entries if kind in _KINDS]
    if not kinds:
        raise FetchError("not a sitemap: no urlset and no sitemapindex")
    found = [entry for _, entry in entries if entry is not None]
    if start.rfind(b"<loc") > start.rfind(b"</loc"):
        found = found[:-1]  # the file ends inside an address
    return _KINDS[kinds[-1]], [one._replace(url=absolute(one.url, where) or one.url) for one in found]


def _mended(content: bytes) -> bytes:
    """XML in which every "&" begins an entity that XML knows, or is written as one; CDATA stays as it is."""
    if b"<!DOCTYPE" in content[:_HEAD]:  # entities of its own: none of them is resolved
        return content
    made, at = [], 0
    for literal in _LITERAL.finditer(content):
        made += [_BARE_AMPERSAND.sub(b"&amp;", content[at : literal.start()]), literal[0]]
        at = literal.end()
    return b"".join((*made, _BARE_AMPERSAND.sub(b"&amp;", content[at:])))


def _text_entries(text: str) -> list[Listed]:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = [Listed(line) for line in lines if _host(line) is not None]
    if not found or len(found) * 2 < len(lines):
        raise FetchError("not a sitemap: neither XML nor a list of addresses")
    return found


def _entries(content: bytes) -> Iterator[tuple[str, Listed | None]]:
    # No entities, no DTD, no network: a sitemap is a stranger's XML. Damage is read over.
    safe = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False, "recover": True}
    location = modified = ""
    for _, element in etree.iterparse(io.BytesIO(content), events=("end",), **safe):
        if not isinstance(element.tag, str):
            continue
        space, _, name = element.tag.rpartition("}")
        if space and not _SPACE.match(space.removeprefix("{")):
            continue
        name, text = name.lower(), (element.text or "").strip()
        if name in ("loc", "link"):
            location = location or _place(element, name, text)
        elif name in ("lastmod", "updated"):
            modified = text[:40] if re.match(r"\d{4}-\d\d-\d\d", text) else ""
        elif name in _ENTRIES:
            if location:
                yield name, Listed(location, modified)
            location = modified = ""
            element.clear()
        elif name in _KINDS:
            yield name, None


def _place(element: etree._Element, name: str, text: str) -> str:
    """The address an element gives; links of a feed itself lead to no entry of it."""
    if name == "loc":
        return text
    parent = element.getparent()
    if parent is None or etree.QName(parent).localname.lower() not in ("item", "entry"):
        return ""
    return text or ((element.get("href") or "").strip() if element.get("rel", "alternate") == "alternate" else "")


def _host(url: str) -> str | None:
    try:
        return check_url(url)
    except FetchError:
        return None
