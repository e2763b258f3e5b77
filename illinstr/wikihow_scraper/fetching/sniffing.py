"""What bytes are, whatever their label says (after the WHATWG MIME Sniffing Standard, sections 6 and 7)."""

from __future__ import annotations

import codecs
import re
from typing import Literal

from illinstr.files import text_encoding

What = Literal["image", "html", "json", "xml", "gzip", "other", "text"]

_TAGS = (
    rb"!doctype\s+html|html|head|script|iframe|h[1-6]|div|font|table|a|style|title|b|body|br|p|meta|link|section|article"
    rb"|main|header|nav|ol|ul|li|span|img"
)
_HTML = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:" + _TAGS + rb")(?=[\s>/])", re.IGNORECASE | re.DOTALL)
_XML = re.compile(rb"\s*(?:<\?xml|<!--.*?-->\s*<\w|<(?:urlset|sitemapindex|rss|feed)[\s>:])", re.DOTALL)
_XHTML = re.compile(rb"<!doctype\s+html|<html[\s>]", re.IGNORECASE)
_OTHER = (
    b"%PDF-",
    b"PK\x03\x04",
    b"GIF8",
    b"BM",
    b"\x00\x00\x01\x00",
    b"OggS",
    b"ID3",
    b"RIFF",
    b"\x1aE\xdf\xa3",
    b"wOF",
)
_HEAD = 4096
_BLOCK_PAGE = re.compile(
    rb"access denied|attention required!|just a moment\.\.\.|cf-challenge|verify (?:that )?you are (?:a )?human"
    rb"|unusual traffic|request blocked|are you a robot",
    re.IGNORECASE,
)


def image_format(content: bytes) -> str | None:
    """The format of an image that we read ("JPEG", "PNG", "WEBP", "AVIF", "GIF"), None for anything else."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "WEBP"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if content[4:8] == b"ftyp" and any(content[at : at + 4] in (b"avif", b"avis") for at in range(8, 64, 4)):
        return "AVIF"
    return None


def sniff(content: bytes) -> What:
    """What the content is, by its first bytes."""
    if image_format(content) is not None:
        return "image"
    if content.startswith(b"\x1f\x8b"):
        return "gzip"
    encoding = text_encoding(content[:4])
    head = content[:_HEAD]
    if encoding != "utf-8":
        head = head.decode(encoding, errors="replace").encode()
    elif head.startswith(codecs.BOM_UTF8):
        head = head[3:]
    if head.startswith(_OTHER):
        return "other"
    if _HTML.match(head):
        return "html"
    if _XML.match(head):
        return "html" if _XHTML.search(head) else "xml"
    if head.lstrip()[:1] in (b"{", b"["):
        return "json"
    return "other" if b"\x00" in head else "text"


def media_type(content_type: str) -> str:
    """The first media type a ``Content-Type`` names, lower case: servers say "text/html, text/html", too."""
    return re.split(r"[;,]", content_type, maxsplit=1)[0].strip().lower()


def is_page(content: bytes, content_type: str) -> bool:
    """Whether an answer is a page: HTML by its bytes, or by its label where the bytes do not contradict; JSON, too."""
    what = sniff(content)
    if what in ("html", "json"):
        return True
    return what in ("text", "xml") and media_type(content_type) in ("text/html", "application/xhtml+xml", "")


def is_block_page(body: bytes) -> bool:
    """Whether the page only says that it keeps us out."""
    head = body[:20_000]
    return _BLOCK_PAGE.search(head) is not None and b"steps" not in body
