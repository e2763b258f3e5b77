"""The diffusers pipeline of a checked model folder: what every family's loader begins with."""

from __future__ import annotations

from typing import Any

import torch

from illinstr.models.folder import reading
from illinstr.models.source import ModelSource


def load_pipeline(source: ModelSource, dtype: torch.dtype, **options: Any) -> Any:
    """The pipeline of the class that the folder names, weights in ``dtype``, nothing from the network.

    Args:
        source: a folder whose family and parts were checked.
        dtype: of every part with weights.
        options: for ``from_pretrained`` of the family's pipeline class.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    from diffusers import DiffusionPipeline

    with reading(source.folder):
        return DiffusionPipeline.from_pretrained(
            source.folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            variant=_variant_of(source),
            **options,
        )


def _variant_of(source: ModelSource) -> str | None:
    """``fp16`` for a folder whose denoiser comes in half precision only."""
    weights = [file.name for part in ("unet", "transformer") for file in (source.folder / part).glob("*.safetensors")]
    return "fp16" if weights and all(".fp16" in name for name in weights) else None
