"""Checking a whole data folder: every byte against the index, every article against the schema."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from illinstr.articles import StepImage
from illinstr.engine.executor import Placement, Task, Worker, run_tasks
from illinstr.errors import DataError
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards.layout import SHARDS_FOLDER, ShardInfo, read_index, read_rows
from illinstr.shards.reader import Sample, check_shard_bytes, iter_samples, to_article
from illinstr.shards.splits import goal_signature


class ValidationReport(BaseModel):
    """What ``validate`` found. ``problems`` make the data unfit; ``warnings`` are worth a look."""

    model_config = ConfigDict(frozen=True)

    articles: int
    images: int
    failed: int
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems


@dataclass
class _Findings:
    """What is found in one shard, or in all so far."""

    articles: int = 0
    images: int = 0
    failed: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    keys: dict[str, None] = field(default_factory=dict)  # in their order
    splits_by_goal: dict[str, set[str]] = field(default_factory=dict)

    def add(self, other: _Findings, tar: Path) -> None:
        """Add what was found in a later shard, ``tar``."""
        self.articles += other.articles
        self.images += other.images
        self.failed += other.failed
        self.problems += other.problems
        self.problems += [f"{tar}: {key!r} is in an earlier shard too" for key in other.keys if key in self.keys][:1]
        self.keys |= other.keys
        for goal, splits in other.splits_by_goal.items():
            self.splits_by_goal.setdefault(goal, set()).update(splits)


@dataclass(frozen=True)
class CheckShards:
    """Checks shards, each a task."""

    data: Path

    def finished(self, task: Task) -> None:
        """Every check is done again: bytes may have changed since."""
        return None

    def start(self, worker: Worker) -> Callable[[Task], _Findings]:
        """Nothing to load."""
        return lambda task: self._check(task.payload)

    def _check(self, shard: ShardInfo) -> _Findings:
        findings = _Findings()
        try:
            check_shard_bytes(self.data, shard)
            _check_shard(self.data, shard, findings)
        except DataError as error:
            findings.problems.append(error.message)
        return findings


def validate(data: Path, *, reporter: Reporter | None = None, placement: Placement | None = None) -> ValidationReport:
    """Read every shard of a data folder and compare bytes, rows and articles.

    A damaged shard becomes a problem and the next shard is read.

    Args:
        data: the data folder, which every worker has to see under this name.
        reporter: receives progress.
        placement: where shards are checked; what is found does not depend on it.

    Raises:
        DataError: the folder has no usable ``index.json``.
    """
    index, told = read_index(data), reporter or SilentReporter()
    findings = _Findings()
    with told.task("validate", total=len(index.shards)) as advance:
        tasks = (Task(shard.name, shard) for shard in index.shards)
        outcomes = run_tasks(CheckShards(data), tasks, placement, ordered=True, reporter=told)
        for shard, outcome in zip(index.shards, outcomes, strict=True):
            if outcome.error is not None:
                raise outcome.error
            findings.add(outcome.result, shard.tar(data))
            advance(status=shard.name)
    listed = {f"{shard.name}{ending}" for shard in index.shards for ending in (".tar", ".parquet", "_stats.json")}
    present = {path.name for path in (data / SHARDS_FOLDER).iterdir()} if (data / SHARDS_FOLDER).is_dir() else set()
    findings.warnings += [f"{SHARDS_FOLDER}/{name} is not in the index" for name in sorted(present - listed)]
    crossing = sum(len(splits) > 1 for splits in findings.splits_by_goal.values())
    if crossing:
        findings.warnings.append(f"{crossing} goals stand in more than one split")
    return ValidationReport(
        articles=findings.articles,
        images=findings.images,
        failed=findings.failed,
        problems=tuple(findings.problems),
        warnings=tuple(findings.warnings),
    )


def _check_shard(data: Path, shard: ShardInfo, findings: _Findings) -> None:
    tar = shard.tar(data)
    rows = read_rows(shard.parquet(data))
    good = {row.key: row for row in rows if row.status == "ok"}
    if (len(good), len(rows) - len(good)) != (shard.samples, shard.failed):
        raise DataError(f"{shard.parquet(data)}: its rows are not as many as the index says")
    findings.failed += shard.failed
    for sample in iter_samples(tar):
        if sample.key in findings.keys:
            raise DataError(f"{tar}: {sample.key!r} comes twice")
        findings.keys[sample.key] = None
        row = good.pop(sample.key, None)
        place = (sample.offset, sample.length, hashlib.sha256(sample.json).hexdigest())
        if row is None or (row.offset, row.bytes, row.sha256) != place:
            raise DataError(f"{tar}: {sample.key!r} is not as its Parquet row says")
        _check_article(sample, shard, tar, findings)
    if good:
        raise DataError(f"{tar}: {len(good)} samples have a row but no files, {min(good)!r} among them")


def _check_article(sample: Sample, shard: ShardInfo, tar: Path, findings: _Findings) -> None:
    article = to_article(sample, tar)
    for number, step in enumerate(article.steps, start=1):
        if step.image is None or step.image.data is None:
            continue
        decoded = StepImage.from_bytes(step.image.data)
        recorded = (step.image.media_type, step.image.width, step.image.height)
        if (decoded.media_type, decoded.width, decoded.height) != recorded:
            raise DataError(f"{tar}: {sample.key}: the image of step {number} has another size or format")
        findings.images += 1
    findings.articles += 1
    findings.splits_by_goal.setdefault(goal_signature(article.goal), set()).add(shard.split)
