"""Which kind of licence a note tells, whatever site it stands on."""

from __future__ import annotations

import re

from illinstr.wikihow_scraper.page import LicenseKind

OPEN_KINDS: frozenset[LicenseKind] = frozenset({"cc", "public-domain"})

_RESERVED = re.compile(
    r"all rights reserved|not\s+(?:\w+\s+){0,2}licen[sc]ed under|copyright holder|express written consent"
)
_FAIR_USE = re.compile(r"fair[\s-]?use")
_PUBLIC_DOMAIN = re.compile(r"public domain|\bcc[\s-]?0\b|publicdomain/zero")
_CREATIVE_COMMONS = re.compile(r"creative commons|creativecommons\.org|\bcc[\s-]by")
_LICENSE_URL = re.compile(r"creativecommons\.org/(licenses|publicdomain)/([a-z-]+)/(\d\.\d)", re.IGNORECASE)


def kind_of(note: str | None) -> LicenseKind:
    """Sort a licence note; what forbids wins over what allows."""
    text = (note or "").casefold()
    if _RESERVED.search(text):
        return "reserved"
    if _FAIR_USE.search(text):
        return "fair-use"
    if _PUBLIC_DOMAIN.search(text):
        return "public-domain"
    if _CREATIVE_COMMONS.search(text):
        return "cc"
    return "unknown"


def named_in(address: str) -> str | None:
    """The Creative Commons licence an address names, for instance "CC BY-NC-SA 2.5"; None for other addresses."""
    match = _LICENSE_URL.search(address)
    if match is None:
        return None
    family, name, version = match.groups()
    return f"CC0 {version}" if family == "publicdomain" else f"CC {name.upper()} {version}"
