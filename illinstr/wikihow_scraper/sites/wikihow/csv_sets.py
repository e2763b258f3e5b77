"""CSV files that others made from wikiHow. Which one it is, its header says.

- The splits of the Illustrated Instructions reproduction (arXiv 2312.04552): a row a step with ``step_id,
  goal_method_id, goal, method_name, headline, step_number, description, category_hierarchy``; rows of one
  ``goal_method_id`` make an article, and ``<step_id>.png`` in the images' folder is a step's image.
- ``wikihowSep.csv`` (Koupaee and Wang 2018, arXiv 1810.09305): a row a step with ``overview, headline, text,
  sectionLabel, title``; neighbouring rows of one title and section make an article. Text only.
- ``wikihowAll.csv`` (the same): a row an article with ``headline`` (the headlines, a line each), ``title``, ``text``
  (all bodies in one piece, which cannot be assigned to the steps; it stays whole in ``extra["text"]``). Text only. The
  methods of a page are numbered at the end of its title ("How to Be an Organized Artist1", "...2").
"""

from __future__ import annotations

import re
from typing import Any

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, clean_text, make_id
from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.sites.site import Row, Table, unnumbered
from illinstr.wikihow_scraper.sites.wikihow.vgsi import TEXT_LICENSE
from illinstr.wikihow_scraper.source import Dropped

_SPLIT = frozenset({"step_id", "goal_method_id", "goal", "headline"})
_SEP = frozenset({"overview", "headline", "text", "sectionLabel", "title"})
_ALL = frozenset({"headline", "text", "title"})
_ARTICLE_METHOD = re.compile(r"(.+)_(\d{1,4})")


def _steps(pairs: list[tuple[str, str]]) -> tuple[Step, ...] | Dropped:
    kept = [(clean_text(headline), clean_text(body)) for headline, body in pairs]
    made = tuple(Step(headline=headline, body=body) for headline, body in kept if headline)
    if not made or len(made) > MAX_STEPS:
        return Dropped("no numbered steps" if not made else "too many steps")
    return made


def _split_article(rows: list[Row]) -> Article | Dropped:
    ordered = sorted(rows, key=lambda row: _number(row.get("step_number", "")))
    kept = [row for row in ordered if clean_text(row["headline"])]
    steps = _steps([(row["headline"], row.get("description", "")) for row in kept])
    if isinstance(steps, Dropped):
        return steps
    first = kept[0]
    match = _ARTICLE_METHOD.fullmatch(first["goal_method_id"])
    page, index = (match[1], int(match[2])) if match else (first["goal_method_id"], 0)
    records = [{"kind": "image", "license_kind": "unknown", "file": row["step_id"]} for row in kept]
    extra: dict[str, Any] = {"title": clean_text(first["goal"]), "method_index": index, "step_images": records}
    categories = _listed(first.get("category_hierarchy", ""))
    return Article(
        id=make_id("vgsi", page, index),  # the ids of the set these splits were cut from
        goal=goal_of(first["goal"], "en"),
        method=clean_text(first.get("method_name", "")) or None,
        steps=steps,
        provenance=Provenance(
            source="vgsi", page_id=int(page) if re.fullmatch(r"\d{1,12}", page) else None, parser="vgsi-csv/1"
        ),
        license=TEXT_LICENSE,
        extra=extra | ({"categories": categories} if categories else {}),
    )


def _sep_article(rows: list[Row]) -> Article | Dropped:
    steps = _steps([(_line(row["headline"]), row["text"]) for row in rows])
    section = clean_text(rows[0]["sectionLabel"])
    intro = clean_text(rows[0]["overview"])
    return _summarised(rows[0], section, steps, {"intro": intro} if intro else {})


def _all_article(rows: list[Row]) -> Article | Dropped:
    steps = _steps([(_line(line), "") for line in rows[0]["headline"].splitlines()])
    text = clean_text(rows[0]["text"])
    return _summarised(rows[0], "", steps, {"text": text} if text else {})


def _summarised(row: Row, section: str, steps: tuple[Step, ...] | Dropped, extra: dict[str, Any]) -> Article | Dropped:
    if isinstance(steps, Dropped):
        return steps
    whole, goal = clean_text(row["title"]), clean_text(unnumbered(row, "title"))
    if not goal:
        return Dropped("no goal")
    return Article(
        id=make_id("wikihow-csv", whole, section),
        goal=goal_of(goal, "en"),
        method=section or None,
        steps=steps,
        provenance=Provenance(source="wikihow-csv", parser="wikihow-csv/1"),
        license=TEXT_LICENSE,
        extra={"title": whole, **extra},
    )


def _line(headline: str) -> str:
    """A headline without the comma the set's writers put behind each."""
    return clean_text(headline).rstrip(",").strip()


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if abs(value) < 1e9 else 0.0


def _listed(text: str) -> list[str]:
    """A list as Python prints one, or a single name."""
    quoted = [clean_text(one or other) for one, other in re.findall(r"'([^']*)'|\"([^\"]*)\"", text)]
    return [name for name in quoted or [clean_text(text)] if name]


TABLES = (
    Table(_SPLIT, lambda row: row["goal_method_id"], _split_article),
    Table(_SEP, lambda row: f"{row['title']}, {row['sectionLabel']}", _sep_article, numbered="title"),
    Table(_ALL, lambda row: None, _all_article, numbered="title"),
)
