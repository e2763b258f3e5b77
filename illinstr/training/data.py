"""The order in which a run sees its articles, and their images as tensors.

Training articles stay in their shards and are read and decoded when a batch needs them. The order is a pure function of
(seed, optimiser step): resuming at step k continues with the very batch an uninterrupted run would have seen, and no
position has to be stored.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.images import decode_panel
from illinstr.shards import iter_articles
from illinstr.training.config import DataConfig
from illinstr.training.reading import ArticleSet, no_articles

BatchT = TypeVar("BatchT")


def read_split(data: Path, split: str, config: DataConfig, *, limit: int | None) -> list[Article]:
    """Fully illustrated articles of one split whose step count fits, in shard order.

    Raises:
        DataError: none is left.
    """
    kept: list[Article] = []
    for article in iter_articles(data, split=split):
        fits = config.min_steps <= article.num_steps <= config.max_steps
        if fits and all(step.image is not None for step in article.steps):
            kept.append(article)
        if limit is not None and len(kept) >= limit:
            break
    if not kept:
        raise no_articles(data, split, config)
    return kept


def training_articles(data: Path, config: DataConfig) -> ArticleSet:
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
    """Which units form the batch of each optimiser step, bucketed so that a batch has one step count.

    Every epoch shuffles each bucket, cuts it into batches and shuffles the batches. A bucket's remainder is left out of
    that epoch (another one takes its place in the next), unless the bucket is smaller than one batch.

    Args:
        lengths: the bucket of each unit (an article's N; all equal for single panels).
        batch_size: units in a batch over all processes.
        seed: of the whole run.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self.lengths = lengths
        buckets: dict[int, list[int]] = defaultdict(list)
        for unit, length in enumerate(lengths):
            buckets[length].append(unit)
        self.buckets = {length: np.array(units) for length, units in sorted(buckets.items())}
        self.batches_per_epoch = sum(max(1, len(units) // batch_size) for units in self.buckets.values())
        self._epoch = lru_cache(maxsize=2)(self._shuffled_epoch)

    def _shuffled_epoch(self, epoch: int) -> list[np.ndarray]:
        rng = np.random.default_rng([self.seed, epoch])
        batches: list[np.ndarray] = []
        for units in self.buckets.values():
            shuffled = rng.permutation(units)
            count = max(1, len(units) // self.batch_size)
            batches += [shuffled[i * self.batch_size : (i + 1) * self.batch_size] for i in range(count)]
        return [batches[i] for i in rng.permutation(len(batches))]

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
