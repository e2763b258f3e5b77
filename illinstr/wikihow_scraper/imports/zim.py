"""Pages out of ZIM archives, as Kiwix reads them, with the images they hold. Nothing is asked of any site."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from illinstr.errors import UsageError
from illinstr.wikihow_scraper.fetching.sniffing import media_type
from illinstr.wikihow_scraper.source import MAX_IMAGE_BYTES, MAX_PAGE_BYTES, Source, no_image

_PAGES = ("text/html", "application/xhtml+xml")


def zim_pages(file: Path, *, images: bool = True, limit: int | None = None) -> Iterator[Source]:
    """The HTML entries of a ZIM file, in its order, with the images it holds.

    Raises:
        UsageError: no such file, no ZIM file, or libzim is not installed.
    """
    archive = _open_zim(file)
    home = _metadata(archive, "Source")
    for item in islice(_zim_items(archive), limit):
        url = _address(item.path, home)
        if item.size > MAX_PAGE_BYTES:
            yield Source(item.path, url=url, error=("failed", f"page over the limit of {MAX_PAGE_BYTES} bytes"))
            continue
        find = _Images(archive, file, item.path, home) if images else no_image
        yield Source(item.path, url=url, content=bytes(item.content), charset="utf-8", find_image=find)


def _open_zim(file: Path) -> Any:
    if not file.is_file():
        raise UsageError(f"no such file: {file}")
    try:
        from libzim.reader import Archive
    except ImportError as error:
        raise UsageError("reading ZIM files needs libzim", hint="pip install 'illinstr[zim]'") from error
    try:
        return Archive(file)
    except RuntimeError as error:
        raise UsageError(f"{file} is no ZIM file: {error}") from error


def _metadata(archive: Any, name: str) -> str | None:
    if name not in archive.metadata_keys:
        return None
    value = bytes(archive.get_metadata(name)).decode(errors="replace")
    if "://" not in value:
        value = f"https://{value}"
    return value if value.endswith("/") else value + "/"


def _zim_items(archive: Any) -> Iterator[Any]:
    for number in range(archive.all_entry_count):
        entry = archive._get_entry_by_id(number)
        if entry.is_redirect:
            continue
        item = entry.get_item()
        if media_type(item.mimetype) in _PAGES:
            yield item


def _address(path: str, home: str | None) -> str | None:
    """The address of an entry: on the site it was made from, or the one its path is (as zimit writes them)."""
    if home is None:
        return None
    host = urlsplit(home).hostname or ""
    return f"{urlsplit(home).scheme}://{path}" if path.partition("/")[0] == host else urljoin(home, path)


class _Images:
    """Finds the images of a page; in another process it opens the archive once for all its pages."""

    def __init__(self, archive: Any, file: Path, page: str, home: str | None) -> None:
        self._archive, self._named = archive, (file, page, home)

    def __reduce__(self) -> tuple[Any, ...]:
        return _images_of, self._named

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        _, page, home = self._named
        for path in _paths(record, page, home):
            try:
                if not self._archive.has_entry_by_path(path):
                    continue
                item = self._archive.get_entry_by_path(path).get_item()
                if item.size <= MAX_IMAGE_BYTES:
                    return bytes(item.content)
            except (RuntimeError, KeyError, ValueError):
                continue
        return None


def _images_of(file: Path, page: str, home: str | None) -> _Images:
    return _Images(_opened(file), file, page, home)


@lru_cache(maxsize=1)
def _opened(file: Path) -> Any:
    return _open_zim(file)


def _paths(record: dict[str, Any], page: str, home: str | None) -> Iterator[str]:
    """Where an image may lie: relative to its page, from the archive's root, under its host; with its query and
    without."""
    named = record.get("local_path")
    if isinstance(named, str):
        yield from _spellings(posixpath.normpath(posixpath.join(posixpath.dirname(page), named)))
    for name in ("url", "small_url"):
        try:
            parts = urlsplit(str(record.get(name) or ""))
            host = parts.hostname or ""
        except ValueError:
            continue
        if not host:
            continue
        rooted = parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
        yield from _spellings(f"{host}/{rooted}")
        if home is None or host.removeprefix("www.") == (urlsplit(home).hostname or "").removeprefix("www."):
            yield from _spellings(rooted)


def _spellings(path: str) -> Iterator[str]:
    plain = path.partition("?")[0]
    yield from dict.fromkeys((unquote(path), path, unquote(plain), plain))
