"""Stable Diffusion 1 and 2 as a backbone: the panels are one tall canvas, text reaches them by cross-attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.models.autoencoder import PANELS_AT_ONCE, decode_panels, downsampling, encode_panels
from illinstr.models.backbone import Backbone, Role
from illinstr.models.folder import reading
from illinstr.models.prompt import CanvasText, PromptEmbeds, TextEmbeds, lay_slots, plain_text
from illinstr.models.settings import StackedSettings
from illinstr.models.source import ModelSource
from illinstr.models.stable_diffusion.attention import predict, route_panels
from illinstr.models.stable_diffusion.text import condition, encode_texts
from illinstr.models.stacking import stack, unstack


@dataclass(frozen=True, kw_only=True)
class StableDiffusion(Backbone):
    """UNet2DConditionModel, an autoencoder, CLIPTextModel and its tokenizer."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any

    def modules(self, role: Role) -> Mapping[str, nn.Module]:
        """One for each role."""
        name = {"text": "text_encoder", "denoiser": "unet", "vae": "vae"}[role]
        return {name: getattr(self, name)}

    def latent_shape(self, panel_px: int) -> tuple[int, int, int]:
        """The U-Net's channels, and the autoencoder's share of the side."""
        side = panel_px // downsampling(self.vae)
        return int(self.unet.config.in_channels), side, side

    def encode_texts(self, texts: Sequence[str]) -> TextEmbeds:
        """Slots as trained for stacking: padded to the longest, the padding masked."""
        return encode_texts(self.tokenizer, self.text_encoder, texts)

    def encode(self, canvases: Sequence[CanvasText]) -> PromptEmbeds:
        """By slots; for a model that knows one text an image, goal and steps in one string, filled up as trained."""
        if self.trained_for_stacking:
            return super().encode(canvases)
        texts = [plain_text(canvas) for canvas in canvases]
        return lay_slots(encode_texts(self.tokenizer, self.text_encoder, texts, padded=True), canvases, "single")

    def predict(
        self,
        panels_kmchw: Tensor,
        timesteps_k: Tensor,
        prompt: PromptEmbeds,
        *,
        clean_km: Tensor | None = None,
        references_krchw: Tensor | None = None,
    ) -> Tensor:
        """One pass of the U-Net over k canvases; float32."""
        if clean_km is not None or references_krchw is not None:
            raise ValueError("this U-Net was not trained with clean anchors")
        panels = panels_kmchw.to(self.unet.dtype)
        device = panels.device
        out = denoise(self.unet, panels, timesteps_k.to(device), prompt.to(device), step_code=self.settings.step_code)
        return out.float()

    def encode_images(self, pixels_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """By the autoencoder's mean."""
        return encode_panels(self.vae, pixels_nchw, at_once=at_once)

    def decode_latents(self, latents_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """Each panel apart."""
        return decode_panels(self.vae, latents_nchw, at_once=at_once)

    def optimise_for(self, device: torch.device) -> None:
        """Channels last, but for bfloat16 on a CPU: 5 % faster in float32 there, and 5 % slower in bfloat16."""
        if device.type == "cuda" or self.unet.dtype == torch.float32:
            for module in (self.unet, self.vae):
                module.to(memory_format=torch.channels_last)


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
    from diffusers import StableDiffusionPipeline

    with reading(source.folder):
        pipe = StableDiffusionPipeline.from_pretrained(
            source.folder,
            use_safetensors=True,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            local_files_only=True,
            variant=_variant_of(source),
        )
        for module in (pipe.unet, pipe.vae, pipe.text_encoder):
            if module.dtype != dtype:
                module.to(dtype)
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


def _variant_of(source: ModelSource) -> str | None:
    """``fp16`` for a folder whose U-Net comes in half precision only."""
    weights = [file.name for file in (source.folder / "unet").glob("*.safetensors")]
    return "fp16" if weights and all(".fp16" in name for name in weights) else None
