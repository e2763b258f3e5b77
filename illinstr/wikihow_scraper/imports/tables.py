"""CSV files that others published, read into Articles; which form a file has, its header says (``Site.data_sets``).

A file is read in whichever Unicode encoding its first bytes show (UTF-8, UTF-16; with a byte order mark or without).
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from illinstr.articles import MAX_STEPS, clean_text
from illinstr.errors import UsageError
from illinstr.files import open_text
from illinstr.wikihow_scraper.imports.json_lines import MAX_LINE_CHARS, in_folder
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import Row, Table, with_unnumbered
from illinstr.wikihow_scraper.source import Dropped, Source

_NUMBERED = re.compile(r"(.*[^\W\d])(\d{1,2})", re.DOTALL)


def tables(file: Path, images: Path | None, limit: int | None = None) -> Iterator[Source]:
    """A source an article, in the order of the file; rows that cannot be read are sources with their error named.

    Args:
        file: the CSV file.
        images: the folder of the images, for the splits.
        limit: only so many articles.

    Raises:
        UsageError: the file or the folder is not there, or no site knows the header.
    """
    if images is not None and not images.is_dir():
        raise UsageError(f"no such folder: {images}")
    csv.field_size_limit(MAX_LINE_CHARS)
    try:
        with open_text(file, newline="") as stream:
            table = _table(file, csv.DictReader(stream).fieldnames or [])
        counted = _counted_names(file, table.numbered) if table.numbered is not None else {}
        with open_text(file, newline="") as stream:
            groups = _groups(file.name, csv.DictReader(stream), table, counted)
            yield from itertools.islice(_sources(groups, table, images), limit)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    except csv.Error as error:  # in the header; in rows it is one row's trouble
        raise UsageError(f"{file} is no CSV file: {error}") from error


Group = tuple[str, list[Row]] | Source


def _table(file: Path, columns: Any) -> Table:
    found = set(columns)
    for table in registry.tables():
        if found >= table.columns:
            return table
    named = ", ".join(sorted(str(name)[:40] for name in found)[:8]) or "none"
    raise UsageError(
        f"{file} is no set we know; its columns: {named}", hint="docs/scraping.md lists the CSV files read"
    )


def _counted_names(file: Path, column: str) -> dict[str, int]:
    """Names that the file holds with every number from 1 to n at their end, n being 2 at least: name to n."""
    found: dict[str, set[int]] = defaultdict(set)
    with open_text(file, newline="") as stream:
        rows = csv.DictReader(stream)
        while True:
            try:
                row = next(rows, None)
            except csv.Error:  # told where the rows are read
                continue
            if row is None:
                break
            match = _NUMBERED.fullmatch(clean_text(row.get(column) or ""))
            if match is not None:
                found[match[1]].add(int(match[2]))
    runs = {name: next(n for n in itertools.count(1) if n + 1 not in numbers) for name, numbers in found.items()}
    return {name: last for name, last in runs.items() if last >= 2 and 1 in found[name]}


def _named(row: Row, column: str, counted: dict[str, int]) -> Row:
    match = _NUMBERED.fullmatch(clean_text(row.get(column, "")))
    if match is None or not 1 <= int(match[2]) <= counted.get(match[1], 0):
        return row
    return with_unnumbered(row, column, match[1])


def _groups(
    name: str, reader: Iterator[dict[str | Any, Any]], table: Table, counted: dict[str, int]
) -> Iterator[Group]:
    """Neighbouring rows of one key (a row alone where the key is None), named by the first one's number."""
    key: Callable[[Row], str | None] = table.key
    rows: list[Row] = []
    current: str | None = None
    ended: set[str] = set()
    first = 0
    for number in itertools.count(2):  # the header is row 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            yield Source(f"{name}:{number}", error=("failed", f"not CSV: {error}"))
            continue
        if row is not None:
            row = {str(column): value if isinstance(value, str) else "" for column, value in row.items()}
            row = _named(row, table.numbered, counted) if table.numbered is not None else row
        own = key(row) if row is not None else None
        if rows and (row is None or own is None or own != current):
            if current is not None and current in ended:
                yield Source(
                    f"{name}:{first}", error=("failed", f"rows of {current[:80]!r} stand apart from others of it")
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


def _sources(groups: Iterator[Group], table: Table, images: Path | None) -> Iterator[Source]:
    find = in_folder(images)
    for group in groups:
        if isinstance(group, Source):
            yield group
            continue
        name, rows = group
        try:
            yield Source(name, articles=(table.make(rows),), find_image=find)
        except ValidationError as error:
            reason = f"does not fit the schema: {error.errors()[0]['msg']}"
            yield Source(name, articles=(Dropped(reason),))
