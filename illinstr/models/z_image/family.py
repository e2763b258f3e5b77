"""Z-Image and Z-Image-Turbo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from illinstr.models.family import Family
from illinstr.models.source import ModelSource

if TYPE_CHECKING:
    import torch

    from illinstr.models.backbone import Backbone


def _load(source: ModelSource, dtype: torch.dtype) -> Backbone:
    from illinstr.models.z_image.backbone import load

    return load(source, dtype)


Z_IMAGE = Family(
    name="z_image",
    title="Z-Image",
    pipelines=("ZImagePipeline",),
    denoiser="transformer",
    parts=("transformer", "vae", "text_encoder", "tokenizer", "scheduler"),
    load=_load,
)
