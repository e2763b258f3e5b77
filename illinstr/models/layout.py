"""Who may read whom in one sequence of text and image tokens.

    query \\ key       goal    own step   other steps   own panel   other panels
    panel i           yes     yes        no            yes         yes: this carries consistency
    step i's text     yes     yes        no            yes         no: else its words reach panel i in two hops
    goal's text       yes     -          no            yes         yes
    padding           itself only, and nobody reads it

Another step's words can then reach a panel only through that step's image. *joint* and *single* let every real token
read every other. Families whose text is cross-attended need the rows of the panels alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from illinstr.models.settings import Conditioning

# Owners of tokens that belong to no panel; a token of panel i (from 0) or of its text is owned by i.
GOAL, PAD, REFERENCE = -1, -2, -3

Order = Literal["text-image", "image-text"]


@dataclass(frozen=True)
class Layout:
    """The owners of the tokens of one sequence, or of several of one length.

    Attributes:
        owners: (..., s) long: a panel from 0, ``GOAL``, ``PAD``, or ``REFERENCE`` for an image without a panel.
        is_image: (..., s) bool, False for text.
        conditioning: *routed* obeys the table above.
    """

    owners: Tensor
    is_image: Tensor
    conditioning: Conditioning = "routed"

    @classmethod
    def of(cls, text: Tensor, image: Tensor, order: Order, conditioning: Conditioning = "routed") -> Self:
        """A joint sequence out of the owners of its text (..., l) and of its image tokens (..., p), in ``order``."""
        shape = torch.broadcast_shapes(text.shape[:-1], image.shape[:-1])
        text, image = text.expand(*shape, text.shape[-1]), image.expand(*shape, image.shape[-1])
        marks = (torch.zeros_like(text, dtype=torch.bool), torch.ones_like(image, dtype=torch.bool))
        parts, kinds = ((text, image), marks) if order == "text-image" else ((image, text), marks[::-1])
        return cls(torch.cat(parts, dim=-1), torch.cat(kinds, dim=-1), conditioning)

    def select(self, tokens: Tensor | slice) -> Self:
        """The layout of some of the tokens, by index, mask or slice along the sequence."""
        return type(self)(self.owners[..., tokens], self.is_image[..., tokens], self.conditioning)

    def mask(self) -> Tensor:
        """(..., query, key) bool, True where a token may read another; every token reads itself."""
        query, key = self.owners[..., :, None], self.owners[..., None, :]
        from_image, to_image = self.is_image[..., :, None], self.is_image[..., None, :]
        real = (query != PAD) & (key != PAD)
        own = torch.eye(self.owners.shape[-1], dtype=torch.bool, device=self.owners.device)
        if self.conditioning != "routed":
            return real | own
        allowed = (key == GOAL) | (query == key) | (to_image & (from_image | (query == GOAL)))
        return (real & allowed) | own


def panel_owners(panels: int, tokens_per_panel: int) -> Tensor:
    """(panels * tokens_per_panel,) long: the owners of image tokens that lie panel after panel."""
    return torch.arange(panels).repeat_interleave(tokens_per_panel)
