"""Routed attention for transformer families: who may read whom, kept by a mask or by batching, whatever the model.

A joint sequence is a row of runs: tokens of the goal, of each step, of each panel, and padding. Who may read whom is
``illinstr.models.layout``'s table; the text of another step can reach a panel only through that step's image.

``routed_attention`` works on torch's own attention function, so it needs no processor for each family, and a model that
attends in another way (another attention backend, a processor that drops a mask) is an error, never a silent no-op. Two
ways give equal results: ``mask`` gives torch a dense mask; ``batch`` splits the attention into a few without any mask
(for panels of one text length: three), which costs no more than plain attention and keeps the fast kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from illinstr.errors import ModelError
from illinstr.models.layout import PAD, Layout

Way = Literal["batch", "mask"]
MAX_STACKED = 32_768  # keys copied at once, in tokens: six panels of 512 pixels are 6,144
# The operator below torch's function: a graph that torch.compile captured would meet the latter here a second time.
_ATTEND = torch.ops.aten.scaled_dot_product_attention.default
_ARGUMENTS = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal")


@dataclass(frozen=True)
class Run:
    """Neighbouring tokens of one kind and owner: a panel counted from 0, or ``layout``'s GOAL, PAD or REFERENCE."""

    kind: Literal["text", "image"]
    owner: int
    length: int


