"""Fetched answers on disk: one body and one description each, so that parsing again asks the site nothing.

The body is written first, under a name that carries its hash; the description, which names that body, last. A process
killed in between leaves at most a body nobody points to. One run at a time may use a cache: two would double the load
on the sites behind it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from illinstr.errors import UsageError
from illinstr.files import canonical_json, write_bytes, write_text


class Entry(BaseModel):
    """What is known about one stored answer; ``final_url`` is the address after redirects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    final_url: str
    fetched: str
    content_type: str = ""
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    reservations: tuple[str, ...] = ()
    sha256: str


class Cache:
    """A folder of stored answers, keyed by the address that was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the cache for this process; the lock goes with the process, however it ends.

        Raises:
            UsageError: another run holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UsageError(
                    f"another run is using the cache {self.folder}",
                    hint="wait for it to end, or choose another --cache",
                ) from error
            yield
        finally:
            os.close(descriptor)

    def get(self, url: str) -> tuple[Entry, bytes] | None:
        """The stored answer for ``url``; None when there is none, or when it is damaged."""
        entry = self.entry(url)
        if entry is None:
            return None
        try:
            body = self._body_path(url, entry.sha256).read_bytes()
        except OSError:
            return None
        return (entry, body) if hashlib.sha256(body).hexdigest() == entry.sha256 else None

    def entry(self, url: str) -> Entry | None:
        """The description alone; its body is not looked at."""
        try:
            entry = Entry.model_validate_json(self._entry_path(url).read_bytes())
        except (OSError, ValidationError):
            return None
        return entry if entry.url == url else None

    def put(self, entry: Entry, body: bytes) -> None:
        """Store an answer; a former body of the same address goes once nothing points to it."""
        former = self.entry(entry.url)
        write_bytes(self._body_path(entry.url, entry.sha256), body)
        write_text(self._entry_path(entry.url), canonical_json(entry.model_dump(mode="json")))
        if former is not None and former.sha256 != entry.sha256:
            self._body_path(entry.url, former.sha256).unlink(missing_ok=True)

    def forget(self, url: str) -> None:
        """Remove what is kept of an address: the description first, so that no half of it is ever found."""
        former = self.entry(url)
        self._entry_path(url).unlink(missing_ok=True)
        if former is not None:
            self._body_path(url, former.sha256).unlink(missing_ok=True)

    def path(self, url: str, suffix: str) -> Path:
        """Where something else about an address is kept."""
        return self._stem(url).with_suffix(suffix)

    def _stem(self, url: str) -> Path:
        key = hashlib.sha256(url.encode("utf-8", errors="surrogatepass")).hexdigest()[:32]
        return self.folder / key[:2] / key

    def _entry_path(self, url: str) -> Path:
        return self._stem(url).with_suffix(".json")

    def _body_path(self, url: str, sha256: str) -> Path:
        stem = self._stem(url)
        return stem.with_name(f"{stem.name}-{sha256[:16]}.body")
