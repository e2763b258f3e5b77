"""FLUX.1 [dev], [schnell] and models finetuned from them."""

from __future__ import annotations

from illinstr.models.family import Family, loader

FLUX1 = Family(
    name="flux1",
    title="FLUX.1",
    pipelines=("FluxPipeline",),
    denoiser="transformer",
    parts=("transformer", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"),
    load=loader("illinstr.models.flux1.backbone"),
    flow=True,
    options=True,
)
