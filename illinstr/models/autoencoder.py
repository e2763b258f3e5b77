"""Panels <-> latents, whichever autoencoder of diffusers a model folder holds.

``AutoencoderKL`` (arXiv 2112.10752) gives a distribution, of which the mean is taken; ``AutoencoderDC`` (arXiv
2410.10733) and ``AutoencoderTiny`` give latents outright. The U-Net sees ``(latents - shift_factor) * scaling_factor``.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

PANELS_AT_ONCE = 16  # bounds memory; larger batches are no faster


def downsampling(vae: Any) -> int:
    """Pixels a side of one latent position (8 for Stable Diffusion's autoencoder)."""
    channels = getattr(vae.config, "block_out_channels", None) or vae.config.encoder_block_out_channels
    return int(2 ** (len(channels) - 1))


@torch.no_grad()
def encode_panels(vae: Any, panels_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
    """Images in [-1, 1] (n, 3, h, w) -> latents as the U-Net sees them (n, c, h/f, w/f), float32."""
    parts = [_encode(vae, part.to(vae.dtype)).float() for part in panels_nchw.split(at_once)]
    return (torch.cat(parts) - _shift(vae)) * float(vae.config.scaling_factor)


@torch.no_grad()
def decode_panels(vae: Any, latents_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
    """Latents as the U-Net sees them (n, c, h, w) -> images (n, 3, f*h, f*w), float32, not clamped.

    Each panel is decoded apart: a canvas decoded whole would bleed across its seams.
    """
    raw = latents_nchw / float(vae.config.scaling_factor) + _shift(vae)
    return torch.cat([vae.decode(part.to(vae.dtype)).sample.float() for part in raw.split(at_once)])


def _encode(vae: Any, panels_nchw: Tensor) -> Tensor:
    encoded = vae.encode(panels_nchw)
    latents: Tensor = encoded.latent_dist.mean if hasattr(encoded, "latent_dist") else _plain(encoded)
    return latents


def _plain(encoded: Any) -> Tensor:
    latents: Tensor = encoded.latent if hasattr(encoded, "latent") else encoded.latents
    return latents


def _shift(vae: Any) -> float:
    return float(getattr(vae.config, "shift_factor", None) or 0.0)
