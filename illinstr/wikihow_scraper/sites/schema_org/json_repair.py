"""Data that is a script's object rather than JSON, or JSON cut off, written once more as JSON.

Single, typographic and missing quotes, constants of JavaScript and Python, comments of every kind, missing and stray
commas, what stands around the object, brackets that are never closed. One linear pass over the tokens. It gives up
where words stand outside quotes: then a text holds bare quotes, and any guess at its end would make steps of pieces.
"""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(
    r"""(?P<space>[\s\ufeff]++)
    |(?P<comment>/\*(?:[^*]|\*(?!/))*+(?:\*/|\Z)|<!--(?:[^-]|-(?!->))*+(?:-->|\Z)|(?://|\#)[^\n]*+)
    |(?P<string>"(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.|'(?!\s*+(?:[,:}\]]|\Z)))*+'|[“”](?:[^“”\\]|\\.)*+[“”])
    |(?P<open>[{\[])|(?P<close>[}\]])|(?P<colon>:)|(?P<comma>,)|(?P<other>[;()=])
    |(?P<word>[\w$@.+-]++)""",
    re.DOTALL | re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,2})?")
_CONSTANTS = {"true": "true", "false": "false"} | dict.fromkeys(
    ("null", "none", "undefined", "nan", "infinity"), "null"
)
_CONTROLS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "\n": ""}
_ENDS = {"{": "}", "[": "]"}
_KEY = re.compile(r"[\s\ufeff]*+:")


def repaired(text: str) -> str:
    """The values of ``text`` as JSON, one after the other; empty where it cannot be told where a text ends."""
    made = _Rewriting()
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            opened = text[at] in "\"'“”"  # cut off inside a text: half a sentence is none
            return made.finished() if opened else ""
        at = match.end()
        if not made.take(match.lastgroup or "", match[0], bool(_KEY.match(text, at))):
            return ""
    return made.finished()


class _Rewriting:
    """What is written so far: the tokens, the brackets open, and whether a value has just ended."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self._open: list[str] = []
        self._count = {"}": 0, "]": 0}
        self._after = ""  # "value", "key", "colon", or nothing
        self._parted = True  # by a comma or the end of a line

    def take(self, kind: str, token: str, is_key: bool) -> bool:
        """Write one token; False where it is none that could stand there."""
        if kind in ("space", "comment"):
            self._parted = self._parted or "\n" in token
        elif kind == "comma":
            self._parted = True
        elif kind == "colon":
            if self._after == "key":
                self._put(":", "colon")
        elif kind == "close":
            self._close(token)
        elif kind == "open":
            return self._value(token, opening=True)
        elif self._open:  # around the object stands what a script does with it
            written = _string(token) if kind == "string" else _word(token, is_key) if kind == "word" else None
            return written is not None and self._value(written, is_key=is_key)
        return True

    def finished(self) -> str:
        """All that was written, with every bracket closed."""
        while self._open:
            self._close(self._open[-1])
        return "".join(self._written)

    def _value(self, written: str, *, opening: bool = False, is_key: bool = False) -> bool:
        if self._after == "value":
            if not self._parted:
                return False
            self._put(",", "")
        in_object = bool(self._open) and self._open[-1] == "}"
        if in_object != is_key and self._after != "colon":
            return False
        if opening:
            self._open.append(_ENDS[written])
            self._count[_ENDS[written]] += 1
        self._put(written, "key" if is_key and in_object else "" if opening else "value")
        return True

    def _close(self, token: str) -> None:
        if not self._count[token]:
            return
        while True:
            if self._after in ("key", "colon"):
                self._put(":null" if self._after == "key" else "null", "value")
            end = self._open.pop()
            self._count[end] -= 1
            self._put(end, "value")
            if end == token:
                return

    def _put(self, written: str, after: str) -> None:
        self._written.append(written)
        self._after = after
        self._parted = False


def _string(token: str) -> str:
    return json.dumps(_ESCAPE.sub(_escaped, token[1:-1]))


def _escaped(match: re.Match[str]) -> str:
    code = match[1] or match[2]
    return chr(int(code, 16)) if code else _CONTROLS.get(match[3], match[3])


def _word(token: str, is_key: bool) -> str | None:
    """A bare word as JSON: a key, a constant, a number; None for any other."""
    if is_key:
        return json.dumps(token)
    if _NUMBER.fullmatch(token):
        return str(int(token)) if token.lstrip("+-").isdigit() else repr(float(token))
    return _CONSTANTS.get(token.lower())
