"""Noise levels, clean panels and the loss of flow matching over stacked panels.

x_s = (1 - s) x + s noise, and the network learns noise - x (arXiv 2210.02747, 2209.03003). A panel given clean keeps
s = 0 and does not count in the loss: what the sampler asks beside kept images is what was trained.
"""

from __future__ import annotations

import torch
from torch import Tensor

from illinstr.training.noise import rows_of
from illinstr.training.tasks.flow.config import AnchorsConfig, FlowNoiseConfig


def draw_clean(illustrated_bn: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Which panels are given clean, (b, n) bool: in ``share`` of the articles one or more of those with an image.

    At least one panel with an image is left to draw, so an article with a single one gives none.
    """
    rows = []
    for illustrated, row in zip(illustrated_bn, rows_of(generator, len(illustrated_bn)), strict=True):
        places = illustrated.nonzero().flatten()
        luck, many = torch.rand(2, generator=row).tolist()
        order = torch.randperm(len(places), generator=row)
        count = 1 + int(many * (len(places) - 1)) if luck < share and len(places) > 1 else 0
        clean = torch.zeros_like(illustrated)
        clean[places[order[:count]]] = True
        rows.append(clean)
    return torch.stack(rows)


def draw_levels(clean_bn: Tensor, noise: FlowNoiseConfig, anchors: AnchorsConfig, generator: torch.Generator) -> Tensor:
    """Noise levels (b,) in 0..1: logit-normal, shifted; articles with clean panels by a shift of their own."""
    normal = torch.cat([torch.randn(1, generator=row) for row in rows_of(generator, len(clean_bn))])
    levels = (noise.mean + noise.std * normal).sigmoid()
    shift = torch.where(clean_bn.any(dim=1), anchors.shift, noise.shift)
    return shift * levels / (1 + (shift - 1) * levels)


def noised_panels(
    latents_bnchw: Tensor, noise_bnchw: Tensor, levels_b: Tensor, clean_bn: Tensor, illustrated_bn: Tensor
) -> Tensor:
    """Panels at their noise levels: clean ones at 0, and those without an image at 1, where they tell nothing."""
    levels = levels_b[:, None].expand(clean_bn.shape).masked_fill(clean_bn, 0.0)
    levels = levels.masked_fill(~illustrated_bn, 1.0)[:, :, None, None, None].to(latents_bnchw)
    return (1 - levels) * latents_bnchw + levels * noise_bnchw


def mean_over_panels(errors_bn: Tensor, counted_bn: Tensor) -> Tensor:
    """(b,) the mean of each article's errors over the panels that count."""
    return (errors_bn * counted_bn).sum(dim=1) / counted_bn.sum(dim=1).clamp_min(1)