@dataclass(frozen=True)
class AttentionPlan:
    """The runs of one attention sequence, in its order, and who may read whom.

    Attributes:
        runs: empty ones are allowed.
        routed: False lets everything read everything but padding (``joint``).
        isolate: also part the panels from each other. Not a way to draw: with it no text of another step may arrive by
            any number of hops, which proves that there is no other road.
    """

    runs: tuple[Run, ...]
    routed: bool = True
    isolate: bool = False

    @property
    def lengths(self) -> list[int]:
        """Tokens of each run."""
        return [run.length for run in self.runs]

    @property
    def length(self) -> int:
        """Tokens in all."""
        return sum(self.lengths)

    @cached_property
    def table(self) -> Tensor:
        """(runs, runs) of bool, True where the query (row) may read the key (column); padding reads nothing here."""
        owners = torch.tensor([run.owner for run in self.runs])
        is_image = torch.tensor([run.kind == "image" for run in self.runs])
        allowed = Layout(owners, is_image, "routed" if self.routed else "joint").mask()
        if self.isolate:
            allowed &= ~is_image[None] | (owners[:, None] == owners[None])
        return allowed & (owners != PAD)[None] & (owners != PAD)[:, None]

    def part(self, kind: Literal["text", "image"]) -> AttentionPlan:
        """The plan of a layer that attends within the text or within the panels alone."""
        return AttentionPlan(tuple(run for run in self.runs if run.kind == kind), self.routed, self.isolate)

    @cached_property
    def mask(self) -> Tensor:
        """(length, length) of bool, True where the query (row) may read the key (column)."""
        lengths = torch.tensor(self.lengths)
        mask = self.table.repeat_interleave(lengths, 0).repeat_interleave(lengths, 1)
        return mask | torch.eye(self.length, dtype=torch.bool)

    @cached_property
    def batches(self) -> tuple[tuple[_Part, ...], ...]:
        """The attentions that together equal the masked one: parts of equal shape go into one."""
        reached: dict[tuple[int, ...], list[int]] = {}
        for index, (query, row) in enumerate(zip(self.runs, self.table.tolist(), strict=True)):
            keys = tuple(place for place, key in enumerate(self.runs) if key.length and row[place])
            if query.length and query.owner != PAD:
                reached.setdefault(keys, []).append(index)
        equal: dict[tuple[int, int], list[_Part]] = {}
        for keys, queries in reached.items():
            shape = (self._tokens(queries), self._tokens(keys))
            equal.setdefault(shape, []).append(_Part(tuple(queries), keys))
        batches: list[tuple[_Part, ...]] = []
        for (_, keys_long), parts in equal.items():
            at_once = max(MAX_STACKED // keys_long, 1)
            batches += [tuple(parts[start : start + at_once]) for start in range(0, len(parts), at_once)]
        return tuple(batches)

    def _tokens(self, places: Sequence[int]) -> int:
        return sum(self.runs[place].length for place in places)


@dataclass(frozen=True)
class _Part:
    """Queries and the keys that they read, as places in ``AttentionPlan.runs``."""

    queries: tuple[int, ...]
    keys: tuple[int, ...]


def attend_in_batches(attend: Callable[..., Tensor], q: Tensor, k: Tensor, v: Tensor, plan: AttentionPlan) -> Tensor:
    """Attention (b, heads, length, d) that obeys a plan without a mask; equal to the masked one up to rounding.

    ``attend`` is torch's attention function with its scale. Padding reads itself alone, so it returns its own value.
    """
    queries, keys, values = (x.split(plan.lengths, dim=2) for x in (q, k, v))
    out = list(values)  # what padding gets
    for parts in plan.batches:
        asked = torch.cat([torch.cat([queries[i] for i in part.queries], dim=2) for part in parts])
        told = (
            torch.cat([torch.cat([given[i] for i in part.keys], dim=2) for part in parts]) for given in (keys, values)
        )
        answers = attend(asked, *told).chunk(len(parts))
        for part, answer in zip(parts, answers, strict=True):
            pieces = answer.split([plan.lengths[i] for i in part.queries], dim=2)
            for i, piece in zip(part.queries, pieces, strict=True):
                out[i] = piece
    return torch.cat(out, dim=2)


class RoutedAttention(TorchFunctionMode):
    """Sends every attention call of the sequence lengths it knows through its plan, and counts them."""

    def __init__(self, plans: Sequence[AttentionPlan], way: Way) -> None:
        super().__init__()
        self.plans = {plan.length: plan for plan in plans}
        if len(self.plans) != len(plans):
            raise ValueError("sequences of one length cannot be told apart: pad one of them")
        self.way = way
        # Tensors, since a count in Python would be part of what torch.compile captures, and captured again each time.
        self.calls = {length: torch.zeros((), dtype=torch.long) for length in self.plans}
        self.missed = torch.zeros((), dtype=torch.long)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """torch's hook: attention is routed, everything else passes."""
        if func is not F.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        given = dict(zip(_ARGUMENTS, args, strict=False)) | (kwargs or {})
        query, key = given["query"], given["key"]
        plan = self.plans.get(query.shape[-2]) if key.shape[-2] == query.shape[-2] else None
        if plan is None or given.get("is_causal"):
            self.missed.add_(1)
            return func(**given)
        self.calls[plan.length].add_(1)
        own = given.get("attn_mask")
        if self.way == "batch" and own is None and key.shape[1] == query.shape[1]:

            def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
                attended: Tensor = _ATTEND(q, k, v, scale=given.get("scale"))
                return attended

            return attend_in_batches(attend, query, key, given["value"], plan)
        mask = plan.mask.to(query.device)
        if own is not None:  # the family's padding mask stays in force
            mask = mask & own if own.dtype == torch.bool else own.masked_fill(~mask, -torch.inf)
        return _ATTEND(**(given | {"attn_mask": mask}))


@contextmanager
def routed_attention(plans: Mapping[AttentionPlan, int], *, way: Way = "batch") -> Iterator[RoutedAttention]:
    """Let every attention in the block obey its plan, whatever class asks for it.

    Args:
        plans: each plan, told by its length, and how many attention calls must have obeyed it.
        way: with a mask, or by batching. Batching falls back to the mask where the family gives a mask of its own.

    Raises:
        ModelError: a call was not routed, or more or fewer than expected were: the model attends in a way that routing
            does not reach, and what it drew cannot be trusted.
    """
    with RoutedAttention(tuple(plans), way) as mode:
        yield mode
    found, missed = {length: int(calls) for length, calls in mode.calls.items()}, int(mode.missed)
    expected = {plan.length: calls for plan, calls in plans.items()}
    if missed or found != expected:
        counts = ", ".join(f"{found[length]} of {calls}" for length, calls in expected.items())
        raise ModelError(
            f"text could not be routed: {counts} attention calls obeyed, {missed} went past",
            hint="set no attention backend of diffusers' own; --conditioning joint needs no routing",
        )
