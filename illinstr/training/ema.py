"""Exponential moving average of weights, with a warm-up so that early averages are not stuck at the start.

decay_k = min(decay, (1 + k) / (10 + k)) after k updates, as in TensorFlow's ExponentialMovingAverage(num_updates=k).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from illinstr.training.sharding import copy_sharded, cut_like


class Ema:
    """Shadow copy of a module's floating-point parameters.

    Buffers are not averaged. ``updates`` counts the steps and is part of a checkpoint: losing it would restart the
    warm-up and wipe the average. Where the parameters are sharded, so is the average.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.shadow: dict[str, Tensor] = copy_sharded(module)

    def decay_at(self, updates: int) -> float:
        """The decay used in the update after ``updates`` earlier ones."""
        return min(self.decay, (1 + updates) / (10 + updates))

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """shadow = decay * shadow + (1 - decay) * parameter."""
        weight = 1.0 - self.decay_at(self.updates)
        names, live = zip(*((n, p.detach()) for n, p in module.named_parameters() if n in self.shadow), strict=True)
        torch._foreach_lerp_([self.shadow[name] for name in names], [p.float() for p in live], weight)
        self.updates += 1

    @torch.no_grad()
    def load(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        """Take up an average that was written whole after ``updates`` updates."""
        self.shadow = {
            name: cut_like(tensor, self.shadow[name]) if name in self.shadow else tensor
            for name, tensor in tensors.items()
        }
        self.updates = updates

    @contextmanager
    def swapped_in(self, module: nn.Module) -> Iterator[None]:
        """The module carries the averaged weights inside the block and its own again after it, even on an error."""
        live = {name: p.detach().clone() for name, p in module.named_parameters() if name in self.shadow}
        self._copy_into(module, self.shadow)
        try:
            yield
        finally:
            self._copy_into(module, live)

    @torch.no_grad()
    def _copy_into(self, module: nn.Module, source: dict[str, Tensor]) -> None:
        for name, parameter in module.named_parameters():
            if name in source:
                parameter.copy_(source[name])
