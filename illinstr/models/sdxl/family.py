"""SDXL 1.0 and models finetuned from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from illinstr.models.family import Family
from illinstr.models.source import ModelSource

if TYPE_CHECKING:
    import torch

    from illinstr.models.backbone import Backbone


def _load(source: ModelSource, dtype: torch.dtype) -> Backbone:
    from illinstr.models.sdxl.backbone import load

    return load(source, dtype)


SDXL = Family(
    name="sdxl",
    title="SDXL",
    pipelines=("StableDiffusionXLPipeline",),
    denoiser="unet",
    parts=("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"),
    load=_load,
)
