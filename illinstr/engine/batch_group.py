"""Several processes that share one batch: which articles are whose, and what came of them.

Each process is started with the variables that ``accelerate launch`` and ``torchrun`` set (``RANK``, ``WORLD_SIZE``,
``LOCAL_RANK``, ``MASTER_ADDR``, ``MASTER_PORT``). Every one plans and draws its own share; at the end the first one
hears of all. A process alone needs none of this and loads nothing for it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Crew:
    """This process's place among all: ``rank`` from 0 of ``size``."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    def share(self, things: Sequence[T]) -> list[T]:
        """Every ``size``-th thing, from ``rank`` on: shares differ by one at most and together are all."""
        return list(things[self.rank :: self.size])

    def gather(self, own: list[T]) -> list[T]:
        """What all processes hold, in every process. Waits until all have come here."""
        if self.size == 1:
            return own
        from accelerate.utils import gather_object

        everyone: list[T] = gather_object(own)
        return everyone

    def device(self, device: str) -> str:
        """The device for this process: with ``auto`` and CUDA, its own."""
        if self.size == 1 or device not in ("auto", "cuda"):
            return device
        from accelerate import PartialState

        return str(PartialState().device)


def join_crew(device: str = "auto") -> Crew:
    """Meet the other processes of this batch, if there are any."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return Crew()
    import torch
    from accelerate import PartialState

    on_cpu = device in ("cpu", "mps") or not torch.cuda.is_available()
    state = PartialState(cpu=on_cpu)
    return Crew(state.process_index, state.num_processes)
