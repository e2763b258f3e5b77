"""Stable Diffusion 1 and 2: U-Net, one CLIP text encoder, v or epsilon prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from illinstr.models.family import Family, loader
from illinstr.models.source import ModelSource

if TYPE_CHECKING:
    import torch

    from illinstr.models.backbone import Backbone


def _load_compact(source: ModelSource, dtype: torch.dtype) -> Backbone | None:
    from illinstr.models.stable_diffusion.backbone import load_compact

    return load_compact(source, dtype)


STABLE_DIFFUSION = Family(
    name="stable_diffusion",
    title="Stable Diffusion 1 and 2",
    pipelines=("StableDiffusionPipeline",),
    denoiser="unet",
    parts=("unet", "vae", "text_encoder", "tokenizer", "scheduler"),
    load=loader("illinstr.models.stable_diffusion.backbone"),
    load_compact=_load_compact,
    options=True,
)
