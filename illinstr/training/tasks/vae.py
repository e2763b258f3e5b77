"""The autoencoder: panels <-> latents.

A plain ``AutoencoderKL`` (arXiv 2112.10752) whose full-resolution blocks are narrow: they are what a CPU spends its
time on. Loss: L1, squared error where asked for, L1 of image gradients (crisp outlines), L1 of pooled pixels (colours)
and a small KL term. No adversary, no perceptual network: the world it is trained on has flat colours and clear edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field, model_validator
from torch import Tensor, nn

from illinstr.articles import Article
from illinstr.config import Config
from illinstr.images import decode_panel
from illinstr.shards import Sources
from illinstr.training.config import TrainConfig
from illinstr.training.data import BatchOrder, read_split, to_unit_range, training_articles
from illinstr.training.image_losses import edge_ratio, gradient_l1, psnr_db, save_rows
from illinstr.training.latents import ArticleTensors
from illinstr.training.noise import randn, rows_of
from illinstr.training.reading import ArticleSet
from illinstr.training.redrawing import Redrawer, RedrawnConfig

VAL_BATCH = 32


class VaeModelConfig(Config):
    """Shape of the AutoencoderKL; 2^(levels-1) is the down-sampling factor."""

    block_out_channels: tuple[int, ...] = Field(default=(8, 16, 64, 128, 192), min_length=2)
    layers_per_block: int = Field(default=1, ge=1)
    latent_channels: int = Field(default=16, ge=1)
    norm_num_groups: int = Field(default=4, ge=1)


class VaeLossConfig(Config):
    """Weights of the loss terms."""

    squared: float = Field(default=0.0, ge=0, description="mean squared error: what PSNR counts")
    gradient: float = Field(default=1.0, ge=0, description="L1 of horizontal and vertical differences")
    coarse: float = Field(
        default=1.0, ge=0, description="L1 after 8x8 average pooling: colours are learned much sooner"
    )
    kl: float = Field(default=1e-4, ge=0, description="KL to the unit normal, per latent element")


class VaeConfig(TrainConfig):
    """A VAE run.

    A U-Net is bound to its encoder but not to its decoder: with ``base`` and ``freeze_encoder`` the decoder goes on
    learning under a U-Net that is trained already.
    """

    kind: Literal["vae"] = "vae"
    base: str | None = Field(default=None, description="AutoencoderKL folder to start from; its shape replaces model")
    freeze_encoder: bool = Field(default=False, description="train the decoder alone; keeps base's scaling factor")
    model: VaeModelConfig = VaeModelConfig()
    loss: VaeLossConfig = VaeLossConfig()
    redrawn: RedrawnConfig = Field(
        default=RedrawnConfig(), description="with a frozen encoder: panels decoded from latents as a model draws them"
    )
    noise: float = Field(
        default=0.0, ge=0, description="with a frozen encoder: own latents get noise of a deviation up to this, scaled"
    )

    @model_validator(mode="after")
    def _something_to_freeze(self) -> Self:
        if self.freeze_encoder and self.base is None:
            raise ValueError("freeze_encoder keeps the encoder of a trained VAE: name its folder as base")
        if (self.redrawn.share or self.noise) and not self.freeze_encoder:
            raise ValueError("redrawn.share and noise are for a decoder alone: set freeze_encoder and base")
        return self


class _Autoencode(nn.Module):
    """The VAE as one forward pass: (n, 3, h, w) in, reconstruction and KL per latent element out."""

    def __init__(self, vae: nn.Module, *, freeze_encoder: bool = False) -> None:
        super().__init__()
        self.vae = vae
        self.freeze_encoder = freeze_encoder
        if freeze_encoder:
            for part in (vae.encoder, vae.quant_conv):  # some published VAEs have no quant_conv
                if isinstance(part, nn.Module):
                    part.requires_grad_(False)

    def forward(
        self, panels_nchw: Tensor, noise: Tensor | None, latents: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Panels, or their latents as the decoder reads them, to images; the KL of latents that are given is 0."""
        if latents is not None:
            return self.vae.decode(latents).sample, latents.new_zeros(())  # type: ignore[operator]
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze_encoder):
            posterior: Any = self.vae.encode(panels_nchw).latent_dist  # type: ignore[operator]
        latents = posterior.mean if noise is None else posterior.mean + posterior.std * noise
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1.0 - posterior.logvar).mean()
        return self.vae.decode(latents).sample, kl  # type: ignore[operator]


