"""AutoencoderKL without attention, as a module of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from illinstr.models.stable_diffusion.compact.blocks import Downsample, Resnet, Upsample

EPS = 1e-6


@dataclass(frozen=True)
class Encoded:
    """Latents (b, c, h, w): the mean of what the encoder says."""

    latent: Tensor


@dataclass(frozen=True)
class Decoded:
    """Images (b, 3, h, w)."""

    sample: Tensor


class _Level(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, resnets: int, groups: int) -> None:
        super().__init__()
        inputs = [channels_in, *[channels_out] * (resnets - 1)]
        self.resnets = nn.ModuleList([Resnet(channels, channels_out, groups, EPS, None) for channels in inputs])
        self.downsamplers: nn.ModuleList | None = None
        self.upsamplers: nn.ModuleList | None = None

    def forward(self, x: Tensor) -> Tensor:
        for module in [*self.resnets, *(self.downsamplers or ()), *(self.upsamplers or ())]:
            x = module(x)
        return x


class _Coder(nn.Module):
    """Encoder or decoder: levels between two convolutions, with the middle at the narrow end."""

    def __init__(self, config: Mapping[str, Any], *, encodes: bool) -> None:
        super().__init__()
        widths, groups = list(config["block_out_channels"]), config["norm_num_groups"]
        ends = (config["in_channels"], 2 * config["latent_channels"])
        if not encodes:
            widths, ends = widths[::-1], (config["latent_channels"], config["out_channels"])
        narrow = widths[-1] if encodes else widths[0]
        self.conv_in = nn.Conv2d(ends[0], widths[0], 3, padding=1)
        levels, before = [], widths[0]
        for number, width in enumerate(widths):
            level = _Level(before, width, config["layers_per_block"] + (0 if encodes else 1), groups)
            if number + 1 < len(widths):
                if encodes:
                    level.downsamplers = nn.ModuleList([Downsample(width, padding=0)])
                else:
                    level.upsamplers = nn.ModuleList([Upsample(width)])
            levels.append(level)
            before = width
        self.down_blocks = nn.ModuleList(levels if encodes else [])
        self.mid_block = _Level(narrow, narrow, 2, groups)
        self.up_blocks = nn.ModuleList([] if encodes else levels)
        self.conv_norm_out = nn.GroupNorm(groups, widths[-1], eps=EPS)
        self.conv_out = nn.Conv2d(widths[-1], ends[1], 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_in(x)
        for level in [*self.down_blocks, self.mid_block, *self.up_blocks]:
            x = level(x)
        out: Tensor = self.conv_out(F.silu(self.conv_norm_out(x)))
        return out


class CompactAutoencoder(nn.Module):
    """The autoencoder (arXiv 2112.10752, section 3.1).

    Args:
        config: the folder's ``vae/config.json``, checked by ``reading``.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        channels = config["latent_channels"]
        self.encoder, self.decoder = _Coder(config, encodes=True), _Coder(config, encodes=False)
        self.quant_conv = nn.Conv2d(2 * channels, 2 * channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, channels, 1)

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return self.quant_conv.weight.dtype

    def encode(self, pixels: Tensor) -> Encoded:
        """Images in [-1, 1] (b, 3, h, w) to latents."""
        return Encoded(self.quant_conv(self.encoder(pixels)).chunk(2, dim=1)[0])

    def decode(self, latents: Tensor) -> Decoded:
        """Latents to images."""
        return Decoded(self.decoder(self.post_quant_conv(latents)))
