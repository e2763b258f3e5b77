"""The autoencoder: panels <-> latents.

A plain ``AutoencoderKL`` (arXiv 2112.10752) whose full-resolution blocks are narrow: they are what a CPU spends its
time on. Loss: L1, squared error where asked for, L1 of image gradients (crisp outlines), L1 of pooled pixels (colours)
and a small KL term. No adversary, no perceptual network: the world it is trained on has flat colours and clear edges.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from pydantic import Field, model_validator
from torch import Tensor, nn

from illinstr import files
from illinstr.config import Config
from illinstr.images import decode_panel
from illinstr.training.config import TrainConfig
from illinstr.training.data import BatchOrder, read_split, to_unit_range, training_articles
from illinstr.training.noise import randn

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

    @model_validator(mode="after")
    def _something_to_freeze(self) -> Self:
        if self.freeze_encoder and self.base is None:
            raise ValueError("freeze_encoder keeps the encoder of a trained VAE: name its folder as base")
        return self


def gradient_l1(first: Tensor, second: Tensor) -> Tensor:
    """Mean |d first - d second| over horizontal and vertical neighbour differences; (n, c, h, w) each."""
    horizontal = (first.diff(dim=-1) - second.diff(dim=-1)).abs().mean()
    vertical = (first.diff(dim=-2) - second.diff(dim=-2)).abs().mean()
    return horizontal + vertical


def psnr_db(truth: Tensor, image: Tensor) -> Tensor:
    """Peak signal-to-noise ratio per image, in dB, of images in [-1, 1] (peak-to-peak 2); (n, c, h, w) -> (n,)."""
    squared = (truth - image.clamp(-1, 1)).square().mean(dim=(1, 2, 3))
    return 10 * torch.log10(4.0 / squared.clamp_min(1e-12))


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

    def forward(self, panels_nchw: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.freeze_encoder):
            posterior: Any = self.vae.encode(panels_nchw).latent_dist  # type: ignore[operator]
        latents = posterior.mean if noise is None else posterior.mean + posterior.std * noise
        kl = 0.5 * (posterior.mean.square() + posterior.var - 1.0 - posterior.logvar).mean()
        return self.vae.decode(latents).sample, kl  # type: ignore[operator]


class VaeTask:
    """Trains on single panels; a sample is one image of one step."""

    sample_unit = "panels"

    def __init__(self, config: VaeConfig, data: Path, device: str) -> None:
        self.config = config
        self.device = device
        self.panels = training_articles(data, config.data).panels()
        val = read_split(data, config.data.val_split, config.data, limit=config.data.val_limit)
        self.val_panels = _all_panels(val)[: 4 * config.data.val_limit]
        self.order = BatchOrder([1] * len(self.panels), config.train.batch_size, config.train.seed)
        self.vae = _build(config)
        self.factor = 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.model: nn.Module = _Autoencode(self.vae, freeze_encoder=config.freeze_encoder).to(device)

    def units_of(self, step: int) -> list[int]:
        """Panels of one optimiser step."""
        return self.order.batch(step)

    def make_batch(self, units: list[int]) -> Tensor:
        """Panels as (n, 3, h, w) in [-1, 1]."""
        return self._load([self.panels[unit] for unit in units])

    def _load(self, encoded: list[bytes]) -> Tensor:
        panels = to_unit_range(np.stack([decode_panel(data, self.config.data.panel_px) for data in encoded]))
        return panels.contiguous(memory_format=torch.channels_last)

    def loss(self, model: nn.Module, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """L1, squared error, gradient L1, L1 of pooled pixels and KL, weighted."""
        panels = batch.to(self.device)
        n, _, h, w = panels.shape
        shape = (n, self.vae.config.latent_channels, h // self.factor, w // self.factor)
        noise = randn(shape, generator).to(self.device)
        image, kl = model(panels, noise)
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
        """PSNR in dB over the validation panels; truth above reconstruction as an image."""
        scores: list[Tensor] = []
        for start in range(0, len(self.val_panels), VAL_BATCH):
            panels = self._load(self.val_panels[start : start + VAL_BATCH]).to(self.device)
            image, _ = self.model(panels, None)
            scores.append(psnr_db(panels, image.float()))
            if start == 0 and folder is not None:
                _save_pairs(folder / f"step-{step:08d}.png", panels[:12], image.float()[:12])
        return {"val_psnr_db": float(torch.cat(scores).mean())}

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


def _all_panels(articles: list[Any]) -> list[bytes]:
    return [step.image.data for article in articles for step in article.steps]


def _save_pairs(path: Path, truth: Tensor, image: Tensor) -> None:
    rows = torch.cat([torch.cat(list(truth), dim=-1), torch.cat(list(image), dim=-1)], dim=-2)
    pixels = ((rows.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0).cpu().numpy()
    with files.atomic_open(path) as stream:
        Image.fromarray(pixels).save(stream, format="PNG")
