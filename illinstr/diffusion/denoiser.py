"""What a backbone says about canvases at one noise level: two branches put together by guidance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from illinstr.diffusion.schedule import rescale_guidance
from illinstr.models.backbone import Backbone
from illinstr.models.prompt import CanvasText


class Denoiser:
    """A guided prediction for canvases of m panels; texts are encoded once, both branches of guidance go in one pass.

    At the noisiest timesteps guidance only drives apart what is not decided yet, and makes articles alike; a model's
    ``guidance_from`` leaves it out there (limited interval, arXiv 2404.07724), which takes half the time.

    Args:
        backbone: the model.
        canvases: the text of k canvases.
        scale: classifier-free guidance; 1 leaves the unconditional branch out, as do models distilled to go without.
        max_canvases: canvases in one pass of the model, each twice under guidance; None is all of them.
        clean: (k, m), True for panels that are given clean; None is none.
        references: (r, c, h, w) clean latents that every panel of every canvas sees; None is none.
    """

    def __init__(
        self,
        backbone: Backbone,
        canvases: Sequence[CanvasText],
        scale: float,
        *,
        max_canvases: int | None = None,
        clean: Tensor | None = None,
        references: Tensor | None = None,
    ) -> None:
        self.backbone, self.settings = backbone.with_guidance(scale), backbone.settings
        self.scale = scale = backbone.guidance_scale(scale)
        self.clean, self.references = clean, references
        self.canvases = len(canvases)
        self.branches = 2 if scale != 1 and backbone.guided else 1
        below = self.settings.guidance_from * float(backbone.scheduler.config.num_train_timesteps)
        self.guided_below = below if self.settings.guidance_from < 1 else math.inf  # a flow begins at the very last
        self.max_canvases = max_canvases or len(canvases)
        without_text = [canvas.without_text() for canvas in canvases] * (self.branches - 1)
        self.prompt = backbone.encode([*without_text, *canvases])

    def __call__(self, panels_kmchw: Tensor, t: Tensor) -> Tensor:
        """The prediction for noised panels (k, m, c, h, w) at timestep ``t``, in their shape, in float32."""
        total = panels_kmchw.shape[0]
        starts = range(0, total, self.max_canvases)
        passes = [range(start, min(start + self.max_canvases, total)) for start in starts]
        return torch.cat([self._guided(panels_kmchw[rows.start : rows.stop], t, rows) for rows in passes])

    def _guided(self, panels_kmchw: Tensor, t: Tensor, rows: range) -> Tensor:
        # The text's own branch comes last.
        branches = range(0 if float(t) < self.guided_below else self.branches - 1, self.branches)
        prompt = self.prompt.select([branch * self.canvases + row for branch in branches for row in rows])
        panels = panels_kmchw.repeat(len(branches), 1, 1, 1, 1)
        clean = None if self.clean is None else self.clean[list(rows)].repeat(len(branches), 1)
        seen = None if self.references is None else self.references.expand(len(panels), *self.references.shape)
        times = t.reshape(1).expand(len(panels))
        out = self.backbone.predict(panels, times, prompt, clean_km=clean, references_krchw=seen)
        if len(branches) == 1:
            return out
        without, conditional = out.chunk(2)
        guided = self.backbone.guide(without, conditional, self.scale)
        return rescale_guidance(guided, conditional, self.settings.guidance_rescale)
