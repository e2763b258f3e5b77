"""Pages and articles that lie on disk: folders of saved pages, JSON lines, CSV, WARC, ZIM; several in one run."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from illinstr.errors import UsageError
from illinstr.wikihow_scraper.imports.json_lines import imported
from illinstr.wikihow_scraper.imports.saved_pages import saved_files, saved_pages
from illinstr.wikihow_scraper.imports.tables import tables
from illinstr.wikihow_scraper.imports.warc import warc_pages
from illinstr.wikihow_scraper.imports.zim import zim_pages
from illinstr.wikihow_scraper.source import Source

Kind = Literal["html", "jsonl", "csv", "warc", "zim"]
_PATTERN = re.compile(r"[*?\[]")
_NAMES: dict[Kind, str] = {"jsonl": "JSON lines", "csv": "CSV", "warc": "WARC", "zim": "ZIM"}


@dataclass(frozen=True)
class Collection:
    """What kind, and where: a file, or a folder of saved pages (or one saved page). ``image_folder`` holds the images
    of JSON lines and CSV."""

    kind: Kind
    file: Path
    image_folder: Path | None = None

    def sources(self, *, images: bool = True, limit: int | None = None) -> Iterator[Source]:
        """Its pages or articles, in its order.

        Raises:
            UsageError: the file is not there, or not what it should be.
        """
        if self.kind in ("csv", "jsonl"):
            read_lines = tables if self.kind == "csv" else imported
            return read_lines(self.file, self.image_folder if images else None, limit)
        if self.kind == "html":
            folder = self.file if self.file.is_dir() else self.file.parent
            return saved_pages(folder, saved_files(self.file, limit), images=images)
        read = warc_pages if self.kind == "warc" else zim_pages
        return read(self.file, images=images, limit=limit)

    def count(self, limit: int | None = None) -> int | None:
        """How many pages it holds, None where only reading it tells.

        Raises:
            UsageError: no such folder, or no page in it.
        """
        return len(saved_files(self.file, limit)) if self.kind == "html" else None

    def describe(self) -> dict[str, Any]:
        """What the manifest says of it."""
        if self.kind == "html":
            return {"kind": "saved pages", "folder": self.file.resolve().name}
        return {"kind": _NAMES[self.kind], "file": self.file.name}


def named(kind: Kind, names: Sequence[str | Path], image_folder: Path | None) -> list[Collection]:
    """Collections of a kind by path or pattern (``*``, ``?``, ``[...]``, ``**``), those of a pattern in the order of
    their names. A path that is there is no pattern.

    Raises:
        UsageError: nothing is there by a pattern.
    """
    found: dict[Path, Collection] = {}
    for name in names:
        paths = [Path(name)]
        if not paths[0].exists() and _PATTERN.search(str(name)):
            paths = sorted(Path(path) for path in glob.glob(str(name), recursive=True))  # noqa: PTH207 (Path.glob takes no absolute one)
            if not paths:
                raise UsageError(f"nothing is named like {name}", hint="quote patterns, and try them with ls")
        for path in paths:
            found.setdefault(path, Collection(kind, path, image_folder))
    return list(found.values())


def sources_of(collections: Sequence[Collection], *, images: bool = True, limit: int | None = None) -> Iterator[Source]:
    """The pages of all collections, one after the other, the first ``limit`` of them. Of several, each page's name says
    which one it is of.

    Raises:
        UsageError: a file is not there, or not what it should be.
    """
    if len(collections) == 1:
        return collections[0].sources(images=images, limit=limit)
    return islice(_chained(collections, images, limit), limit)


def _chained(collections: Sequence[Collection], images: bool, limit: int | None) -> Iterator[Source]:
    for number, one in enumerate(collections, start=1):
        for source in one.sources(images=images, limit=limit):
            yield replace(source, name=f"{number} {one.file.name}: {source.name}")


def describe(collections: Sequence[Collection]) -> dict[str, Any]:
    """What the manifest says of them."""
    if len(collections) == 1:
        return collections[0].describe()
    return {"kind": "several", "inputs": [one.describe() for one in collections]}
