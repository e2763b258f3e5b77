"""Pages out of web archives as crawlers write them: WARC (ISO 28500), with the images they hold.

Read are answers (``response``), things archived without HTTP (``resource``), and answers that only say "as before"
(``revisit``), from files that are plain, compressed record by record, or compressed as a whole. What a record is, its
bytes say; its label counts where they do not tell. Nothing is asked of any site. An archive is a saved copy: directives
against indexing do not bind its owner, those against data sets do.
"""

from __future__ import annotations

import gzip
import re
import tempfile
import weakref
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from illinstr.errors import DataError, FetchError, UsageError
from illinstr.wikihow_scraper.fetching.coding import GZIP_MAGIC, ZSTD_MAGIC, decoded
from illinstr.wikihow_scraper.fetching.safety import reservations
from illinstr.wikihow_scraper.fetching.sniffing import image_format, is_page, media_type
from illinstr.wikihow_scraper.source import MAX_IMAGE_BYTES, MAX_PAGE_BYTES, FindImage, Source, no_image

_KINDS = ("response", "resource", "revisit")
_OK = ("200", "203")
_REDIRECTS = ("301", "302", "303", "307", "308")
_NOT_PAGES = re.compile(r"(?:image|audio|video|font)/|text/css|.*(?:javascript|ecmascript|/pdf$|/zip$)")
_HEAD = re.compile(rb"content-length:\s*(\d{1,18})\s*\r?\n(?:[^\r\n]+\r?\n)*\r?\n", re.IGNORECASE)
_MAX_HOPS = 6
_BLOCK = 1 << 20


def warc_pages(file: Path, *, images: bool = True, limit: int | None = None) -> Iterator[Source]:
    """The pages of a WARC file, in its order, with the images it holds.

    Args:
        file: the archive.
        images: look for images, too.
        limit: only so many pages.

    Raises:
        UsageError: no such file, or no WARC file.
    """
    return islice(_pages(_Archive(file), images), limit)


def _pages(archive: _Archive, images: bool) -> Iterator[Source]:
    index = archive.index()
    find: FindImage = _Images(archive) if images else no_image
    for entry in archive.records():
        if isinstance(entry, DataError):
            yield Source(f"{archive.file.name}: damaged", error=("failed", entry.message))
            continue
        _, record = entry
        source = _page(record, index)
        if source is not None:
            yield source if source.error is not None else replace(source, find_image=find)


class _Images:
    """Finds the archive's images; in another process it looks into the file again, once for all its pages."""

    def __init__(self, archive: _Archive) -> None:
        self._archive = archive

    def __reduce__(self) -> tuple[Any, ...]:
        return _images_of, (self._archive.file,)

    def __call__(self, record: dict[str, Any]) -> bytes | None:
        return self._archive.index().find_image(record)


@lru_cache(maxsize=1)
def _images_of(file: Path) -> _Images:
    return _Images(_Archive(file))


def _page(record: Any, index: _Index) -> Source | None:
    """The page a record holds, or why it cannot be read; None where it holds something else."""
    url, label = _url(record), _label(record)
    if record.rec_type == "response" and _status(record) not in _OK:
        return None
    if _NOT_PAGES.match(media_type(label)):
        return None
    known = record
    content: bytes | DataError
    if record.rec_type == "revisit":
        content = index.revisited(record)
        if isinstance(content, DataError) and media_type(label) not in ("text/html", "application/xhtml+xml"):
            return None
    else:
        content = _body(record, MAX_PAGE_BYTES)
    if isinstance(content, DataError):
        over = media_type(label) in ("text/html", "application/xhtml+xml", "")
        return Source(url, url=url, error=("failed", f"page: {content.message}")) if over else None
    if not is_page(content, label):
        return None
    headers = known.http_headers.headers if known.http_headers is not None else []
    return Source(
        url,
        url=url,
        content=content,
        charset=_charset(label),
        fetched=record.rec_headers.get_header("WARC-Date"),
        reservations=tuple(sorted(reservations(headers))),
    )


