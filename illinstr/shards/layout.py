"""What lies in a data folder: file names, limits, the typed ``index.json`` and the columns of the Parquet index."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from illinstr.articles import KEY_PATTERN
from illinstr.errors import DataError

INDEX_NAME = "index.json"
SHARDS_FOLDER = "shards"
INDEX_SCHEMA_VERSION: Literal[1] = 1

# Limits on what is read back: a data folder may come from anywhere. USTAR names hold 100 bytes; the longest ending we
# write is ".00.webp".
MAX_KEY_LENGTH = 80
MAX_JSON_BYTES = 4 << 20
MAX_INDEX_BYTES = 256 << 20
MAX_SAMPLES_PER_SHARD = 1_000_000

SPLIT_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}")
# WebDataset cuts a member's name at its first dot: "key.json", "key.00.jpg".
MEMBER_PATTERN = re.compile(r"([0-9a-z_-]+)\.(?:json|([0-9]{2})\.(jpg|png|webp))")

ShardName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}-[0-9]{6}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ShardInfo(_Record):
    """One published shard: a tar of samples and its Parquet index.

    ``samples`` counts articles in the tar; ``failed`` counts rows of the Parquet file that have no article.
    """

    name: ShardName
    split: str
    samples: int = Field(ge=0, le=MAX_SAMPLES_PER_SHARD)
    failed: Count
    images: Count
    bytes: Count
    sha256: Sha256
    parquet_sha256: Sha256

    @model_validator(mode="after")
    def _name_begins_with_split(self) -> Self:
        if self.name.rpartition("-")[0] != self.split:
            raise ValueError(f"shard {self.name} is not of split {self.split!r}")
        return self

    def tar(self, data: Path) -> Path:
        """Where the samples lie."""
        return data / SHARDS_FOLDER / f"{self.name}.tar"

    def parquet(self, data: Path) -> Path:
        """Where the row per sample lies."""
        return data / SHARDS_FOLDER / f"{self.name}.parquet"


class ShardStats(ShardInfo):
    """``<shard>_stats.json``: written last of a shard's three files, it marks the shard as complete."""

    schema_version: Literal[1] = INDEX_SCHEMA_VERSION
    source_config_sha256: Sha256
    reasons: dict[str, int] = Field(default_factory=dict, description="failed rows by reason")

    def info(self) -> ShardInfo:
        """The part that enters ``index.json``."""
        return ShardInfo(**{name: getattr(self, name) for name in ShardInfo.model_fields})


class SplitInfo(_Record):
    """Totals of one split. A key that failed once and was written later counts as a sample alone."""

    samples: Count
    failed: Count
    images: Count
    shards: Count


class ShardIndex(_Record):
    """``index.json``: written last, it makes a folder of shards a data folder."""

    schema_version: Literal[1] = INDEX_SCHEMA_VERSION
    splits: dict[str, SplitInfo]
    shards: tuple[ShardInfo, ...]
    source_config: dict[str, Any]
    source_config_sha256: Sha256

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        names = [shard.name for shard in self.shards]
        if len(set(names)) != len(names):
            raise ValueError("a shard is listed twice")
        if config_sha256(self.source_config) != self.source_config_sha256:
            raise ValueError("source_config_sha256 does not belong to source_config")
        for split in {shard.split for shard in self.shards} | set(self.splits):
            listed = [shard for shard in self.shards if shard.split == split]
            totals = self.splits.get(split)
            if totals is None or totals.samples != sum(s.samples for s in listed) or totals.shards != len(listed):
                raise ValueError(f"counts of split {split!r} do not add up")
        return self

    def of_split(self, split: str | None) -> tuple[ShardInfo, ...]:
        """The shards of one split, or all.

        Raises:
            DataError: there is no such split.
        """
        if split is None:
            return self.shards
        if split not in self.splits:
            known = ", ".join(sorted(self.splits)) or "none"
            raise DataError(f"the data has no split {split!r}", hint=f"splits here: {known}")
        return tuple(shard for shard in self.shards if shard.split == split)


