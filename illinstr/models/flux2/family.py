"""FLUX.2 klein 4B and 9B, their base models, and FLUX.2 [dev]."""

from __future__ import annotations

from illinstr.models.family import Family, loader

FLUX2 = Family(
    name="flux2",
    title="FLUX.2 and FLUX.2 klein",
    pipelines=(
        "Flux2KleinPipeline",
        "Flux2Pipeline",
    ),
    denoiser="transformer",
    parts=("transformer", "vae", "text_encoder", "tokenizer", "scheduler"),
    load=loader("illinstr.models.flux2.backbone"),
    references=True,
    flow=True,
    options=True,
)
