"""Crash-safe writing: the one place in the package that publishes files and folders.

A file is written beside its final name, flushed, fsynced and renamed over it; then its folder is fsynced. A folder is
filled under ``NAME.incomplete`` and renamed when whole. A process killed at any moment therefore leaves either the old
state or the new one, and at worst an ``.incomplete`` or dot-prefixed temporary that the next run removes: a temporary
is named after the process that writes it, so those of the dead can be told (``remove_leftovers``).
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from illinstr.ownership import Contents, refuse_foreign

INCOMPLETE_SUFFIX = ".incomplete"


def cache_folder(kind: str) -> Path:
    """Where what can be computed again is kept: under ``ILLINSTR_CACHE``, or in the user's cache folder."""
    base = os.environ.get("ILLINSTR_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "illinstr" / kind


def fsync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename inside it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def atomic_open(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary beside ``path`` for binary writing and publish it under ``path`` on a clean exit.

    On an exception the temporary is removed and ``path`` is left as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}.{_host()}-{os.getpid()}."
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=INCOMPLETE_SUFFIX, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        fsync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def remove_leftovers(folder: Path, name: str = "*") -> None:
    """Remove what dead processes of this machine left half-written for files called ``name`` directly in ``folder``.

    What another machine writes, or a process that lives, stays.
    """
    for path in folder.glob(f".{name}.{_host()}-*{INCOMPLETE_SUFFIX}"):
        _, _, writer = path.name.removesuffix(INCOMPLETE_SUFFIX).rpartition(".")[0].rpartition(f".{_host()}-")
        if writer.isdigit() and not _lives(int(writer)):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_encoding(head: bytes) -> str:
    """The encoding of a text by its first bytes: its byte order mark (which decoding then takes off), or UTF-16 without
    one by the zero bytes beside its ASCII letters; UTF-8 otherwise."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if len(head) >= 4 and 0 in head[:4]:
        if head[0] and not head[1] and head[2] and not head[3]:
            return "utf-16-le"
        if head[1] and not head[0] and head[3] and not head[2]:
            return "utf-16-be"
    return "utf-8"


def decode_text(content: bytes, *, errors: str = "strict") -> str:
    """The text of a file somebody wrote with an editor: UTF-8 or UTF-16, with a byte order mark or without.

    Raises:
        UnicodeDecodeError: it is neither, and ``errors`` is "strict".
    """
    return content.decode(text_encoding(content[:4]), errors)


def read_text(path: Path, *, errors: str = "strict") -> str:
    """The text of a file; see ``decode_text``.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is in another encoding, and ``errors`` is "strict".
    """
    return decode_text(path.read_bytes(), errors=errors)


def open_text(path: Path, *, newline: str | None = None) -> TextIO:
    """Open a text file for reading, in the encoding its first bytes show; bytes that do not fit become U+FFFD."""
    with path.open("rb") as stream:
        encoding = text_encoding(stream.read(4))
    return path.open(encoding=encoding, errors="replace", newline=newline)


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path`` atomically."""
    with atomic_open(path) as stream:
        stream.write(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` atomically, as UTF-8."""
    write_bytes(path, content.encode())


def append_text(path: Path, content: str) -> None:
    """Add ``content`` to the end of ``path`` in one write. A kill may cut it short, never what stood before it."""
    with path.open("ab") as stream:
        stream.write(content.encode())


def canonical_json(value: Any) -> str:
    """One JSON text per value: sorted keys, two-space indent, UTF-8 kept readable, newline at the end."""
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` atomically, in canonical JSON."""
    write_text(path, canonical_json(value))


@contextlib.contextmanager
def atomic_folder(path: Path, contents: Contents, *, copied: bool = False) -> Iterator[Path]:
    """Yield an empty ``NAME.incomplete`` folder and publish it as ``path`` on a clean exit.

    An existing ``path`` is replaced: it is moved aside before the new folder takes its name and removed only after.
    On an exception the incomplete folder is removed and ``path`` is left as it was.

    Args:
        path: the folder to make.
        contents: what a folder of that kind holds.
        copied: the caller copies whatever else ``path`` holds, so that replacing it loses nothing.

    Raises:
        UsageError: ``path``, or the incomplete folder of a killed run, holds what illinstr did not write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    incomplete = path.with_name(path.name + INCOMPLETE_SUFFIX)
    recover_folder(path)
    if not copied:
        refuse_foreign(path, contents)
    if not (copied and _names(incomplete) <= _names(path)):
        refuse_foreign(incomplete, contents, whole=False)
    if incomplete.exists():
        shutil.rmtree(incomplete)
    incomplete.mkdir()
    try:
        yield incomplete
        for file in sorted(incomplete.rglob("*")):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
        _swap_in(incomplete, path)
    except BaseException:
        shutil.rmtree(incomplete, ignore_errors=True)
        raise


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _moved_aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old{INCOMPLETE_SUFFIX}")


def recover_folder(path: Path) -> None:
    """Finish what a kill between the two renames of ``_swap_in`` left: the old folder gets its name back."""
    old = _moved_aside(path)
    if not old.exists():
        return
    if path.exists():
        shutil.rmtree(old)
    else:
        old.rename(path)


def _swap_in(incomplete: Path, path: Path) -> None:
    old = _moved_aside(path)
    if path.exists():
        path.rename(old)
    incomplete.rename(path)
    fsync_folder(path.parent)
    if old.exists():
        shutil.rmtree(old)


def sha256_file(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
