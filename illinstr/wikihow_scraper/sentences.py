"""Lines of text: cleaned, and cut at the end of their first sentence."""

from __future__ import annotations

import re

from illinstr.articles import clean_text

_FRACTION = re.compile(r"(\d)\s*⁄\s*(\d)")
_SPACE_BEFORE_STOP = re.compile(r" +([.,])(?=\s|$)")
_NEVER_LAST = frozenset({"e.g", "i.e", "vs", "approx", "mr", "mrs", "ms", "dr", "st", "fig", "cf", "ca"})
_SELDOM_LAST = frozenset({"etc", "no", "max", "min", "inc"})
_SENTENCE_END = re.compile(r"[.!?:]+[\"'”’)\]]*(?=\s|$)|[。！？：]+[」』）”]*")


def normalise(text: str) -> str:
    """NFC, single spaces, no invisible characters, fractions with a plain slash, no space before a full stop."""
    return _SPACE_BEFORE_STOP.sub(r"\1", clean_text(_FRACTION.sub(r"\1/\2", text)))


def first_sentence(text: str) -> tuple[str, str]:
    """A line's first sentence and the rest, ended by ``. : ! ?`` or their full-width forms."""
    for match in _SENTENCE_END.finditer(text):
        rest = text[match.end() :].strip()
        if match.group().startswith(".") and _abbreviates(text[: match.start()], rest):
            continue
        return text[: match.end()].strip(), rest
    return text, ""


def _abbreviates(before: str, after: str) -> bool:
    word = re.sub(r"^\W+", "", before.rsplit(" ", 1)[-1]).lower()
    if word in _NEVER_LAST:
        return True
    return (word in _SELDOM_LAST or (len(word) == 1 and word.isalpha())) and after[:1].islower()
