"""The randomness of a step: a function of (seed, step, place in the global batch), so that nothing about it is stored.

A sample's noise belongs to its place in the batch over all processes. However a batch is assigned to processes and
micro-batches, every sample meets the same noise, timestep and dropped text, and the gradients are the same but for the
order of additions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

_MASK = 0xFFFFFFFFFFFFFFFF


def mixed_seed(*parts: int) -> int:
    """63 bits out of integers, by a splitmix64 round each."""
    mixed = 0
    for part in parts:
        mixed = (mixed ^ (part & _MASK)) * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019
        mixed &= _MASK
        mixed ^= mixed >> 31
    return mixed & 0x7FFFFFFFFFFFFFFF


def step_generator(seed: int, step: int, rank: int, stream: int = 0) -> torch.Generator:
    """One generator for (seed, step, rank, stream)."""
    return torch.Generator().manual_seed(mixed_seed(seed, step, rank, stream))


class SampleGenerator(torch.Generator):
    """The generator of a micro-batch that also holds one for each of its samples.

    Drawn from directly it serves decisions about the whole batch (the same on every process); ``randn``, ``rand`` and
    ``randint`` below draw row i from ``rows[i]``.
    """

    rows: tuple[torch.Generator, ...]


def sample_generator(seed: int, step: int, places: Sequence[int]) -> SampleGenerator:
    """For samples that stand at ``places`` of the batch over all processes.

    Args:
        seed: of the run.
        step: optimiser step from 0.
        places: one place in the global batch per sample of the micro-batch.
    """
    generator = SampleGenerator()
    generator.manual_seed(mixed_seed(seed, step, 1 << 32))
    generator.rows = tuple(torch.Generator().manual_seed(mixed_seed(seed, step, place)) for place in places)
    return generator


def rows_of(generator: torch.Generator, count: int) -> tuple[torch.Generator, ...]:
    """The generator of each of ``count`` samples; a plain generator serves all of them in turn.

    Raises:
        ValueError: the generator was made for another number of samples.
    """
    if not isinstance(generator, SampleGenerator):
        return (generator,) * count
    if len(generator.rows) != count:
        raise ValueError(f"generator of {len(generator.rows)} samples, batch of {count}")
    return generator.rows


def randn(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Standard normal tensor of ``shape``; the first dimension counts samples."""
    return torch.stack([torch.randn(tuple(shape[1:]), generator=row) for row in rows_of(generator, shape[0])])


def randint(high: int, count: int, generator: torch.Generator) -> Tensor:
    """``count`` integers in [0, high), one a sample: (count,) int64."""
    return torch.cat([torch.randint(0, high, (1,), generator=row) for row in rows_of(generator, count)])
