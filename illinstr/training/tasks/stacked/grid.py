"""The image grid of a run: drawn articles, each below its truth, by fixed seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from illinstr import files
from illinstr.articles import Article
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.images import decode_panel
from illinstr.models.backbone import Backbone
from illinstr.models.settings import StackedSettings

NO_IMAGE = 235  # a light grey where the truth has none


def pipeline_of(base: Backbone, settings: StackedSettings, device: str) -> StackedDiffusionPipeline:
    """A pipeline over the very modules in training."""
    source = replace(base.source, model_id="in training", sha256="", settings=settings)
    return StackedDiffusionPipeline(replace(base, source=source, settings=settings), device)


def save_grid(path: Path, pipe: StackedDiffusionPipeline, articles: Sequence[Article], longest: int) -> None:
    """Draw the first ``longest`` steps of each article and write one PNG: a row of truth, a row of drawings, ..."""
    from PIL import Image

    rows: list[Tensor] = []
    for seed, article in enumerate(articles):
        steps = article.steps[:longest]
        drawn = pipe(article.goal, [step.headline for step in steps], seed=seed)
        pixels = [torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(p.height, p.width, 3) for p in drawn]
        truth = [_truth(step.image.data if step.image else None, pipe.panel_px) for step in steps]
        rows += [torch.cat(truth, dim=1), torch.cat(pixels, dim=1)]
    width = max(row.shape[1] for row in rows)
    canvas = torch.full((sum(row.shape[0] for row in rows), width, 3), 255, dtype=torch.uint8)
    top = 0
    for row in rows:
        canvas[top : top + row.shape[0], : row.shape[1]] = row
        top += row.shape[0]
    with files.atomic_open(path) as stream:
        Image.fromarray(canvas.numpy()).save(stream, format="PNG")


def _truth(data: bytes | None, panel_px: int) -> Tensor:
    if data is None:
        return torch.full((panel_px, panel_px, 3), NO_IMAGE, dtype=torch.uint8)
    return torch.from_numpy(decode_panel(data, panel_px).copy())