@dataclass(frozen=True)
class SampleRow:
    """One row of a shard's Parquet file; see ``docs/data-format.md``.

    ``offset`` and ``bytes`` name the run of the tar that holds all members of the sample, so that one read brings one
    article. Rows of failures hold key, status, reason and url alone.
    """

    key: str
    status: Literal["ok", "failed"]
    reason: str | None = None
    goal: str | None = None
    method: str | None = None
    num_steps: int | None = None
    num_images: int | None = None
    url: str | None = None
    license: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    offset: int | None = None


def write_rows(path: Path, rows: list[SampleRow]) -> None:
    """Publish a shard's rows as Parquet; equal rows give equal bytes under one pyarrow version."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from illinstr.files import atomic_open

    texts = ("key", "status", "reason", "goal", "method", "url", "license", "sha256")
    fields = [(name, pa.string() if name in texts else pa.int64()) for name in SampleRow.__dataclass_fields__]
    columns = {name: pa.array([getattr(row, name) for row in rows], type=kind) for name, kind in fields}
    with atomic_open(path) as stream:
        pq.write_table(pa.table(columns, schema=pa.schema(fields)), stream, compression="zstd")


def read_rows(path: Path) -> list[SampleRow]:
    """Read a shard's Parquet rows.

    Raises:
        DataError: missing, not Parquet, or with other columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=list(SampleRow.__dataclass_fields__), memory_map=False)
        return [SampleRow(**record) for record in table.to_pylist()]
    except (OSError, pa.ArrowException, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"cannot read {path}: {reason}", hint="check the copy with illinstr doctor --data") from error


def config_sha256(source_config: dict[str, Any]) -> str:
    """Identity of the settings the data was made with: SHA-256 of their canonical JSON.

    Raises:
        DataError: a value that JSON cannot hold.
    """
    from illinstr.files import canonical_json

    try:
        return hashlib.sha256(canonical_json(source_config).encode()).hexdigest()
    except (TypeError, ValueError) as error:
        raise DataError(f"source_config must hold JSON values only: {error}") from error


def read_index(data: Path) -> ShardIndex:
    """Read a data folder's ``index.json``.

    Raises:
        DataError: missing, unreadable, of another schema version, or not in agreement with itself.
    """
    path = data / INDEX_NAME
    try:
        if path.stat().st_size > MAX_INDEX_BYTES:
            raise DataError(f"{path} is over {MAX_INDEX_BYTES >> 20} MiB, which no index is")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        unfinished = (data / SHARDS_FOLDER).is_dir()
        hint = (
            "writing it was cut short; run the command that made it again"
            if unfinished
            else "make one with illinstr minihow --out DIR or illinstr scrape --out DIR"
        )
        raise DataError(f"{data} is not a finished data folder: no {INDEX_NAME}", hint=hint) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}") from error
    return _parse_index(path, text)


def _parse_index(path: Path, text: str) -> ShardIndex:
    again = "make the data again, or copy it again from where it was made"
    try:
        version = json.loads(text).get("schema_version")
    except (ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} is damaged: not a JSON object", hint=again) from error
    if version != INDEX_SCHEMA_VERSION:
        raise DataError(
            f"{path} has schema version {version!r}; this illinstr reads {INDEX_SCHEMA_VERSION}",
            hint="make the data again with this version, or use the version that made it",
        )
    try:
        return ShardIndex.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "index"
        raise DataError(f"{path} is damaged: {where}: {first['msg']}", hint=again) from error


def check_key(key: str) -> None:
    """Refuse a key that a shard cannot hold.

    Raises:
        DataError: a character outside ``[0-9a-z_-]`` (a dot would merge samples) or over 80 characters.
    """
    if not KEY_PATTERN.fullmatch(key):
        raise DataError(f"key {key!r} must match [0-9a-z_-]+", hint="illinstr.articles.make_id makes such keys")
    if len(key) > MAX_KEY_LENGTH:
        raise DataError(f"key {key[:20]!r}... has {len(key)} characters; {MAX_KEY_LENGTH} is the limit")
