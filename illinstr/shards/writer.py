"""Writing shards so that equal input gives equal bytes and a crash leaves only whole shards.

A shard is three files, published in this order: the tar, its Parquet index, its stats. The stats file marks the shard
as complete; ``index.json``, written when the writer closes cleanly, marks the folder as complete.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Literal, Self

from pydantic import ValidationError

from illinstr.articles import Article
from illinstr.errors import ConfigError, DataError
from illinstr.files import (
    INCOMPLETE_SUFFIX,
    atomic_open,
    fsync_folder,
    remove_leftovers,
    sha256_file,
    write_json,
)
from illinstr.images import MAX_IMAGE_BYTES
from illinstr.ownership import DATA, refuse_foreign
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards.layout import (
    INDEX_NAME,
    MAX_JSON_BYTES,
    MAX_SAMPLES_PER_SHARD,
    SHARDS_FOLDER,
    SPLIT_PATTERN,
    SampleRow,
    ShardIndex,
    ShardInfo,
    ShardStats,
    SplitInfo,
    check_key,
    config_sha256,
    read_rows,
    write_rows,
)

Existing = Literal["refuse", "resume", "overwrite"]
_OTHER_SETTINGS = "choose another folder, the same settings, or overwrite what is there"


@dataclass
class _OpenShard:
    """A tar on its way: a temporary that takes its name when full."""

    name: str
    publishing: AbstractContextManager[BinaryIO]
    stream: BinaryIO
    rows: list[SampleRow] = field(default_factory=list)
    samples: int = 0


class ShardWriter:
    """Turn articles into a data folder; use as a context manager.

    Args:
        out: the data folder; made when missing.
        source_config: JSON settings the data was made with; kept in the index, and what a resumed run must share.
        max_samples: articles per shard.
        max_bytes: bytes per tar; a larger article gets a shard of its own.
        existing: what to do when ``out`` holds shards. ``refuse`` raises. ``overwrite`` removes them first.
            ``resume`` keeps every complete shard: replay the same articles, those already written are skipped, and
            the bytes come out as if nothing had happened. Keys that failed before may succeed now.
        reporter: receives every published shard.

    On a clean exit the open shards and ``index.json`` are published and ``index`` holds what was written. On an
    exception the open tars are discarded, the published ones stay, and no new ``index.json`` is written.

    Raises:
        DataError: shards are in the way, or were made with other settings.
        ConfigError: limits below 1.
    """

    def __init__(
        self,
        out: Path,
        *,
        source_config: dict[str, Any],
        max_samples: int = 1000,
        max_bytes: int = 1 << 30,
        existing: Existing = "refuse",
        reporter: Reporter | None = None,
    ) -> None:
        if not 1 <= max_samples <= MAX_SAMPLES_PER_SHARD or max_bytes < 1:
            raise ConfigError(f"a shard holds 1 to {MAX_SAMPLES_PER_SHARD} samples and 1 byte at least")
        self.out = out
        self.index: ShardIndex | None = None
        self._folder = out / SHARDS_FOLDER
        self._source_config = source_config
        self._config_sha256 = config_sha256(source_config)
        self._max_samples = max_samples
        self._max_bytes = max_bytes
        self._reporter = reporter or SilentReporter()
        self._open: dict[str, _OpenShard] = {}
        self._published: list[ShardInfo] = []
        self._earlier: dict[str, tuple[str, SampleRow]] = {}  # rows of shards from a run before this one
        self._keys: set[str] = set()
        self._failed: dict[str, set[str]] = {}
        self._written: set[str] = set()
        self._outcome: dict[str, Any] = {}
        self._prepare(existing)

    def add(self, article: Article, *, split: str = "train") -> bool:
        """Write one article; its images must carry their bytes.

        Returns:
            False when a resumed folder already holds this very article, True otherwise.

        Raises:
            DataError: a key used twice or unfit for a shard, an image without bytes or with other bytes than
                recorded, a size over the limits, or a resumed folder that holds other content under this key.
        """
        self._claim(article.id, split)
        members = _members_of(article)
        digest = hashlib.sha256(members[0][1]).hexdigest()
        if self._already_written(article.id, split, digest):
            return False
        blob = _tar_members(members)
        shard = self._shard_for(split, len(blob))
        row = SampleRow(
            key=article.id,
            status="ok",
            goal=article.goal,
            method=article.method,
            num_steps=article.num_steps,
            num_images=len(members) - 1,
            url=article.provenance.url,
            license=article.license,
            sha256=digest,
            bytes=len(blob),
            offset=shard.stream.tell(),
        )
        shard.stream.write(blob)
        shard.rows.append(row)
        shard.samples += 1
        self._written.add(article.id)
        if shard.samples >= self._max_samples:
            self._publish(split)
        return True

    def add_failure(self, key: str, *, reason: str, url: str | None = None, split: str = "train") -> bool:
        """Record that a sample could not be made: a row in the Parquet file, nothing in the tar.

        Returns:
            False when a resumed folder already has a row for this key, True otherwise.

        Raises:
            DataError: a key used twice or unfit for a shard, or an empty reason.
        """
        if not reason:
            raise DataError(f"failure of {key!r} has no reason")
        self._claim(key, split)
        if key in self._earlier:
            return False
        self._shard_for(split, 0).rows.append(SampleRow(key=key, status="failed", reason=reason, url=url))
        self._failed.setdefault(split, set()).add(key)
        return True

    def publish_open(self) -> tuple[ShardInfo, ...]:
        """Publish the shards begun so far, so that what was added until now is safe; returns every published one."""
        for split in sorted(self._open):
            self._publish(split)
        return tuple(self._published)

    def set_outcome(self, **outcome: Any) -> None:
        """Tell the index what came of it: facts known only at the end, kept beside the settings in ``source_config``.
        A resumed run need not share them."""
        self._outcome |= outcome

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._discard(kind, error, trace)
            return
        try:
            self.publish_open()
            self._write_index()
        except BaseException as failure:
            self._discard(type(failure), failure, failure.__traceback__)
            raise

    def _claim(self, key: str, split: str) -> None:
        check_key(key)
        if not SPLIT_PATTERN.fullmatch(split):
            raise DataError(f"split {split!r} must match {SPLIT_PATTERN.pattern}")
        if key in self._keys:
            raise DataError(f"key {key!r} comes twice", hint="each article needs an id of its own")
        self._keys.add(key)

    def _already_written(self, key: str, split: str, digest: str) -> bool:
        if key not in self._earlier:
            return False
        earlier_split, row = self._earlier[key]
        if row.status == "failed":
            return False
        if row.sha256 != digest or earlier_split != split:
            raise DataError(f"{self.out} already holds another article {key!r}", hint=_OTHER_SETTINGS)
        return True

    def _shard_for(self, split: str, incoming: int) -> _OpenShard:
        shard = self._open.get(split)
        if shard is not None and shard.samples and shard.stream.tell() + incoming > self._max_bytes:
            self._publish(split)
            shard = None
        if shard is None or split not in self._open:
            number = sum(info.split == split for info in self._published)
            name = f"{split}-{number:06d}"
            publishing = atomic_open(self._folder / f"{name}.tar")
            shard = _OpenShard(name, publishing, publishing.__enter__())
            self._open[split] = shard
        return shard

    def _publish(self, split: str) -> None:
        shard = self._open[split]
        shard.stream.write(bytes(-shard.stream.tell() % tarfile.RECORDSIZE or tarfile.RECORDSIZE))
        size = shard.stream.tell()
        del self._open[split]
        shard.publishing.__exit__(None, None, None)
        tar, parquet = self._folder / f"{shard.name}.tar", self._folder / f"{shard.name}.parquet"
        write_rows(parquet, shard.rows)
        reasons = Counter(row.reason for row in shard.rows if row.reason is not None)
        stats = ShardStats(
            name=shard.name,
            split=split,
            samples=shard.samples,
            failed=len(shard.rows) - shard.samples,
            images=sum(row.num_images or 0 for row in shard.rows),
            bytes=size,
            sha256=sha256_file(tar),
            parquet_sha256=sha256_file(parquet),
            source_config_sha256=self._config_sha256,
            reasons=dict(reasons),
        )
        write_json(self._folder / f"{shard.name}_stats.json", stats.model_dump(mode="json"))
        self._published.append(stats.info())
        self._reporter.log(f"shard {shard.name}: {stats.samples} articles, {stats.failed} failed, {size:,} bytes")

    def _discard(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        failure = error if error is not None else kind()
        for shard in self._open.values():
            try:
                shard.publishing.__exit__(type(failure), failure, trace)
            except BaseException as reraised:
                if reraised is not failure:
                    raise
        self._open.clear()

    def _write_index(self) -> None:
        shards = tuple(sorted(self._published, key=lambda info: info.name))
        splits = {}
        for split in sorted({info.split for info in shards}):
            listed = [info for info in shards if info.split == split]
            splits[split] = SplitInfo(
                samples=sum(info.samples for info in listed),
                failed=len(self._failed.get(split, set()) - self._written),
                images=sum(info.images for info in listed),
                shards=len(listed),
            )
        described = {**self._source_config, **self._outcome}
        self.index = ShardIndex(
            splits=splits,
            shards=shards,
            source_config=described,
            source_config_sha256=config_sha256(described),
        )
        write_json(self.out / INDEX_NAME, self.index.model_dump(mode="json"))

    def _prepare(self, existing: Existing) -> None:
        for folder in (self.out, self._folder):
            remove_leftovers(folder)
        finished = (self.out / INDEX_NAME).exists()
        occupied = finished or (self._folder.is_dir() and any(self._folder.iterdir()))
        if existing == "refuse" and occupied and not finished:
            existing = "resume"  # a run that was cut off: the same command goes on with it
        if occupied and existing == "refuse":
            raise DataError(f"{self.out} already holds data", hint="overwrite it, or choose another folder")
        if occupied:
            refuse_foreign(self.out, DATA)
        if occupied and existing == "overwrite":
            self._empty()
        self._folder.mkdir(parents=True, exist_ok=True)
        if occupied and existing == "resume":
            self._take_up()

    def _empty(self) -> None:
        """Remove the shards. What says that others are complete goes first, so that a kill leaves nothing to trust."""
        (self.out / INDEX_NAME).unlink(missing_ok=True)
        fsync_folder(self.out)
        for ending in ("_stats.json", ".parquet", ".tar", INCOMPLETE_SUFFIX):
            for path in sorted(self._folder.glob(f"*{ending}")):
                path.unlink()

    def _take_up(self) -> None:
        """Keep complete shards, remove what a killed run left half-written."""
        complete: dict[str, ShardStats] = {}
        for path in sorted(self._folder.glob("*_stats.json")):
            stats = _read_stats(path)
            if stats.source_config_sha256 != self._config_sha256:
                raise DataError(f"{self.out} was made with other settings", hint=_OTHER_SETTINGS)
            complete[stats.name] = stats
        for path in sorted(self._folder.iterdir()):
            name = path.name.removesuffix("_stats.json").removesuffix(".tar").removesuffix(".parquet")
            if path.name.endswith(INCOMPLETE_SUFFIX) or (path.suffix in (".tar", ".parquet") and name not in complete):
                path.unlink()
        for stats in complete.values():
            for row in read_rows(stats.parquet(self.out)):
                self._earlier[row.key] = (stats.split, row)
                if row.status == "ok":
                    self._written.add(row.key)
                else:
                    self._failed.setdefault(stats.split, set()).add(row.key)
            self._published.append(stats.info())


def _read_stats(path: Path) -> ShardStats:
    try:
        return ShardStats.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise DataError(f"cannot read {path}: damaged stats", hint="overwrite the folder") from error


def tar_of(article: Article) -> bytes:
    """An article as it lies in a shard: its JSON and its images, in tar form.

    Raises:
        DataError: an image without bytes or with other bytes than recorded, or a size over the limits.
    """
    return _tar_members(_members_of(article))


def _members_of(article: Article) -> list[tuple[str, bytes]]:
    """Name and bytes of each file of a sample, the JSON first."""
    text = article.to_json().encode()
    if len(text) > MAX_JSON_BYTES:
        raise DataError(f"article {article.id!r} has {len(text)} bytes of JSON; {MAX_JSON_BYTES} is the limit")
    members = [(f"{article.id}.json", text)]
    for index, step in enumerate(article.steps):
        if step.image is None:
            continue
        data, label = step.image.data, f"article {article.id!r}, step {index + 1}"
        if data is None:
            raise DataError(f"{label}: the image's bytes are missing", hint="attach them with Article.with_images")
        if len(data) > MAX_IMAGE_BYTES:
            raise DataError(f"{label}: an image of {len(data)} bytes is over the limit of {MAX_IMAGE_BYTES}")
        if hashlib.sha256(data).hexdigest() != step.image.sha256:
            raise DataError(f"{label}: the image's bytes are not the ones its SHA-256 names")
        members.append((f"{article.id}.{index:02d}.{step.image.suffix}", data))
    return members


def _tar_members(members: list[tuple[str, bytes]]) -> bytes:
    """The members as a run of a USTAR archive (POSIX.1-1988): no times, owners or names of machines."""
    run = io.BytesIO()
    for name, data in members:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        info.mode = 0o644
        run.write(info.tobuf(tarfile.USTAR_FORMAT))
        run.write(data)
        run.write(bytes(-len(data) % tarfile.BLOCKSIZE))
    return run.getvalue()
