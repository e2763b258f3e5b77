"""Qwen-Image as a backbone: panels are frames, as further images are for its editing models.

Heights and widths are counted from the middle of an image, and text from beyond its edge; each slot of text counts as
if it stood alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from illinstr.models.autoencoder import PANELS_AT_ONCE
from illinstr.models.folder_pipeline import load_pipeline
from illinstr.models.prompt import TextEmbeds
from illinstr.models.source import ModelSource
from illinstr.models.transformer import CanvasTokens, Transformer, packed, recommended, slot_positions, unpacked

NULL = " "  # the model's authors write a space where others write nothing


@dataclass(frozen=True, kw_only=True)
class QwenImage(Transformer):
    """QwenImageTransformer2DModel, AutoencoderKLQwenImage, Qwen2.5-VL by the pipeline's template."""

    def latent_shape(self, panel_px: int) -> tuple[int, int, int]:
        """The video autoencoder's latents of one frame."""
        side = panel_px // self.pipe.vae_scale_factor
        return int(self.pipe.vae.config.z_dim), side, side

    def encode_distinct(self, texts: list[str]) -> TextEmbeds:
        """By the pipeline: the last hidden layer after the template's own words, without padding."""
        tokens, mask = self.pipe.encode_prompt([text or NULL for text in texts], self.device)
        if mask is None:  # texts of one length
            mask = torch.ones(tokens.shape[:2], device=tokens.device)
        return TextEmbeds(tokens, mask.bool())

    def guide(self, without: Tensor, conditional: Tensor, scale: float) -> Tensor:
        """As the pipeline does: every image token keeps the length that it had with the text."""
        guided = super().guide(without, conditional, scale)
        lengths = [self._token_lengths(branch.float()) for branch in (conditional, guided)]
        return guided * (lengths[0] / lengths[1])

    def _token_lengths(self, panels_kmchw: Tensor) -> Tensor:
        """(k, m, 1, h, w): the norm of the token that a latent position belongs to."""
        squares = panels_kmchw.square().sum(dim=2).flatten(0, 1)[:, None]
        sums = nn.functional.avg_pool2d(squares, self.patch) * self.patch**2
        norms = nn.functional.interpolate(sums.sqrt(), scale_factor=self.patch, mode="nearest")
        apart: Tensor = norms.unflatten(0, panels_kmchw.shape[:2])
        return apart

    def denoise(self, panels_mchw: Tensor, references_rchw: Tensor, t: Tensor, text: CanvasTokens) -> Tensor:
        """Tokens are 2x2 latents."""
        model = self.pipe.transformer
        m, _, h, w = panels_mchw.shape
        h, w = h // self.patch, w // self.patch
        shapes = [(1, m * h, w)] if self.order == "column" else [(1, h, w)] * m
        plan = self.plan(*text.runs, *self.image_runs(m, 0, h * w))
        with self.routed(text, {plan: len(model.transformer_blocks)}), self._positions(text, m):
            out: Tensor = model(
                hidden_states=packed(panels_mchw, self.patch)[None],
                encoder_hidden_states=text.tokens[None],
                timestep=t.to(panels_mchw.dtype) / 1000,
                img_shapes=[shapes],
                return_dict=False,
            )[0]
        return unpacked(out[0], panels_mchw, self.patch)

    @contextmanager
    def _positions(self, text: CanvasTokens, panels: int) -> Iterator[None]:
        """Each slot of text from the first place on; for *reset*, every panel in the first one's place."""
        places = slot_positions(text.runs)

        def placed(_: nn.Module, __: Any, rotations: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            images, words = rotations
            if self.order == "reset":
                images = images[: len(images) // panels].repeat(panels, 1)
            return images, words[places.to(words.device)]

        hook = self.pipe.transformer.pos_embed.register_forward_hook(placed)
        try:
            yield
        finally:
            hook.remove()

    def encode_images(self, pixels_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """By the autoencoder's mode, each image a clip of one frame, normalised channel by channel."""
        vae = self.pipe.vae
        with torch.no_grad():
            parts = [
                vae.encode(part[:, :, None].to(vae.dtype)).latent_dist.mode()[:, :, 0].float()
                for part in pixels_nchw.split(at_once)
            ]
        latents = torch.cat(parts)
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    def decode_latents(self, latents_nchw: Tensor, *, at_once: int = PANELS_AT_ONCE) -> Tensor:
        """Normalisation undone, each panel apart."""
        vae = self.pipe.vae
        mean, std = self._statistics(latents_nchw)
        raw = (latents_nchw.float() * std + mean)[:, :, None]
        with torch.no_grad():
            return torch.cat([vae.decode(part.to(vae.dtype)).sample[:, :, 0].float() for part in raw.split(at_once)])

    def _statistics(self, like: Tensor) -> tuple[Tensor, Tensor]:
        config = self.pipe.vae.config
        mean, std = (
            torch.tensor(values, device=like.device).view(1, -1, 1, 1)
            for values in (config.latents_mean, config.latents_std)
        )
        return mean, std


def load(source: ModelSource, dtype: torch.dtype) -> QwenImage:
    """Load a checked folder, weights in ``dtype``.

    Raises:
        ModelError: damaged, or parts that do not fit.
    """
    pipe = load_pipeline(source, dtype)
    return QwenImage(
        source=source,
        settings=source.settings or recommended(sampling_steps=50, guidance=4.0),
        scheduler=pipe.scheduler,
        pipe=pipe,
        block_lists=("transformer_blocks",),
        positions=("frame", "column", "reset"),
        panel_multiple=pipe.vae_scale_factor * Transformer.patch,
    )
