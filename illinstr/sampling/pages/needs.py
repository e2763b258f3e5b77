"""What an article says beside its steps, in the order in which a reader wants it: the same for every page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from illinstr.articles import Article

_PART = re.compile(r"(\d+(?:[.,]\d+)?)([YMWDHS])")
_UNITS = {"Y": "y", "W": "weeks", "D": "days", "H": "h", "S": "s"}


@dataclass(frozen=True)
class Need:
    """One list: ``key`` for style sheets, a title in English, and the article's own items."""

    key: str
    title: str
    items: tuple[str, ...]


def needs_of(article: Article, *, after: bool | None = None) -> list[Need]:
    """The article's lists that are not empty.

    Args:
        article: the article.
        after: only those that stand after the steps (True) or before them (False); all when None.
    """
    materials = tuple(f"{each.amount} {each.name}" if each.amount else each.name for each in article.materials)
    before = [Need("materials", "You need", materials), Need("tools", "Tools", article.tools)]
    behind = [Need("tips", "Tips", article.tips), Need("warnings", "Warnings", article.warnings)]
    wanted = before + behind if after is None else behind if after else before
    return [need for need in wanted if need.items]


def spoken_duration(text: str) -> str:
    """An ISO 8601 duration for a reader: ``PT1H30M`` as ``1 h 30 min``.

    >>> spoken_duration("P1DT45M")
    '1 day 45 min'
    """
    date, _, time = text.removeprefix("P").partition("T")
    found = []
    for part, month in ((date, "months"), (time, "min")):
        for number, letter in _PART.findall(part):
            unit = month if letter == "M" else _UNITS[letter]
            found.append(f"{number} {unit.removesuffix('s') if number == '1' and len(unit) > 2 else unit}")
    return " ".join(found)
