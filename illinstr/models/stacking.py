"""Panels and canvas: N panels of latents become one tall canvas, step 1 on top (arXiv 2312.04552, "spatial tiling").

Shapes: panels (b, n, c, h, w), canvas (b, c, n*h, w). Any n; nothing is padded.
"""

from __future__ import annotations

from torch import Tensor


def stack(panels_bnchw: Tensor) -> Tensor:
    """(b, n, c, h, w) -> (b, c, n*h, w)."""
    b, n, c, h, w = panels_bnchw.shape
    return panels_bnchw.transpose(1, 2).reshape(b, c, n * h, w)


def unstack(canvas_bchw: Tensor, n: int) -> Tensor:
    """(b, c, n*h, w) -> (b, n, c, h, w).

    Raises:
        ValueError: the canvas height is not a multiple of n.
    """
    b, c, height, w = canvas_bchw.shape
    if n < 1 or height % n:
        raise ValueError(f"a canvas {height} high cannot be cut into {n} panels")
    return canvas_bchw.reshape(b, c, n, height // n, w).transpose(1, 2)
