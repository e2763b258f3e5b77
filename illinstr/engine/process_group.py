"""Several processes that look at pictures together, as ``accelerate launch`` or, on CPUs, ``torchrun`` starts them.

Each process reads the same data, encodes its own part, and gets everybody's features; scoring is the same everywhere
and quick, so that only the encoding is shared. The main process alone prints and writes.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


class Team:
    """One process that works alone."""

    rank, size = 0, 1

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes."""
        return self.rank == 0

    @property
    def device(self) -> str | None:
        """The device that is this process's own, None where any will do."""
        return None

    def own(self, items: Sequence[T]) -> list[T]:
        """This process's part; the parts of all make up the whole."""
        return list(items[self.rank :: self.size])

    def from_main(self, value: T) -> T:
        """The main process's value, in every process."""
        return value

    def merged(self, part: dict[str, Any]) -> dict[str, Any]:
        """Every process's entries, in every process."""
        return part


class LaunchedTeam(Team):
    """One of several processes, found through ``accelerate.PartialState``."""

    def __init__(self) -> None:
        import torch
        from accelerate import PartialState

        self._state = PartialState(cpu=not torch.cuda.is_available())
        self.rank, self.size = self._state.process_index, self._state.num_processes

    @property
    def device(self) -> str | None:
        """Each process has an accelerator of its own."""
        return str(self._state.device)

    def from_main(self, value: T) -> T:
        """Broadcast from the main process."""
        from accelerate.utils import broadcast_object_list

        box = [value]
        broadcast_object_list(box, from_process=0)
        return box[0]

    def merged(self, part: dict[str, Any]) -> dict[str, Any]:
        """Gather from all processes."""
        from accelerate.utils import gather_object

        together: dict[str, Any] = {}
        for each in gather_object([part]):
            together.update(each)
        return together


@lru_cache(maxsize=1)
def team() -> Team:
    """The team this process belongs to; launchers set ``WORLD_SIZE``."""
    try:
        several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    except ValueError:
        several = False
    return LaunchedTeam() if several else Team()
