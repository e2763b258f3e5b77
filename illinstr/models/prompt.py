"""The text of canvases: which strings are encoded, and their tokens with owners.

The goal and each step are a *slot* of their own: encoded apart, padded to one length, the padding marked. A family lays
the slots out as its denoiser wants them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from illinstr.models.layout import PAD
from illinstr.models.settings import Conditioning


@dataclass(frozen=True)
class CanvasText:
    """The text of one canvas: goal, a step text for each of its panels, and the number each step goes by (from 1)."""

    goal: str
    steps: tuple[str, ...]
    numbers: tuple[int, ...]

    def without_text(self) -> CanvasText:
        """The same canvas for the unconditional branch of guidance: the empty string in every slot."""
        return CanvasText("", ("",) * len(self.steps), self.numbers)


@dataclass(frozen=True)
class TextEmbeds:
    """Texts encoded each apart.

    Attributes:
        tokens: (m, l, d).
        mask: (m, l), True where a token is read.
        pooled: (m, p) for families whose denoiser takes one vector a text as well.
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor | None = None


@dataclass(frozen=True)
class PromptEmbeds:
    """Encoded slots of k canvases of m panels.

    Attributes:
        tokens: (k, s, l, d); s is 1 + m, the goal first, or 1 where one string holds everything.
        mask: (k, s, l), True where a token is read.
        numbers: (k, m), the number of each panel's step, from 1.
        conditioning: who reads the slots.
        pooled: (k, p), of slot 0 alone, for families whose denoiser takes one vector a canvas: a vector of all texts
            would carry every step's words into every panel.
    """

    tokens: Tensor
    mask: Tensor
    numbers: Tensor
    conditioning: Conditioning
    pooled: Tensor | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    def select(self, rows: Tensor | slice | Sequence[int]) -> Self:
        """Some of the canvases."""
        pooled = None if self.pooled is None else self.pooled[rows]
        return replace(self, tokens=self.tokens[rows], mask=self.mask[rows], numbers=self.numbers[rows], pooled=pooled)

    def to(self, device: str | torch.device, dtype: torch.dtype | None = None) -> Self:
        """The same on a device, tokens and pooled vectors in ``dtype``."""
        pooled = None if self.pooled is None else self.pooled.to(device, dtype)
        return replace(
            self,
            tokens=self.tokens.to(device, dtype),
            mask=self.mask.to(device),
            numbers=self.numbers.to(device),
            pooled=pooled,
        )

    def trimmed(self) -> Self:
        """The same without what is padding in every slot."""
        longest = max(int(self.mask.flatten(0, 1).any(dim=0).sum()), 1)
        return replace(self, tokens=self.tokens[:, :, :longest], mask=self.mask[:, :, :longest])

    def owners(self) -> Tensor:
        """(k, s, l) long: ``GOAL``, the panel from 0 whose step a token belongs to, or ``PAD``."""
        slots = torch.arange(self.tokens.shape[1], device=self.mask.device) - 1  # slot 0 is GOAL, -1
        return torch.where(self.mask, slots[None, :, None], PAD)

    def packed(self) -> tuple[Tensor, Tensor]:
        """Tokens (k, l', d) and owners (k, l') without the slots' padding, slot after slot.

        Canvases whose texts are shorter are padded at the end, with zeros owned by ``PAD``.
        """
        tokens, owners = self.tokens.flatten(1, 2), self.owners().flatten(1, 2)
        real = owners != PAD
        order = (~real).to(torch.int8).argsort(dim=1, stable=True)[:, : int(real.sum(dim=1).max())]
        owners = owners.gather(1, order)
        tokens = tokens.gather(1, order[..., None].expand(*order.shape, tokens.shape[-1]))
        return tokens.masked_fill((owners == PAD)[..., None], 0), owners


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


def plain_text(canvas: CanvasText) -> str:
    """One string of goal and steps, for a model that knows one text an image and was never trained on slots."""
    return ": ".join(filter(None, (canvas.goal, " ".join(filter(None, canvas.steps)))))


def lay_slots(embeds: TextEmbeds, canvases: Sequence[CanvasText], conditioning: Conditioning) -> PromptEmbeds:
    """Texts of canvases of one m, encoded canvas after canvas in the order of ``slot_texts``, as ``PromptEmbeds``."""
    shape = (len(canvases), len(embeds.tokens) // len(canvases))
    numbers = torch.tensor([canvas.numbers for canvas in canvases], device=embeds.tokens.device)
    pooled = None if embeds.pooled is None else embeds.pooled.unflatten(0, shape)[:, 0]
    return PromptEmbeds(
        embeds.tokens.unflatten(0, shape), embeds.mask.unflatten(0, shape), numbers, conditioning, pooled
    )
