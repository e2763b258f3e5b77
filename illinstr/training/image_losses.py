"""What tells two images apart: losses of the tasks that learn to draw pixels, and the figures they are validated by."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from illinstr import files

STRONGEST = 0.95  # quantile of the truth's gradients above which a pixel counts as edge


def gradient_l1(first: Tensor, second: Tensor) -> Tensor:
    """Mean |d first - d second| over horizontal and vertical neighbour differences; (n, c, h, w) each."""
    horizontal = (first.diff(dim=-1) - second.diff(dim=-1)).abs().mean()
    vertical = (first.diff(dim=-2) - second.diff(dim=-2)).abs().mean()
    return horizontal + vertical


def psnr_db(truth: Tensor, image: Tensor) -> Tensor:
    """Peak signal-to-noise ratio per image, in dB, of images in [-1, 1] (peak-to-peak 2); (n, c, h, w) -> (n,)."""
    squared = (truth - image.clamp(-1, 1)).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(4.0 / squared.clamp_min(1e-12))


def edge_ratio(truth: Tensor, image: Tensor) -> Tensor:
    """Mean gradient where the truth's is among its strongest 5 %, over the truth's own: 1 is as crisp as the truth.

    Gradients are the length of (right minus here, below minus here) of the mean of channels, 0 past the border;
    (n, c, h, w) -> (n,).
    """
    true, mine = _slope(truth).flatten(1), _slope(image.clamp(-1, 1)).flatten(1)
    edges = true > torch.quantile(true, STRONGEST, dim=1, keepdim=True)
    return (mine * edges).sum(dim=1) / (true * edges).sum(dim=1).clamp_min(1e-12)


def _slope(images: Tensor) -> Tensor:
    grey = images.mean(dim=1)
    right, below = F.pad(grey.diff(dim=-1), (0, 1)), F.pad(grey.diff(dim=-2), (0, 0, 0, 1))
    return (right.square() + below.square()).sqrt()


def save_rows(path: Path, *rows: Tensor) -> None:
    """Images (n, 3, h, w) in [-1, 1] as a PNG, a row each, one below the other."""
    whole = torch.cat([torch.cat(list(row), dim=-1) for row in rows], dim=-2)
    pixels = ((whole.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    with files.atomic_open(path) as stream:
        Image.fromarray(pixels).save(stream, format="PNG")
