"""Bytes of a page to its text, as browsers do."""

from __future__ import annotations

import codecs
import re

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(content: bytes, charset: str | None = None) -> str:
    """Bytes to text: byte order mark, then the given charset (HTTP), then the page's own, then UTF-8, then
    Windows-1252. Bytes that fit no charset become U+FFFD; nothing is raised."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, errors="replace")
    own = _CHARSET.search(content[:4096])
    for name in (charset, own.group(1).decode("ascii") if own else None, "utf-8"):
        if name is None:
            continue
        try:
            # The web's rule: pages that call themselves Latin-1 are Windows-1252.
            label = "cp1252" if codecs.lookup(name).name in ("iso8859-1", "ascii") else name
            return content.decode(label)
        except (LookupError, UnicodeError, ValueError):
            continue
    # Mostly UTF-8 with a few bad bytes is far likelier than a page wholly in Windows-1252.
    lenient = content.decode("utf-8", errors="replace")
    if lenient.count("\ufffd") <= max(4, len(content) // 1000):
        return lenient
    return content.decode("cp1252", errors="replace")
