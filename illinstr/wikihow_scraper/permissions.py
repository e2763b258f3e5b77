"""What a licence is called, and what it allows: to train on the work, to share copies of it.

Only licences whose text says so are known; what nobody stated is "unknown", and unknown is not open. Creative Commons
deeds: https://creativecommons.org/share-your-work/cclicenses/; attribution is owed under every one but CC0.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from illinstr.wikihow_scraper.page import LicenseKind

Permission = Literal["yes", "non-commercial", "unchanged", "non-commercial and unchanged", "no", "unknown"]

_DEED = re.compile(
    r"creativecommons\.org/(?:licenses|licences)/([a-z]{2}(?:-[a-z]{2}){0,2})(?:/(\d\.\d))?", re.IGNORECASE
)
_ZERO = re.compile(r"creativecommons\.org/publicdomain/(zero|mark)(?:/(\d\.\d))?", re.IGNORECASE)
_SHORT = re.compile(r"\bcc[\s-]+(by(?:[\s-]+(?:nc|nd|sa)){0,2})\b[\s-]*(\d\.\d)?", re.IGNORECASE)
_LONG = re.compile(
    r"creative\s+commons[\s,:(-]+attribution((?:[\s,-]+(?:and\s+)?(?:non[\s-]?commercial|no[\s-]?deriv\w*|"
    r"share[\s-]?alike)){0,2})(?:[^\d]{0,24}(\d\.\d))?",
    re.IGNORECASE,
)
_CC0 = re.compile(r"\bcc[\s-]?0\b(?:[\s-]*(1\.0))?|\bcc[\s-]zero\b", re.IGNORECASE)
_PUBLIC = re.compile(r"public\s+domain", re.IGNORECASE)
_FREE_DOCUMENTATION = re.compile(
    r"\bGFDL\b|gnu free documentation licen[sc]e|gnu\.org/(?:copyleft|licenses)/fdl", re.IGNORECASE
)
_RESERVED = re.compile(
    r"all rights reserved|tous droits réservés|alle rechte vorbehalten|todos los derechos reservados|"
    r"todos os direitos reservados|tutti i diritti riservati|alle rechten voorbehouden|^©|^\(c\)|^copyright\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Licence:
    """A licence as it was found: its name, where it stood, and what it allows.

    ``name`` is None where nothing was found. ``where`` says in words where on the page (or off it) it was read.
    """

    name: str | None = None
    where: str | None = None

    @property
    def kind(self) -> LicenseKind:
        """The licence's kind, as image records carry it."""
        return kind_of(self.name)


def name_of(text: str | None) -> str | None:
    """The short name of the licence that an address or a note names, the note itself where it names none we know.

    "https://creativecommons.org/licenses/by-nc-sa/3.0/" and "CC-BY-NC-SA-3.0" are "CC BY-NC-SA 3.0".
    """
    text = " ".join((text or "").split())[:500]
    if not text:
        return None
    if found := _ZERO.search(text):
        return _joined(
            "CC0" if found[1].lower() == "zero" else "Public domain", found[2] if found[1] == "zero" else None
        )
    if found := _DEED.search(text) or _SHORT.search(text):
        parts = re.split(r"[\s-]+", found[1].upper())
        return _joined(f"CC {'-'.join(parts)}", found[2])
    if found := _LONG.search(text):
        marks = (("NC", "commercial"), ("ND", "deriv"), ("SA", "alike"))
        parts = [mark for mark, word in marks if word in found[1].lower()]
        return _joined("-".join(["CC BY", *parts]), found[2])
    if found := _CC0.search(text):
        return "CC0 1.0"
    if _FREE_DOCUMENTATION.search(text):
        return "GFDL"
    return "Public domain" if _PUBLIC.search(text) and not _RESERVED.search(text) else text


def _joined(name: str, version: str | None) -> str:
    return f"{name} {version}" if version else name


def kind_of(name: str | None) -> LicenseKind:
    """The kind of a licence by its short name."""
    if not name:
        return "unknown"
    if name.startswith(("CC0", "Public domain")):
        return "public-domain"
    if name.startswith("CC BY"):
        return "cc"
    return "reserved" if _RESERVED.search(name) or name == "proprietary" else "unknown"


def allows(name: str | None) -> tuple[Permission, Permission]:
    """Whether a licence allows to train on the work, and to share it.

    A data folder shares copies made smaller, so "unchanged" (no derivatives) does not allow what ``scrape`` writes.
    """
    kind = kind_of(name)
    if kind == "public-domain":
        return "yes", "yes"
    if kind == "reserved":
        return "no", "no"
    if kind != "cc" or name is None:
        return ("yes", "yes") if name == "GFDL" else ("unknown", "unknown")
    parts = name.upper().removeprefix("CC ").split(" ")[0].split("-")
    commercial, derived = "NC" not in parts, "ND" not in parts
    if not derived:
        return "unknown", "unchanged" if commercial else "non-commercial and unchanged"
    return ("yes", "yes") if commercial else ("non-commercial", "non-commercial")


def allowed(name: str | None) -> dict[str, Permission]:
    """What ``extra["license_allows"]`` holds: whether the text may be trained on, and shared."""
    train, share = allows(name)
    return {"train": train, "share": share}


def is_filter(wanted: str) -> bool:
    """Whether ``admits`` can tell licences apart by this: a word it knows, or the name of a licence."""
    return wanted in ("any", "open", "non-commercial") or kind_of(name_of(wanted)) != "unknown" or wanted == "GFDL"


def admits(name: str | None, wanted: str) -> bool:
    """Whether a licence passes ``--license``.

    Args:
        name: the licence's short name, None where unknown.
        wanted: "any"; "open" (may be trained on and shared, by anyone); "non-commercial" (the same, at least for
            non-commercial use); or the beginning of a name ("CC BY-SA").
    """
    if wanted == "any":
        return True
    if wanted in ("open", "non-commercial"):
        enough = {"yes"} if wanted == "open" else {"yes", "non-commercial"}
        return set(allows(name)) <= enough
    known, asked = (name_of(text) or "" for text in (name, wanted))
    return known.casefold() == asked.casefold() or known.casefold().startswith(f"{asked.casefold()} ")
