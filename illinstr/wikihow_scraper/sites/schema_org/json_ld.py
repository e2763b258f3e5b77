"""JSON-LD as pages really carry it, read as structured-data testers read it.

Strict JSON first; where that fails, one linear pass takes out comments and stray commas and mends escapes; where that
fails, too, the data is read as a script's object (``json_repair``). Then names lose their prefixes (``schema:``,
``https://schema.org/``), wrappers (``@value``, ``@list``, ``@set``) are opened, and every object is known by its
``@id``, so that references can be followed. JSON-LD 1.1: https://www.w3.org/TR/json-ld11/.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Any

from illinstr.errors import DataError
from illinstr.wikihow_scraper.sites.schema_org.json_repair import repaired

MAX_WORK = 5_000_000  # values read and tens of characters; a page of 16 MB takes a fifth of it
MAX_LEVELS = 48  # of objects in objects; real data stays under 12
Node = dict[str, Any]

_OPENINGS = ("//<![CDATA[", "/*<![CDATA[*/", "<![CDATA[", "<!--")
_ENDINGS = ("//]]>", "/*]]>*/", "]]>", "//-->", "-->")
_STRING = r'"(?:[^"\\]|\\.)*+(?:"|\Z)'
_COMMENT = r"/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|//[^\n]*+"
_STRING_OR_COMMENT = re.compile(rf"{_STRING}|{_COMMENT}", re.DOTALL)
_STRING_OR_COMMAS = re.compile(rf"{_STRING}|,[\s,]*+", re.DOTALL)
_BAD_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})?|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_NAME = re.compile(r"^(?:https?://(?:www\.)?schema\.org/(?:#)?|schema:)", re.IGNORECASE)


def values(text: str) -> list[Any]:
    """The values in one script element; empty where nothing in it can be read."""
    text = _unwrapped(text)
    if '"' not in text and "&quot;" in text:
        text = html.unescape(text)
    return _decoded(text) or _decoded(mended(text)) or _decoded(repaired(text))


def values_of_text(text: str) -> list[Any]:
    """The objects in a text that is itself JSON, as some pages give all their steps; empty for any other text."""
    text = text.strip()
    if text[:1] not in ("{", "[") or '"@type"' not in text:
        return []
    return _decoded(text)


def _unwrapped(text: str) -> str:
    """Without what hides the data from old browsers: a comment of HTML, a CDATA section, or one in the other."""
    text = text.strip().lstrip("\ufeff").lstrip()
    for _ in range(2):
        spaced = re.match(r"(?:/\*|//)\s+(?=<!)", text)  # "// <![CDATA["
        text = text[:2] + text[spaced.end() :] if spaced else text
        opening = next((one for one in _OPENINGS if text.startswith(one)), "")
        text = text[len(opening) :].strip()
        ending = next((one for one in _ENDINGS if text.endswith(one)), "")
        text = text[: len(text) - len(ending)].strip()
    return text.removesuffix("//").strip().rstrip(";")


def mended(text: str) -> str:
    """Broken JSON without comments and stray commas, and with only escapes that JSON knows; linear in its length."""
    bare = _STRING_OR_COMMENT.sub(lambda match: match[0] if match[0][0] == '"' else " ", text)
    return _STRING_OR_COMMAS.sub(_string_or_comma, bare)


def _string_or_comma(match: re.Match[str]) -> str:
    if match[0][0] == '"':
        return _BAD_ESCAPE.sub(_escape, match[0]) if "\\" in match[0] else match[0]
    return "" if match.string[match.end() : match.end() + 1] in ("}", "]", "") else ","


def _escape(match: re.Match[str]) -> str:
    if match[1] is not None or (match[3] and match[3] in '"\\/bfnrt'):
        return match[0]
    return f"\\u00{match[2]}" if match[2] else match[3] or ""


def _decoded(text: str) -> list[Any]:
    """The JSON values that follow each other in ``text``, as far as they can be read."""
    decoder = json.JSONDecoder(strict=False, parse_int=_whole, parse_constant=lambda _: None)
    found: list[Any] = []
    at = 0
    try:
        while at < len(text):
            value, at = decoder.raw_decode(text, at)
            found.append(value)
            at = _skipped(text, at)
    except (ValueError, RecursionError):
        pass
    return found if any(isinstance(value, dict | list) and value for value in found) else []


def _skipped(text: str, at: int) -> int:
    while at < len(text) and (text[at].isspace() or text[at] in ",;"):
        at += 1
    return at


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) <= 30 else None


class Graph:
    """The objects of a page, in document order, and by their ``@id``."""

    def __init__(self, loaded: Iterable[Any] = ()) -> None:
        self.nodes: list[Node] = []
        self._left = MAX_WORK
        self._by_id: dict[str, Node] = {}
        for value in loaded:
            self._taken(value, 0)

    def _taken(self, value: Any, level: int) -> Any:
        if level > MAX_LEVELS:
            return None
        if isinstance(value, list):
            return [self._taken(item, level + 1) for item in value]
        if not isinstance(value, dict):
            return value
        for wrapper in ("@value", "@list", "@set"):
            if wrapper in value:
                return self._taken(value[wrapper], level + 1)
        node: Node = {}
        self.nodes.append(node)
        for key, inner in value.items():
            node.setdefault(_NAME.sub("", key), self._taken(inner, level + 1))
        self.add(node)
        return node

    def taken(self, value: Any) -> Any:
        """A value found later, read like the others."""
        self.charge(len(value) if isinstance(value, list | dict) else 1)
        return self._taken(value, 0)

    def add(self, node: Node) -> None:
        """Know an object by its ``@id``; what is said of one in several places is put together."""
        name = node.get("@id")
        if isinstance(name, str) and name:
            known = self._by_id.setdefault(name, node)
            if known is not node:
                known["@type"] = [*listed(known.get("@type")), *listed(node.get("@type"))][:20]
                for key, inner in node.items():
                    known.setdefault(key, inner)

    def charge(self, work: int) -> None:
        """Count work done, for references can make little data say endlessly much.

        Raises:
            DataError: more than any real page asks for.
        """
        self._left -= work
        if self._left < 0:
            raise DataError("the page's structured data refers to itself too often")

    def followed(self, value: Any) -> Any:
        """What a reference refers to; any other value as it is."""
        if isinstance(value, dict) and "@id" in value and value.keys() <= {"@id", "@type"}:
            return self._by_id.get(str(value["@id"]), value)
        return value

    def named(self, name: str) -> Node | None:
        """The object of this ``@id``."""
        return self._by_id.get(name)

    def all(self, node: Node, *keys: str) -> list[Any]:
        """The values of the first of ``keys`` that says something, lists opened, references followed."""
        for key in keys:
            value = node.get(key)
            if value is None:  # as most are
                self.charge(1)
                continue
            self.charge(1 + (len(value) if isinstance(value, list | dict) else 0))
            found = [self.followed(value) for value in listed(value)]
            found = [value for value in found if value not in (None, "", {}, [])]
            if found:
                return found
        return []


def listed(value: Any) -> list[Any]:
    """A value as a list: lists in lists opened, and objects whose keys count ("0", "1", ...) taken for lists."""
    if isinstance(value, str):
        return [value]
    found: list[Any] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        elif isinstance(one, dict) and one and all(key.isascii() and key.isdigit() for key in one):
            waiting.extend(reversed(list(one.values())))
        elif one is not None:
            found.append(one)
    return found


def in_order(given: list[Any]) -> list[Any]:
    """Values by their ``position`` where each states one of its own; else as they stand."""
    if not all(isinstance(value, dict) and "position" in value for value in given):
        return given
    known = [place for value in given if (place := _place(value["position"])) is not None]
    if len(known) < len(given) or len(set(known)) < len(known):
        return given
    return [value for _, value in sorted(zip(known, given, strict=True), key=lambda pair: pair[0])]


def _place(said: Any) -> int | None:
    """https://schema.org/position: a whole number, or text that is one ("2", "Step 2")."""
    match = re.fullmatch(r"\D{0,20}(\d{1,6})\.?", str(said).strip()) if isinstance(said, str | int) else None
    return int(match[1]) if match and not isinstance(said, bool) else None


def types(node: Node) -> set[str]:
    """The names of the object's types."""
    found = listed(node.get("@type", node.get("type")))
    return {_NAME.sub("", name).strip() for name in found if isinstance(name, str)}
