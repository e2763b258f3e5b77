"""The upscaler: small panels, as a decoder gives them, to the same at four times the size.

The data hold large images (``illinstr minihow --panel-px 512``). Each is made small, taken through the autoencoder of
the model that will draw, for a share of articles redrawn by that model too, and its decoded panel is what the network
is shown. It learns to give back the large image, on crops: L1 and L1 of image gradients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from illinstr.config import Config
from illinstr.images import decode_panel
from illinstr.models.upscaler import FACTOR, Upscaler, UpscalerConfig, load_upscaler, save_upscaler
from illinstr.shards import Sources
from illinstr.training.config import TrainConfig
from illinstr.training.data import BatchOrder, panels_of, read_split, to_unit_range, training_articles
from illinstr.training.image_losses import edge_ratio, gradient_l1, psnr_db, save_rows
from illinstr.training.noise import randint
from illinstr.training.redrawing import Redrawer, RedrawnConfig

SHOWN = 8  # panels of a sample image
OWN, REDRAWN = 0.0, 1.0  # shares of articles redrawn, for validation


class UpscalerLossConfig(Config):
    """Weights of the loss beside L1, and what it is counted on."""

    gradient: float = Field(default=1.0, ge=0, description="L1 of horizontal and vertical differences: crisp lines")
    crop_px: int = Field(default=64, ge=8, description="side of the crops of the small panel")


class UpscalerTrainConfig(TrainConfig):
    """A run of the upscaler; ``data.panel_px`` is the large side, four times the small one."""

    kind: Literal["upscaler"] = "upscaler"
    base: str | None = Field(default=None, description="upscaler folder to go on from; its shape replaces model")
    model: UpscalerConfig = UpscalerConfig()
    redrawn: RedrawnConfig = RedrawnConfig(share=0.5)
    loss: UpscalerLossConfig = UpscalerLossConfig()

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if self.data.panel_px % FACTOR:
            raise ValueError(f"data.panel_px {self.data.panel_px} is not a multiple of {FACTOR}")
        if self.loss.crop_px > self.data.panel_px // FACTOR:
            raise ValueError(
                f"loss.crop_px {self.loss.crop_px} is over the small panel's {self.data.panel_px // FACTOR}"
            )
        return self


@dataclass(frozen=True)
class UpscalerBatch:
    """Small panels (n, 3, p, p) and large ones (n, 3, 4p, 4p), both in [-1, 1]."""

    small: Tensor
    large: Tensor


class UpscalerTask:
    """Trains on single panels; a sample is one image of one step."""

    sample_unit = "panels"

    def __init__(self, config: UpscalerTrainConfig, data: Sources, device: str) -> None:
        self.config = config
        self.device = device
        self.small_px = config.data.panel_px // FACTOR
        articles = training_articles(data, config.data)
        self.panels = articles.panels()
        val = read_split(data, config.data.val_split, config.data, limit=config.data.val_limit)
        redrawer, keep = Redrawer(config.redrawn, self.small_px, device), config.data.cache
        self.small = redrawer.panels(articles, config.redrawn.share, "training panels", keep=keep)
        self.val = {
            "own": (val, redrawer.panels(val, OWN, "validation panels", keep=keep)),
            "redrawn": (val, redrawer.panels(val, REDRAWN, "redrawn validation panels", keep=keep)),
        }
        self.unreadable = self.panels.of_articles(self.small.unreadable)
        self.order = BatchOrder([1] * len(self.panels), config.train.batch_size, config.train.seed, self.panels.weights)
        torch.manual_seed(config.train.seed)
        upscaler = Upscaler(config.model) if config.base is None else load_upscaler(Path(config.base)).train()
        self.model: nn.Module = upscaler.to(device)

    def units_of(self, step: int) -> list[int]:
        """Panels of one optimiser step."""
        return self.order.batch(step)

    def make_batch(self, units: list[int]) -> UpscalerBatch:
        """Panels as their model gives them, and the large truth."""
        places = [self.panels.place(unit) for unit in units]
        small = torch.stack([self.small[article][step] for article, step in places])
        large = np.stack([decode_panel(self.panels[unit], self.config.data.panel_px) for unit in units])
        return UpscalerBatch(_unit_range(small), to_unit_range(large))

    def loss(
        self, model: nn.Module, batch: UpscalerBatch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """L1 and gradient L1 of a crop of each panel."""
        crop = self.config.loss.crop_px
        room = self.small_px - crop + 1
        tops, lefts = (randint(room, len(batch.small), generator).tolist() for _ in range(2))
        small = torch.stack(
            [one[:, y : y + crop, x : x + crop] for one, y, x in zip(batch.small, tops, lefts, strict=True)]
        )
        large = torch.stack(
            [
                one[:, FACTOR * y : FACTOR * (y + crop), FACTOR * x : FACTOR * (x + crop)]
                for one, y, x in zip(batch.large, tops, lefts, strict=True)
            ]
        )
        truth = large.to(self.device)
        image = model(small.to(self.device).contiguous(memory_format=torch.channels_last)).float()
        l1, gradient = (image - truth).abs().mean(), gradient_l1(image, truth)
        parts = {"loss_l1": float(l1.detach()), "loss_gradient": float(gradient.detach())}
        return l1 + self.config.loss.gradient * gradient, parts

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """PSNR in dB and crispness of edges, of panels from their own latents and from redrawn ones.

        The sample image shows what goes in (enlarged), what comes out, and the truth, of redrawn panels.
        """
        figures: dict[str, float] = {}
        for name, (articles, smalls) in self.val.items():
            scores: list[tuple[float, float]] = []
            shown: list[tuple[Tensor, Tensor, Tensor]] = []
            for number, article in enumerate(articles):
                truth = panels_of(article, self.config.data.panel_px)
                for small, large in zip(_unit_range(smalls[number]), truth, strict=True):
                    image = self.model(small[None].to(self.device)).float().cpu()
                    scores.append((float(psnr_db(large[None], image)), float(edge_ratio(large[None], image))))
                    if len(shown) < SHOWN:
                        enlarged = F.interpolate(small[None], scale_factor=FACTOR, mode="bilinear")[0]
                        shown.append((enlarged, image[0], large))
            decibel, edges = np.mean(scores, axis=0)
            figures |= {f"val_{name}_db": float(decibel), f"val_{name}_edges": float(edges)}
            if folder is not None:
                save_rows(folder / f"step-{step:08d}-{name}.png", *map(torch.stack, zip(*shown, strict=True)))
        return figures

    def export(self, folder: Path) -> None:
        """Write ``config.json`` and ``model.safetensors``, weights in float16."""
        assert isinstance(self.model, Upscaler)
        save_upscaler(folder, self.model)


def _unit_range(pixels: Tensor) -> Tensor:
    """uint8 (n, 3, h, w) -> float32 in [-1, 1]."""
    return pixels.float().div_(127.5).sub_(1.0)
