"""FLUX.2 klein 4B and 9B, their base models, and FLUX.2 [dev]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from illinstr.models.family import Family
from illinstr.models.source import ModelSource

if TYPE_CHECKING:
    import torch

    from illinstr.models.backbone import Backbone


def _load(source: ModelSource, dtype: torch.dtype) -> Backbone:
    from illinstr.models.flux2.backbone import load

    return load(source, dtype)


FLUX2 = Family(
    name="flux2",
    title="FLUX.2 and FLUX.2 klein",
    pipelines=("Flux2KleinPipeline", "Flux2Pipeline"),
    denoiser="transformer",
    parts=("transformer", "vae", "text_encoder", "tokenizer", "scheduler"),
    load=_load,
)
