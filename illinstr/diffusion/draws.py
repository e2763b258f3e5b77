"""What is denoised at once, in which order: whole articles, windows of long ones, or every panel alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from illinstr.diffusion.names import Method
from illinstr.diffusion.windows import long_windows, number_when_alone
from illinstr.models.prompt import CanvasText

ArticleText = tuple[str, Sequence[str]]  # a goal and its N step texts


@dataclass(frozen=True)
class Draw:
    """Canvases denoised at once: which article and which panels, (k,) and (k, m), and their words."""

    rows: Tensor
    panels: Tensor
    texts: list[CanvasText]


def plan_draws(articles: Sequence[ArticleText], method: Method, held_bn: Tensor, size: int) -> list[Draw]:
    """What is denoised at once, in order; canvases on which every panel is held are left out.

    Args:
        articles: goals and step texts, of one N.
        method: all panels of a window on one canvas, or each alone.
        held_bn: True for panels that are known.
        size: panels of a window at most.
    """
    n = held_bn.shape[1]
    rows = range(len(articles))
    if method == "independent":
        numbers = number_when_alone(n, size)
        cells = [(row, (panel,), (numbers[panel],)) for row in rows for panel in range(n)]
        return _draw_of(articles, [cell for cell in cells if not held_bn[cell[0], cell[1][0]]])
    draws, done = [], held_bn.clone()
    for window in long_windows(n, size):
        places = tuple(range(1, len(window) + 1))
        draws += _draw_of(articles, [(row, window, places) for row in rows if not done[row, list(window)].all()])
        done[:, list(window)] = True
    return draws


def _draw_of(
    articles: Sequence[ArticleText], canvases: Sequence[tuple[int, tuple[int, ...], tuple[int, ...]]]
) -> list[Draw]:
    if not canvases:
        return []
    texts = [
        CanvasText(articles[row][0], tuple(articles[row][1][panel] for panel in panels), numbers)
        for row, panels, numbers in canvases
    ]
    rows, panels = torch.tensor([row for row, _, _ in canvases]), torch.tensor([panels for _, panels, _ in canvases])
    return [Draw(rows, panels, texts)]
