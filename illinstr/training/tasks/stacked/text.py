"""Texts of a run: which are left out, and their tokens, each distinct text encoded once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.models.backbone import Backbone
from illinstr.models.prompt import PromptEmbeds, slot_texts
from illinstr.models.settings import Conditioning
from illinstr.models.stable_diffusion.text import tokenize
from illinstr.training.cache import TextCache
from illinstr.training.noise import rows_of
from illinstr.training.tasks.stacked.config import StackingConfig
from illinstr.training.tasks.stacked.data import ArticleBatch

POOLED = "\0"  # before a text: no text of an article begins so


class TextSlots:
    """Like ``Backbone.encode``, with every distinct text encoded once in the life of the run.

    Args:
        base: encodes texts.
        conditioning: *single* gives one slot, the others 1+n.
        encoded: the cache; None leaves texts as token ids, for a text encoder that learns.
        tokenizer: gives these ids.
    """

    def __init__(
        self, base: Backbone, conditioning: Conditioning, encoded: TextCache | None, tokenizer: Any = None
    ) -> None:
        self.base = base
        self.conditioning = conditioning
        self.encoded = encoded
        self.tokenizer = tokenizer
        self._pools = False  # whether this model's texts have a pooled form as well, once one was encoded

    def __call__(self, goals: list[str], steps: list[list[str]], numbers: Tensor) -> PromptEmbeds:
        """The slots of b goals and b lists of n step texts whose numbers in their windows are ``numbers`` (b, n)."""
        firsts = numbers[:, 0].tolist()
        rows = [
            slot_texts(goal, own, self.conditioning, first=first)
            for goal, own, first in zip(goals, steps, firsts, strict=True)
        ]
        shape = (len(rows), len(rows[0]))
        if self.encoded is None:
            ids, mask = tokenize(self.tokenizer, [text for row in rows for text in row])
            return PromptEmbeds(ids.unflatten(0, shape), mask.unflatten(0, shape), numbers, self.conditioning)
        kept = [self._tokens(text, self.encoded) for row in rows for text in row]
        pooled = [self.encoded[POOLED + row[0]] for row in rows if POOLED + row[0] in self.encoded]
        padded = nn.utils.rnn.pad_sequence(kept, batch_first=True)
        lengths = torch.tensor([len(tokens) for tokens in kept], device=padded.device)
        mask = torch.arange(padded.shape[1], device=padded.device)[None, :] < lengths[:, None]
        embeds = PromptEmbeds(padded.unflatten(0, shape), mask.unflatten(0, shape), numbers, self.conditioning)
        return replace(embeds, pooled=torch.stack(pooled)) if pooled else embeds

    def _tokens(self, text: str, encoded: TextCache) -> Tensor:
        if text not in encoded or (self._pools and POOLED + text not in encoded):
            # One at a time: beside other texts it would differ in the last bit, and with it a resumed run.
            embeds = self.base.encode_texts([text])
            encoded[text] = embeds.tokens[0][embeds.mask[0]].float()
            self._pools = embeds.pooled is not None
            if embeds.pooled is not None:
                encoded[POOLED + text] = embeds.pooled[0].float()
        return encoded[text]


def drop_texts(
    batch: ArticleBatch, stacking: StackingConfig, generator: torch.Generator
) -> tuple[list[str], list[list[str]]]:
    """Goals and step texts with some replaced by the empty string: all of an article, its goal, each step."""
    goals, steps = [], []
    rows = rows_of(generator, len(batch.goals))
    for goal, own, row in zip(batch.goals, batch.steps, rows, strict=True):
        chance = torch.rand(2 + len(own), generator=row).tolist()
        everything = chance[0] < stacking.drop_all
        goals.append("" if everything or chance[1] < stacking.drop_goal else goal)
        kept = zip(own, chance[2:], strict=True)
        steps.append(["" if everything or luck < stacking.drop_step else step for step, luck in kept])
    return goals, steps
