"""Redrawn latents: the truth noised part of the way and drawn again by a trained model (SDEdit, arXiv 2108.01073).

They are what a denoiser draws, errors included, with the truth still known: what a decoder or an upscaler must learn to
make the best of. Strengths stay low: redrawn with more, an image is no longer the true one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from illinstr import files
from illinstr.articles import Article
from illinstr.config import Config
from illinstr.diffusion.denoiser import Denoiser
from illinstr.diffusion.samplers import default_sampler, sampler_of
from illinstr.diffusion.sampling_loop import sample
from illinstr.errors import ModelError
from illinstr.images import DECODING
from illinstr.models.prompt import CanvasText
from illinstr.training.cache import TensorCache, weights_sha256
from illinstr.training.data import panels_of
from illinstr.training.latents import ArticleTensors

if TYPE_CHECKING:
    from illinstr.diffusion.pipeline import StackedDiffusionPipeline


VERSION = 1  # raise when what is stored changes


class RedrawnConfig(Config):
    """How much is redrawn, and by which model."""

    model: str = Field(default="mini", description="mini (embedded), a model folder or a hub id")
    share: float = Field(default=0.0, ge=0, le=1, description="share of what is trained on that is redrawn")
    weakest: float = Field(default=0.25, gt=0, le=1, description="least share of the noise that the truth is given")
    strongest: float = Field(default=0.5, gt=0, le=1, description="largest share of it")

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.weakest > self.strongest:
            raise ValueError(f"weakest {self.weakest} is over strongest {self.strongest}")
        return self


@torch.no_grad()
def redraw(
    pipeline: StackedDiffusionPipeline, article: Article, latents_nchw: Tensor, strength: float, seed: int
) -> Tensor:
    """Latents of an article's panels (n, c, h, w), noised by ``strength`` of the way and drawn again, on one canvas.

    Args:
        pipeline: the model, its own sampler, sampling steps and guidance.
        article: whose words the panels are drawn by.
        latents_nchw: of its true images.
        strength: share of the sampling steps that are taken, at least one.
        seed: of the noise.
    """
    backbone, steps, n = pipeline.backbone, pipeline.defaults.sampling_steps, article.num_steps
    canvas = CanvasText(article.goal, tuple(step.headline for step in article.steps), tuple(range(1, n + 1)))
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((1, *latents_nchw.shape), generator=generator).to(latents_nchw.device)
    drawn = sample(
        Denoiser(backbone, [canvas], pipeline.defaults.guidance),
        sampler_of(backbone, default_sampler(backbone, held=False), panels=n, sampling_steps=steps),
        steps,
        noise,
        [generator],
        known=latents_nchw[None],
        held=torch.zeros(1, n, dtype=torch.bool),
        begin=steps - max(1, round(steps * strength)),
    )
    return drawn[0]


def strength_of(article: Article, config: RedrawnConfig, share: float) -> tuple[float | None, int]:
    """By how much an article is redrawn, None where it is not, and the seed of its noise: functions of its id.

    Args:
        article: which.
        config: range of the strength.
        share: of articles that are redrawn.
    """
    rng = random.Random(f"redrawn/{article.id}")
    chosen, strength, seed = rng.random() < share, rng.uniform(config.weakest, config.strongest), rng.getrandbits(32)
    return (strength if chosen else None), seed


class Redrawer:
    """Makes of articles' images what a model makes of them, once for each article and kept in the cache.

    Args:
        config: the model, and how much it changes.
        panel_px: side of its panels.
        device: where it draws.

    Raises:
        ModelError: the model is missing or damaged.
    """

    def __init__(self, config: RedrawnConfig, panel_px: int, device: str) -> None:
        from illinstr.diffusion.loading import load_pipeline

        self.config, self.panel_px, self.device = config, panel_px, device
        self.pipeline = load_pipeline(config.model, device, "float32")

    def check(self, vae: Any) -> None:
        """Make sure that a decoder fits what the model draws.

        Raises:
            ModelError: its latents are of another shape, scale or shift.
        """
        [own] = self.pipeline.backbone.modules("vae").values()
        for name in ("latent_channels", "scaling_factor", "shift_factor"):
            mine, theirs = getattr(own.config, name, None), getattr(vae.config, name, None)
            if mine != theirs:
                raise ModelError(
                    f"{self.config.model} draws latents of {name} {mine}, and base reads {theirs}",
                    hint="name a model that draws on this autoencoder as redrawn.model",
                )

    def latents(self, articles: Sequence[Article], share: float, what: str, *, keep: bool) -> ArticleTensors:
        """Latents as the denoiser sees them, float16 (n, c, h, w), of which a share of articles is redrawn."""
        compute = partial(self._latents, share=share)
        return self._kept(articles, lambda article: compute(article).half().cpu(), "redrawn", share, what, keep=keep)

    def panels(self, articles: Sequence[Article], share: float, what: str, *, keep: bool) -> ArticleTensors:
        """The same, decoded: uint8 (n, 3, panel_px, panel_px)."""

        def compute(article: Article) -> Tensor:
            images = self.pipeline.backbone.decode_latents(self._latents(article, share)).clamp(-1, 1)
            return ((images + 1) * 127.5).round().byte().cpu().contiguous()

        return self._kept(articles, compute, "panels", share, what, keep=keep)

    def _latents(self, article: Article, share: float) -> Tensor:
        latents = self.pipeline.backbone.encode_images(panels_of(article, self.panel_px).to(self.device))
        strength, seed = strength_of(article, self.config, share)
        return latents if strength is None else redraw(self.pipeline, article, latents, strength, seed)

    def _kept(
        self,
        articles: Sequence[Article],
        compute: Callable[[Article], Tensor],
        kind: str,
        share: float,
        what: str,
        *,
        keep: bool,
    ) -> ArticleTensors:
        cache = None
        if keep:
            config = self.config.model_copy(update={"share": share})
            modules = nn.ModuleList(self.pipeline.backbone.modules("vae").values())
            key = weights_sha256(modules, VERSION, DECODING, self.panel_px, self.pipeline.model_sha256, config)
            cache = TensorCache(files.cache_folder(kind) / key)
        kept = ArticleTensors(articles, compute, cache)
        kept.fill(f"draw {what}")
        return kept
