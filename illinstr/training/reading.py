"""Articles straight from the shards, as sequences a task can index; failures to read are counted, never hidden."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Self, TypeVar, overload

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.progress import Reporter, current_reporter
from illinstr.shards import ArticleTable, JoinedTable, Sources, sources_of
from illinstr.training.config import DataConfig

RECENT_ARTICLES = 64
ValueT = TypeVar("ValueT")


class ArticleSet(Sequence[Article]):
    """Some articles of a table, left on disk and read one by one when they are needed.

    Memory holds the places of all articles and the last few articles read.

    Args:
        table: the articles of a split.
        numbers: which of them.
        cached: whether what is computed from articles once may be kept on disk.

    Attributes:
        lengths: the step count of each article.
        complete: whether each has all its images.
        contents: a hash of the content of each article, empty where it is not known.
        sources: which of the data folders each is from, from 0.
        weights: of each article; None where all are the same.
    """

    def __init__(self, table: ArticleTable | JoinedTable, numbers: Sequence[int], *, cached: bool) -> None:
        self.table = table
        self.numbers = numbers
        self.cached = cached
        self.lengths = _chosen(table.lengths, numbers)
        self.complete = _chosen(table.complete, numbers)
        self.contents = _chosen(table.contents, numbers)
        joined = table if isinstance(table, JoinedTable) else None
        self.sources = _chosen(joined.sources, numbers) if joined else [0] * len(numbers)
        self.weights = _chosen(joined.weights, numbers) if joined and joined.weights else None
        self._read = lru_cache(maxsize=RECENT_ARTICLES)(table.read)

    @classmethod
    def open(cls, data: Sources, config: DataConfig) -> Self:
        """The fully illustrated training articles, cut to ``limit`` and then to ``fraction`` (at least one).

        Raises:
            DataError: none is left, or the data folder is damaged.
        """
        table = open_table(data, config.split, min_steps=config.min_steps, max_steps=config.max_steps)
        numbers = range(len(table))[: config.limit]
        if not numbers:
            raise no_articles(data, config.split, config)
        return cls(table, numbers[: max(1, round(len(numbers) * config.fraction))], cached=config.cache)

    def first(self, count: int) -> ArticleSet:
        """The first ``count`` of these."""
        return ArticleSet(self.table, self.numbers[:count], cached=self.cached)

    def __len__(self) -> int:
        return len(self.lengths)

    @overload
    def __getitem__(self, index: int) -> Article: ...
    @overload
    def __getitem__(self, index: slice) -> list[Article]: ...
    def __getitem__(self, index: int | slice) -> Article | list[Article]:
        """One article, or a list of them.

        Raises:
            DataError: it cannot be read.
        """
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        return self._read(self.numbers[index])

    def weights_of(self, articles: Iterable[int]) -> list[float] | None:
        """The weight of each sample, given the article it is of; None where all are the same."""
        weights = self.weights
        return None if weights is None else [weights[article] for article in articles]

    def panels(self) -> PanelSet:
        """All images of all articles as one sequence."""
        return PanelSet(self)


class PanelSet(Sequence[bytes]):
    """The encoded images of articles, article by article."""

    def __init__(self, articles: ArticleSet) -> None:
        self.articles = articles
        self._ends = list(accumulate(articles.lengths))

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """One image, or a list of them.

        Raises:
            DataError: its article cannot be read.
        """
        if isinstance(index, slice):
            return [self[number] for number in range(len(self))[index]]
        article, step = self.place(range(len(self))[index])
        image = self.articles[article].steps[step].image
        if image is None or image.data is None:
            raise DataError(f"{self.articles[article].id}: step {step + 1} has no image")
        return image.data

    def of_articles(self, messages: Mapping[int, str]) -> dict[int, str]:
        """What is said of articles, said of each of their images."""
        said = ((number, self.place(number)[0]) for number in range(len(self))) if messages else ()
        return {number: messages[article] for number, article in said if article in messages}

    @property
    def weights(self) -> list[float] | None:
        """The weight of each image, which is its article's; None where all are the same."""
        owners = (article for article, length in enumerate(self.articles.lengths) for _ in range(length))
        return self.articles.weights_of(owners)

    def place(self, number: int) -> tuple[int, int]:
        """The article and the step, both from 0, that image ``number`` belongs to."""
        article = bisect_right(self._ends, number)
        return article, number - (self._ends[article - 1] if article else 0)


def _chosen(values: Sequence[ValueT], numbers: Sequence[int]) -> list[ValueT]:
    return [values[number] for number in numbers]


def open_table(
    data: Sources, split: str, *, min_steps: int, max_steps: int, only_complete: bool = True, required: bool = True
) -> ArticleTable | JoinedTable:
    """The articles of one split of the data folders; tells how many are left out as another folder holds them out.

    Args:
        data: one folder, or several with weights.
        split: which split.
        min_steps, max_steps: articles outside are left out.
        only_complete: leave out articles that miss an image.
        required: whether each of several folders must have such articles; else one is enough.

    Raises:
        DataError: a folder is damaged or has no such split, or one of several no such article.
    """
    sources = sources_of(data)
    if len(sources) == 1:
        folder = sources[0].folder
        return ArticleTable(folder, split, min_steps=min_steps, max_steps=max_steps, only_complete=only_complete)
    table = JoinedTable(
        sources, split, min_steps=min_steps, max_steps=max_steps, only_complete=only_complete, required=required
    )
    if table.num_held_out:
        current_reporter().log(
            f"split {split}: {table.num_held_out} articles are left out, since another folder holds out their goals"
        )
    return table


def named(data: Sources) -> str:
    """The folders for a message."""
    return ", ".join(str(source.folder) for source in sources_of(data))


def no_articles(data: Sources, split: str, config: DataConfig) -> DataError:
    """The error of a split in which nothing fits."""
    return DataError(
        f"{named(data)} has no illustrated article of {config.min_steps}-{config.max_steps} steps in split {split!r}",
        hint="check data.split, data.min_steps and data.max_steps against the folder's index.json",
    )


class ErrorBudget:
    """Counts samples that cannot be read, tells each one once, and ends the run when they are too many.

    Args:
        limit: how many distinct samples may fail in this process.
        reporter: receives each.
    """

    def __init__(self, limit: int, reporter: Reporter) -> None:
        self.limit = limit
        self.reporter = reporter
        self.failed: dict[int, str] = {}
        self._lock = threading.Lock()

    def count(self, unit: int, error: DataError) -> None:
        """Note that ``unit`` failed.

        Raises:
            DataError: over the limit.
        """
        with self._lock:
            if unit in self.failed:
                return
            self.failed[unit] = error.message
            total = len(self.failed)
        self.reporter.log(f"unreadable sample {total} (limit {self.limit}): {error.message}")
        if total > self.limit:
            raise DataError(
                f"{total} samples could not be read, {self.limit} are allowed; last: {error.message}",
                hint="check the data with illinstr.shards.validate, or allow more with data.max_errors",
            ) from error