@dataclass
class _Index:
    """Where the archive's answers stand, by address and by digest, and which addresses lead to others."""

    archive: _Archive
    places: dict[str, int] = field(default_factory=dict)
    digests: dict[str, int] = field(default_factory=dict)
    leads: dict[str, str] = field(default_factory=dict)

    def add(self, place: int, record: Any) -> None:
        """Remember a record."""
        key = address_key(_url(record))
        digest = record.rec_headers.get_header("WARC-Payload-Digest")
        location = record.http_headers.get_header("Location") if record.http_headers is not None else None
        if record.rec_type == "revisit":
            referred = record.rec_headers.get_header("WARC-Refers-To-Target-URI")
            if referred and address_key(referred) != key:
                self.leads.setdefault(key, address_key(referred))
            elif digest in self.digests:
                self.places.setdefault(key, self.digests[digest])
        elif record.rec_type == "response" and _status(record) in _REDIRECTS and location:
            try:
                self.leads.setdefault(key, address_key(urljoin(_url(record), location)))
            except ValueError:
                return
        elif record.rec_type == "resource" or _status(record) in _OK:
            self.places.setdefault(key, place)
            if digest:
                self.digests.setdefault(digest, place)

    def revisited(self, record: Any) -> bytes | DataError:
        """The body that a ``revisit`` stands for."""
        digest = record.rec_headers.get_header("WARC-Payload-Digest")
        place = self.digests.get(digest) if digest else None
        if place is None:
            place = self._place(record.rec_headers.get_header("WARC-Refers-To-Target-URI") or _url(record))
        if place is None:
            return DataError("it repeats a record that is not in this archive")
        return self.archive.body(place, MAX_PAGE_BYTES)

    def find_image(self, record: dict[str, Any]) -> bytes | None:
        """The bytes of an image by its addresses."""
        for name in ("url", "small_url"):
            place = self._place(str(record.get(name) or ""))
            content = self.archive.body(place, MAX_IMAGE_BYTES) if place is not None else None
            if isinstance(content, bytes) and image_format(content) is not None:
                return content
        return None

    def _place(self, address: str) -> int | None:
        key = address_key(address)
        for _ in range(_MAX_HOPS):
            if key in self.places:
                return self.places[key]
            if key not in self.leads:
                return None
            key = self.leads[key]
        return None


def address_key(address: str) -> str:
    """What equal addresses share, however they are written: the scheme, the default port and the fragment left out,
    the host in lower case, escapes in one form."""
    try:
        parts = urlsplit(address.strip().strip("<>"))
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return address
    place = f"{host}:{port}" if port not in (None, 80, 443) else host
    path = quote(unquote(parts.path or "/"), safe="/")
    query = f"?{quote(unquote(parts.query), safe='=&')}" if parts.query else ""
    return f"{place}{path}{query}"


