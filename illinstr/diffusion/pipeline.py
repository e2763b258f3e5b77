"""The pipeline: a goal and N step texts in, N images drawn together out.

One noise canvas of N panels is denoised as a whole (``stacked``), or every panel on a canvas of its own
(``independent``, the baseline: same weights, same text, nothing shared). Articles longer than the model was trained on
are drawn window by window (``illinstr.diffusion.windows``). ``anchors`` hold panels to known images while the rest is
drawn around them (``illinstr.diffusion.sampling_loop``). Where the model's settings ask for it, drawn images are then
enlarged (``illinstr.models.upscaler``); images given are not touched.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from illinstr.diffusion.denoiser import Denoiser
from illinstr.diffusion.draws import ArticleText, Draw, plan_draws
from illinstr.diffusion.names import NO_REFERENCES, Method
from illinstr.diffusion.samplers import default_sampler, sampler_of
from illinstr.diffusion.sampling_loop import Report, sample
from illinstr.diffusion.sampling_step import OnStep, SamplingStep
from illinstr.errors import ModelError, UsageError
from illinstr.images import centre_square
from illinstr.models.autoencoder import PANELS_AT_ONCE
from illinstr.models.backbone import ROLES, Backbone, Role
from illinstr.models.changes import changed_backbone
from illinstr.models.loading import load_backbone
from illinstr.models.settings import StackedSettings
from illinstr.models.upscaler import Upscaler, embedded_upscaler, upscale

Anchors = Mapping[int, Image.Image]


class StackedDiffusionPipeline:
    """Draws articles with one loaded model.

    Args:
        backbone: the loaded model.
        device: where it draws.
        offload: keep each component on ``device`` only while it works, and denoise one canvas at a time.
        offload_text: keep the text encoders on ``device`` only while they work, and the denoiser off it meanwhile.
        vae_slicing: encode and decode one panel at a time.
    """

    def __init__(
        self,
        backbone: Backbone,
        device: str = "cpu",
        *,
        offload: bool = False,
        offload_text: bool = False,
        vae_slicing: bool = False,
    ) -> None:
        self.backbone = backbone
        self.device = torch.device(device)
        self.offload = offload
        self.away: tuple[Role, ...] = ROLES if offload else ("text",) if offload_text else ()
        self.turns = offload_text and not offload  # text encoders and denoiser are never there together
        self.vae_batch = 1 if vae_slicing else PANELS_AT_ONCE
        later = (*self.away, "denoiser") if self.turns else self.away
        backbone.to("cpu", later)
        backbone.to(self.device, [role for role in ROLES if role not in later])
        backbone.optimise_for(self.device)
        self.defaults: StackedSettings = backbone.settings
        self.panel_px = backbone.settings.panel_px
        self.model_id = backbone.source.model_id
        self.options = backbone.source.options
        self.model_sha256 = backbone.source.sha256
        self.trained_for_stacking = backbone.trained_for_stacking

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """The same loaded model under other settings: ``illinstr.models.changes``.

        Raises:
            UsageError: the model has no such switch.
        """
        other = copy.copy(self)
        other.backbone = changed_backbone(self.backbone, changes)
        other.defaults = other.backbone.settings
        other.panel_px = other.backbone.settings.panel_px
        return other

    @classmethod
    def from_folder(cls, folder_or_hub_id: str, device: str = "cpu", dtype: torch.dtype | None = None) -> Self:
        """Load a model folder or hub id; float32 unless told otherwise.

        Raises:
            ModelError: missing, damaged or of another shape.
        """
        return cls(load_backbone(str(folder_or_hub_id), dtype=dtype or torch.float32), device)

    def __call__(
        self,
        goal: str,
        steps: Sequence[str],
        *,
        seed: int = 0,
        sampling_steps: int | None = None,
        guidance: float | None = None,
        sampler: str | None = None,
        method: Method = "stacked",
        anchors: Anchors | None = None,
        references: Sequence[Image.Image] = (),
        window: int | None = None,
        on_step: OnStep | None = None,
    ) -> list[Image.Image]:
        """Draw one article: exactly ``len(steps)`` RGB images; anchored ones come back as given.

        The others are ``panel_px`` wide, times ``defaults.upscale``.

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
            references=references,
            window=window,
            on_step=on_step,
        )[0]

    @torch.no_grad()
    def draw_batch(
        self,
        articles: Sequence[ArticleText],
        *,
        seeds: Sequence[int],
        sampling_steps: int | None = None,
        guidance: float | None = None,
        sampler: str | None = None,
        method: Method = "stacked",
        anchors: Sequence[Anchors] | None = None,
        references: Sequence[Image.Image] = (),
        window: int | None = None,
        on_step: OnStep | None = None,
    ) -> list[list[Image.Image]]:
        """Draw articles of one N at once; each has its own seed, so that its images do not hang on its neighbours.

        Raises:
            UsageError: as for one article, or ``references`` for a model that takes none.
        """
        n = _common_length(articles)
        held = list(anchors) if anchors is not None else [{} for _ in articles]
        _check_anchors(held, n)
        upscaler = self._upscaler()  # if it is not there, say so before anything is drawn
        known, where = self._known(held, n)
        if references and not self.backbone.clean_anchors:
            raise UsageError(f"{self.model_id} takes no reference images", hint=NO_REFERENCES)
        latents = self.sample_latents(
            articles,
            seeds=seeds,
            sampling_steps=sampling_steps or self.defaults.sampling_steps,
            guidance=self.defaults.guidance if guidance is None else guidance,
            sampler=sampler,
            method=method,
            known=known,
            where=where,
            references=self.encode_images(references) if references else None,
            window=window,
            on_step=on_step,
        )
        return self._images(latents, held, upscaler)

    @torch.no_grad()
    def sample_latents(
        self,
        articles: Sequence[ArticleText],
        *,
        seeds: Sequence[int],
        sampling_steps: int,
        guidance: float,
        sampler: str | None = None,
        method: Method = "stacked",
        known: Tensor | None = None,
        where: Tensor | None = None,
        references: Tensor | None = None,
        window: int | None = None,
        on_step: OnStep | None = None,
    ) -> Tensor:
        """Denoise the panels of articles of one N, (b, n, c, h, w).

        Args:
            articles: goals and step texts.
            seeds: one an article.
            sampling_steps: how often the model denoises.
            guidance: classifier-free guidance; 1 is off.
            sampler: one of ``schedule.SAMPLERS``; None is ``default_sampler``.
            method: all panels of a window on one canvas, or each alone.
            known: latents of held panels (b, n, c, h, w); they come back exactly.
            where: (b, n), True for held panels.
            references: latents (r, c, h, w) of images that every panel sees clean and that have no panel.
            window: panels drawn together at most; None is as many as the model was trained on.
            on_step: called after each sampling step; what it raises ends the drawing.
        """
        n = _common_length(articles)
        anchored = where is not None and bool(where.any())
        name = sampler or self.default_sampler(n, anchored=anchored, window=window)
        noise = self._noise(seeds, n)
        latents = torch.zeros_like(noise) if known is None else known.clone()
        done = torch.zeros(len(articles), n, dtype=torch.bool) if where is None else where.clone()
        draws = plan_draws(articles, method, done, window or self.window_size or n)
        generators = [torch.Generator().manual_seed(seed + (1 << 32)) for seed in seeds]
        for number, draw in enumerate(draws):
            rows, panels = draw.rows[:, None], draw.panels
            held = done[rows, panels]
            clean = held if self.backbone.clean_anchors and bool(held.any()) else None
            at_once = 1 if self.offload else None
            with self._working("text"):
                denoiser = Denoiser(
                    self.backbone, draw.texts, guidance, max_canvases=at_once, clean=clean, references=references
                )
            with self._working("denoiser"):
                latents[rows, panels] = sample(
                    denoiser,
                    sampler_of(self.backbone, name, panels=panels.shape[1], sampling_steps=sampling_steps),
                    sampling_steps,
                    noise[rows, panels],
                    [generators[row] for row in draw.rows],
                    known=latents[rows, panels],
                    held=held,
                    clean=clean is not None,
                    report=self._reporter(on_step, latents, done, draw, number, len(draws)),
                )
            done[rows, panels] = True
        return latents

    @property
    def window_size(self) -> int | None:
        """Panels drawn together at most unless told otherwise; a model that cannot stack has no such number."""
        return max(self.defaults.trained_steps[1], 1) if self.draws_together else None

    @property
    def draws_together(self) -> bool:
        """Whether panels are drawn together unless asked otherwise: by training, or by what the family can."""
        return self.backbone.draws_together

    @property
    def anchors(self) -> Literal["clean", "re-noised"] | None:
        """How held panels are given, for the record; None for U-Nets, whose sampler says it."""
        if self.backbone.clean_anchors:
            return "clean"
        return "re-noised" if self.backbone.noise == "flow" else None

    def default_sampler(self, n: int, *, anchored: bool, window: int | None = None) -> str:
        """The sampler for ``n`` panels, some of them ``anchored``, or held in later windows of a long article."""
        return default_sampler(self.backbone, held=anchored or (window or self.window_size or n) < n)

    def _reporter(
        self, on_step: OnStep | None, latents: Tensor, done: Tensor, draw: Draw, number: int, draws: int
    ) -> Report | None:
        if on_step is None:
            return None
        rows, panels = draw.rows[:, None], draw.panels
        begun = done.clone()
        begun[rows, panels] = True

        def report(step: int, steps: int, predicted: Tensor) -> None:
            article = latents.clone()
            article[rows, panels] = predicted
            on_step(SamplingStep(number * steps + step, draws * steps, article, begun, self._decode))

        return report

    @contextlib.contextmanager
    def _working(self, role: Role) -> Iterator[None]:
        """Bring modules to the device for as long as they work, where they do not live there."""
        if self.turns and role == "text":
            self.backbone.to("cpu", ["denoiser"])
        if role in self.away or (self.turns and role == "denoiser"):
            self.backbone.to(self.device, [role])
        if role not in self.away:
            yield
            return
        try:
            yield
        finally:
            self.backbone.to("cpu", [role])

    def _noise(self, seeds: Sequence[int], n: int) -> Tensor:
        """(b, n, c, h, w) from one CPU generator per article, the same on every device and in every batch."""
        shape = (n, *self.backbone.latent_shape(self.panel_px))
        noise = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
        return torch.stack(noise).to(self.device)

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """RGB images -> scaled latents (m, c, h, w): centre square, resized to the panel."""
        side = self.panel_px
        pixels = np.stack([np.asarray(centre_square(image, side)) for image in images])
        batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(127.5).sub(1).to(self.device)
        with self._working("vae"):
            return self.backbone.encode_images(batch, at_once=self.vae_batch)

    def _known(self, held: Sequence[Anchors], n: int) -> tuple[Tensor, Tensor]:
        """Latents of anchored panels (b, n, c, h, w) and where they are (b, n)."""
        known = torch.zeros(len(held), n, *self.backbone.latent_shape(self.panel_px), device=self.device)
        where = torch.zeros(len(held), n, dtype=torch.bool)
        for row, anchored in enumerate(held):
            if anchored:
                indices = sorted(anchored)
                known[row, indices] = self.encode_images([anchored[index] for index in indices])
                where[row, indices] = True
        return known, where

    def _decode(self, latents: Tensor) -> list[list[Image.Image]]:
        """(b, n, c, h, w) -> n images an article as they are drawn, without upscaling: quick, for a look."""
        return [[_as_image(panel) for panel in row] for row in self._pixels(latents)]

    def _pixels(self, latents: Tensor) -> Tensor:
        """(b, n, c, h, w) -> (b, n, 3, H, W) in [-1, 1], each panel apart: a canvas decoded whole bleeds across seams.

        Raises:
            ModelError: what was drawn is not finite.
        """
        with self._working("vae"):
            decoded = self.backbone.decode_latents(latents.flatten(0, 1), at_once=self.vae_batch)
        if not torch.isfinite(decoded).all():
            raise ModelError(
                f"model {self.backbone.source.model_id} drew images that are not finite",
                hint="try --dtype float32; else the model is damaged",
            )
        return decoded.clamp(-1, 1).reshape(*latents.shape[:2], *decoded.shape[1:])

    def _upscaler(self) -> Upscaler | None:
        """What makes this model's images larger; None where they stay as they are drawn.

        Raises:
            ModelError: it is not part of this installation.
        """
        if self.defaults.upscale == 1:
            return None
        decoder = next(iter(self.backbone.modules("vae").values()))
        return embedded_upscaler(str(self.device), next(decoder.parameters()).dtype)

    def _images(self, latents: Tensor, held: Sequence[Anchors], upscaler: Upscaler | None) -> list[list[Image.Image]]:
        """Decoded panels, enlarged; anchors are returned untouched."""
        articles = []
        for row, anchored in zip(self._pixels(latents), held, strict=True):
            images: list[Image.Image] = []
            for panel, drawn in enumerate(row):
                if panel in anchored:
                    images.append(anchored[panel])
                elif upscaler is None:
                    images.append(_as_image(drawn))
                else:
                    images.append(_as_image(upscale(upscaler, drawn, self.defaults.upscale)))
            articles.append(images)
        return articles


def _as_image(panel_chw: Tensor) -> Image.Image:
    """(3, H, W) in [-1, 1] as an image."""
    return Image.fromarray(((panel_chw + 1) * 127.5).round().byte().permute(1, 2, 0).contiguous().cpu().numpy())


def _common_length(articles: Sequence[ArticleText]) -> int:
    lengths = {len(steps) for _, steps in articles}
    if len(lengths) != 1 or 0 in lengths:
        raise UsageError("articles drawn together must have the same number of steps, at least one")
    return lengths.pop()


def _check_anchors(held: Sequence[Anchors], n: int) -> None:
    for anchored in held:
        for index in anchored:
            if not 0 <= index < n:
                raise UsageError(f"no step {index + 1} to hold in an article of {n}")
