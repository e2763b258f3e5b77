"""What a site says against the use of its content in data sets, found before anything is kept.

Three places: the answer's headers (``safety.reservations``), the page's meta elements, and the site's
``/.well-known/tdmrep.json`` (W3C TDM Reservation Protocol, final report of May 2024). The nearer declaration wins: a
page's own ``tdm-reservation: 0`` lifts what the site's file says.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from lxml import etree

from illinstr.wikihow_scraper.reservations import RESERVATIONS

MAX_TDM_BYTES = 512_000
TDM = "tdm-reservation"
_AGENTS = ("robots", "illinstr")


def tdm_url(url: str) -> str:
    """The address of the reservation file that governs ``url``."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, "/.well-known/tdmrep.json", "", ""))


@dataclass(frozen=True)
class TdmRules:
    """A site's reservation file: the locations it reserves. ``refusal`` is set where it cannot be read."""

    reserved: tuple[str, ...] = ()
    refusal: str | None = None

    @classmethod
    def from_answer(cls, status: int, body: bytes) -> TdmRules:
        """The rules an answer stands for: none where there is no file or no JSON in it; nothing may be fetched where
        the server is in trouble, since what it reserves is then unknown."""
        if status >= 500 or status == 429:
            return cls(refusal=f"{TDM} file answered {status}")
        if status != 200:
            return cls()
        try:
            rules = json.loads(body[:MAX_TDM_BYTES])
        except (ValueError, RecursionError):
            return cls()
        listed = rules if isinstance(rules, list) else [rules]
        return cls(tuple(rule["location"] for rule in listed if _reserves(rule)))

    def reserves(self, url: str) -> bool:
        """Whether the file reserves the address. Any rule that matches and reserves binds, wherever it stands."""
        parts = urlsplit(url)
        path = unquote(parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return any(_covers(location, path) for location in self.reserved)


def _reserves(rule: Any) -> bool:
    return isinstance(rule, dict) and str(rule.get(TDM)) == "1" and isinstance(rule.get("location"), str)


def _covers(location: str, path: str) -> bool:
    """A location is a path from the root, read as robots.txt reads one: a prefix, ``*`` any run, ``$`` the end."""
    ends = location.endswith("$")
    first, *others = unquote(location.removesuffix("$")).split("*")
    if not location.startswith(("/", "*")):
        first = "/" + first
    if not path.startswith(first):
        return False
    at = len(first)
    last = others.pop() if ends and others else None
    for part in others:
        at = path.find(part, at)
        if at < 0:
            return False
        at += len(part)
    if last is not None:
        return path.endswith(last) and len(path) - len(last) >= at
    return not ends or at == len(path)


class _Metas:
    """Collects what meta elements say while a page streams by; no tree is built, however large or deep the page."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag != "meta":
            return
        named = {name.lower(): value for name, value in attributes.items()}
        name = (named.get("name") or named.get("http-equiv") or "").strip().lower()
        content = named.get("content", "").lower()
        if name in _AGENTS or name == "x-robots-tag":
            self.found |= {word.strip(): "1" for word in content.split(",") if word.strip() in RESERVATIONS}
        elif name == TDM:
            self.found[TDM] = content.strip()

    def end(self, tag: str) -> None:
        return None

    def data(self, data: str) -> None:
        return None

    def close(self) -> dict[str, str]:
        return self.found


def meta_directives(body: bytes | str) -> dict[str, str]:
    """What the page's meta elements say, by directive: ``{"noai": "1"}``, ``{"tdm-reservation": "0"}``."""
    metas = _Metas()
    with contextlib.suppress(etree.LxmlError, ValueError):  # what was found until then still binds
        parser = etree.HTMLParser(target=metas, no_network=True)
        parser.feed(body)
        parser.close()
    return dict(metas.found)


def binding(headers: frozenset[str], says_tdm: bool, meta: dict[str, str], by_file: bool) -> frozenset[str]:
    """The directives that bind, from all three places.

    Args:
        headers: those of the answer's headers.
        says_tdm: the answer has a ``tdm-reservation`` header, whatever its value.
        meta: those of the page's meta elements.
        by_file: the site's reservation file covers the address.
    """
    found = (headers | {name for name, value in meta.items() if value == "1"}) - {TDM}
    by_answer = TDM in headers if says_tdm else by_file
    reserved = meta[TDM] == "1" if TDM in meta else by_answer
    return frozenset(found | ({TDM} if reserved else set()))
