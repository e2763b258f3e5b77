"""What is asked for: a page, an image, a sitemap, a list of pages; and whether an answer is that."""

from __future__ import annotations

import re
from typing import Literal

from illinstr.wikihow_scraper.fetching.sniffing import image_format, is_page, media_type, sniff

Kind = Literal["page", "picture", "sitemap", "list"]
TYPES: dict[Kind, tuple[str, ...]] = {
    "page": ("text/html", "application/xhtml+xml", "application/json;q=0.9"),
    "list": ("text/html", "application/xhtml+xml"),
    "picture": ("image/avif", "image/webp", "image/png", "image/jpeg"),
    "sitemap": ("application/xml", "text/xml", "application/gzip", "application/x-gzip", "text/plain"),
}


def is_kind(body: bytes, label: str, kind: Kind) -> bool:
    """Whether the bytes are what was asked for; what the server calls them decides only where they do not tell."""
    if kind == "picture":
        labelled = media_type(label).startswith("image/") and sniff(body) in ("other", "text")  # damaged: counted later
        return image_format(body) is not None or labelled
    if kind == "sitemap":
        return sniff(body) in ("xml", "gzip", "text")
    return is_page(body, label)


def charset_of(content_type: str) -> str | None:
    """The charset that a ``Content-Type`` declares."""
    match = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", content_type, re.IGNORECASE)
    return match.group(1) if match else None
