"""Content codings undone, as browsers do, never holding more than a limit.

gzip with all its members (RFC 1952, section 2.2), deflate with or without its zlib wrapper (RFC 1950, RFC 1951), Brotli
(RFC 7932), Zstandard with all its frames (RFC 8878). Names that are no coding (``none``, ``utf-8``) mean nothing was
done, as browsers take them.
"""

from __future__ import annotations

import io
import zlib

from illinstr.errors import FetchError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_UNSUPPORTED = frozenset({"compress", "x-compress", "exi", "pack200-gzip", "dcb", "dcz"})
_MAX_CODINGS = 4
_MAX_MEMBERS = 100_000
_MAX_WINDOW = 1 << 27
_BLOCK = 1 << 16


def decoded(content: bytes, coding: str, limit: int) -> bytes:
    """A body without its codings.

    Args:
        content: the body as it came.
        coding: the ``Content-Encoding``, several separated by commas in the order they were applied.
        limit: the most bytes the result, or any step on the way, may have.

    Raises:
        FetchError: over the limit, damaged, cut short, or in a coding we cannot undo.
    """
    names = [name.strip().lower() for name in coding.split(",")]
    if len(names) > _MAX_CODINGS:
        raise FetchError(f"answer in {len(names)} codings at once")
    for name in reversed(names):
        if name in ("gzip", "x-gzip"):
            content = gunzipped(content, limit) if content else content
        elif name == "deflate":
            content = _inflated(content, limit) if content else content
        elif name == "br":
            content = _unbrotlied(content, limit) if content else content
        elif name in ("zstd", "x-zstd"):
            content = _unzstded(content, limit) if content else content
        elif name in _UNSUPPORTED:
            raise FetchError(f"answer in an encoding that was not asked for: {name[:40]!r}")
    if len(content) > limit:
        raise _over(limit, bytearray(content))
    return content


def decoded_head(content: bytes, coding: str, limit: int) -> bytes:
    """The first ``limit`` bytes of a body, for files that are read only so far.

    Raises:
        FetchError: damaged, or in a coding we cannot undo.
    """
    try:
        return decoded(content, coding, limit)
    except _CutError as error:
        return error.made[:limit]


def gunzipped(content: bytes, limit: int) -> bytes:
    """All members of a gzip file; what follows the last one and is none is left out.

    Raises:
        FetchError: over the limit, damaged or cut short.
    """
    made = bytearray()
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(wbits=31)
        _inflate_into(made, member, content, limit)
        content = member.unused_data
        if not content.startswith(GZIP_MAGIC):
            return bytes(made)
    raise FetchError(f"answer of more than {_MAX_MEMBERS} gzip members")


def _inflated(content: bytes, limit: int) -> bytes:
    wrapped = len(content) > 1 and content[0] & 15 == 8 and (content[0] * 256 + content[1]) % 31 == 0
    for wbits in (15, -15) if wrapped else (-15, 15):
        made = bytearray()
        try:
            _inflate_into(made, zlib.decompressobj(wbits=wbits), content, limit)
        except _DamagedError:
            continue
        return bytes(made)
    raise FetchError("answer cannot be decompressed")


class _DamagedError(FetchError):
    pass


class _CutError(FetchError):
    """Over the limit, or cut short; ``made`` is what there was until then."""

    def __init__(self, message: str, made: bytearray) -> None:
        super().__init__(message)
        self.made = bytes(made)


def _inflate_into(made: bytearray, stream: zlib._Decompress, content: bytes, limit: int) -> None:
    try:
        made += stream.decompress(content, limit + 1 - len(made))
    except zlib.error as error:
        raise _DamagedError("answer cannot be decompressed") from error
    if len(made) > limit or stream.unconsumed_tail:
        raise _over(limit, made)
    if not stream.eof:
        raise _CutError("answer ended early", made)


def _unbrotlied(content: bytes, limit: int) -> bytes:
    import brotli

    stream = brotli.Decompressor()
    made = bytearray()
    try:
        made += stream.process(content, output_buffer_limit=_BLOCK)
        while not stream.is_finished() and not stream.can_accept_more_data() and len(made) <= limit:
            made += stream.process(b"", output_buffer_limit=_BLOCK)
    except brotli.error as error:
        raise FetchError("answer cannot be decompressed") from error
    if len(made) > limit:
        raise _over(limit, made)
    if not stream.is_finished():
        raise _CutError("answer ended early", made)
    return bytes(made)


def _unzstded(content: bytes, limit: int) -> bytes:
    import zstandard

    reader = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).stream_reader(
        io.BytesIO(content), read_across_frames=True
    )
    made = bytearray()
    try:
        while len(made) <= limit and (block := reader.read(min(_BLOCK, limit + 1 - len(made)))):
            made += block
    except zstandard.ZstdError as error:
        raise FetchError("answer cannot be decompressed") from error
    if len(made) > limit:
        raise _over(limit, made)
    return bytes(made)


def _over(limit: int, made: bytearray) -> _CutError:
    return _CutError(f"answer is over the limit of {limit} bytes", made)
