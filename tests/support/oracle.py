"""An article model whose perfect denoiser is known: panels of pixels that are jointly Gaussian.

At every pixel the n panels of an article follow N(mean, C) with C = scale^2 * ((1 - rho) I + rho 11^T): each panel has
the spread ``scale`` and any two of them the correlation ``rho``, which is what drawing together must keep. C looks the
same from every subset of panels, so one denoiser serves canvases of every size.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from illinstr.models.stable_diffusion.backbone import StableDiffusion
from illinstr.models.stacking import stack, unstack

MEAN, SCALE = 0.7, 0.5


def covariance(n: int, rho: float) -> Tensor:
    return SCALE**2 * ((1 - rho) * torch.eye(n, dtype=torch.float64) + rho)


class GaussianOracle(torch.nn.Module):
    """Stands in the U-Net's place: the exact E[v | canvas], in float64."""

    def __init__(self, alphas_cumprod: Tensor, panel_px: int, rho: float, channels: int = 4) -> None:
        super().__init__()
        self.abar, self.panel_px, self.rho = alphas_cumprod.double(), panel_px, rho
        self.config = SimpleNamespace(in_channels=channels)
        self.dtype = torch.float64
        self.canvases: list[int] = []

    def forward(self, canvas: Tensor, t: Tensor, **_: Any) -> tuple[Tensor]:
        n = canvas.shape[2] // self.panel_px
        self.canvases.append(n)
        panels = unstack(canvas, n)
        abar = self.abar[int(t.reshape(-1)[0])]
        a, b = abar.sqrt(), (1 - abar).sqrt()
        cov = covariance(n, self.rho)
        gain = a * cov @ torch.linalg.inv(abar * cov + (1 - abar) * torch.eye(n, dtype=torch.float64))
        clean = MEAN + torch.einsum("ij,bjchw->bichw", gain, panels - a * MEAN)
        noise = (panels - a * clean) / b
        return (stack(a * noise - b * clean),)


def oracle_parts(parts: StableDiffusion, rho: float, panel_px: int) -> StableDiffusion:
    """``parts`` with the oracle for a U-Net."""
    return replace(parts, unet=GaussianOracle(parts.scheduler.alphas_cumprod, panel_px, rho))
