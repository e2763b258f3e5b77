"""From an optimiser step to the micro-batches one process trains on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def assign(units: Sequence[int], rank: int, world_size: int, accumulate: int) -> list[Share]:
    """Deal a batch to process ``rank``: every ``world_size``-th sample, in ``accumulate`` runs as equal as can be.

    Everybody gets exactly ``accumulate`` shares, since all processes must meet in each backward pass. Who has no sample
    left for one computes the batch's first sample with weight 0.
    """
    places = list(range(rank, len(units), world_size))
    shares = []
    for part in range(accumulate):
        mine = places[part * len(places) // accumulate : (part + 1) * len(places) // accumulate]
        weight = len(mine) * world_size * accumulate / len(units)
        mine = mine or [0]
        shares.append(Share(tuple(units[place] for place in mine), tuple(mine), weight))
    return shares


class BatchReader:
    """Loads the micro-batches of a step; where a sample cannot be read, the next readable one stands in for it.

    A stand-in keeps shapes, weights and the places of all other samples as they are, in this process and the others.
    """

    def __init__(self, make_batch: Callable[[list[int]], Any], budget: ErrorBudget) -> None:
        self.make_batch = make_batch
        self.budget = budget

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
            raise DataError(f"none of the samples {list(units)} can be read: {self.budget.failed[units[0]]}")
        return [
            unit if unit not in self.budget.failed else readable[place % len(readable)]
            for place, unit in enumerate(units)
        ]