class _Archive:
    """The file, read from its start or at a place."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._plain, temporary = _plain(file)
        except OSError as error:
            raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
        if temporary is not None:
            weakref.finalize(self, temporary.close)
        self._index: _Index | None = None

    def index(self) -> _Index:
        """What the file holds; costs a pass over it, once."""
        if self._index is None:
            self._index = _Index(self)
            for entry in self.records():
                if not isinstance(entry, DataError):
                    self._index.add(*entry)
        return self._index

    def body(self, place: int, limit: int) -> bytes | DataError:
        """The body of the record at a place."""
        from warcio.archiveiterator import ArchiveIterator

        with self._plain.open("rb") as stream:
            stream.seek(place)
            try:
                return _body(next(ArchiveIterator(stream)), limit)
            except Exception as error:  # the library raises what its parts raise
                return DataError(f"damaged: {_line(error)}")

    def records(self) -> Iterator[tuple[int, Any] | DataError]:
        """Records of the kinds that hold pages and images, each with the byte it begins at; where the file is damaged,
        an error and then the end.

        Raises:
            UsageError: no WARC file.
        """
        from warcio.archiveiterator import ArchiveIterator
        from warcio.exceptions import ArchiveLoadFailed

        with self._plain.open("rb") as stream:
            records = ArchiveIterator(stream)
            seen = 0
            last: Any = None
            while True:
                try:
                    record = next(records, None)
                    if last is not None and is_cut(last):
                        yield DataError(f"the archive ends inside its record {seen}")
                    if not seen and (record is None or record.format != "warc"):  # it takes any line for ARC
                        raise UsageError(f"{self.file} is no WARC file: it begins with no record of one")
                    if record is None:
                        return
                    last = record
                    offset = records.offset  # get_record_offset() would read the record away
                except (ArchiveLoadFailed, EOFError, OSError, ValueError, UnicodeError) as error:
                    if not seen:
                        raise UsageError(f"{self.file} is no WARC file: {_line(error)}") from error
                    yield DataError(f"the archive is damaged after {seen} records: {_line(error)}")
                    return
                seen += 1
                if record.rec_type in _KINDS and (record.http_headers is not None or record.rec_type != "response"):
                    yield offset, record


def _plain(file: Path) -> tuple[Path, IO[bytes] | None]:
    """The file itself, or a temporary of what it holds where it is compressed as a whole: records can then be found
    again by their place. The temporary goes when it is closed."""
    with file.open("rb") as stream:
        head = stream.read(4)
    if head.startswith(GZIP_MAGIC) and _one_stream(file):
        made = _unpacked(gzip.open(file))  # noqa: SIM115
    elif head == ZSTD_MAGIC or (head[1:] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        import zstandard

        reader = zstandard.ZstdDecompressor(_dictionary(file), max_window_size=1 << 27)
        made = _unpacked(reader.stream_reader(file.open("rb"), read_across_frames=True))
    else:
        return file, None
    return Path(made.name), made


def _one_stream(file: Path) -> bool:
    """Whether the first gzip member holds more than the first record."""
    member, made = zlib.decompressobj(wbits=31), b""
    with file.open("rb") as stream:
        while not member.eof and (block := stream.read(1 << 16)):
            try:
                made += member.decompress(block, max(0, _BLOCK - len(made)))
            except zlib.error:
                return False
            match = re.search(
                rb"content-length:\s*(\d{1,18})\s*\r?\n(?:[^\r\n]+\r?\n)*\r?\n", made[:65536], re.IGNORECASE
            )
            if match is not None:
                begun = made[match.end() + int(match[1]) :].lstrip(b"\r\n")
                if begun:
                    return begun.startswith(b"WARC/"[: len(begun)])
                if match.end() + int(match[1]) > _BLOCK:
                    return _goes_on(file, match.end() + int(match[1]))
            if len(made) >= _BLOCK:
                return False
    return False


def _goes_on(file: Path, size: int) -> bool:
    """Whether the first gzip member is longer than a first record of ``size`` bytes and its end."""
    member, left = zlib.decompressobj(wbits=31), size + 4
    with file.open("rb") as stream:
        content = b""
        while not member.eof and left >= 0 and (content := content or stream.read(_BLOCK)):
            left -= len(member.decompress(content, _BLOCK))
            content = member.unconsumed_tail
    return left < 0


def _dictionary(file: Path) -> Any:
    """The dictionary that a .warc.zst file begins with (IIPC, "Zstandard compression in WARC"), None without one."""
    import zstandard

    with file.open("rb") as stream:
        if stream.read(4) != b"\x5d\x2a\x4d\x18":
            return None
        content = stream.read(min(int.from_bytes(stream.read(4), "little"), 64 << 20))
    if content.startswith(ZSTD_MAGIC):
        content = decoded(content, "zstd", 64 << 20)
    return zstandard.ZstdCompressionDict(content)


def _unpacked(packed: Any) -> IO[bytes]:
    import zstandard

    made = tempfile.NamedTemporaryFile(prefix="illinstr-", suffix=".warc")  # noqa: SIM115
    with packed:
        try:
            while block := packed.read(_BLOCK):
                made.write(block)
        except (EOFError, OSError, zstandard.ZstdError):  # cut short: what is there is read, and its end is told
            pass
    made.flush()
    return made


def is_cut(record: Any) -> bool:
    """Whether a record that was read to its end had fewer bytes than it declared; the library passes over that."""
    return bool(getattr(record.raw_stream, "limit", 0) > 0)


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _url(record: Any) -> str:
    return (record.rec_headers.get_header("WARC-Target-URI") or "").strip("<>")


def _status(record: Any) -> str:
    return str(record.http_headers.get_statuscode()) if record.http_headers is not None else ""


def _label(record: Any) -> str:
    headers = record.http_headers if record.http_headers is not None else record.rec_headers
    label = headers.get_header("Content-Type") or ""
    return "" if media_type(label) == "application/http" else str(label)


def _charset(content_type: str) -> str | None:
    _, _, rest = content_type.lower().partition("charset=")
    return re.split(r"[;,]", rest)[0].strip(" \"'") or None


def _body(record: Any, limit: int) -> bytes | DataError:
    """The record's bytes, decompressed, or why there are none."""
    from warcio.bufferedreaders import ChunkedDataReader

    headers = record.http_headers
    stream = record.raw_stream
    if headers is not None and "chunked" in (headers.get_header("Transfer-Encoding") or "").lower():
        stream = ChunkedDataReader(record.raw_stream)  # gives the bytes as they are where none are chunked
    body = bytearray()
    try:
        while block := stream.read(min(1 << 16, limit + 1 - len(body))):
            body += block
            if len(body) > limit:
                return DataError(f"over the limit of {limit} bytes")
        if is_cut(record) and not record.raw_stream.read(1):
            return DataError("cut short")
        coding = (headers.get_header("Content-Encoding") or "") if headers is not None else ""
        return decoded(bytes(body), coding, limit)
    except FetchError as error:
        return DataError(error.message)
    except Exception as error:  # a chunk that is none: the library raises what its parts raise
        return DataError(f"damaged: {_line(error)}")
