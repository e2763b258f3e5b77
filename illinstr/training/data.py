"""The order in which a run sees its articles, and their images as tensors.

Training articles stay in their shards and are read and decoded when a batch needs them. The order is a pure function of
(seed, optimiser step): resuming at step k continues with the very batch an uninterrupted run would have seen, and no
position has to be stored.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.images import decode_panel
from illinstr.shards import Sources, iter_articles, sources_of
from illinstr.training.config import DataConfig
from illinstr.training.reading import ArticleSet, no_articles, open_table

BatchT = TypeVar("BatchT")


def read_split(data: Sources, split: str, config: DataConfig, *, limit: int | None) -> list[Article]:
    """Fully illustrated articles of one split whose step count fits, in shard order, or from several folders in turn.

    Raises:
        DataError: none is left.
    """
    sources = sources_of(data)
    if len(sources) > 1:
        table = open_table(data, split, min_steps=config.min_steps, max_steps=config.max_steps, required=False)
        if not len(table):
            raise no_articles(data, split, config)
        return [table.read(number) for number in range(len(table))[:limit]]
    kept: list[Article] = []
    for article in iter_articles(sources[0].folder, split=split):
        fits = config.min_steps <= article.num_steps <= config.max_steps
        if fits and all(step.image is not None for step in article.steps):
            kept.append(article)
        if limit is not None and len(kept) >= limit:
            break
    if not kept:
        raise no_articles(data, split, config)
    return kept


def training_articles(data: Sources, config: DataConfig) -> ArticleSet:
    """The training split, cut to ``limit`` and then to ``fraction`` (at least one article), left on disk.

    Raises:
        DataError: none is left, or the data folder is damaged.
    """
    return ArticleSet.open(data, config)


def panels_of(article: Article, panel_px: int) -> Tensor:
    """All images of an article as float32 (n, 3, panel_px, panel_px) in [-1, 1]."""
    images = [
        decode_panel(_bytes_of(article, index), panel_px, label=f"{article.id}: the image of step {index + 1}")
        for index in range(article.num_steps)
    ]
    return to_unit_range(np.stack(images))


def to_unit_range(pixels_nhwc: np.ndarray) -> Tensor:
    """uint8 (n, h, w, 3) -> float32 (n, 3, h, w) in [-1, 1]."""
    return torch.from_numpy(pixels_nhwc).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def _bytes_of(article: Article, index: int) -> bytes:
    image = article.steps[index].image
    if image is None or image.data is None:
        raise DataError(f"article {article.id} has no image for step {index + 1}")
    return image.data


class BatchOrder:
    """Which units form the batch of each optimiser step; every unit counts the same in expectation, whatever its N.

    Every epoch leaves out as many units as do not fill a batch, drawn from all alike. The rest is shuffled and cut, N
    by N, into batches of one N. What is left of each N is joined to batches of several, sorted by N, which are computed
    as several micro-batches of one N each (``batches.assign``). So each unit of an epoch has the weight 1 / batch_size,
    that of a rare N as well: one batch a bucket would give 13 articles 30 times the weight of 384.

    Args:
        lengths: the bucket of each unit (an article's N; all equal for single panels).
        batch_size: units in a batch over all processes.
        seed: of the whole run.
        weights: how often each unit is seen beside one of weight 1; all the same when None. An epoch then is as many
            units as there are, of which a unit is ``weight / mean weight`` in expectation: the whole part of that
            always, one more with the chance of the rest, drawn systematically (Madow 1949, Annals of Mathematical
            Statistics 20, p. 333) in shuffled order, so that the number of units is exact.
    """

    def __init__(
        self, lengths: Sequence[int], batch_size: int, seed: int, weights: Sequence[float] | None = None
    ) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self.lengths = lengths
        self._lengths = np.asarray(lengths)
        self._weights = None if weights is None else np.asarray(weights, dtype=np.float64)
        self.batches_per_epoch = max(1, len(lengths) // batch_size)
        self._epoch = lru_cache(maxsize=2)(self._shuffled_epoch)

    def _shuffled_epoch(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        kept = rng.permutation(self._drawn(rng))[: self.batches_per_epoch * self.batch_size]
        batches: list[np.ndarray] = []
        left: list[np.ndarray] = []
        for length in np.unique(self._lengths):
            units = kept[self._lengths[kept] == length]
            whole = len(units) // self.batch_size * self.batch_size
            batches += [units[start : start + self.batch_size] for start in range(0, whole, self.batch_size)]
            left.append(units[whole:])
        joined = np.concatenate(left)
        batches += [joined[start : start + self.batch_size] for start in range(0, len(joined), self.batch_size)]
        return [batches[i] for i in rng.permutation(len(batches))]

    def _drawn(self, rng: np.random.Generator) -> np.ndarray:
        """The units of an epoch, each as often as it is seen."""
        units = np.arange(len(self._lengths))
        if self._weights is None:
            return units
        units = rng.permutation(units)
        ends = np.cumsum(self._weights[units])
        ends *= len(units) / ends[-1]
        ends[-1] = len(units)  # whatever was rounded
        counts = np.diff(np.floor(ends + rng.random()), prepend=0.0).astype(np.int64)
        return np.repeat(units, counts)

    def like(self, unit: int) -> Iterator[int]:
        """Other units of the N of ``unit``, the next ones first, assigned for the same step."""
        assigned = getattr(unit, "another", int)
        alike = np.flatnonzero(self._lengths == self._lengths[unit])
        start = int(np.searchsorted(alike, unit))
        yield from (assigned(int(other)) for other in np.roll(alike, -start)[1:])

    def images_in(self, units: Sequence[int]) -> int:
        """How many images ``units`` hold."""
        return sum(self.lengths[unit] for unit in units)

    def place(self, step: int) -> dict[str, int]:
        """Where optimiser step ``step`` stands: epoch from 0 and batch inside it."""
        epoch, position = divmod(step, self.batches_per_epoch)
        return {"epoch": epoch, "position": position}

    def batch(self, step: int) -> list[int]:
        """The units of optimiser step ``step`` (from 0)."""
        epoch, position = divmod(step, self.batches_per_epoch)
        return [int(unit) for unit in self._epoch(epoch)[position]]


class Prefetcher(Generic[BatchT]):
    """Prepares the next batches on threads while the current one trains; the order stays that of the steps.

    Decoding images and reading files release the interpreter, so threads are enough and nothing has to be pickled.

    Args:
        make_batch: from a step to what it trains on; called on any of the threads.
        first_step, last_step: half-open range of steps.
        workers: threads.
        ahead: batches kept ready.
    """

    def __init__(
        self, make_batch: Callable[[int], BatchT], first_step: int, last_step: int, *, workers: int = 1, ahead: int = 1
    ) -> None:
        self.make_batch = make_batch
        self.steps = range(first_step, last_step)
        self.workers = workers
        self.ahead = max(ahead, 1)

    def __iter__(self) -> Iterator[BatchT]:
        pool = ThreadPoolExecutor(max_workers=self.workers, thread_name_prefix="illinstr-read")
        pending: deque[Future[BatchT]] = deque()
        try:
            for step in self.steps:
                while len(pending) <= self.ahead and step + len(pending) in self.steps:
                    pending.append(pool.submit(self.make_batch, step + len(pending)))
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
