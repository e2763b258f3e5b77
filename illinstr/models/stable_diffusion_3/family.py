"""Stable Diffusion 3 and 3.5, medium, large and large-turbo."""

from __future__ import annotations

from illinstr.models.family import Family, loader

STABLE_DIFFUSION_3 = Family(
    name="stable_diffusion_3",
    title="Stable Diffusion 3 and 3.5",
    pipelines=("StableDiffusion3Pipeline",),
    denoiser="transformer",
    parts=(
        "transformer",
        "vae",
        "text_encoder",
        "text_encoder_2",
        "text_encoder_3",
        "tokenizer",
        "tokenizer_2",
        "tokenizer_3",
        "scheduler",
    ),
    load=loader("illinstr.models.stable_diffusion_3.backbone"),
    flow=True,
    options=True,
)
