"""A set in one file that somebody gathered: CSV, WARC or ZIM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from illinstr.wikihow_scraper.imports.tables import tables
from illinstr.wikihow_scraper.imports.warc import warc_pages
from illinstr.wikihow_scraper.imports.zim import zim_pages
from illinstr.wikihow_scraper.source import Source

Kind = Literal["csv", "warc", "zim"]


@dataclass(frozen=True)
class Collection:
    """Which file, of which kind; ``image_folder`` is the folder of a CSV file's images."""

    kind: Kind
    file: Path
    image_folder: Path | None = None

    def sources(self, *, images: bool = True, limit: int | None = None) -> Iterator[Source]:
        """Its pages or articles, in its order.

        Raises:
            UsageError: the file is not there, or not what it should be.
        """
        if self.kind == "csv":
            return tables(self.file, self.image_folder if images else None, limit)
        read = warc_pages if self.kind == "warc" else zim_pages
        return read(self.file, images=images, limit=limit)

    def describe(self) -> dict[str, str]:
        """What the manifest says of it."""
        return {"kind": self.kind.upper(), "file": self.file.name}
