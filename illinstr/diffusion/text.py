"""Goal and steps as what the U-Net attends to.

The goal and every step are encoded separately by the text encoder (at most 77 tokens each, the end token kept when cut)
and a sinusoidal code of the slot (goal 0, steps 1..N) is added to all tokens of the slot (arXiv 2312.04552,
"step-positional encoding"). Padding tokens are masked. The unconditional branch of guidance is the empty string in
every slot, with the same step code, so that guidance pushes away from "any picture in this place".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from illinstr.models.settings import Conditioning


@dataclass(frozen=True)
class TextCondition:
    """Tokens for the U-Net.

    ``tokens`` is (b*n, l, d) when routed (canvas-major, then panel) and (b, l, d) otherwise; ``mask`` is True where a
    token is real and has the first two dimensions of ``tokens``.
    """

    tokens: Tensor
    mask: Tensor


@dataclass(frozen=True)
class SlotTokens:
    """Encoded slots of articles of one N: ``tokens`` (b, 1+n, l, d), ``mask`` (b, 1+n, l); slot 0 is the goal."""

    tokens: Tensor
    mask: Tensor

    def to(self, device: str | torch.device) -> SlotTokens:
        """The same on another device."""
        return SlotTokens(self.tokens.to(device), self.mask.to(device))


def step_code(slots: Tensor, dim: int) -> Tensor:
    """Sinusoidal code of slot numbers (arXiv 1706.03762, section 3.5): (...,) -> (..., dim).

    Feature 2i is sin(p / 10000^(2i/dim)), feature 2i+1 its cosine.
    """
    frequencies = torch.exp(torch.arange(0, dim, 2, dtype=torch.float32) * (-math.log(10_000.0) / dim))
    angles = slots.float()[..., None] * frequencies.to(slots.device)
    code = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)
    return code[..., :dim]


def tokenize(tokenizer: Any, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Token ids (m, l) and mask (m, l), padded to the longest text and cut at the tokenizer's limit, end token kept."""
    batch = tokenizer(
        list(texts),
        padding="longest",
        truncation=True,
        max_length=tokenizer.model_max_length,
        split_special_tokens=True,  # "<|endoftext|>" in a user's goal is text, not the end of the text
        return_tensors="pt",
    )
    return batch["input_ids"], batch["attention_mask"].bool()


@torch.no_grad()
def encode_texts(
    tokenizer: Any, text_encoder: Any, texts: Sequence[str], *, padded: bool = False
) -> tuple[Tensor, Tensor]:
    """Encode each text apart, every distinct text once: last hidden state (m, l, d) and mask (m, l).

    With ``padded``, texts are filled up to the tokenizer's limit and the filling counts as text: this is what plain
    Stable Diffusion was trained with.
    """
    distinct = list(dict.fromkeys(texts))
    ids, mask = tokenize(tokenizer, distinct)
    if padded:
        ids = F.pad(ids, (0, tokenizer.model_max_length - ids.shape[1]), value=tokenizer.pad_token_id)
        mask = torch.ones_like(ids, dtype=torch.bool)
    device = next(text_encoder.parameters()).device
    hidden = text_encoder(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state
    row = {text: index for index, text in enumerate(distinct)}
    rows = torch.tensor([row[text] for text in texts], device=device)
    return hidden[rows], mask.to(device)[rows]


def encode_ids(text_encoder: Any, slots: SlotTokens) -> SlotTokens:
    """Encode slots of token ids (b, 1+n, l), with gradients: what ``encode_slots`` does for texts.

    Every distinct text is encoded once, so that a text encoder that learns costs little beside a U-Net.
    """
    ids, mask = slots.tokens.flatten(0, 1), slots.mask.flatten(0, 1)
    distinct, row = torch.unique(torch.cat([ids, mask.long()], dim=1), dim=0, return_inverse=True)
    own_ids, own_mask = distinct.chunk(2, dim=1)
    hidden = text_encoder(input_ids=own_ids, attention_mask=own_mask).last_hidden_state
    return SlotTokens(hidden[row].unflatten(0, slots.tokens.shape[:2]), slots.mask)


def slot_texts(goal: str, steps: Sequence[str], conditioning: Conditioning, *, first: int = 1) -> list[str]:
    """The strings that are encoded: goal and each step, or one string of all for *single*.

    ``first`` is the number of the first step here, over 1 in a window of a longer article. Where there is no text at
    all, *single* is the empty string, as in every other model's unconditional branch.
    """
    if conditioning == "single":
        if not goal and not any(steps):
            return [""]
        numbered = " ".join(f"{number}. {step}" for number, step in enumerate(steps, start=first))
        return [f"{goal}: {numbered}"]
    return [goal, *steps]


def encode_slots(
    tokenizer: Any, text_encoder: Any, goals: Sequence[str], steps: Sequence[Sequence[str]], conditioning: Conditioning
) -> SlotTokens:
    """Encode articles of one N.

    Args:
        goals: b goals.
        steps: b lists of n step texts.
        conditioning: *single* gives one slot, the others 1+n.
    """
    slots = [slot_texts(goal, own, conditioning) for goal, own in zip(goals, steps, strict=True)]
    tokens, mask = encode_texts(tokenizer, text_encoder, [text for texts in slots for text in texts])
    shape = (len(slots), len(slots[0]))
    return SlotTokens(tokens.unflatten(0, shape), mask.unflatten(0, shape))


def condition(
    slots: SlotTokens, conditioning: Conditioning, *, with_step_code: bool, numbers: Tensor | None = None
) -> TextCondition:
    """Lay encoded slots out for the U-Net.

    Args:
        slots: tokens (b, 1+n, l, d); (b, 1, l, d) for *single*.
        conditioning: how panels attend.
        with_step_code: add the step code.
        numbers: (b, n) step numbers from 1; 1..n when None. Drawing one step alone keeps its true number.
    """
    tokens, mask = slots.tokens, slots.mask
    b, count, length, dim = tokens.shape
    if conditioning == "single":
        return TextCondition(tokens[:, 0], mask[:, 0])
    n = count - 1
    if with_step_code:
        steps = numbers if numbers is not None else torch.arange(1, n + 1, device=tokens.device).expand(b, n)
        positions = torch.cat([steps.new_zeros(b, 1), steps], dim=1)
        tokens = tokens + step_code(positions, dim).to(tokens.dtype)[:, :, None, :]
    if conditioning == "joint":
        return TextCondition(tokens.flatten(1, 2), mask.flatten(1, 2))
    goal, goal_mask = tokens[:, :1].expand(b, n, length, dim), mask[:, :1].expand(b, n, length)
    routed = torch.cat([goal, tokens[:, 1:]], dim=2).flatten(0, 1)
    return TextCondition(routed, torch.cat([goal_mask, mask[:, 1:]], dim=2).flatten(0, 1))
