"""Several processes that share work: which of them this is, its slice of the items, and what the others hold.

Launchers (``illinstr ... --processes``, ``accelerate launch``, ``torchrun``) describe the group in the environment:
``RANK``, ``WORLD_SIZE``, ``LOCAL_RANK``, ``MASTER_ADDR``, ``MASTER_PORT``. A process alone is a group of one, and loads
no torch to find that out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from illinstr.progress import Reporter, SilentReporter

T = TypeVar("T")

# A rank that has finished waits for the slowest; one that has died is noticed by the launcher, not by a timeout.
PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class ProcessGroup:
    """This process among all: ``rank`` from 0 of ``world_size``."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process prints and writes for all."""
        return self.rank == 0

    def slice_of(self, items: Sequence[T]) -> list[T]:
        """Every ``world_size``-th item, from ``rank`` on: slices differ by one at most and together are all items."""
        return list(items[self.rank :: self.world_size])

    def gather(self, own: list[T]) -> list[T]:
        """The items of all ranks, in the order of ranks, in every process. Waits until all have come here."""
        if self.world_size == 1:
            return own
        from accelerate.utils import gather_object

        everyone: list[T] = gather_object(own)
        return everyone

    def broadcast(self, value: T) -> T:
        """The main process's value, in every process."""
        if self.world_size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        box = [value]
        broadcast_object_list(box, from_process=0)
        return box[0]

    def wait(self) -> None:
        """Return once every process of the group has come here."""
        if self.world_size > 1:
            from accelerate.utils import wait_for_everyone

            wait_for_everyone()

    def device(self, device: str = "auto") -> str:
        """The device for this process: of several with CUDA each has its own, unless another was named."""
        if self.world_size == 1 or device not in ("auto", "cuda"):
            return device
        from accelerate import PartialState

        own = PartialState().device
        return str(own) if own.type == "cuda" else "cpu"

    def reporter(self, inner: Reporter) -> Reporter:
        """``inner`` in the main process; in others its lines come with the rank before them, and no bars."""
        return inner if self.is_main else RankReporter(inner, self.rank)


class RankReporter(SilentReporter):
    """What ranks other than the first report: no bars, and every line with the rank before it."""

    def __init__(self, inner: Reporter, rank: int) -> None:
        self.inner = inner
        self.rank = rank

    def log(self, message: str) -> None:
        """Pass a line on."""
        self.inner.log(f"process {self.rank}: {message}")


def rank_here() -> int:
    """The rank of this process; 0 where nothing was launched."""
    return _number("RANK", 0)


def is_launched() -> bool:
    """Whether a launcher (ours, accelerate's or torch's) started this process."""
    return "LOCAL_RANK" in os.environ


def join_process_group(device: str = "auto") -> ProcessGroup:
    """The group this process belongs to; the first call of several processes waits until all have come.

    Args:
        device: where the work will run; it decides how the processes talk to each other.
    """
    if (joined := _joined()) is not None:
        return joined
    if _number("WORLD_SIZE", 1) < 2:
        return ProcessGroup()
    import torch
    from accelerate import PartialState

    on_cpu = device in ("cpu", "mps") or not torch.cuda.is_available()
    state = PartialState(cpu=on_cpu, timeout=PATIENCE)
    return ProcessGroup(state.process_index, state.num_processes)


def _joined() -> ProcessGroup | None:
    """The group that is formed already, by a trainer's Accelerator for example."""
    torch = sys.modules.get("torch")
    distributed = getattr(torch, "distributed", None)
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return None
    return ProcessGroup(distributed.get_rank(), distributed.get_world_size())


def _number(variable: str, default: int) -> int:
    try:
        return int(os.environ.get(variable, default))
    except ValueError:
        return default
