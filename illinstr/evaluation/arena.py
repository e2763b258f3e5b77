"""Images of any system made ready for scoring: a folder of files, and a table of the goals they were made for.

The table is TSV or CSV with a header, or JSON lines, a row an article:

    id, goal    ``id`` is the name of its files; left out, it is made of the goal's words
    steps       all of them, ``|`` between (in JSON lines a list); or a column each: ``step 1``, ``step 2``, ...
    grid        ``3x2``: its images lie on one canvas of 3 columns and 2 rows, read row by row

Its images are those of the folder ``ID/``, or ``ID_1.png``, ``ID-step-2.jpg``, ... or, with a grid, ``ID.png``. Their
numbers are those of the steps (from 1, or from 0 where there is a 0); a folder of files without numbers is read in
their order, if there are as many as steps.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, StepImage, make_id, normalise_goal
from illinstr.errors import DataError
from illinstr.files import read_text
from illinstr.images import WEB_FORMATS, decode_image, encode_png

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".gif"})
MAX_TABLE_BYTES = 64 << 20
_NUMBERED = re.compile(r"(?P<name>.*?)[-_. ]*(?:step|panel|image|img)?[-_. ]*(?P<number>\d{1,4})", re.IGNORECASE)
_STEP_COLUMN = re.compile(r"step[-_ ]?(\d{1,3})")
_GRID = re.compile(r"(\d{1,2})\s*[x×]\s*(\d{1,2})")
_HINT = "docs/arena.md shows a table and the names of its images"

OnDamaged = Callable[[DataError], None]


@dataclass(frozen=True)
class Asked:
    """What a system was asked for: a row of the table. ``grid`` is (columns, rows) of the canvas, where it is one."""

    id: str
    goal: str
    steps: tuple[str, ...]
    grid: tuple[int, int] | None = None


@dataclass
class _Images:
    """The image files of a folder by what their names say."""

    folders: dict[str, Path] = field(default_factory=dict)
    numbered: dict[str, dict[int, Path]] = field(default_factory=lambda: defaultdict(dict))
    whole: dict[str, Path] = field(default_factory=dict)


def read_asked(table: Path, on_damaged: OnDamaged) -> list[Asked]:
    """The rows of a table; of each that cannot be read ``on_damaged`` is told, with its line.

    Raises:
        DataError: no such file, one of another kind or too large, or no row that can be read.
    """
    rows: list[Asked] = []
    seen: set[str] = set()
    failed: list[DataError] = []
    for line, row in _rows(table):
        try:
            asked = _asked(row)
            if (name := plain(asked.id)) in seen:
                raise DataError(f"{asked.id!r} is the id of an earlier row")
            seen.add(name)
            rows.append(asked)
        except DataError as error:
            failed.append(DataError(f"{table}, line {line}: {error.message}", hint=_HINT))
    if not rows:
        raise failed[0] if failed else DataError(f"{table} names no goals", hint=_HINT)
    for failure in failed:
        on_damaged(failure)
    return rows


def read_drawn(folder: Path, asked: Sequence[Asked], on_damaged: OnDamaged) -> Iterator[Article]:
    """The articles whose images lie in ``folder``, in the order of the table; a step may lack its image.

    ``on_damaged`` is told of a row without any image, and of each image that cannot be read.
    """
    images = _find_images(folder)
    for row in asked:
        try:
            found = _images_of(row, images, on_damaged)
            if not found:
                raise DataError(f"{folder} holds no image of {row.id!r} ({row.goal})", hint=_HINT)
        except DataError as error:
            on_damaged(error)
            continue
        steps = tuple(Step(headline=text, image=found.get(number)) for number, text in enumerate(row.steps, start=1))
        key = re.sub(r"[^0-9a-z_-]+", "-", row.id.lower()).strip("-")[:80] or make_id("arena", row.id)
        yield Article(id=key, goal=row.goal, steps=steps, provenance=Provenance(source="arena"))


def plain(name: str) -> str:
    """A name without case, and with one hyphen for whatever lies between its letters and digits."""
    return re.sub(r"[\W_]+", "-", name.casefold()).strip("-")


def _rows(table: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Line number and values by lower-case column, of each row."""
    if not table.is_file():
        raise DataError(f"no such file: {table}", hint=_HINT)
    if table.stat().st_size > MAX_TABLE_BYTES:
        raise DataError(f"{table} is larger than {MAX_TABLE_BYTES >> 20} MiB", hint="split it, and evaluate each part")
    text, kind = read_text(table), table.suffix.lower()
    if kind in (".jsonl", ".ndjson"):
        yield from _json_rows(text)
        return
    if kind not in (".tsv", ".csv", ".txt"):
        raise DataError(f"{table} is no table: its name ends in none of .tsv, .csv, .jsonl", hint=_HINT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="," if kind == ".csv" else "\t")
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if "goal" not in names:
            raise DataError(f"{table} has no column called goal: its first line names the columns", hint=_HINT)
        for values in reader:
            if any(value.strip() for value in values):
                yield reader.line_num, dict(zip(names, values, strict=False))
    except csv.Error as error:
        raise DataError(f"{table}, line {reader.line_num}: {error}", hint=_HINT) from error


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):
                row = None
            named = row if isinstance(row, dict) else {}
            yield number, {str(name).strip().lower(): value for name, value in named.items()}


