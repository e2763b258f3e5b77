"""What is in a data folder, in numbers."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from illinstr.articles import Article
from illinstr.engine.executor import Placement, Task, Worker, run_tasks
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards.layout import ShardInfo, read_index, read_rows
from illinstr.shards.reader import shard_articles
from illinstr.shards.splits import goal_signature
from illinstr.shards.takedown import Takedown

TOKEN_LIMIT = 77
_LISTED = 20


class Spread(BaseModel):
    """Least, median and most of some count."""

    model_config = ConfigDict(frozen=True)

    least: float
    median: float
    most: float


class DataStats(BaseModel):
    """What ``describe`` counts. Distinct goals are counted by signature, so near-duplicates count once.

    ``pictures_of_all`` are the articles with an image at every step: those the stacked model can learn from.
    ``images_missing`` counts the step images that are not stored by the reason their record gives, and the steps that
    have none at all. ``texts_over_77_tokens`` is None where the data does not say how many tokens its texts have.
    """

    model_config = ConfigDict(frozen=True)

    articles: int
    damaged: int = 0
    goals: int
    steps: int
    images: int
    failed: int
    bytes: int
    pictures_of_all: int
    splits: dict[str, int]
    steps_per_article: dict[int, int]
    languages: dict[str, int]
    licenses: dict[str, int]
    image_licenses: dict[str, int]
    images_missing: dict[str, int]
    image_types: dict[str, int]
    image_width: Spread | None
    image_height: Spread | None
    headline_words: Spread | None
    texts_over_77_tokens: int | None
    sources: dict[str, int]
    categories: dict[str, int]
    failures: dict[str, int]
    funnel: dict[str, Any] | None


@dataclass
class _Tally:
    goals: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)
    steps_per_article: Counter[int] = field(default_factory=Counter)
    named: dict[str, Counter[str]] = field(default_factory=dict)
    widths: list[int] = field(default_factory=list)
    heights: list[int] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def name(self, what: str, value: str) -> None:
        self.named.setdefault(what, Counter())[value] += 1

    def article(self, article: Article) -> None:
        self.goals.add(goal_signature(article.goal))
        self.counts["articles"] += 1
        self.steps_per_article[article.num_steps] += 1
        self.name("languages", article.language)
        self.name("licenses", article.license or "unknown")
        self.name("sources", article.provenance.source)
        for category in article.extra.get("categories") or ():
            self.name("categories", str(category))
        for step in article.steps:
            self.words.append(len(step.headline.split()))
            if step.image is not None:
                self.counts["images"] += 1
                self.widths.append(step.image.width)
                self.heights.append(step.image.height)
                self.name("image_licenses", step.image.license or "unknown")
                self.name("image_types", step.image.media_type)
        self._missing(article)
        self.counts["pictures_of_all"] += all(step.image is not None for step in article.steps)
        counted = article.extra.get("tokens")
        if isinstance(counted, dict):
            self.tokens += [count for count in (counted.get("goal"), *counted.get("steps", ())) if _is_count(count)]

    def _missing(self, article: Article) -> None:
        records = article.extra.get("step_images")
        if not isinstance(records, list) or len(records) != len(article.steps):
            return
        for step, record in zip(article.steps, records, strict=True):
            if step.image is None:
                said = record.get("left_out") if isinstance(record, dict) else "none on the page"
                self.name("images_missing", str(said or "no reason given"))

    def add(self, other: _Tally) -> None:
        """Count what another shard holds as well."""
        self.goals |= other.goals
        self.counts.update(other.counts)
        self.steps_per_article.update(other.steps_per_article)
        for what, values in other.named.items():
            self.named.setdefault(what, Counter()).update(values)
        self.widths += other.widths
        self.heights += other.heights
        self.words += other.words
        self.tokens += other.tokens
        self.damaged += other.damaged

    def listed(self, what: str, most: int | None = None) -> dict[str, int]:
        found = self.named.get(what, Counter())
        return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))[:most])


@dataclass(frozen=True)
class CountShards:
    """Counts what is in shards, each a task."""

    data: Path
    takedown: Takedown

    def finished(self, task: Task) -> None:
        """Counts are kept nowhere."""
        return None

    def start(self, worker: Worker) -> Callable[[Task], _Tally]:
        """Nothing to load."""
        return lambda task: self._count(task.payload)

    def _count(self, shard: ShardInfo) -> _Tally:
        tally = _Tally()
        for article in shard_articles(
            self.data, shard, self.takedown, lambda error: tally.damaged.append(error.message)
        ):
            tally.article(article)
        for row in read_rows(shard.parquet(self.data)):
            if row.status == "failed":
                tally.name("failures", (row.reason or "no reason").split(":")[0])
        return tally


def describe(
    data: Path,
    *,
    split: str | None = None,
    reporter: Reporter | None = None,
    placement: Placement | None = None,
) -> DataStats:
    """Count what a data folder, or one split of it, holds; what is damaged is told and counted apart.

    Args:
        data: the data folder, which every worker has to see under this name.
        split: one split only.
        reporter: receives progress.
        placement: where shards are counted; the numbers do not depend on it.

    Raises:
        DataError: no index, no such split, or a damaged index of a shard.
    """
    index, told = read_index(data), reporter or SilentReporter()
    shards, tally = index.of_split(split), _Tally()
    work = CountShards(data.resolve(), Takedown.of_folder(data))
    with told.task("articles read", total=sum(shard.samples for shard in shards)) as advance:
        outcomes = run_tasks(
            work, (Task(shard.name, shard) for shard in shards), placement, ordered=True, reporter=told
        )
        for shard, outcome in zip(shards, outcomes, strict=True):
            if outcome.error is not None:
                raise outcome.error
            for line in outcome.result.damaged:
                told.log(f"not counted: {line}")
            tally.add(outcome.result)
            advance(shard.samples)
    funnel = index.source_config.get("funnel")
    return DataStats(
        articles=tally.counts["articles"],
        damaged=len(tally.damaged),
        goals=len(tally.goals),
        steps=sum(number * count for number, count in tally.steps_per_article.items()),
        images=tally.counts["images"],
        failed=sum(tally.listed("failures").values()),
        bytes=sum(shard.bytes for shard in shards),
        pictures_of_all=tally.counts["pictures_of_all"],
        splits={name: info.samples for name, info in sorted(index.splits.items()) if split in (None, name)},
        steps_per_article=dict(sorted(tally.steps_per_article.items())),
        languages=tally.listed("languages"),
        licenses=tally.listed("licenses"),
        image_licenses=tally.listed("image_licenses", _LISTED),
        images_missing=tally.listed("images_missing", _LISTED),
        image_types=tally.listed("image_types"),
        image_width=_spread(tally.widths),
        image_height=_spread(tally.heights),
        headline_words=_spread(tally.words),
        texts_over_77_tokens=sum(count > TOKEN_LIMIT for count in tally.tokens) if tally.tokens else None,
        sources=tally.listed("sources"),
        categories=tally.listed("categories", _LISTED),
        failures=tally.listed("failures", _LISTED),
        funnel=funnel if isinstance(funnel, dict) else None,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _spread(values: Iterable[int]) -> Spread | None:
    found = list(values)
    return Spread(least=min(found), median=statistics.median(found), most=max(found)) if found else None
