"""Stable Diffusion 3 and 3.5 as a backbone: images come before text; positions are a table of one image's places.

The table is cropped about its middle. *column* lays the panels below one another in it, as one tall image; *reset*
gives every panel the middle. There are no frames. Text has no positions; both CLIP encoders' pooled vectors are the
goal's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.errors import UsageError
from illinstr.models.folder_pipeline import load_pipeline
from illinstr.models.prompt import TextEmbeds
from illinstr.models.source import ModelSource
from illinstr.models.stacking import stack, unstack
from illinstr.models.transformer import PANEL_PX, CanvasTokens, Transformer, recommended

T5_TOKENS = 256
LARGE_BLOCKS = 38


@dataclass(frozen=True, kw_only=True)
class StableDiffusion3(Transformer):
    """SD3Transformer2DModel, AutoencoderKL, CLIP-L, OpenCLIP-G and T5 by the pipeline's own encoding."""

    def encode_distinct(self, texts: list[str]) -> TextEmbeds:
        """CLIP's tokens, then T5's, each filled up; both CLIP pooled vectors."""
        pipe, texts = self.pipe, list(texts)
        tokens, _, pooled, _ = pipe.encode_prompt(
            texts, None, None, device=self.device, do_classifier_free_guidance=False, max_sequence_length=T5_TOKENS
        )
        masks = [
            tokenizer(texts, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
            for tokenizer, length in ((pipe.tokenizer, pipe.tokenizer_max_length), (pipe.tokenizer_3, T5_TOKENS))
        ]
        mask = torch.cat([encoded.attention_mask for encoded in masks], dim=1)
        return TextEmbeds(tokens, mask.bool().to(tokens.device), pooled)

    def denoise(self, panels_mchw: Tensor, references_rchw: Tensor, t: Tensor, text: CanvasTokens) -> Tensor:
        """The panels as one tall canvas; some blocks have a second attention of the images alone."""
        model = self.pipe.transformer
        m, _, h, w = panels_mchw.shape
        self._check_height(m, h)
        whole = self.plan(*self.image_runs(m, 0, (h // self.patch) * (w // self.patch)), *text.runs)
        plans = {whole: len(model.transformer_blocks)}
        images_alone = sum(hasattr(block, "attn2") and block.attn2 is not None for block in model.transformer_blocks)
        if images_alone:
            plans[whole.part("image")] = images_alone
        assert text.pooled is not None
        with self.routed(text, plans), self._positions(m):
            out: Tensor = model(
                hidden_states=stack(panels_mchw[None]),
                encoder_hidden_states=text.tokens[None],
                pooled_projections=text.pooled[None],
                timestep=t,
                return_dict=False,
            )[0]
        return unstack(out, m)[0]

    def _check_height(self, panels: int, height: int) -> None:
        table = int(self.pipe.transformer.config.pos_embed_max_size)
        if self.order == "column" and panels * height // self.patch > table:
            most = table // (height // self.patch)
            raise UsageError(
                f"{self.source.model_id} knows positions for {most} images of this size one below the other, not "
                f"{panels}",
                hint=f"--window {max(most, 1)}, a smaller --size, or --positions reset",
            )

    @contextmanager
    def _positions(self, panels: int) -> Iterator[None]:
        """For *reset*, every panel is embedded as if it stood alone."""
        embed = self.pipe.transformer.pos_embed

        def alone(module: nn.Module, given: tuple[Tensor, ...], _: Any) -> Tensor:
            tokens: Tensor = module.forward(unstack(given[0], panels)[0])
            return tokens.flatten(0, 1)[None]

        hooks = [embed.register_forward_hook(alone)] if self.order == "reset" else []
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()


def load(source: ModelSource, dtype: torch.dtype) -> StableDiffusion3:
    """Load a checked folder, weights in ``dtype``.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    pipe = load_pipeline(source, dtype)
    config = pipe.transformer.config
    steps, guidance = (28, 3.5) if config.num_layers >= LARGE_BLOCKS else (28, 7.0)
    if config.dual_attention_layers:  # 3.5 medium
        steps, guidance = 40, 4.5
    multiple = pipe.vae_scale_factor * Transformer.patch
    most = max(min(8, config.pos_embed_max_size // (PANEL_PX // multiple)), 1)
    usual = recommended(sampling_steps=steps, guidance=guidance, most=most)
    return StableDiffusion3(
        source=source,
        settings=source.settings or usual,
        scheduler=pipe.scheduler,
        pipe=pipe,
        block_lists=("transformer_blocks",),
        positions=("column", "reset"),
        own_spacing=True,
        panel_multiple=multiple,
        pads_alone=True,
    )
