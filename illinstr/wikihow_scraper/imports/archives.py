"""Pages out of web archives: WARC (ISO 28500) as crawlers write it, ZIM as Kiwix reads it.

Both hold pages and images together, and nothing is asked of any site. An archive is a saved copy: directives against
indexing do not bind its owner, those against data sets do.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

from illinstr.errors import DataError, UsageError
from illinstr.wikihow_scraper.fetching.safety import reservations
from illinstr.wikihow_scraper.source import MAX_IMAGE_BYTES, MAX_PAGE_BYTES, FindImage, Source, no_image

_PAGES = ("text/html", "application/xhtml+xml")


def warc_pages(file: Path, *, images: bool = True, limit: int | None = None) -> Iterator[Source]:
    """The HTML answers of a WARC file (gzipped by record, or plain), in its order, with the images it holds.

    Args:
        file: the archive.
        images: look for images too; costs a first pass over the file.
        limit: only so many pages.

    Raises:
        UsageError: no such file, or no WARC file.
    """
    find = _warc_images(file) if images else no_image
    pages = (entry for entry in _records(file) if isinstance(entry, DataError) or _type(entry[1]) in _PAGES)
    for entry in islice(pages, limit):
        if isinstance(entry, DataError):
            yield Source(f"{file.name}: damaged", trouble=("failed", entry.message))
            continue
        _, record = entry
        url = record.rec_headers.get_header("WARC-Target-URI") or ""
        content = _body(record, MAX_PAGE_BYTES)
        if content is None:
            yield Source(url, url=url, trouble=("failed", f"page over the limit of {MAX_PAGE_BYTES} bytes, or damaged"))
            continue
        yield Source(
            url,
            url=url,
            content=content,
            charset=_charset(record.http_headers.get_header("Content-Type") or ""),
            fetched=record.rec_headers.get_header("WARC-Date"),
            reservations=tuple(sorted(reservations(record.http_headers.headers))),
            find_image=find,
        )


def _records(file: Path) -> Iterator[tuple[int, Any] | DataError]:
    """Successful answers with the byte each begins at; where the file is damaged, an error and then the end."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    try:
        stream = file.open("rb")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    with stream:
        records = ArchiveIterator(stream)
        seen = 0
        last: Any = None
        while True:
            try:
                record = next(records, None)
                if last is not None and _is_cut(last):
                    yield DataError(f"the archive ends inside its record {seen}")
                if not seen and (record is None or record.format != "warc"):  # the library takes any line for ARC
                    raise UsageError(f"{file} is no WARC file: it begins with no record of one")
                if record is None:
                    return
                last = record
                offset = records.offset  # get_record_offset() would read the record away
            except (ArchiveLoadFailed, EOFError, OSError, ValueError, UnicodeError) as error:
                if not seen:
                    raise UsageError(f"{file} is no WARC file: {_line(error)}") from error
                yield DataError(f"the archive is damaged after {seen} records: {_line(error)}")
                return
            seen += 1
            answered = record.rec_type == "response" and record.http_headers is not None
            if answered and record.http_headers.get_statuscode() == "200":
                yield offset, record


def _is_cut(record: Any) -> bool:
    """Whether a record that was read to its end had fewer bytes than it declared; the library passes over that."""
    return bool(getattr(record.raw_stream, "limit", 0) > 0)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _type(record: Any) -> str:
    declared = record.http_headers.get_header("Content-Type") or ""
    return str(declared).partition(";")[0].strip().lower()


def _charset(content_type: str) -> str | None:
    _, _, rest = content_type.lower().partition("charset=")
    return rest.partition(";")[0].strip(" \"'") or None


def _body(record: Any, limit: int) -> bytes | None:
    """The answer's bytes, decompressed; None where they are more than ``limit`` or damaged."""
    try:
        body = bytearray()
        stream = record.content_stream()
        while block := stream.read(min(1 << 16, limit + 1 - len(body))):
            body += block
            if len(body) > limit:
                return None
        return None if _is_cut(record) and not record.raw_stream.read(1) else bytes(body)
    except Exception:  # a chunk that is none, a gzip stream that ends early: the library raises what its parts raise
        return None


def _warc_images(file: Path) -> FindImage:
    offsets: dict[str, int] = {}
    for entry in _records(file):
        if not isinstance(entry, DataError) and _type(entry[1]).startswith("image/"):
            offsets.setdefault(entry[1].rec_headers.get_header("WARC-Target-URI") or "", entry[0])

    def find(record: dict[str, Any]) -> bytes | None:
        from warcio.archiveiterator import ArchiveIterator

        for name in ("url", "small_url"):
            offset = offsets.get(str(record.get(name) or ""))
            if offset is not None:
                with file.open("rb") as stream:
                    stream.seek(offset)
                    return _body(next(ArchiveIterator(stream)), MAX_IMAGE_BYTES)
        return None

    return find


def zim_pages(file: Path, *, images: bool = True, limit: int | None = None) -> Iterator[Source]:
    """The HTML entries of a ZIM file, in its order, with the images it holds.

    Raises:
        UsageError: no such file, no ZIM file, or libzim is not installed.
    """
    archive = _open_zim(file)
    home = _metadata(archive, "Source")
    for item in islice(_zim_items(archive), limit):
        url = urljoin(home, item.path) if home else None
        if item.size > MAX_PAGE_BYTES:
            yield Source(item.path, url=url, trouble=("failed", f"page over the limit of {MAX_PAGE_BYTES} bytes"))
            continue
        find = _zim_images(archive, item.path) if images else no_image
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
        raise UsageError(f"{file} is no ZIM file: {_line(error)}") from error


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
        if item.mimetype.partition(";")[0].strip() in _PAGES:
            yield item


def _zim_images(archive: Any, page: str) -> FindImage:
    def find(record: dict[str, Any]) -> bytes | None:
        named = record.get("local_path")
        if not isinstance(named, str):
            return None
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(named)))
        try:
            if not archive.has_entry_by_path(path):
                return None
            item = archive.get_entry_by_path(path).get_item()
            return bytes(item.content) if item.size <= MAX_IMAGE_BYTES else None
        except (RuntimeError, KeyError, ValueError):
            return None

    return find
