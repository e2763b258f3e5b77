"""Articles for training: one planned order, the same for any number of workers, taken up at the very next sample.

The Parquet index says where every article lies and how many steps it has, so an epoch is planned before it is read:
a permutation by (seed, epoch), cut into batches of one N, assigned to nodes. Reading then follows the plan. Streaming
shards through a shuffle buffer would need one shard per worker, shuffle only nearby samples, and lose its place when
stopped; with one read of a known run of bytes per article none of that is needed. webdataset carries the plan through
its stages (split by worker, map) in its secure mode; no stage of it opens, decodes or unpickles a member.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import webdataset as wds
import webdataset.gopen
import webdataset.utils
from torch.utils.data import DataLoader, IterableDataset

from illinstr.articles import MAX_STEPS, Article
from illinstr.errors import ConfigError, DataError
from illinstr.images import decode_panel, read_header
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards.hidden import hidden
from illinstr.shards.layout import read_index
from illinstr.shards.reader import read_sample, to_article
from illinstr.shards.table import Place, identity_of, places_of
from illinstr.shards.takedown import Takedown

# Refuses pipe: commands, URL rewriting and unpickling for the whole process.
webdataset.utils.enforce_security = True

STATE_VERSION = 1


@dataclass(frozen=True)
class _Read:
    """What came of one planned batch: samples in order, and a line per sample that could not be read."""

    samples: tuple[Any, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class _Decoder:
    """Picklable, so that workers of any start method can hold it."""

    decode: bool
    panel_px: int
    takedown: Takedown

    def __call__(self, batch: tuple[Place, ...]) -> _Read:
        samples: list[Any] = []
        errors: list[str] = []
        for place in batch:
            try:
                article = to_article(read_sample(place.tar, place.offset, place.length), place.tar)
                article = self.takedown.without(article) or article  # articles that are listed were never planned
                if self.decode:
                    samples.append({"article": article, "panels_nchw": panels_of(article, self.panel_px)})
                else:
                    samples.append(article)
            except DataError as error:
                errors.append(error.message)
        return _Read(tuple(samples), tuple(errors))


class _PlannedReads(IterableDataset[_Read]):
    def __init__(self, plan: list[tuple[Place, ...]], decoder: _Decoder) -> None:
        super().__init__()
        self.plan = plan
        self.decoder = decoder

    def __iter__(self) -> Iterator[_Read]:
        # Worker w of W takes plan entries w, w+W, ...; the DataLoader collects round-robin, which restores the order.
        yield from wds.DataPipeline(lambda: iter(self.plan), wds.split_by_worker, wds.map(self.decoder))


class ArticleLoader:
    """Iterate over one epoch of articles at a time; each ``iter()`` goes on where the loader stands.

    Yields:
        Without ``bucket_by_steps``: an ``Article`` (``decode=False``) or ``{"article": Article, "panels_nchw": uint8
        tensor (n, 3, panel_px, panel_px)}``. With it: a list of articles, or ``{"articles": list[Article],
        "panels_bnchw": uint8 tensor (b, n, 3, panel_px, panel_px)}``, one N per batch.

    Args:
        data: a data folder.
        split: which split to read. What the folder's ``takedown.txt`` lists is left out and counted.
        decode: decode the images into tensors; articles that miss an image are then left out and counted in
            ``left_out``.
        panel_px: side of the square panels in pixels.
        shuffle: assign the articles again each epoch, from (seed, epoch) alone; False keeps the order of the shards.
        seed: seed of the order.
        rank, world_size: which share of a distributed run this process reads. Every rank gets the same number of
            items, so that none waits for another at the end; up to ``world_size - 1`` items per epoch go unread.
        num_workers: reading processes; changes the speed and never the order.
        max_errors: samples that may fail to read in this process before a DataError is raised. Each failure is
            reported; its sample is left out of its batch.
        reporter: receives samples that could not be read.

    Raises:
        DataError: no such data or split, no article that fits, or more than ``max_errors`` unreadable samples.
        ConfigError: a setting out of range.
    """

    def __init__(
        self,
        data: Path,
        *,
        split: str = "train",
        decode: bool = True,
        panel_px: int = 128,
        shuffle: bool = True,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        num_workers: int = 0,
        max_errors: int = 0,
        reporter: Reporter | None = None,
    ) -> None:
        if panel_px < 1 or num_workers < 0 or max_errors < 0 or not 0 <= rank < world_size:
            raise ConfigError("panel_px >= 1, num_workers >= 0, max_errors >= 0 and 0 <= rank < world_size must hold")
        index = read_index(data)
        self.data = data
        self.split = split
        self.shuffle = shuffle
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
        self.num_workers = num_workers
        self.max_errors = max_errors
        self.errors: list[str] = []
        self._reporter = reporter or SilentReporter()
        takedown = Takedown.of_folder(data)
        self._decoder = _Decoder(decode, panel_px, takedown)
        self._shards_sha256 = identity_of(index, split, takedown)
        gone = hidden(data, index.of_split(split), takedown)
        self._places, self.left_out = places_of(data, index, split, gone, only_complete=decode)
        self._batch_size: int | None = None
        self._drop_last = False
        self._bounds = (1, MAX_STEPS)
        self._epoch = 0
        self._position = 0
        self._refuse_empty("no article with all its images" if decode else "no article")

    def bucket_by_steps(
        self, batch_size: int, min_steps: int = 1, max_steps: int = MAX_STEPS, *, drop_last: bool = False
    ) -> ArticleLoader:
        """Make this loader yield batches of articles with one N each; returns itself.

        Args:
            batch_size: articles per batch; the last batch of each N may be smaller unless ``drop_last``.
            min_steps, max_steps: articles outside are left out and counted in ``left_out``.
            drop_last: leave out batches that are not full.

        Raises:
            ConfigError: a bound below 1 or bounds the wrong way round.
            DataError: nothing is left.
        """
        if batch_size < 1 or not 1 <= min_steps <= max_steps:
            raise ConfigError("batch_size >= 1 and 1 <= min_steps <= max_steps must hold")
        fitting = [place for place in self._places if min_steps <= place.num_steps <= max_steps]
        self.left_out += len(self._places) - len(fitting)
        self._places = fitting
        self._batch_size = batch_size
        self._drop_last = drop_last
        self._bounds = (min_steps, max_steps)
        self._refuse_empty(f"no article of {min_steps} to {max_steps} steps")
        if not len(self):
            raise DataError(
                f"{self.data}, split {self.split!r}: no full batch of {batch_size}", hint="use smaller batches"
            )
        return self

    def __len__(self) -> int:
        """Items this rank yields per epoch."""
        return len(self._plan())

    @property
    def epoch(self) -> int:
        """The epoch the next ``iter()`` reads, or goes on reading."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Go to the beginning of an epoch."""
        self._epoch, self._position = epoch, 0

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands, in JSON values: restoring it continues with the very next item."""
        return {
            "version": STATE_VERSION,
            "epoch": self._epoch,
            "position": self._position,
            "identity": self._settings(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go to where ``state_dict`` was taken.

        Raises:
            DataError: the state belongs to other data, another order or another share.
        """
        mine = self._settings()
        theirs = state.get("identity") if state.get("version") == STATE_VERSION else None
        if theirs != mine:
            changed = [name for name in mine if not isinstance(theirs, dict) or theirs.get(name) != mine[name]]
            raise DataError(
                f"the saved place in the data does not fit: {', '.join(changed)} changed",
                hint="resume with the same data and settings, or start a new run",
            )
        self._epoch, self._position = int(state["epoch"]), int(state["position"])

    def __iter__(self) -> Iterator[Any]:
        plan = self._plan()
        if self._position >= len(plan):  # stopped after the last item, before the epoch was turned
            self._epoch, self._position = self._epoch + 1, 0
            plan = self._plan()
        reads: DataLoader[_Read] = DataLoader(
            _PlannedReads(plan[self._position :], self._decoder),
            batch_size=None,
            num_workers=self.num_workers,
        )
        for read in reads:
            self._position += 1  # before the yield: whoever saves the state has this item in hand
            self._count(read.errors)
            if read.samples:
                yield self._collate(read.samples)
        self._epoch, self._position = self._epoch + 1, 0

    def _plan(self) -> list[tuple[Place, ...]]:
        """This rank's items of the current epoch, each a tuple of places."""
        generator = np.random.default_rng([self.seed, self._epoch])
        order = list(generator.permutation(len(self._places))) if self.shuffle else range(len(self._places))
        places = [self._places[index] for index in order]
        if self._batch_size is None:
            batches: list[tuple[Place, ...]] = [(place,) for place in places]
        else:
            batches = _buckets(places, self._batch_size, self._drop_last)
            if self.shuffle:
                batches = [batches[index] for index in generator.permutation(len(batches))]
        even = len(batches) // self.world_size * self.world_size
        return batches[:even][self.rank :: self.world_size]

    def _collate(self, samples: tuple[Any, ...]) -> Any:
        if self._batch_size is None:
            return samples[0]
        if not self._decoder.decode:
            return list(samples)
        return {
            "articles": [sample["article"] for sample in samples],
            "panels_bnchw": torch.stack([sample["panels_nchw"] for sample in samples]),
        }

    def _count(self, errors: tuple[str, ...]) -> None:
        for error in errors:
            self.errors.append(error)
            self._reporter.log(f"unreadable sample {len(self.errors)} (limit {self.max_errors}): {error}")
            if len(self.errors) > self.max_errors:
                raise DataError(
                    f"{len(self.errors)} samples could not be read, {self.max_errors} are allowed; last: {error}",
                    hint="check the data with illinstr.shards.validate, or allow more errors",
                )

    def _settings(self) -> dict[str, Any]:
        return {
            "shards_sha256": self._shards_sha256,
            "articles": len(self._places),
            "shuffle": self.shuffle,
            "seed": self.seed,
            "rank": self.rank,
            "world_size": self.world_size,
            "batch_size": self._batch_size,
            "drop_last": self._drop_last,
            "bounds": list(self._bounds),
        }

    def _refuse_empty(self, what: str) -> None:
        if len(self._places) < self.world_size:
            raise DataError(f"{self.data}, split {self.split!r}: {what} for each of {self.world_size} processes")


