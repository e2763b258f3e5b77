"""The workshop's memory on disk: its tasks and the images sent for them, in a folder of its own beside the articles.

A task is on disk before it is answered for, so a server that dies at any moment takes up what waited and begins again
what was under way. What lies there is read like any file of a stranger: a record that does not fit is left out.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from illinstr.errors import UsageError
from illinstr.files import write_bytes, write_text
from illinstr.sampling.serving.tasks import TaskRecord

FOLDER = ".illinstr-serve"
MAX_RECORD_BYTES = 4 << 20
MAX_RECORDS = 10_000
MAX_UNUSED_IMAGES = 16
_RECORD = re.compile(r"task-(\d{1,12})\.json")
_IMAGE = re.compile(r"image-([0-9a-f]{64})\.jpg")


class Journal:
    """The folder; nothing is made before ``open``.

    Args:
        articles: the folder of the articles, in which it lies.
    """

    def __init__(self, articles: Path) -> None:
        self.folder = articles / FOLDER
        self._lock: int | None = None

    def open(self) -> list[TaskRecord]:
        """Take the folder for this server alone, and read what a former one left, oldest first.

        Raises:
            UsageError: another server has it, or it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise UsageError(
                f"another illinstr serve works in {self.folder.parent}", hint="open its page, or name another --out"
            ) from error
        except OSError as error:
            raise UsageError(f"cannot write {self.folder}: {error.strerror or error}") from error
        return self._records()

    def close(self) -> None:
        """Let another server have the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def keep(self, record: TaskRecord) -> None:
        """Write a task down.

        Raises:
            OSError: it cannot be written.
        """
        write_text(self._path(record.ident), record.model_dump_json(indent=1) + "\n")

    def forget(self, ident: int) -> None:
        """A task that ended long ago."""
        self._path(ident).unlink(missing_ok=True)

    def keep_image(self, data: bytes) -> str:
        """Write an image down and return its name, the SHA-256 of its bytes.

        Raises:
            OSError: it cannot be written.
        """
        name = hashlib.sha256(data).hexdigest()
        write_bytes(self.folder / f"image-{name}.jpg", data)
        return name

    def image(self, name: str) -> Path | None:
        """The file of an image that was sent before."""
        path = self.folder / f"image-{name}.jpg"
        return path if path.is_file() and not path.is_symlink() else None

    def forget_images(self, used: Iterable[str]) -> None:
        """All but the used ones and the few newest."""
        kept, unused = set(used), []
        for path in self.folder.iterdir():
            match = _IMAGE.fullmatch(path.name)
            if match and match[1] not in kept:
                unused.append(path)
        for path in sorted(unused, key=lambda path: path.stat().st_mtime_ns)[:-MAX_UNUSED_IMAGES]:
            path.unlink(missing_ok=True)

    def _path(self, ident: int) -> Path:
        return self.folder / f"task-{ident}.json"

    def _records(self) -> list[TaskRecord]:
        named = sorted(
            (int(match[1]), path) for path in self.folder.iterdir() if (match := _RECORD.fullmatch(path.name))
        )
        found = []
        for ident, path in named[-MAX_RECORDS:]:
            try:
                with path.open("rb") as stream:
                    record = TaskRecord.model_validate_json(stream.read(MAX_RECORD_BYTES))
            except (OSError, ValidationError):
                continue
            if record.ident == ident:
                found.append(record)
        return found
