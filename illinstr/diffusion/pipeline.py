"""The pipeline: a goal and N step texts in, N pictures drawn together out.

One noise canvas of N panels is denoised as a whole (``stacked``), or every panel on a canvas of its own
(``independent``, the
baseline: same weights, same text, nothing shared). ``anchors`` hold panels to known pictures: at each sampling step
their latents are set to the known ones at that step's noise level, and the rest is drawn around them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from illinstr.diffusion.attention import predict
from illinstr.diffusion.autoencoder import decode_panels, downsampling, encode_panels
from illinstr.diffusion.model_folder import ModelParts, load_parts
from illinstr.diffusion.schedule import DEFAULT_SAMPLER, make_sampler, rescale_guidance, timesteps_of
from illinstr.diffusion.settings import StackedSettings
from illinstr.diffusion.stacking import stack, unstack
from illinstr.diffusion.text import TextCondition, condition, encode_slots
from illinstr.errors import UsageError

Method = Literal["stacked", "independent"]
OnStep = Callable[[int, int], None]


class StackedDiffusionPipeline:
    """Draws articles with one loaded model."""

    def __init__(self, parts: ModelParts, device: str = "cpu") -> None:
        self.parts = parts
        self.device = torch.device(device)
        for module in (parts.unet, parts.vae, parts.text_encoder):
            module.to(self.device).eval()
        self.defaults: StackedSettings = parts.settings
        self.panel_px = parts.settings.panel_px
        self.model_id = parts.model_id
        self.model_sha256 = parts.sha256
        self.latent_px = self.panel_px // downsampling(parts.vae)

    @classmethod
    def from_folder(cls, folder_or_hub_id: str, device: str = "cpu", dtype: torch.dtype | None = None) -> Self:
        """Load a model folder or hub id; float32 unless told otherwise.

        Raises:
            ModelError: missing, damaged or of another shape.
        """
        return cls(load_parts(str(folder_or_hub_id), dtype=dtype or torch.float32), device)

    def __call__(
        self,
        goal: str,
        steps: Sequence[str],
        *,
        seed: int = 0,
        sampling_steps: int | None = None,
        guidance: float | None = None,
        sampler: str = DEFAULT_SAMPLER,
        method: Method = "stacked",
        anchors: Mapping[int, Image.Image] | None = None,
        on_step: OnStep | None = None,
    ) -> list[Image.Image]:
        """Draw one article: exactly ``len(steps)`` RGB pictures of ``panel_px``; anchored ones come back as given.

        Raises:
            UsageError: no steps, an unknown sampler, or an anchor outside the article.
        """
        return self.draw_batch(
            [(goal, steps)],
            seeds=[seed],
            sampling_steps=sampling_steps,
            guidance=guidance,
            sampler=sampler,
            method=method,
            anchors=[anchors or {}],
            on_step=on_step,
        )[0]

    @torch.no_grad()
    def draw_batch(
        self,
        articles: Sequence[tuple[str, Sequence[str]]],
        *,
        seeds: Sequence[int],
        sampling_steps: int | None = None,
        guidance: float | None = None,
        sampler: str = DEFAULT_SAMPLER,
        method: Method = "stacked",
        anchors: Sequence[Mapping[int, Image.Image]] | None = None,
        on_step: OnStep | None = None,
    ) -> list[list[Image.Image]]:
        """Draw articles of one N at once; each has its own seed, so that its pictures do not hang on its neighbours."""
        n = _common_length(articles)
        held = list(anchors) if anchors is not None else [{} for _ in articles]
        _check_anchors(held, n)
        scheduler = make_sampler(sampler, self.parts.scheduler)
        timesteps = timesteps_of(scheduler, sampling_steps or self.defaults.sampling_steps)
        scale = self.defaults.guidance if guidance is None else guidance
        noise = self._noise(seeds, n)
        known, known_mask = self._known(held, n)
        text = self._text(articles, n, method, scale)
        shape_n = n if method == "stacked" else 1
        generators = [torch.Generator().manual_seed(seed + (1 << 32)) for seed in seeds]
        latents = noise * scheduler.init_noise_sigma
        for index, t in enumerate(timesteps):
            if known_mask.any():
                noised = scheduler.add_noise(known, noise, t.reshape(1))
                latents = torch.where(known_mask, noised, latents)
            inputs = scheduler.scale_model_input(latents, t)
            output = self._denoise(inputs, t, text, shape_n, scale)
            latents = _step(scheduler, output, t, latents, generators)
            if on_step is not None:
                on_step(index + 1, len(timesteps))
        return self._pictures(latents, held)

    def _noise(self, seeds: Sequence[int], n: int) -> Tensor:
        """(b, n, c, h, w) from one CPU generator per article, the same on every device and in every batch."""
        shape = (n, self.parts.unet.config.in_channels, self.latent_px, self.latent_px)
        noise = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return torch.stack(noise).to(self.device)

    def _text(
        self, articles: Sequence[tuple[str, Sequence[str]]], n: int, method: Method, scale: float
    ) -> TextCondition:
        """Tokens for every canvas; the unconditional ones first when guidance is on."""
        settings = self.defaults
        rows = [(goal, list(steps)) for goal, steps in articles]
        numbers: Tensor | None = None
        if method == "independent":
            rows = [(goal, [step]) for goal, steps in articles for step in steps]
            numbers = torch.arange(1, n + 1, device=self.device).repeat(len(articles))[:, None]
        if scale != 1:
            rows = [("", [""] * len(steps)) for _, steps in rows] + rows
            numbers = None if numbers is None else torch.cat([numbers, numbers])
        goals, steps = [goal for goal, _ in rows], [own for _, own in rows]
        slots = encode_slots(self.parts.tokenizer, self.parts.text_encoder, goals, steps, settings.conditioning)
        return condition(slots, settings.conditioning, with_step_code=settings.step_code, numbers=numbers)

    def _denoise(self, panels_bnchw: Tensor, t: Tensor, text: TextCondition, shape_n: int, scale: float) -> Tensor:
        """One guided U-Net pass: panels in, prediction of the same shape out."""
        b, n = panels_bnchw.shape[:2]
        canvas = stack(panels_bnchw.reshape(b * n // shape_n, shape_n, *panels_bnchw.shape[2:]))
        unet = self.parts.unet
        canvas = canvas.to(unet.dtype)
        tokens, mask = text.tokens.to(unet.dtype), text.mask
        if scale == 1:
            out = predict(unet, canvas, t.to(self.device), tokens, mask)
            return unstack(out.float(), shape_n).reshape(panels_bnchw.shape)
        out = predict(unet, torch.cat([canvas, canvas]), t.to(self.device), tokens, mask).float()
        without, conditional = unstack(out, shape_n).reshape(2, *panels_bnchw.shape)
        guided = without + scale * (conditional - without)
        return rescale_guidance(guided, conditional, self.defaults.guidance_rescale)

    def encode_pictures(self, pictures: Sequence[Image.Image]) -> Tensor:
        """RGB pictures -> scaled latents (m, c, h, w): centre square, resized to the panel."""
        side = self.panel_px
        pixels = np.stack([np.asarray(_square(picture, side)) for picture in pictures])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(127.5).sub(1).to(self.device)
        return encode_panels(self.parts.vae, batch)

    def _known(self, held: Sequence[Mapping[int, Image.Image]], n: int) -> tuple[Tensor, Tensor]:
        """Latents of anchored panels (b, n, c, h, w) and where they are (b, n, 1, 1, 1)."""
        size, channels = self.latent_px, self.parts.unet.config.in_channels
        known = torch.zeros(len(held), n, channels, size, size, device=self.device)
        where = torch.zeros(len(held), n, 1, 1, 1, dtype=torch.bool, device=self.device)
        for row, anchored in enumerate(held):
            if anchored:
                indices = sorted(anchored)
                known[row, indices] = self.encode_pictures([anchored[index] for index in indices])
                where[row, indices] = True
        return known, where

    def _pictures(self, latents: Tensor, held: Sequence[Mapping[int, Image.Image]]) -> list[list[Image.Image]]:
        """Decode each panel apart (a canvas decoded whole bleeds across seams); anchors are returned untouched."""
        b, n = latents.shape[:2]
        decoded = decode_panels(self.parts.vae, latents.flatten(0, 1))
        pixels = ((decoded.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).cpu().numpy()
        drawn = [[Image.fromarray(pixels[row * n + panel]) for panel in range(n)] for row in range(b)]
        for row, anchored in enumerate(held):
            for panel, picture in anchored.items():
                drawn[row][panel] = picture
        return drawn


def _step(scheduler: Any, output: Tensor, t: Tensor, latents: Tensor, generators: list[torch.Generator]) -> Tensor:
    """One sampler step; stochastic samplers draw each article's noise from its own generator."""
    import inspect

    extra = {"generator": generators} if "generator" in inspect.signature(scheduler.step).parameters else {}
    stepped: Tensor = scheduler.step(output, t, latents, return_dict=False, **extra)[0]
    return stepped


def _common_length(articles: Sequence[tuple[str, Sequence[str]]]) -> int:
    lengths = {len(steps) for _, steps in articles}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError("articles drawn together must have the same number of steps, at least one")
    return lengths.pop()


def _check_anchors(held: Sequence[Mapping[int, Image.Image]], n: int) -> None:
    for anchored in held:
        for index in anchored:
            if not 0 <= index < n:
                raise UsageError(f"no step {index + 1} to hold in an article of {n}")


def _square(picture: Image.Image, side: int) -> Image.Image:
    rgb = picture.convert("RGB")
    if rgb.size == (side, side):
        return rgb
    edge = min(rgb.size)
    left, top = (rgb.width - edge) // 2, (rgb.height - edge) // 2
    return rgb.resize((side, side), Image.Resampling.LANCZOS, box=(left, top, left + edge, top + edge))
