"""SDXL 1.0 and models finetuned from it."""

from __future__ import annotations

from illinstr.models.family import Family, loader

SDXL = Family(
    name="sdxl",
    title="SDXL",
    pipelines=("StableDiffusionXLPipeline",),
    denoiser="unet",
    parts=("unet", "vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2", "scheduler"),
    load=loader("illinstr.models.sdxl.backbone"),
    options=True,
)
