"""From an optimiser step to the micro-batches one process trains on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

from illinstr.errors import DataError
from illinstr.training.reading import ErrorBudget


@dataclass(frozen=True)
class Share:
    """What one process does in one micro-batch.

    Attributes:
        units: samples.
        places: where each stands in the batch over all processes; its noise hangs on that.
        weight: factor of the micro-batch's mean loss, such that the mean over processes and micro-batches of weighted
            losses is the mean over the samples of the whole batch; 1 where everybody has the same number of samples.
    """

    units: tuple[int, ...]
    places: tuple[int, ...]
    weight: float


@dataclass(frozen=True)
class MicroBatch:
    """A share with its data loaded."""

    share: Share
    batch: Any


def assign(
    units: Sequence[int], rank: int, world_size: int, accumulate: int, lengths: Sequence[int] | None = None
) -> list[Share]:
    """The shares of process ``rank`` in a batch: every ``world_size``-th sample, in runs as equal as can be.

    Everybody gets the same number of shares, since all processes must meet in each backward pass: ``accumulate`` of
    them, or, for a batch of several N, as many as keep a share to one N and to the size it would have otherwise. Who
    has no sample left for one computes the first sample of that N with weight 0.

    Args:
        units: the batch over all processes, sorted by N.
        rank: of this process.
        world_size: how many processes there are.
        accumulate: shares of a process in a batch of one N.
        lengths: N of each unit; all the same when None.
    """
    groups = _groups(len(units), lengths)
    most = ceil(len(units) / (world_size * accumulate))
    parts_of = [accumulate] if len(groups) == 1 else [ceil(len(group) / world_size / most) for group in groups]
    total = sum(parts_of)
    shares = []
    for group, parts in zip(groups, parts_of, strict=True):
        places = list(group[rank::world_size])
        for part in range(parts):
            mine = places[part * len(places) // parts : (part + 1) * len(places) // parts]
            weight = len(mine) * world_size * total / len(units)
            mine = mine or [group[0]]
            shares.append(Share(tuple(units[place] for place in mine), tuple(mine), weight))
    return shares


def _groups(count: int, lengths: Sequence[int] | None) -> list[range]:
    """Runs of places of one N."""
    if lengths is None:
        return [range(count)]
    starts = [place for place in range(count) if place == 0 or lengths[place] != lengths[place - 1]]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], count], strict=True)]


class BatchReader:
    """Loads the micro-batches of a step; where a sample cannot be read, the next readable one stands in for it.

    A stand-in keeps shapes, weights and the places of all other samples as they are, in this process and the others.

    Args:
        make_batch: loads samples of one N.
        budget: counts those that cannot be read.
        like: from a unit to others of its N, for a share of which nothing can be read.
    """

    def __init__(
        self,
        make_batch: Callable[[list[int]], Any],
        budget: ErrorBudget,
        like: Callable[[int], Iterator[int]] | None = None,
    ) -> None:
        self.make_batch = make_batch
        self.budget = budget
        self.like = like

    def read(self, shares: Sequence[Share]) -> list[MicroBatch]:
        """Load every share.

        Raises:
            DataError: too many unreadable samples, or none of a share can be read.
        """
        return [MicroBatch(share, self._load(share)) for share in shares]

    def _load(self, share: Share) -> Any:
        if not any(unit in self.budget.failed for unit in share.units):
            try:
                return self.make_batch(list(share.units))
            except DataError as error:
                self._find_the_broken(share.units, error)
        return self.make_batch(self._stand_ins(share.units))

    def _find_the_broken(self, units: Sequence[int], first: DataError) -> None:
        found = False
        for unit in dict.fromkeys(units):
            try:
                self.make_batch([unit])
            except DataError as error:
                found = True
                self.budget.count(unit, error)
        if not found:  # each can be read alone, so the batch itself is at fault
            raise first

    def _stand_ins(self, units: Sequence[int]) -> list[int]:
        readable = [unit for unit in units if unit not in self.budget.failed]
        if not readable:
            readable = self._another(units[0])
        if not readable:
            raise DataError(f"none of the samples {list(units)} can be read: {self.budget.failed[units[0]]}")
        return [
            unit if unit not in self.budget.failed else readable[place % len(readable)]
            for place, unit in enumerate(units)
        ]

    def _another(self, unit: int) -> list[int]:
        """One readable unit of the same N, where there is one."""
        for other in self.like(unit) if self.like is not None else ():
            if other in self.budget.failed:
                continue
            try:
                self.make_batch([other])
            except DataError as error:
                self.budget.count(other, error)
                continue
            return [other]
        return []
