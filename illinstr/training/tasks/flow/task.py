"""Flow matching over stacked panels: a transformer learns the velocity of all panels of an article at once.

Batches have one N. The text is routed as when drawing (``illinstr.models.layout``), and a share of articles has panels
given clean, on which no loss is taken. Autoencoder and text encoders are frozen; their results are computed once.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from illinstr.images import DECODING
from illinstr.models.flux2.building import set_statistics
from illinstr.models.prompt import PromptEmbeds
from illinstr.models.settings import StackedSettings
from illinstr.models.transformer import Transformer
from illinstr.shards import Sources
from illinstr.training.attention import plain_attention
from illinstr.training.cache import text_cache, weights_sha256
from illinstr.training.data import panels_of
from illinstr.training.latents import VERSION, ArticleTensors, encode_article, encode_by
from illinstr.training.noise import randn, step_generator
from illinstr.training.tasks.flow.config import FlowConfig
from illinstr.training.tasks.flow.export import write_flow_folder
from illinstr.training.tasks.flow.noise import draw_clean, draw_levels, mean_over_panels, noised_panels
from illinstr.training.tasks.flow.parts import build_model, flow_settings
from illinstr.training.tasks.stacked.data import (
    ArticleBatch,
    IllustratedSteps,
    WindowTask,
    read_articles,
    window_sets,
)
from illinstr.training.tasks.stacked.grid import pipeline_of, save_grid
from illinstr.training.tasks.stacked.text import TextSlots, drop_texts

__all__ = ["FlowConfig", "FlowTask"]

VAL_LEVELS = (0.2, 0.5, 0.8, 0.95)
VAL_CLEAN_LEVEL = 0.8  # where it shows what kept panels tell
STATISTICS_ARTICLES = 64


class FlowModel(nn.Module):
    """The denoiser as one forward pass over panels."""

    def __init__(self, backbone: Transformer) -> None:
        super().__init__()
        self.transformer = backbone.pipe.transformer
        self.latents = getattr(backbone.pipe.vae, "bn", None)  # statistics, which a new model measures: kept with it
        self.predict = backbone.predict

    def forward(self, panels_bnchw: Tensor, timesteps_b: Tensor, prompt: PromptEmbeds) -> Tensor:
        """Panels at their noise levels -> the velocity, in their shape."""
        return self.predict(panels_bnchw, timesteps_b, prompt)


class FlowTask(WindowTask):
    """Trains on windows of articles, one N a batch."""

    def __init__(self, config: FlowConfig, data: Sources, device: str) -> None:
        self.config = config
        self.device = device
        self.backbone = build_model(config)
        self.backbone.to(device)
        for role in ("text", "vae"):
            for module in self.backbone.modules(role).values():
                module.requires_grad_(False)
        if config.base.model is None:
            self._measure_latents(data)
        self.model: nn.Module = FlowModel(self.backbone)
        self.train_set, self.val_set = window_sets(data, config, self._latents)
        self.order = self.train_set.order(config.train.batch_size, config.train.seed)
        self.unreadable = self.train_set.unreadable
        encoders, tokenizer = nn.ModuleList(self.backbone.modules("text").values()), self.backbone.pipe.tokenizer
        read = (self.backbone.settings.text_layers, tokenizer.chat_template)
        self.encoded = text_cache(encoders, tokenizer, *read, keep=config.data.cache)
        self.slots = TextSlots(self.backbone, config.stacking.conditioning, self.encoded)

    def _measure_latents(self, data: Sources) -> None:
        """Statistics of a new model's latents, from the first training articles."""
        wanted = self.config.data
        some = read_articles(data, wanted.split, self.config, limit=STATISTICS_ARTICLES)
        panels = torch.cat([panels_of(article, wanted.panel_px) for article in IllustratedSteps(some)])
        set_statistics(self.backbone.pipe.vae, self.backbone.encode_images(panels.to(self.device)).cpu())

    def _latents(self, articles: IllustratedSteps, what: str) -> ArticleTensors:
        px, vae = self.config.data.panel_px, self.backbone.pipe.vae
        key = partial(weights_sha256, vae, VERSION, DECODING, px, type(self.backbone).__name__)
        return encode_by(articles, partial(encode_article, self.backbone.encode_images, px, self.device), key, what)

    @property
    def frozen(self) -> list[nn.Module]:
        """What lies on the device beside the trained model."""
        return [module for role in ("text", "vae") for module in self.backbone.modules(role).values()]

    def loss(
        self, model: nn.Module, batch: ArticleBatch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Mean squared error of the velocity over the panels that are drawn."""
        texts = drop_texts(batch, self.config.stacking, generator)
        clean = draw_clean(batch.illustrated, self.config.anchors.share, generator)
        levels = draw_levels(clean, self.config.noise, self.config.anchors, generator)
        noise = randn(batch.latents.shape, generator)
        with plain_attention(self.device):
            errors = self._errors(model, batch, texts, levels, noise, clean)
        return errors.mean(), {}

    def _errors(
        self,
        model: nn.Module,
        batch: ArticleBatch,
        texts: tuple[list[str], list[list[str]]],
        levels: Tensor,
        noise: Tensor,
        clean: Tensor,
    ) -> Tensor:
        """Squared error of each window, (b,): the mean over panels that have an image and are not given clean."""
        prompt = self.slots(*texts, batch.numbers).to(self.device)
        latents, noise, levels = batch.latents.to(self.device), noise.to(self.device), levels.to(self.device)
        clean, illustrated = clean.to(self.device), batch.illustrated.to(self.device)
        panels = noised_panels(latents, noise, levels, clean, illustrated)
        output = model(panels, 1000 * levels, prompt)
        by_panel = (output.float() - (noise - latents)).square().mean(dim=(2, 3, 4))
        return mean_over_panels(by_panel, illustrated & ~clean)

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Loss at fixed noise and levels, and beside clean panels; a grid of drawn articles below their truth."""
        names = [*(f"val_{level:g}" for level in VAL_LEVELS), "val_clean"]
        figures = dict.fromkeys(names, 0.0)
        count = len(self.val_set.windows)
        for index in range(count):
            batch = self.val_set.batch([index])
            noise = torch.randn(batch.latents.shape, generator=step_generator(self.config.train.seed, index, 0, 7))
            for name, level in zip(names, (*VAL_LEVELS, VAL_CLEAN_LEVEL), strict=True):
                clean = torch.zeros_like(batch.illustrated)
                clean[:, ::2] = batch.illustrated[:, ::2] & (name == "val_clean")
                error = self._errors(self.model, batch, (batch.goals, batch.steps), torch.tensor([level]), noise, clean)
                figures[name] += float(error) / count
        if folder is not None:
            shown = self.val_set.articles[: self.config.sample.grid_articles]
            pipe = pipeline_of(self.backbone, self._settings(), self.device)
            save_grid(folder / f"step-{step:08d}.png", pipe, shown, self.config.data.max_steps)
        return {"val_loss": sum(figures[name] for name in names[:-1]) / len(VAL_LEVELS), **figures}

    def _settings(self) -> StackedSettings:
        lengths = self.train_set.lengths
        return flow_settings(self.config, self.backbone, (min(lengths), max(lengths)))

    def export(self, folder: Path) -> None:
        """Write the whole model folder; adapters are added into the transformer and stored apart as well."""
        write_flow_folder(folder, self.backbone, self.config, self._settings())
