"""The articles of a tar without their images: what the index names, a few thousand bytes of each sample."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.shards.layout import MAX_JSON_BYTES, SampleRow
from illinstr.shards.reader import BLOCK, read_sample, to_article


def records(tar: Path, rows: Iterable[SampleRow]) -> Iterator[Article]:
    """The articles of ``rows``, in their order; their images are described and carry no bytes.

    Raises:
        DataError: the tar cannot be read, or a sample is not as its row says.
    """
    try:
        with tar.open("rb") as stream:
            for row in rows:
                content = _record(stream, row)
                if content is None:  # not where our writer puts it: read as any sample is
                    yield to_article(read_sample(tar, row.offset or 0, row.bytes or 0), tar)
                else:
                    yield Article.from_json(content)
    except OSError as error:
        raise DataError(f"cannot read {tar}: {error.strerror}") from error


def _record(stream: BinaryIO, row: SampleRow) -> bytes | None:
    """The JSON of a sample whose first member it is and whose hash is the row's."""
    stream.seek(row.offset or 0)
    header = stream.read(BLOCK)
    try:
        member = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    except (tarfile.TarError, UnicodeDecodeError, ValueError):
        return None
    if member.name != f"{row.key}.json" or not 0 <= member.size <= MAX_JSON_BYTES:
        return None
    content = stream.read(member.size)
    return content if hashlib.sha256(content).hexdigest() == row.sha256 else None
