"""JSON lines read into Articles: our own, or records of a data set that a site knows.

Our own Articles stand one on each line; their images lie in a folder as ``<id>.<step, two digits from 00>`` with the
ending ``jpg``, ``png`` or ``webp``, the names they have in a shard. What the records of a data set look like, the sites
say (``Site.data_sets``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from illinstr.articles import Article, Step
from illinstr.errors import DataError, UsageError
from illinstr.files import open_text
from illinstr.wikihow_scraper.licences import kind_of
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.source import MAX_IMAGE_BYTES, Dropped, FindImage, Source

MAX_LINE_CHARS = 8_000_000
_SAFE_NAME = re.compile(r"[0-9A-Za-z_-]{1,200}(?:\.\d\d)?")


def imported(file: Path, images: Path | None, limit: int | None = None) -> Iterator[Source]:
    """A source a line, in the order of the file; a line that cannot be read is a source with its error named.

    Args:
        file: the JSON lines.
        images: the folder of their images.
        limit: only so many lines.

    Raises:
        UsageError: the file or the folder is not there.
    """
    if images is not None and not images.is_dir():
        raise UsageError(f"no such folder: {images}")
    find = in_folder(images)
    try:
        with open_text(file, newline="\n") as stream:
            for number, line in enumerate(_lines(stream), start=1):
                if limit is not None and number > limit:
                    return
                name = f"{file.name}:{number}"
                try:
                    yield Source(name, articles=tuple(_read(line)), find_image=find)
                except DataError as error:
                    yield Source(name, error=("failed", error.message))
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error


def _lines(stream: TextIO) -> Iterator[str]:
    while line := stream.readline(MAX_LINE_CHARS + 1):
        whole = line
        while len(line) > MAX_LINE_CHARS and not line.endswith("\n"):  # swallow the rest of an absurd line
            line = stream.readline(MAX_LINE_CHARS + 1)
        if whole.strip():
            yield whole


def _read(line: str) -> list[Article | Dropped]:
    if len(line) > MAX_LINE_CHARS:
        raise DataError(f"a line of over {MAX_LINE_CHARS} characters")
    try:
        record = json.loads(line)
        if "\\ud" in line.lower():  # half of a character, which no file of ours could hold
            json.dumps(record, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DataError("not JSON") from error
    if not isinstance(record, dict):
        raise DataError("not a JSON object")
    if "schema_version" in record:
        return [_own(Article.from_json(line))]
    for read in registry.json_readers():
        found = read(record)
        if found is not None:
            return found
    raise DataError("neither an Article nor a record of a data set we know", hint="docs/scraping.md lists the forms")


def _own(article: Article) -> Article:
    """Images become records again: their bytes have to be found again."""
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


@dataclass(frozen=True)
class _InFolder:
    folder: Path | None

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        name = record.get("file")
        # The name comes from the data, so it may only ever be a plain file name in this one folder.
        if self.folder is None or not isinstance(name, str) or not _SAFE_NAME.fullmatch(name):
            return None
        for suffix in ("png", "jpg", "jpeg", "webp", "avif"):
            path = self.folder / f"{name}.{suffix}"
            if path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_IMAGE_BYTES:
                return path.read_bytes()
        return None


def in_folder(folder: Path | None) -> FindImage:
    """Finds the images that records name by ``file`` in a folder, whatever their format."""
    return _InFolder(folder)