@dataclass(frozen=True)
class VaeBatch:
    """Panels (n, 3, h, w) in [-1, 1] and, where the decoder alone learns from drawn latents, these (n, c, h/f, w/f)."""

    panels: Tensor
    latents: Tensor | None = None


class VaeTask:
    """Trains on single panels; a sample is one image of one step."""

    sample_unit = "panels"

    def __init__(self, config: VaeConfig, data: Sources, device: str) -> None:
        self.config = config
        self.device = device
        articles = training_articles(data, config.data)
        self.panels = articles.panels()
        val = read_split(data, config.data.val_split, config.data, limit=config.data.val_limit)
        self.val_panels = _all_panels(val)[: 4 * config.data.val_limit]
        self.order = BatchOrder([1] * len(self.panels), config.train.batch_size, config.train.seed, self.panels.weights)
        self.vae = _build(config)
        self.factor = 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.model: nn.Module = _Autoencode(self.vae, freeze_encoder=config.freeze_encoder).to(device)
        self.drawn: ArticleTensors | None = None
        self.val_drawn: tuple[list[bytes], Tensor] | None = None
        self.unreadable: dict[int, str] = {}
        if config.redrawn.share or config.noise:
            self._draw(articles, val)

    def _draw(self, articles: ArticleSet, val: list[Article]) -> None:
        """The latents a decoder alone learns from: redrawn for a share of articles, the encoder's own for others."""
        redrawer = Redrawer(self.config.redrawn, self.config.data.panel_px, self.device)
        redrawer.check(self.vae)
        keep = self.config.data.cache
        self.drawn = redrawer.latents(articles, self.config.redrawn.share, "training panels", keep=keep)
        self.unreadable = self.panels.of_articles(self.drawn.unreadable)
        few = val[: max(1, self.config.data.val_limit // 8)]
        redrawn = redrawer.latents(few, 1.0, "validation panels", keep=keep)
        self.val_drawn = _all_panels(few), torch.cat(list(redrawn))

    def units_of(self, step: int) -> list[int]:
        """Panels of one optimiser step."""
        return self.order.batch(step)

    def make_batch(self, units: list[int]) -> VaeBatch:
        """Panels and, for a decoder alone, what they are to be drawn from."""
        panels = self._load([self.panels[unit] for unit in units])
        if self.drawn is None:
            return VaeBatch(panels)
        places = [self.panels.place(unit) for unit in units]
        return VaeBatch(panels, torch.stack([self.drawn[article][step] for article, step in places]).float())

    def _load(self, encoded: list[bytes]) -> Tensor:
        panels = to_unit_range(np.stack([decode_panel(data, self.config.data.panel_px) for data in encoded]))
        return panels.contiguous(memory_format=torch.channels_last)

    def loss(self, model: nn.Module, batch: VaeBatch, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """L1, squared error, gradient L1, L1 of pooled pixels and KL, weighted."""
        panels = batch.panels.to(self.device)
        n, _, h, w = panels.shape
        shape = (n, self.vae.config.latent_channels, h // self.factor, w // self.factor)
        noise = randn(shape, generator)
        if batch.latents is None:
            image, kl = model(panels, noise.to(self.device))
        else:
            deviation = self.config.noise * torch.cat([torch.rand(1, generator=row) for row in rows_of(generator, n)])
            noised = batch.latents + deviation[:, None, None, None] * noise
            image, kl = model(panels, None, _unscaled(self.vae, noised.to(self.device)))
        error = image.float() - panels
        l1, squared = error.abs().mean(), error.square().mean()
        gradient = gradient_l1(image.float(), panels)
        coarse = F.avg_pool2d(error, 8).abs().mean()
        weights = self.config.loss
        loss = l1 + weights.gradient * gradient + weights.coarse * coarse + weights.kl * kl.float()
        if weights.squared:
            loss = loss + weights.squared * squared
        parts = {"l1": l1, "squared": squared, "gradient": gradient, "coarse": coarse, "kl": kl}
        return loss, {f"loss_{name}": float(value.detach()) for name, value in parts.items()}

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """PSNR in dB over the validation panels; truth above reconstruction as an image.

        Where drawn latents are learnt from: also of redrawn panels, and how crisp the edges of both are.
        """
        scores: list[tuple[float, float]] = []
        for start in range(0, len(self.val_panels), VAL_BATCH):
            panels = self._load(self.val_panels[start : start + VAL_BATCH]).to(self.device)
            image, _ = self.model(panels, None)
            scores += _scores(panels, image.float())
            if start == 0 and folder is not None:
                save_rows(folder / f"step-{step:08d}.png", panels[:12], image.float()[:12])
        decibel, edges = np.mean(scores, axis=0)
        if self.val_drawn is None:
            return {"val_psnr_db": float(decibel)}
        encoded, latents = self.val_drawn
        truth = self._load(encoded).to(self.device)
        image, _ = self.model(truth, None, _unscaled(self.vae, latents.float().to(self.device)))
        redrawn = np.mean(_scores(truth, image.float()), axis=0)
        if folder is not None:
            save_rows(folder / f"step-{step:08d}-redrawn.png", truth[:12], image.float()[:12])
        figures = {"val_psnr_db": decibel, "val_edges": edges, "val_redrawn_db": redrawn[0]}
        return {name: float(value) for name, value in (figures | {"val_redrawn_edges": redrawn[1]}).items()}

    @torch.no_grad()
    def export(self, folder: Path) -> None:
        """Write the AutoencoderKL folder, with ``scaling_factor`` = 1 / standard deviation of the latents."""
        if self.config.freeze_encoder:
            self.vae.save_pretrained(folder, safe_serialization=True)
            return
        panels = self._load(self.panels[: 8 * VAL_BATCH]).to(self.device)
        latents = torch.cat([self.vae.encode(part).latent_dist.mean for part in panels.split(VAL_BATCH)])
        self.vae.register_to_config(scaling_factor=1.0 / max(float(latents.float().std()), 1e-6))
        self.vae.save_pretrained(folder, safe_serialization=True)


def _build(config: VaeConfig) -> Any:
    from diffusers import AutoencoderKL

    from illinstr.errors import ModelError

    if config.base is not None:
        try:
            return AutoencoderKL.from_pretrained(config.base, use_safetensors=True, local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelError(f"cannot load base {config.base}: {str(error).strip().splitlines()[0]}") from error
    levels = len(config.model.block_out_channels)
    torch.manual_seed(config.train.seed)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        sample_size=config.data.panel_px,
        mid_block_add_attention=False,
        **config.model.model_dump(),
    )
    _keep_variance(vae)
    return vae


def _keep_variance(vae: nn.Module) -> None:
    """Initialise so that a signal passes all the way through at its own size.

    PyTorch's default shrinks it by 0.58 a layer, and after ten of them an image's colours drown in the biases: the
    first thousand steps would be spent on digging them out.
    """
    for name, module in vae.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
            if name.endswith("conv2"):  # the last layer of a residual branch
                module.weight.data.mul_(0.2)


def _unscaled(vae: Any, latents: Tensor) -> Tensor:
    """Latents as a denoiser sees them -> as the decoder reads them."""
    raw = latents / float(vae.config.scaling_factor) + float(getattr(vae.config, "shift_factor", None) or 0.0)
    return raw.contiguous(memory_format=torch.channels_last)


def _scores(truth: Tensor, image: Tensor) -> list[tuple[float, float]]:
    return list(zip(psnr_db(truth, image).tolist(), edge_ratio(truth, image).tolist(), strict=True))


def _all_panels(articles: list[Any]) -> list[bytes]:
    return [step.image.data for article in articles for step in article.steps]
