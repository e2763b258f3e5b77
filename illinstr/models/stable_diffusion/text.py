"""Goal and steps as what the U-Net attends to.

The goal and every step are encoded separately by the text encoder (at most 77 tokens each, the end token kept when cut)
and a sinusoidal code of the slot (goal 0, steps 1..N) is added to all tokens of the slot (arXiv 2312.04552,
"step-positional encoding"). Padding tokens are masked. The unconditional branch of guidance is the empty string in
every slot, with the same step code, so that guidance pushes away from "any image in this place".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from illinstr.models.prompt import PromptEmbeds, TextEmbeds


@dataclass(frozen=True)
class TextCondition:
    """Tokens for the U-Net.

    ``tokens`` is (k*m, l, d) when routed (canvas-major, then panel) and (k, l, d) otherwise; ``mask`` is True where a
    token is real and has the first two dimensions of ``tokens``.
    """

    tokens: Tensor
    mask: Tensor


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
def encode_texts(tokenizer: Any, text_encoder: Any, texts: Sequence[str], *, padded: bool = False) -> TextEmbeds:
    """Encode each text apart, every distinct text once: the encoder's last hidden state.

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
    return TextEmbeds(hidden[rows], mask.to(device)[rows])


def encode_ids(text_encoder: Any, ids: PromptEmbeds) -> PromptEmbeds:
    """Encode slots whose ``tokens`` are token ids (k, s, l), with gradients: what ``encode_texts`` does for texts.

    Every distinct text is encoded once, so that a text encoder that learns costs little beside a U-Net.
    """
    tokens, mask = ids.tokens.flatten(0, 1), ids.mask.flatten(0, 1)
    distinct, row = torch.unique(torch.cat([tokens, mask.long()], dim=1), dim=0, return_inverse=True)
    own_ids, own_mask = distinct.chunk(2, dim=1)
    hidden = text_encoder(input_ids=own_ids, attention_mask=own_mask).last_hidden_state
    return replace(ids, tokens=hidden[row].unflatten(0, ids.tokens.shape[:2]))


def condition(prompt: PromptEmbeds, *, with_step_code: bool) -> TextCondition:
    """Lay encoded slots out for the U-Net, as ``prompt.conditioning`` says.

    The step code is of ``prompt.numbers``: a step drawn alone keeps the number it has among others.
    """
    tokens, mask = prompt.tokens, prompt.mask
    k, slots, length, dim = tokens.shape
    if prompt.conditioning == "single":
        return TextCondition(tokens[:, 0], mask[:, 0])
    m = slots - 1
    if with_step_code:
        positions = torch.cat([prompt.numbers.new_zeros(k, 1), prompt.numbers], dim=1)
        tokens = tokens + step_code(positions, dim).to(tokens.dtype)[:, :, None, :]
    if prompt.conditioning == "joint":
        return TextCondition(tokens.flatten(1, 2), mask.flatten(1, 2))
    goal, goal_mask = tokens[:, :1].expand(k, m, length, dim), mask[:, :1].expand(k, m, length)
    routed = torch.cat([goal, tokens[:, 1:]], dim=2).flatten(0, 1)
    return TextCondition(routed, torch.cat([goal_mask, mask[:, 1:]], dim=2).flatten(0, 1))
