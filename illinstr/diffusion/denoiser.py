"""What the U-Net says about canvases at one noise level: text and guidance put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from illinstr.diffusion.schedule import rescale_guidance
from illinstr.diffusion.stacking import stack, unstack
from illinstr.diffusion.text import TextCondition, condition, encode_slots, encode_texts
from illinstr.models.folder import ModelParts
from illinstr.models.stable_diffusion.attention import predict


@dataclass(frozen=True)
class CanvasText:
    """The words of one canvas: goal, a step text for each of its panels, and the number each step goes by."""

    goal: str
    steps: tuple[str, ...]
    numbers: tuple[int, ...]


class Denoiser:
    """A guided prediction for canvases of m panels; texts are encoded once, both branches of guidance go in one pass.

    At the noisiest timesteps guidance only drives apart what is not decided yet, and makes articles alike; a model's
    ``guidance_from`` leaves it out there (limited interval, arXiv 2404.07724), which takes half the time.

    Args:
        parts: the model.
        canvases: the words of k canvases.
        scale: classifier-free guidance; 1 leaves the unconditional branch out.
        max_canvases: canvases in one pass of the U-Net, each twice under guidance; None is all of them.
    """

    def __init__(
        self, parts: ModelParts, canvases: Sequence[CanvasText], scale: float, *, max_canvases: int | None = None
    ) -> None:
        self.unet, self.settings, self.scale = parts.unet, parts.settings, scale
        self.branches = 1 if scale == 1 else 2
        self.guided_below = self.settings.guidance_from * float(parts.scheduler.config.num_train_timesteps)
        self.max_canvases = max_canvases or len(canvases)
        blank = [CanvasText("", ("",) * len(canvas.steps), canvas.numbers) for canvas in canvases]
        rows = [*blank * (self.branches - 1), *canvases]
        text = self._encode(parts, rows) if parts.stacked else self._encode_plain(parts, rows)
        shape = (self.branches, len(canvases), -1)  # then token rows of a canvas, one a panel when routed
        self.text = TextCondition(text.tokens.unflatten(0, shape), text.mask.unflatten(0, shape))

    def _encode(self, parts: ModelParts, rows: Sequence[CanvasText]) -> TextCondition:
        slots = encode_slots(
            parts.tokenizer,
            parts.text_encoder,
            [row.goal for row in rows],
            [row.steps for row in rows],
            self.settings.conditioning,
        )
        numbers = torch.tensor([row.numbers for row in rows], device=slots.tokens.device)
        return condition(slots, self.settings.conditioning, with_step_code=self.settings.step_code, numbers=numbers)

    def _encode_plain(self, parts: ModelParts, rows: Sequence[CanvasText]) -> TextCondition:
        """For a model that knows one text a picture: goal and steps in one string, filled up as it was trained."""
        texts = [": ".join(filter(None, (row.goal, " ".join(filter(None, row.steps))))) for row in rows]
        tokens, mask = encode_texts(parts.tokenizer, parts.text_encoder, texts, padded=True)
        return TextCondition(tokens, mask)

    def __call__(self, panels_kmchw: Tensor, t: Tensor) -> Tensor:
        """The prediction for noised panels (k, m, c, h, w) at timestep ``t``, in their shape, in float32."""
        total = panels_kmchw.shape[0]
        starts = range(0, total, self.max_canvases)
        passes = [slice(start, min(start + self.max_canvases, total)) for start in starts]
        return torch.cat([self._guided(panels_kmchw[rows], t, rows) for rows in passes])

    def _guided(self, panels_kmchw: Tensor, t: Tensor, rows: slice) -> Tensor:
        branches = slice(0 if float(t) < self.guided_below else self.branches - 1, None)  # the text's own comes last
        tokens, mask = self.text.tokens[branches, rows], self.text.mask[branches, rows]
        canvases = stack(panels_kmchw).to(self.unet.dtype).repeat(tokens.shape[0], 1, 1, 1)
        tokens = tokens.flatten(0, 2).to(canvases.device, self.unet.dtype)
        out = predict(self.unet, canvases, t.to(canvases.device), tokens, mask.flatten(0, 2).to(canvases.device))
        panels = unstack(out.float(), panels_kmchw.shape[1])
        if len(panels) == len(panels_kmchw):
            return panels
        without, conditional = panels.chunk(2)
        guided = without + self.scale * (conditional - without)
        return rescale_guidance(guided, conditional, self.settings.guidance_rescale)
