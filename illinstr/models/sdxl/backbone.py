"""SDXL as a backbone: the panels are one tall canvas, as for Stable Diffusion.

``time_ids`` are those of one panel and the pooled vector is the goal's: of the whole canvas they would be far from
training, and a pooled vector of all steps would carry the text of each into every panel.
"""

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
from illinstr.models.stable_diffusion.attention import route_panels
from illinstr.models.stable_diffusion.text import condition
from illinstr.models.stacking import stack
from illinstr.models.unet import UNetBackbone


@dataclass(frozen=True, kw_only=True)
class SDXLBackbone(UNetBackbone):
    """UNet2DConditionModel, AutoencoderKL, CLIP-L and OpenCLIP-G by the pipeline's own encoding."""

    pipe: Any

    def modules(self, role: Role) -> Mapping[str, nn.Module]:
        """Two text encoders, one of the others."""
        names = {"text": ("text_encoder", "text_encoder_2"), "denoiser": ("unet",), "vae": ("vae",)}[role]
        return {name: getattr(self.pipe, name) for name in names}

    def encode(self, canvases: Sequence[CanvasText]) -> PromptEmbeds:
        """By slots; one panel of a model not trained on slots gets one string with its padding, as in the pipeline."""
        if self.trained_for_stacking or len(canvases[0].steps) > 1:
            return super().encode(canvases)
        embeds = self.encode_texts([plain_text(row) for row in canvases])
        whole = TextEmbeds(embeds.tokens, torch.ones_like(embeds.mask), embeds.pooled)
        return lay_slots(whole, canvases, "single")

    def encode_texts(self, texts: Sequence[str]) -> TextEmbeds:
        """Both encoders' last hidden layer but one, side by side; the null text is zeros where the model says so."""
        distinct = list(dict.fromkeys(texts))
        device = next(iter(self.modules("text").values())).device
        with torch.no_grad():
            tokens, _, pooled, _ = self.pipe.encode_prompt(
                distinct, device=device, num_images_per_prompt=1, do_classifier_free_guidance=False
            )
        mask = self.pipe.tokenizer(
            distinct, padding="max_length", max_length=tokens.shape[1], truncation=True, return_tensors="pt"
        ).attention_mask
        if "" in distinct and self.pipe.config.force_zeros_for_empty_prompt:
            tokens[distinct.index("")] = 0
            pooled[distinct.index("")] = 0
        rows = [distinct.index(text) for text in texts]
        return TextEmbeds(tokens[rows], mask.bool().to(tokens.device)[rows], pooled[rows])

    def denoise(self, panels_kmchw: Tensor, timesteps_k: Tensor, prompt: PromptEmbeds) -> Tensor:
        """Sizes are one panel's, the pooled vector is the goal's."""
        prompt = prompt.to(panels_kmchw.device, panels_kmchw.dtype)
        text = condition(prompt, with_step_code=self.settings.step_code)
        side = float(panels_kmchw.shape[-1] * downsampling(self.vae))
        sizes = panels_kmchw.new_tensor([side, side, 0.0, 0.0, side, side]).expand(len(panels_kmchw), 6)
        out: Tensor = self.unet(
            stack(panels_kmchw),
            timesteps_k,
            encoder_hidden_states=text.tokens.to(panels_kmchw.dtype),
            encoder_attention_mask=text.mask,
            added_cond_kwargs={"text_embeds": prompt.pooled, "time_ids": sizes},
            return_dict=False,
        )[0]
        return out


def load(source: ModelSource, dtype: torch.dtype) -> SDXLBackbone:
    """Load a checked folder, weights in ``dtype``; in float16 the autoencoder stays whole where it overflows.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    pipe = load_pipeline(source, dtype, add_watermarker=False)
    if dtype == torch.float16 and getattr(pipe.vae.config, "force_upcast", False):
        pipe.vae.to(torch.float32)
    with reading(source.folder):
        route_panels(pipe.unet)
    recommended = StackedSettings(
        conditioning="routed",
        step_code=False,
        panel_px=int(pipe.unet.config.sample_size) * downsampling(pipe.vae),
        trained_steps=(1, 4),
        sampling_steps=30,
        guidance=5.0,
    )
    levels = len(pipe.unet.config.block_out_channels) - 1
    return SDXLBackbone(
        source=source,
        settings=source.settings or recommended,
        scheduler=pipe.scheduler,
        unet=pipe.unet,
        vae=pipe.vae,
        pipe=pipe,
        panel_multiple=downsampling(pipe.vae) * 2**levels,
        any_size=True,
    )
