"""Z-Image and Z-Image-Turbo."""

from __future__ import annotations

from illinstr.models.family import Family, loader

Z_IMAGE = Family(
    name="z_image",
    title="Z-Image",
    pipelines=("ZImagePipeline",),
    denoiser="transformer",
    parts=("transformer", "vae", "text_encoder", "tokenizer", "scheduler"),
    load=loader("illinstr.models.z_image.backbone"),
    flow=True,
    options=True,
)
