"""FLUX.2 as a backbone: panels are frames of its position ids, clean panels its reference images.

Where the text is [goal, steps] and the images [panels, references], t counts images by 10, as the model's training
counts reference images (diffusers ``Flux2Pipeline._prepare_image_ids``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from illinstr.models.autoencoder import PANELS_AT_ONCE
from illinstr.models.folder_pipeline import load_pipeline
from illinstr.models.layout import Layout, panel_owners
from illinstr.models.prompt import PromptEmbeds, TextEmbeds
from illinstr.models.source import ModelSource
from illinstr.models.transformer import CanvasTokens, Transformer, panel_ids, recommended, slot_positions

FRAME = 10  # t of one image to the next
PATCH = 2  # latents are folded 2x2 before the transformer


@dataclass(frozen=True, kw_only=True)
class Flux2(Transformer):
    """Flux2Transformer2DModel, AutoencoderKLFlux2, and Qwen3 (klein) or Mistral 3 by its pipeline's template.

    Attributes:
        together: predict all canvases in one pass, under one dense mask each, their slots padded to one length: what
            training wants. The result is that of canvas after canvas up to rounding.
    """

    together: bool = False

    def latent_shape(self, panel_px: int) -> tuple[int, int, int]:
        """Folded latents: four times the autoencoder's channels, half its sides."""
        side = panel_px // (self.pipe.vae_scale_factor * PATCH)
        return int(self.pipe.transformer.config.in_channels), side, side

    def encode_distinct(self, texts: list[str]) -> TextEmbeds:
        """By the pipeline: hidden layers side by side, filled up to 512 tokens or what the text encoder takes."""
        length = min(self.pipe.tokenizer_max_length, self.pipe.tokenizer.model_max_length)
        layers = self.settings.text_layers
        asked = {} if layers is None else {"text_encoder_out_layers": layers}
        embeds = self.pipe.encode_prompt(list(texts), self.device, max_sequence_length=length, **asked)[0]
        lengths = torch.tensor([min(self._length(text), length) for text in texts], device=self.device)
        return TextEmbeds(embeds, torch.arange(embeds.shape[1], device=self.device)[None] < lengths[:, None])

    def _length(self, text: str) -> int:
        """Tokens of a text in the pipeline's template, without padding; padding comes last."""
        if hasattr(self.pipe, "system_message"):
            from diffusers.pipelines.flux2.pipeline_flux2 import format_input

            messages: Any = format_input([text], self.pipe.system_message)
            ids = self.pipe.tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True)["input_ids"]
            return len(ids[0])
        message = [{"role": "user", "content": text}]
        written = self.pipe.tokenizer.apply_chat_template(
            message, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )
        return len(self.pipe.tokenizer(written)["input_ids"])

    def predict(
        self,
        panels_kmchw: Tensor,
        timesteps_k: Tensor,
        prompt: PromptEmbeds,
        *,
        clean_km: Tensor | None = None,
        references_krchw: Tensor | None = None,
    ) -> Tensor:
        """Canvas after canvas, or ``together``; float32."""
        if not self.together or references_krchw is not None:
            return super().predict(
                panels_kmchw, timesteps_k, prompt, clean_km=clean_km, references_krchw=references_krchw
            )
        return self._predict_together(panels_kmchw, timesteps_k, prompt)

    def _predict_together(self, panels_kmchw: Tensor, timesteps_k: Tensor, prompt: PromptEmbeds) -> Tensor:
        model = self.pipe.transformer
        panels = panels_kmchw.to(model.dtype)
        _, m, c, h, w = panels.shape
        prompt = prompt.to(panels.device, model.dtype).trimmed()
        slots, length = prompt.mask.shape[1:]
        owners = panel_owners(m, h * w).to(panels.device)
        layout = Layout.of(prompt.owners().flatten(1), owners, "text-image", prompt.conditioning)
        txt_ids = torch.zeros(slots * length, 4, dtype=torch.long)
        txt_ids[:, 3] = torch.arange(length).repeat(slots)
        guidance = panels.new_full((len(panels),), self.settings.guidance) if self.embedded_guidance else None
        out: Tensor = model(
            hidden_states=panels.flatten(3).transpose(2, 3).flatten(1, 2),
            encoder_hidden_states=prompt.tokens.flatten(1, 2),
            timestep=timesteps_k.to(panels) / 1000,
            guidance=guidance,
            img_ids=panel_ids(m, h, w, 4, self.order, stride=FRAME).to(panels.device),
            txt_ids=txt_ids.to(panels.device),
            joint_attention_kwargs={"attention_mask": layout.mask()[:, None]},
            return_dict=False,
        )[0]
        velocity: Tensor = out.unflatten(1, (m, h * w)).transpose(2, 3).reshape(len(panels), m, c, h, w).float()
        return velocity

    def denoise(self, panels_mchw: Tensor, references_rchw: Tensor, t: Tensor, text: CanvasTokens) -> Tensor:
        """Tokens are the folded latents as they lie; every text slot counts its own tokens from 0."""
        model = self.pipe.transformer
        m, r = len(panels_mchw), len(references_rchw)
        c, h, w = panels_mchw.shape[1:]
        images = torch.cat([panels_mchw, references_rchw]).flatten(2).transpose(1, 2).flatten(0, 1)
        img_ids = panel_ids(m, h, w, 4, self.order, stride=FRAME)
        if r:
            ahead = panel_ids(r, h, w, 4, "frame", stride=FRAME)
            ahead[:, 0] += FRAME * (m if self.order == "frame" else 1)
            img_ids = torch.cat([img_ids, ahead])
        txt_ids = torch.zeros(len(text.tokens), 4, dtype=torch.long)
        txt_ids[:, 3] = slot_positions(text.runs)
        guidance = t.new_tensor([self.settings.guidance]) if self.embedded_guidance else None
        plan = self.plan(*text.runs, *self.image_runs(m, r, h * w))
        layers = len(model.transformer_blocks) + len(model.single_transformer_blocks)
        with self.routed(text, {plan: layers}):
            out = model(
                hidden_states=images[None],
                encoder_hidden_states=text.tokens[None],
                timestep=t.to(images.dtype) / 1000,
                guidance=guidance,
                img_ids=img_ids.to(images.device),
                txt_ids=txt_ids.to(images.device),
                return_dict=False,
            )[0]
        panels: Tensor = out[0, : m * h * w].unflatten(0, (m, h * w))
        return panels.transpose(1, 2).reshape(m, c, h, w)

    def encode_images(self, pixels_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """By the autoencoder's mode, folded and normalised as the pipeline does for reference images."""
        vae = self.pipe.vae
        with torch.no_grad():
            parts = [
                self.pipe._encode_vae_image(part.to(vae.dtype), generator=None) for part in pixels_nchw.split(at_once)
            ]
        return torch.cat(parts).float()

    def decode_latents(self, latents_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """Normalisation and folding undone, each panel apart."""
        vae = self.pipe.vae
        mean = vae.bn.running_mean.float().view(1, -1, 1, 1)
        std = (vae.bn.running_var.float() + vae.config.batch_norm_eps).sqrt().view(1, -1, 1, 1)
        raw = self.pipe._unpatchify_latents(latents_nchw.float() * std.to(latents_nchw) + mean.to(latents_nchw))
        with torch.no_grad():
            return torch.cat([vae.decode(part.to(vae.dtype)).sample.float() for part in raw.split(at_once)])

    def dynamic_shift(self, panels: int, panel_px: int, sampling_steps: int) -> float | None:
        """By the length of the image sequence and the number of steps."""
        from diffusers.pipelines.flux2.pipeline_flux2 import compute_empirical_mu

        _, h, w = self.latent_shape(panel_px)
        return float(compute_empirical_mu(panels * h * w, sampling_steps))


def load(source: ModelSource, dtype: torch.dtype) -> Flux2:
    """Load a checked folder, weights in ``dtype``.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    pipe = load_pipeline(source, dtype)
    distilled = bool(getattr(pipe.config, "is_distilled", False))
    embedded = bool(pipe.transformer.config.guidance_embeds)
    usual = recommended(sampling_steps=4 if distilled else 50, guidance=1.0 if distilled else 4.0)
    settings = source.settings or usual
    return Flux2(
        source=source,
        settings=settings,
        scheduler=pipe.scheduler,
        pipe=pipe,
        guided=not distilled and not embedded,
        clean_anchors=settings.clean_anchors is not False,
        positions=("frame", "column", "reset"),
        panel_multiple=pipe.vae_scale_factor * PATCH,
        pads_alone=True,
    )
