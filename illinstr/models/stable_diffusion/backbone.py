"""Stable Diffusion 1 and 2 as a backbone: the panels are one tall canvas, text reaches them by cross-attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.models.autoencoder import downsampling
from illinstr.models.backbone import Role
from illinstr.models.folder import reading
from illinstr.models.folder_pipeline import load_pipeline
from illinstr.models.prompt import CanvasText, PromptEmbeds, TextEmbeds, lay_slots, plain_text
from illinstr.models.settings import StackedSettings
from illinstr.models.source import ModelSource
from illinstr.models.stable_diffusion.attention import predict, route_panels
from illinstr.models.stable_diffusion.text import condition, encode_texts
from illinstr.models.stacking import stack, unstack
from illinstr.models.unet import UNetBackbone


@dataclass(frozen=True, kw_only=True)
class StableDiffusion(UNetBackbone):
    """UNet2DConditionModel, an autoencoder, CLIPTextModel and its tokenizer."""

    text_encoder: Any
    tokenizer: Any

    def modules(self, role: Role) -> Mapping[str, nn.Module]:
        """One for each role."""
        name = {"text": "text_encoder", "denoiser": "unet", "vae": "vae"}[role]
        return {name: getattr(self, name)}

    def encode_texts(self, texts: Sequence[str]) -> TextEmbeds:
        """Slots as trained for stacking: padded to the longest, the padding masked."""
        return encode_texts(self.tokenizer, self.text_encoder, texts)

    def encode(self, canvases: Sequence[CanvasText]) -> PromptEmbeds:
        """By slots; for a model that knows one text an image, goal and steps in one string, filled up as trained."""
        if self.trained_for_stacking:
            return super().encode(canvases)
        texts = [plain_text(canvas) for canvas in canvases]
        return lay_slots(encode_texts(self.tokenizer, self.text_encoder, texts, padded=True), canvases, "single")

    def denoise(self, panels_kmchw: Tensor, timesteps_k: Tensor, prompt: PromptEmbeds) -> Tensor:
        """Routed as ``prompt.conditioning`` says."""
        return stack(denoise(self.unet, panels_kmchw, timesteps_k, prompt, step_code=self.settings.step_code))

    def optimise_for(self, device: torch.device) -> None:
        """Channels last, but for bfloat16 on a CPU: 5 % faster in float32 there, and 5 % slower in bfloat16."""
        if device.type == "cuda" or self.unet.dtype == torch.float32:
            self._channels_last()


def denoise(unet: Any, panels_kmchw: Tensor, timesteps_k: Tensor, prompt: PromptEmbeds, *, step_code: bool) -> Tensor:
    """What ``unet`` predicts for panels (k, m, c, h, w), in their shape, with gradients where they are wanted."""
    text = condition(prompt, with_step_code=step_code)
    tokens = text.tokens.to(panels_kmchw.dtype)
    return unstack(predict(unet, stack(panels_kmchw), timesteps_k, tokens, text.mask), panels_kmchw.shape[1])


def plain_settings(unet: Any, vae: Any) -> StackedSettings:
    """For a folder without settings: images of the size it was trained on, drawn as Stable Diffusion is."""
    size = int(unet.config.sample_size) * downsampling(vae)
    return StackedSettings(
        conditioning="joint", step_code=False, panel_px=size, trained_steps=(1, 1), sampling_steps=30, guidance=7.5
    )


def load(source: ModelSource, dtype: torch.dtype) -> StableDiffusion:
    """Load a checked folder, weights in ``dtype``.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    pipe = load_pipeline(source, dtype, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    with reading(source.folder):
        route_panels(pipe.unet)
        settings = source.settings or plain_settings(pipe.unet, pipe.vae)
    return StableDiffusion(
        source=source,
        settings=settings,
        scheduler=pipe.scheduler,
        unet=pipe.unet,
        vae=pipe.vae,
        text_encoder=pipe.text_encoder,
        tokenizer=pipe.tokenizer,
    )


def load_compact(source: ModelSource, dtype: torch.dtype) -> StableDiffusion | None:
    """Load a checked folder in the embedded model's shape for drawing, without diffusers; None for any other.

    Raises:
        ModelError: damaged.
    """
    from illinstr.models.stable_diffusion.compact.reading import read_compact

    with reading(source.folder):
        parts = read_compact(source.folder, dtype)
    if parts is None:
        return None
    settings = source.settings or plain_settings(parts["unet"], parts["vae"])
    return StableDiffusion(source=source, settings=settings, **parts)