def panels_of(article: Article, panel_px: int) -> torch.Tensor:
    """Decode an article's images: centre-crop to a square, then resize with Lanczos.

    Returns:
        uint8 (n, 3, panel_px, panel_px), RGB; transparency is laid on white.

    Raises:
        DataError: a step without an image, or an image that does not decode.
    """
    panels = []
    for number, step in enumerate(article.steps, start=1):
        if step.image is None or step.image.data is None:
            raise DataError(f"{article.id}: step {number} has no image")
        label, recorded = f"{article.id}: step {number}", (step.image.width, step.image.height)
        header = read_header(step.image.data, label=label)
        if (header.width, header.height) != recorded:  # the recorded size was bounded by whoever made the data
            raise DataError(f"{label}: image is {header.width}x{header.height}, recorded as {recorded}")
        panels.append(decode_panel(step.image.data, panel_px, label=label))
    return torch.from_numpy(np.stack(panels)).permute(0, 3, 1, 2).contiguous()


def _buckets(places: list[Place], batch_size: int, drop_last: bool) -> list[tuple[Place, ...]]:
    by_steps: dict[int, list[Place]] = {}
    for place in places:
        by_steps.setdefault(place.num_steps, []).append(place)
    batches = []
    for _, members in sorted(by_steps.items()):
        for start in range(0, len(members), batch_size):
            batch = tuple(members[start : start + batch_size])
            if len(batch) == batch_size or not drop_last:
                batches.append(batch)
    return batches
