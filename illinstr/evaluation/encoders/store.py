"""Features kept by content, so that an image is looked at once however often it is scored.

One SQLite file an encoder: its fingerprint (weights, preprocessing, tokenizer), our own decoding step and the kind of
device name the file, the SHA-256 of the image's bytes or of the text names the row. A transaction is whole or not at
all, so a killed evaluation keeps every piece it finished, and several processes may write at once.

The store is a convenience and never a reason to fail: a file that cannot be read is replaced, a folder that cannot be
written is left alone, and both are said once.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from illinstr import files
from illinstr.images import DECODING
from illinstr.progress import Reporter, SilentReporter

Vector = NDArray[np.float32]
Kind = Literal["picture", "text", "answer", "article"]

_AT_ONCE = 500  # names in one query: SQLite limits the variables of a statement
_WAIT_S = 30.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS features (kind TEXT, name TEXT, vector BLOB NOT NULL, PRIMARY KEY (kind, name))"


class Fingerprinted(Protocol):
    """Whoever looks: an encoder, or a model on a server."""

    @property
    def sha256(self) -> str:
        """What decides the features, hashed."""


def default_folder() -> Path:
    """Where features are kept unless told otherwise."""
    return files.cache_folder("features")


def text_name(text: str) -> str:
    """What a text is filed under."""
    return hashlib.sha256(text.encode()).hexdigest()


class FeatureStore:
    """Features on disk, or in memory alone.

    Args:
        folder: where the SQLite files lie; None keeps features for as long as the store lives.
        reporter: told when the folder is of no use.
    """

    def __init__(self, folder: Path | None = None, reporter: Reporter | None = None) -> None:
        self.folder = folder
        self._reporter = reporter or SilentReporter()
        self._memory: dict[tuple[str, Kind], dict[str, Vector]] = {}

    def load(self, encoder: Fingerprinted, kind: Kind, names: Sequence[str]) -> dict[str, Vector]:
        """The features that are there, by name."""
        if self.folder is None:
            kept = self._memory.get((_key(encoder), kind), {})
            return {name: kept[name] for name in names if name in kept}
        path = self._path(encoder)
        if not path.is_file():
            return {}
        try:
            with contextlib.closing(sqlite3.connect(path, timeout=_WAIT_S)) as connection:
                return _select(connection, kind, names)
        except (sqlite3.Error, ValueError) as error:
            self._give_up_on(path, error)
            return {}

    def save(self, encoder: Fingerprinted, kind: Kind, features: Mapping[str, Vector]) -> None:
        """Keep features; all of them or none, should the process be killed."""
        if self.folder is None:
            self._memory.setdefault((_key(encoder), kind), {}).update(features)
            return
        rows = [(kind, name, np.ascontiguousarray(vector, dtype="<f4").tobytes()) for name, vector in features.items()]
        path = self._path(encoder)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(path, timeout=_WAIT_S)) as connection, connection:
                connection.execute(_SCHEMA)
                connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?)", rows)
        except (sqlite3.Error, OSError) as error:
            self._reporter.log(f"features are not kept in {self.folder}: {error}")
            self.folder = None

    def _path(self, encoder: Fingerprinted) -> Path:
        assert self.folder is not None
        return self.folder / f"{_key(encoder)}.sqlite"

    def _give_up_on(self, path: Path, error: Exception) -> None:
        self._reporter.log(f"features in {path} cannot be read ({error}); they are computed again")
        with contextlib.suppress(OSError):
            path.unlink()


def _key(encoder: Fingerprinted) -> str:
    device = str(getattr(encoder, "device", "cpu")).partition(":")[0]
    return hashlib.sha256(f"{encoder.sha256} rgb-on-white/{DECODING} {device}".encode()).hexdigest()[:32]


def _select(connection: sqlite3.Connection, kind: Kind, names: Sequence[str]) -> dict[str, Vector]:
    found: dict[str, Vector] = {}
    for start in range(0, len(names), _AT_ONCE):
        piece = names[start : start + _AT_ONCE]
        marks = ", ".join("?" * len(piece))
        query = f"SELECT name, vector FROM features WHERE kind = ? AND name IN ({marks})"
        for name, blob in connection.execute(query, (kind, *piece)):
            found[name] = np.frombuffer(blob, dtype="<f4").astype(np.float32)
    if len({vector.shape for vector in found.values()}) > 1 or not all(np.isfinite(v).all() for v in found.values()):
        raise ValueError("rows of different length, or that hold no numbers")
    return found
