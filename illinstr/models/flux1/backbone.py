"""FLUX.1 as a backbone: T5 reads every slot, CLIP's pooled vector is the goal's.

The model was trained with one image, whose first position axis is 0, so panels lie in one tall image unless told
otherwise: so laid out it draws related images by itself (In-Context LoRA, arXiv 2410.23775). Text has no positions.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from illinstr.models.folder_pipeline import load_pipeline
from illinstr.models.prompt import TextEmbeds
from illinstr.models.source import ModelSource
from illinstr.models.transformer import CanvasTokens, Transformer, packed, panel_ids, recommended, unpacked

AXES = 3
MAX_TOKENS = {True: 512, False: 256}  # of the text, by whether guidance is an input: [dev] and [schnell]


@dataclass(frozen=True, kw_only=True)
class Flux1(Transformer):
    """FluxTransformer2DModel, AutoencoderKL, CLIP-L and T5 by the pipeline's own encoding."""

    max_tokens: int = MAX_TOKENS[True]

    def encode_distinct(self, texts: list[str]) -> TextEmbeds:
        """T5's last layer, filled up to ``max_tokens``, and CLIP's pooled vector."""
        tokens, pooled, _ = self.pipe.encode_prompt(
            list(texts), None, device=self.device, max_sequence_length=self.max_tokens
        )
        mask = self.pipe.tokenizer_2(
            list(texts), padding="max_length", max_length=self.max_tokens, truncation=True, return_tensors="pt"
        ).attention_mask
        return TextEmbeds(tokens, mask.bool().to(tokens.device), pooled)

    def denoise(self, panels_mchw: Tensor, references_rchw: Tensor, t: Tensor, text: CanvasTokens) -> Tensor:
        """Tokens are 2x2 latents."""
        model = self.pipe.transformer
        m, _, h, w = panels_mchw.shape
        images = packed(panels_mchw, self.patch)
        img_ids = panel_ids(m, h // self.patch, w // self.patch, AXES, self.order)
        plan = self.plan(*text.runs, *self.image_runs(m, 0, len(images) // m))
        layers = len(model.transformer_blocks) + len(model.single_transformer_blocks)
        assert text.pooled is not None
        with self.routed(text, {plan: layers}):
            out: Tensor = model(
                hidden_states=images[None],
                encoder_hidden_states=text.tokens[None],
                pooled_projections=text.pooled[None],
                timestep=t.to(images.dtype) / 1000,
                guidance=t.new_tensor([self.settings.guidance]) if self.embedded_guidance else None,
                img_ids=img_ids.to(images),
                txt_ids=images.new_zeros(len(text.tokens), AXES),
                return_dict=False,
            )[0]
        return unpacked(out[0], panels_mchw, self.patch)


def load(source: ModelSource, dtype: torch.dtype) -> Flux1:
    """Load a checked folder, weights in ``dtype``.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    pipe = load_pipeline(source, dtype)
    embedded = bool(pipe.transformer.config.guidance_embeds)
    usual = recommended(sampling_steps=28 if embedded else 4, guidance=3.5 if embedded else 1.0)
    return Flux1(
        source=source,
        settings=source.settings or usual,
        scheduler=pipe.scheduler,
        pipe=pipe,
        guided=False,
        positions=("column", "frame", "reset"),
        panel_multiple=pipe.vae_scale_factor * Transformer.patch,
        pads_alone=True,
        max_tokens=MAX_TOKENS[embedded],
    )
