"""Stable Diffusion 1 and 2: U-Net, one CLIP text encoder, v or epsilon prediction."""

from __future__ import annotations

from illinstr.models.family import Family, loader

STABLE_DIFFUSION = Family(
    name="stable_diffusion",
    title="Stable Diffusion 1 and 2",
    pipelines=("StableDiffusionPipeline",),
    denoiser="unet",
    parts=("unet", "vae", "text_encoder", "tokenizer", "scheduler"),
    load=loader("illinstr.models.stable_diffusion.backbone"),
)
