"""The JSON in what a model wrote: fenced, among prose, encoded twice, with commas and quotes as people type them.

Every search takes linear time, and only so many places are tried: an answer may be 200,000 characters of anything.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MOST_PLACES = 64
MOST_REPAIRED_CHARS = 50_000
_FENCE = "```"


def json_values(text: str) -> Iterator[Any]:
    """The objects and lists in ``text``, likeliest first: in code fences, then bare ones from the last to the first.

    What is strictly valid comes before what had to be repaired.
    """
    pieces = [*_fenced(text), text]
    for piece in pieces:
        yield from reversed(list(_decoded(piece)))
    for piece in pieces:
        start = min((at for at in (piece.find("{"), piece.find("[")) if at >= 0), default=-1)
        if start >= 0:
            repaired = _repaired(piece[start:])
            if repaired is not None:
                yield repaired


def _fenced(text: str) -> list[str]:
    """What stands between code fences, the language's name left out."""
    found, at = [], text.find(_FENCE)
    while at >= 0:
        end = text.find(_FENCE, at + len(_FENCE))
        inside = text[at + len(_FENCE) : end if end >= 0 else len(text)]
        name, newline, rest = inside.partition("\n")
        found.append(rest if newline and name.strip().isalnum() else inside.strip().removeprefix("json"))
        at = text.find(_FENCE, end + len(_FENCE)) if end >= 0 else -1
    return found


def _decoded(text: str) -> Iterator[Any]:
    """Valid values that begin with a bracket, each outermost one once."""
    decoder, at = json.JSONDecoder(), 0
    for _ in range(MOST_PLACES):
        starts = [place for place in (text.find("{", at), text.find("[", at)) if place >= 0]
        if not starts:
            return
        start = min(starts)
        try:
            value, at = decoder.raw_decode(text, start)
            yield _twice(value)
        except (ValueError, RecursionError):
            at = start + 1


def _repaired(text: str) -> Any:
    """The first value after the repairs of ``json_repair``: trailing commas, single quotes, missing ends."""
    from json_repair import repair_json

    if len(text) > MOST_REPAIRED_CHARS or text.count("{") + text.count("[") > 2_000:
        return None
    try:
        return _twice(repair_json(text, return_objects=True, skip_json_loads=True))
    except (ValueError, RecursionError, IndexError, TypeError):
        return None


def _twice(value: Any) -> Any:
    """A value whose parts may be JSON in a string once more."""
    if isinstance(value, dict):
        return {key: _inner(each) for key, each in value.items()}
    return value


def _inner(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
