"""Pages a browser saved into a folder, with the images beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from illinstr.errors import DataError, FetchError, UsageError
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.source import MAX_IMAGE_BYTES, MAX_PAGE_BYTES, Source, no_image

PAGE_SUFFIXES = (".html", ".htm", ".xhtml")


def saved_files(folder: Path, limit: int | None = None) -> list[Path]:
    """The pages in a folder and its sub-folders, in the order of their names; or the one page that is named itself.

    Raises:
        UsageError: no such folder, or no page in it.
    """
    if folder.is_file() and folder.suffix.lower() in PAGE_SUFFIXES:
        return [folder]
    if not folder.is_dir():
        raise UsageError(f"no such folder: {folder}")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PAGE_SUFFIXES and path.is_file())
    # A browser keeps frames of a saved page in "Title_files"; they are no pages of their own.
    found = [path for path in found if not any(part.endswith("_files") for part in path.relative_to(folder).parts[:-1])]
    if not found:
        raise UsageError(f"no saved page (*.html) in {folder}")
    return found[:limit]


def saved_pages(folder: Path, files: list[Path], *, images: bool = True) -> Iterator[Source]:
    """Read saved pages one at a time; a file that cannot be read becomes a source with its error named."""
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            size = path.stat().st_size
            if size > MAX_PAGE_BYTES:
                raise DataError(f"page of {size} bytes is over the limit of {MAX_PAGE_BYTES}")
            content = path.read_bytes()
        except (OSError, DataError) as error:
            reason = error.message if isinstance(error, DataError) else f"cannot be read: {error.strerror}"
            yield Source(name, error=("failed", reason))
            continue
        find = _Beside(path.parent.resolve()) if images else no_image
        yield Source(name, content=content, url=_saved_from(content), find_image=find)


def _saved_from(content: bytes) -> str | None:
    """Browsers note where a page was saved from in a comment at its top."""
    match = re.search(rb"<!--\s*saved from url=\(\d+\)(https?://[^\s>]{1,2000}?)\s*-->", content[:2000])
    address = match.group(1).decode("ascii", errors="replace") if match else None
    try:
        return address if address is not None and check_url(address) else None
    except FetchError:
        return None


@dataclass(frozen=True)
class _Beside:
    """Finds the images that lie beside a saved page."""

    root: Path

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        named = record.get("local_path")
        if not isinstance(named, str) or "\x00" in named:
            return None
        try:
            path = (self.root / unquote(named)).resolve()
            if not path.is_file():  # browsers leave the query out of the file's name
                path = (self.root / unquote(named.partition("?")[0])).resolve()
            # A page may name any path; only files beside it are its own.
            if not path.is_relative_to(self.root) or not path.is_file() or path.stat().st_size > MAX_IMAGE_BYTES:
                return None
            return path.read_bytes()
        except (OSError, ValueError):
            return None