def _asked(row: Mapping[str, Any]) -> Asked:
    goal = row.get("goal")
    if not isinstance(goal, str) or not goal.strip():
        raise DataError("no goal")
    goal = " ".join(goal.split())
    given = row.get("id")
    name = str(given).strip() if isinstance(given, str | int) else ""
    steps = _steps(row)
    if not 1 <= len(steps) <= MAX_STEPS:
        raise DataError(f"{len(steps)} steps; an article has 1 to {MAX_STEPS}")
    grid = _grid(row.get("grid"))
    if grid is not None and grid[0] * grid[1] < len(steps):
        raise DataError(f"a grid of {grid[0]} x {grid[1]} has no room for {len(steps)} steps")
    return Asked(name or goal, goal, steps, grid)


def _steps(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The texts of the steps, from one cell, a list, or a column each."""
    given = row.get("steps")
    if isinstance(given, str) and given.strip():
        given = given.split("|")
    elif not given:
        columns = [(int(match[1]), row[name]) for name in row if (match := _STEP_COLUMN.fullmatch(name))]
        given = [value for _, value in sorted(columns, key=lambda column: column[0])]
        while given and not str(given[-1] or "").strip():  # a shorter article leaves its last columns empty
            given.pop()
    if not isinstance(given, list) or not all(isinstance(text, str) for text in given):
        raise DataError("steps are neither texts with | between nor a list of texts")
    steps = tuple(" ".join(text.split()) for text in given)
    if "" in steps:
        raise DataError(f"step {steps.index('') + 1} says nothing")
    return steps


def _grid(value: object) -> tuple[int, int] | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    match = _GRID.fullmatch(str(value).strip())
    if match is None or "0" in (match[1], match[2]):
        raise DataError(f"grid {value!r} is not COLUMNSxROWS, such as 3x2")
    return int(match[1]), int(match[2])


def _find_images(folder: Path) -> _Images:
    found = _Images()
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found.folders[plain(path.name)] = path
        elif path.suffix.lower() in SUFFIXES and path.is_file():
            found.whole[plain(path.stem)] = path
            if (match := _NUMBERED.fullmatch(path.stem)) is not None:
                found.numbered[plain(match["name"])].setdefault(int(match["number"]), path)
    return found


def _names_of(row: Asked) -> list[str]:
    """What its files may be called: its id, and where that is the goal, its words without "how to" too."""
    return list(dict.fromkeys((plain(row.id), plain(normalise_goal(row.id)))))


def _images_of(row: Asked, images: _Images, on_damaged: OnDamaged) -> dict[int, StepImage]:
    """Step number to image."""
    names = _names_of(row)
    if row.grid is not None:
        whole = next((images.whole[name] for name in names if name in images.whole), None)
        return {} if whole is None else _cells(row, whole)
    files = next((images.numbered[name] for name in names if name in images.numbered), {})
    inside = next((images.folders[name] for name in names if name in images.folders), None)
    if inside is not None:
        files = _in_folder(row, inside)
    first = 0 if 0 in files else 1
    found = {}
    for number, path in files.items():
        step = number - first + 1
        try:
            if step > len(row.steps):
                raise DataError(f"{path} is the image of step {step}, and {row.id!r} has {len(row.steps)}", hint=_HINT)
            found[step] = _image(_bytes_of(path), path)
        except DataError as error:
            on_damaged(error)
    return found


def _in_folder(row: Asked, folder: Path) -> dict[int, Path]:
    files = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file()]
    numbers = [re.findall(r"\d+", path.stem)[-1:] for path in files]
    numbered = {int(number[0]): path for number, path in zip(numbers, files, strict=True) if number}
    if len(numbered) == len(files) and max(numbered, default=0) <= len(row.steps):
        return numbered
    ordered = sorted(files, key=lambda path: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", path.name)])
    if len(ordered) != len(row.steps):
        raise DataError(
            f"{folder} holds {len(files)} images for {len(row.steps)} steps, and their names do not number them",
            hint=_HINT,
        )
    return dict(enumerate(ordered, start=1))


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error


def _image(data: bytes, path: Path) -> StepImage:
    """JPEG, PNG and WebP as they are, any other format as PNG; decoded once, so that a damaged one is found here."""
    pixels = decode_image(data, label=str(path), formats=WEB_FORMATS)
    try:
        return StepImage.from_bytes(data)
    except DataError:
        return StepImage.from_bytes(encode_png(pixels))


def _cells(row: Asked, path: Path) -> dict[int, StepImage]:
    """The canvas cut into equal cells, row by row; what a division leaves over is left out at the far edges."""
    assert row.grid is not None
    columns, rows = row.grid
    canvas = decode_image(_bytes_of(path), label=str(path), formats=WEB_FORMATS)
    width, height = canvas.width // columns, canvas.height // rows
    if min(width, height) < 1:
        raise DataError(f"{path} is too small for a grid of {columns} x {rows}")
    found = {}
    for place in range(len(row.steps)):
        left, top = place % columns * width, place // columns * height
        found[place + 1] = StepImage.from_bytes(encode_png(canvas.crop((left, top, left + width, top + height))))
    return found
