"""CSV files that others made, read into Articles. Which file it is, its header says.

- The splits of the Illustrated Instructions reproduction (arXiv 2312.04552): a row a step with ``step_id,
  goal_method_id, goal, method_name, headline, step_number, description, category_hierarchy``; rows of one
  ``goal_method_id`` make an article, and ``<step_id>.png`` in the pictures' folder is a step's picture.
- ``wikihowSep.csv`` (Koupaee and Wang 2018, arXiv 1810.09305): a row a step with ``overview, headline, text,
  sectionLabel, title``; neighbouring rows of one title and section make an article. Text only.
- ``wikihowAll.csv`` (the same): a row an article with ``headline`` (the headlines, a line each), ``title``, ``text``
  (all bodies in one piece, which cannot be dealt to the steps; it stays whole in ``extra["text"]``). Text only.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, clean_text, make_id
from illinstr.errors import UsageError
from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.imports.json_lines import MAX_LINE_BYTES, VGSI_TEXT_LICENSE, in_folder
from illinstr.wikihow_scraper.source import Dropped, Source

Row = dict[str, str]
_SPLIT = frozenset({"step_id", "goal_method_id", "goal", "headline"})
_SEP = frozenset({"overview", "headline", "text", "sectionLabel", "title"})
_ALL = frozenset({"headline", "text", "title"})
_ARTICLE_METHOD = re.compile(r"(.+)_(\d{1,4})")
_TITLE_NUMBER = re.compile(r"(?<=[^\W\d])\d{1,2}$")  # "How to Be an Organized Artist1": the second method of the page


def tables(file: Path, pictures: Path | None, limit: int | None = None) -> Iterator[Source]:
    """A source an article, in the order of the file; rows that cannot be read are sources with their trouble named.

    Args:
        file: the CSV file.
        pictures: the folder of the pictures, for the splits.
        limit: only so many articles.

    Raises:
        UsageError: the file or the folder is not there, or the header is of none of the three.
    """
    if pictures is not None and not pictures.is_dir():
        raise UsageError(f"no such folder: {pictures}")
    csv.field_size_limit(MAX_LINE_BYTES)
    try:
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
            reader = csv.DictReader(stream)
            key, make = _kind(file, reader.fieldnames or [])
            groups = _groups(file.name, reader, key)
            yield from itertools.islice(_sources(groups, make, pictures), limit)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except csv.Error as error:  # in the header; in rows it is one row's trouble
        raise UsageError(f"{file} is no CSV file: {error}") from error


Group = tuple[str, list[Row]] | Source
Make = Callable[[list[Row]], Article | Dropped]


def _kind(file: Path, columns: Any) -> tuple[Callable[[Row], str | None], Make]:
    found = set(columns)
    if found >= _SPLIT:
        return (lambda row: row["goal_method_id"]), _split_article
    if found >= _SEP:
        return (lambda row: f"{row['title']}, {row['sectionLabel']}"), _sep_article
    if found >= _ALL:
        return (lambda row: None), _all_article
    named = ", ".join(sorted(str(name)[:40] for name in found)[:8]) or "none"
    raise UsageError(
        f"{file} is no set we know; its columns: {named}", hint="docs/scraping.md lists the CSV files read"
    )


def _groups(name: str, reader: Iterator[dict[str | Any, Any]], key: Callable[[Row], str | None]) -> Iterator[Group]:
    """Neighbouring rows of one key (a row alone where the key is None), named by the first one's number."""
    rows: list[Row] = []
    current: str | None = None
    ended: set[str] = set()
    first = 0
    for number in itertools.count(2):  # the header is row 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Source(f"{name}:{number}", trouble=("failed", f"not CSV: {error}"))
            continue
        if row is not None:
            row = {str(column): value if isinstance(value, str) else "" for column, value in row.items()}
        own = key(row) if row is not None else None
        if rows and (row is None or own is None or own != current):
            if current is not None and current in ended:
                yield Source(
                    f"{name}:{first}", trouble=("failed", f"rows of {current[:80]!r} stand apart from others of it")
                )
            else:
                yield f"{name}:{first}", rows
            ended |= {current} if current is not None else set()
            rows = []
        if row is None:
            return
        if not rows:
            current, first = own, number
        if len(rows) <= MAX_STEPS:  # one more than is allowed is enough to refuse
            rows.append(row)


def _sources(groups: Iterator[Group], make: Make, pictures: Path | None) -> Iterator[Source]:
    find = in_folder(pictures)
    for group in groups:
        if isinstance(group, Source):
            yield group
            continue
        name, rows = group
        try:
            yield Source(name, articles=(make(rows),), find_picture=find)
        except ValidationError as error:
            reason = f"does not fit the schema: {error.errors()[0]['msg']}"
            yield Source(name, articles=(Dropped(reason),))


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
        license=VGSI_TEXT_LICENSE,
        extra=extra | ({"categories": categories} if categories else {}),
    )


def _sep_article(rows: list[Row]) -> Article | Dropped:
    steps = _steps([(_line(row["headline"]), row["text"]) for row in rows])
    section = clean_text(rows[0]["sectionLabel"])
    intro = clean_text(rows[0]["overview"])
    return _summarised(rows[0]["title"], section, steps, {"intro": intro} if intro else {})


def _all_article(rows: list[Row]) -> Article | Dropped:
    steps = _steps([(_line(line), "") for line in rows[0]["headline"].splitlines()])
    text = clean_text(rows[0]["text"])
    return _summarised(rows[0]["title"], "", steps, {"text": text} if text else {})


def _summarised(
    title: str, section: str, steps: tuple[Step, ...] | Dropped, extra: dict[str, Any]
) -> Article | Dropped:
    if isinstance(steps, Dropped):
        return steps
    whole = clean_text(title)
    goal = _TITLE_NUMBER.sub("", whole)
    if not goal:
        return Dropped("no goal")
    return Article(
        id=make_id("wikihow-csv", whole, section),
        goal=goal_of(goal, "en"),
        method=section or None,
        steps=steps,
        provenance=Provenance(source="wikihow-csv", parser="wikihow-csv/1"),
        license=VGSI_TEXT_LICENSE,
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
