"""How the learning rate goes over a run: diffusers' own schedules, as a factor of the optimiser step."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Literal

Schedule = Literal["flat", "constant", "linear", "cosine", "cosine_with_restarts", "polynomial"]


@lru_cache(maxsize=8)
def _factors(
    name: str, warmup_steps: int, total_steps: int, cycles: int, power: float, lr: float
) -> Callable[[int], float]:
    import torch
    from diffusers.optimization import get_scheduler

    # The schedule is a function of the step alone: it is asked of a scheduler over an optimiser that is never stepped.
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=lr)
    plain = "constant_with_warmup" if name == "constant" else name
    more = {"num_cycles": cycles} if name == "cosine_with_restarts" else {"power": power}
    scheduler = get_scheduler(plain, optimizer, num_warmup_steps=warmup_steps, num_training_steps=total_steps, **more)
    factor: Callable[[int], float] = scheduler.lr_lambdas[0]
    return factor


def factor_at(
    step: int, name: str, *, warmup_steps: int, total_steps: int, cycles: int = 1, power: float = 1.0, lr: float = 1.0
) -> float:
    """What optimiser step ``step`` (from 0) multiplies ``lr`` by, as ``diffusers.optimization.get_scheduler`` has it.

    Args:
        step: from 0; with a warm-up the first has 0, as diffusers' training scripts do it.
        name: of the schedule.
        warmup_steps: over which it rises from 0 to 1.
        total_steps: of the run.
        cycles: how often ``cosine_with_restarts`` falls to 0.
        power: of ``polynomial``.
        lr: the rate itself; ``polynomial`` ends at 1e-7.
    """
    factor = _factors(name, warmup_steps, total_steps, cycles, power, lr)
    return float(factor(step))
