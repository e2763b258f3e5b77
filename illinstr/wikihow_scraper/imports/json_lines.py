"""Data sets that others gathered, read into Articles.

Two forms of JSON lines are told apart by their keys:

- wikiHow-VGSI (Yang et al., "Visual Goal-Step Inference using wikiHow", EMNLP 2021): a line a page with ``file_id``,
  ``goal``, ``goal_description``, ``category_hierarchy`` and ``methods[] {name, steps[] {headline, description, img,
  img_license, step_id}}``; pictures lie in a folder as ``<step_id>.png``;
- our own Articles, a line each; pictures lie in a folder as ``<id>.<step, two digits from 00>.jpg|png|webp``, the names
  they have in a shard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, clean_text, make_id
from illinstr.errors import DataError, UsageError
from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.licences import kind_of
from illinstr.wikihow_scraper.source import MAX_PICTURE_BYTES, Dropped, FindPicture, Source

MAX_LINE_BYTES = 8_000_000
# The set was gathered in 2021, when this was the licence of wikiHow's text.
VGSI_TEXT_LICENSE = "CC BY-NC-SA 3.0"
_SAFE_NAME = re.compile(r"[0-9A-Za-z_-]{1,200}(?:\.\d\d)?")


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _VgsiStep(_Loose):
    headline: str = ""
    description: str | None = None
    img: str | None = None
    img_license: str | None = None
    step_id: str | None = None


class _VgsiMethod(_Loose):
    name: str | None = None
    steps: tuple[_VgsiStep, ...] = ()


class _VgsiPage(_Loose):
    file_id: str | int
    goal: str
    goal_description: str | None = None
    category_hierarchy: tuple[str, ...] = ()
    methods: tuple[_VgsiMethod, ...] = ()


def imported(file: Path, pictures: Path | None, limit: int | None = None) -> Iterator[Source]:
    """A source a line, in the order of the file; a line that cannot be read is a source with its trouble named.

    Args:
        file: the JSON lines.
        pictures: the folder of their pictures.
        limit: only so many lines.

    Raises:
        UsageError: the file or the folder is not there.
    """
    if pictures is not None and not pictures.is_dir():
        raise UsageError(f"no such folder: {pictures}")
    find = in_folder(pictures)
    try:
        with file.open("rb") as stream:
            for number, line in enumerate(_lines(stream), start=1):
                if limit is not None and number > limit:
                    return
                name = f"{file.name}:{number}"
                try:
                    yield Source(name, articles=tuple(_read(line)), find_picture=find)
                except DataError as error:
                    yield Source(name, trouble=("failed", error.message))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def _lines(stream: Any) -> Iterator[bytes]:
    while line := stream.readline(MAX_LINE_BYTES + 1):
        whole = line
        while len(line) > MAX_LINE_BYTES and not line.endswith(b"\n"):  # swallow the rest of an absurd line
            line = stream.readline(MAX_LINE_BYTES + 1)
        if whole.strip():
            yield whole


def _read(line: bytes) -> list[Article | Dropped]:
    if len(line) > MAX_LINE_BYTES:
        raise DataError(f"a line of over {MAX_LINE_BYTES} bytes")
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError("not JSON") from error
    if not isinstance(record, dict):
        raise DataError("not a JSON object")
    if "schema_version" in record:
        return [_own(Article.from_json(line))]
    try:
        page = _VgsiPage.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"neither an Article nor a wikiHow-VGSI page: {where}: {first['msg']}") from error
    return [_vgsi(page, index) for index in range(len(page.methods))]


def _own(article: Article) -> Article:
    """Pictures become records again: their bytes have to be found anew."""
    if all(step.image is None for step in article.steps):
        return article
    known = article.extra.get("step_images")
    records = (
        list(known) if isinstance(known, list) and len(known) == len(article.steps) else [None] * len(article.steps)
    )
    steps: list[Step] = []
    for index, step in enumerate(article.steps):
        if step.image is not None:
            named = {"url": step.image.source_url, "license": step.image.license, "alt": step.image.alt}
            former = records[index]
            kept = former if isinstance(former, dict) else {}
            records[index] = {
                "kind": "image",
                **{name: value for name, value in named.items() if value is not None},
                "license_kind": kind_of(step.image.license),
                **kept,
                "file": f"{article.id}.{index:02d}",
            }
        steps.append(step.model_copy(update={"image": None}))
    return article.model_copy(update={"steps": tuple(steps), "extra": {**article.extra, "step_images": records}})


def _vgsi(page: _VgsiPage, index: int) -> Article | Dropped:
    method = page.methods[index]
    kept = [step for step in method.steps if clean_text(step.headline)]
    if not kept or len(kept) > MAX_STEPS:
        return Dropped("no numbered steps" if not kept else "too many steps")
    extra: dict[str, Any] = {
        "title": clean_text(page.goal),
        "method_index": index,
        "method_count": len(page.methods),
        "step_images": [_record(step) for step in kept],
    }
    if page.goal_description:
        extra["intro"] = clean_text(page.goal_description)
    if page.category_hierarchy:
        extra["categories"] = [clean_text(name) for name in page.category_hierarchy]
    number = str(page.file_id)
    try:
        return Article(
            id=make_id("vgsi", number, index),
            goal=goal_of(page.goal, "en"),
            method=clean_text(method.name or "") or None,
            steps=tuple(
                Step(headline=clean_text(step.headline), body=clean_text(step.description or "")) for step in kept
            ),
            provenance=Provenance(
                source="vgsi", page_id=int(number) if re.fullmatch(r"\d{1,12}", number) else None, parser="vgsi/1"
            ),
            license=VGSI_TEXT_LICENSE,
            extra=extra,
        )
    except ValidationError as error:
        return Dropped(f"does not fit the schema: {error.errors()[0]['msg']}")


def _record(step: _VgsiStep) -> dict[str, Any] | None:
    if not step.img and not step.step_id:
        return None
    record: dict[str, Any] = {"kind": "image", "license_kind": kind_of(step.img_license)}
    named = {"url": step.img, "license": clean_text(step.img_license or ""), "file": step.step_id}
    return record | {name: value for name, value in named.items() if value}


def in_folder(folder: Path | None) -> FindPicture:
    """Finds the pictures that records name by ``file`` in a folder, whatever their format."""

    def find(record: dict[str, Any]) -> bytes | None:
        name = record.get("file")
        # The name comes from the data, so it may only ever be a plain file name in this one folder.
        if folder is None or not isinstance(name, str) or not _SAFE_NAME.fullmatch(name):
            return None
        for suffix in ("png", "jpg", "jpeg", "webp"):
            path = folder / f"{name}.{suffix}"
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_PICTURE_BYTES:
                return path.read_bytes()
        return None

    return find
