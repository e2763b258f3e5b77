"""A page's title as a goal."""

from __future__ import annotations

import re

from illinstr.articles import clean_text

_HOW_TO = re.compile(r"^how to\b", re.IGNORECASE)


def goal_of(title: str, language: str) -> str:
    """The title as a goal: English ones always begin with "How to"."""
    text = clean_text(title)
    if language != "en":
        return text
    if _HOW_TO.match(text):
        return "How to" + text[6:]
    return f"How to {text}"
