"""Qwen-Image and Qwen-Image-2512."""

from __future__ import annotations

from illinstr.models.family import Family, loader

QWEN_IMAGE = Family(
    name="qwen_image",
    title="Qwen-Image",
    pipelines=("QwenImagePipeline",),
    denoiser="transformer",
    parts=("transformer", "vae", "text_encoder", "tokenizer", "scheduler"),
    load=loader("illinstr.models.qwen_image.backbone"),
    flow=True,
    options=True,
)
