"""StackedDiffusion (arXiv 2312.04552): a U-Net that denoises all panels of an article as one canvas.

The VAE is frozen, and the text encoder unless ``train_text`` is on. Latents are encoded once and kept (mean of the
posterior); texts of a frozen encoder are encoded once. Batches have one N; the canvas is as tall as N asks.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from illinstr.diffusion.schedule import (
    NoiseConfig,
    add_noise,
    error_of,
    loss_weights,
    shift_timesteps,
    training_target,
)
from illinstr.models.prompt import PromptEmbeds
from illinstr.models.settings import StackedSettings
from illinstr.models.stable_diffusion.backbone import StableDiffusion, denoise
from illinstr.models.stable_diffusion.text import encode_ids
from illinstr.models.stacking import unstack
from illinstr.models.unet import UNetBackbone
from illinstr.shards import Sources
from illinstr.training.cache import TextCache, text_cache
from illinstr.training.latents import encode_articles
from illinstr.training.noise import randint, randn, step_generator
from illinstr.training.tasks.stacked.config import UNetConfig, stacked_settings
from illinstr.training.tasks.stacked.data import ArticleBatch, WindowTask, window_sets
from illinstr.training.tasks.stacked.export import write_unet_folder
from illinstr.training.tasks.stacked.grid import pipeline_of, save_grid
from illinstr.training.tasks.stacked.parts import build_parts
from illinstr.training.tasks.stacked.text import TextSlots, drop_texts

__all__ = ["ArticleBatch", "UNetConfig", "UNetTask"]

SQUARED = NoiseConfig()  # validation measures what runs of any loss can be compared by
VAL_TIMESTEPS = (0.125, 0.375, 0.625, 0.875)  # the middles of the quartiles


class CanvasModel(nn.Module):
    """The U-Net as one forward pass over panels, from the text on where the text encoder learns as well."""

    def __init__(self, unet: nn.Module, text_encoder: nn.Module, config: UNetConfig) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = text_encoder if config.train_text else None
        self.step_code = config.stacking.step_code

    def forward(self, panels: Tensor, timesteps: Tensor, prompt: PromptEmbeds) -> Tensor:
        """Noised panels (b, n, c, h, w) -> the prediction, in their shape.

        ``prompt`` holds embeddings, or token ids where the text encoder learns.
        """
        if self.text_encoder is not None:
            prompt = encode_ids(self.text_encoder, prompt)
        return denoise(self.unet, panels, timesteps, prompt, step_code=self.step_code)


class DenoisingModel(nn.Module):
    """The U-Net of any family as one forward pass over panels."""

    def __init__(self, backbone: UNetBackbone) -> None:
        super().__init__()
        self.unet = backbone.unet
        self.denoise = backbone.denoise

    def forward(self, panels: Tensor, timesteps: Tensor, prompt: PromptEmbeds) -> Tensor:
        """Noised panels (b, n, c, h, w) -> the prediction, in their shape."""
        panels = panels.to(self.unet.conv_in.weight.dtype)  # frozen weights may be of half precision
        return unstack(self.denoise(panels, timesteps, prompt), panels.shape[1])


class UNetTask(WindowTask):
    """Trains on windows of articles, one N a batch."""

    def __init__(self, config: UNetConfig, data: Sources, device: str) -> None:
        self.config = config
        self.device = device
        self.parts: UNetBackbone = build_parts(config)
        self.scheduler = self.parts.scheduler
        self.parts.vae.to(device).requires_grad_(False).eval()
        for encoder in self.parts.modules("text").values():
            encoder.to(device).requires_grad_(config.train_text).eval()
        self.unet = self.parts.unet
        self.model: nn.Module = model_of(self.parts, config).to(device)
        self.train_set, self.val_set = window_sets(
            data,
            config,
            lambda articles, what: encode_articles(articles, self.parts.vae, config.data.panel_px, device, what),
        )
        self.order = self.train_set.order(config.train.batch_size, config.train.seed)
        self.unreadable = self.train_set.unreadable
        self.encoded = None if config.train_text else _text_cache(self.parts, keep=config.data.cache)
        tokenizer = self.parts.tokenizer if isinstance(self.parts, StableDiffusion) else None
        self.slots = TextSlots(self.parts, config.stacking.conditioning, self.encoded, tokenizer)

    @property
    def frozen(self) -> list[nn.Module]:
        """What lies on the device beside the trained model."""
        return [self.parts.vae, *self.parts.modules("text").values()]

    def loss(
        self, model: nn.Module, batch: ArticleBatch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Mean squared error of the prediction over all panels that have an image, times min-SNR weights if asked."""
        noise_config = self.config.noise
        goals, steps = drop_texts(batch, self.config.stacking, generator)
        drawn = randint(noise_config.train_timesteps, len(goals), generator)
        timesteps = shift_timesteps(drawn, noise_config.train_timesteps, noise_config.timestep_shift)
        noise = randn(batch.latents.shape, generator)
        if noise_config.offset:
            noise = noise + noise_config.offset * randn((*batch.latents.shape[:3], 1, 1), generator)
        share_of_v = noise_config.share_of_v(batch.step)
        with self._adapter_dropout(generator):
            errors = self._errors(model, batch, (goals, steps), timesteps, noise, share_of_v, noise_config)
        gamma, floor = noise_config.min_snr_gamma, noise_config.min_snr_floor
        weights = loss_weights(self.scheduler, timesteps, gamma, floor, share_of_v)
        parts = {"turned": share_of_v} if noise_config.transition_steps else {}
        return (weights.to(errors.device) * errors).mean(), parts

    def _errors(
        self,
        model: nn.Module,
        batch: ArticleBatch,
        texts: tuple[list[str], list[list[str]]],
        timesteps: Tensor,
        noise: Tensor,
        share_of_v: float = 1.0,
        error: NoiseConfig = SQUARED,
    ) -> Tensor:
        """Error of each window, (b,), squared unless ``error`` says otherwise: the mean over its illustrated panels.

        A panel without an image is pure noise at every timestep: it tells its neighbours nothing and does not count.
        """
        prompt = self.slots(*texts, batch.numbers).to(self.device)
        latents, noise = batch.latents.to(self.device), noise.to(self.device)
        timesteps, illustrated = timesteps.to(self.device), batch.illustrated.to(self.device)
        noised = add_noise(self.scheduler, latents, noise, timesteps)
        if not bool(batch.illustrated.all()):
            noised = torch.where(illustrated[:, :, None, None, None], noised, noise)
        target = training_target(self.scheduler, latents, noise, timesteps, share_of_v)
        output = model(noised, timesteps, prompt)
        by_panel = error_of(output.float(), target.float(), error).mean(dim=(2, 3, 4))
        errors: Tensor = (by_panel * illustrated).sum(dim=1) / illustrated.sum(dim=1)
        return errors

    @contextlib.contextmanager
    def _adapter_dropout(self, generator: torch.Generator) -> Iterator[None]:
        """Adapter dropout draws from torch's global generator: seed that from the step's, so that resuming is exact."""
        if not self.config.lora.dropout:
            yield
            return
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(0, 2**31, (1,), generator=generator)))
            yield

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Loss at fixed noise in the middle of each timestep quartile; a grid of drawn articles below their truth."""
        by_quartile = [0.0] * len(VAL_TIMESTEPS)
        count = len(self.val_set.windows)
        for index in range(count):
            batch = self.val_set.batch([index])
            noise = torch.randn(batch.latents.shape, generator=step_generator(self.config.train.seed, index, 0, 7))
            for quartile, share in enumerate(VAL_TIMESTEPS):
                timesteps = torch.tensor([int(share * self.config.noise.train_timesteps)])
                error = self._errors(self.model, batch, (batch.goals, batch.steps), timesteps, noise)
                by_quartile[quartile] += float(error) / count
        figures = {f"val_q{number}": loss for number, loss in enumerate(by_quartile, start=1)}
        if folder is not None:
            shown = self.val_set.articles[: self.config.sample.grid_articles]
            pipe = pipeline_of(self.parts, self._settings(), self.device)
            save_grid(folder / f"step-{step:08d}.png", pipe, shown, self.config.data.max_steps)
        return {"val_loss": sum(by_quartile) / len(by_quartile), **figures}

    def _settings(self) -> StackedSettings:
        lengths = self.train_set.lengths
        return stacked_settings(self.config, (min(lengths), max(lengths)))

    def export(self, folder: Path) -> None:
        """Write the whole model folder; adapters are added into the U-Net and stored apart as well."""
        write_unet_folder(folder, self.parts, self.config, self._settings())


def model_of(parts: UNetBackbone, config: UNetConfig) -> nn.Module:
    """What is trained of ``parts``, as the checkpoints of a run name it."""
    if isinstance(parts, StableDiffusion):
        return CanvasModel(parts.unet, parts.text_encoder, config)
    return DenoisingModel(parts)


def _text_cache(parts: UNetBackbone, *, keep: bool) -> TextCache:
    if isinstance(parts, StableDiffusion):
        return text_cache(parts.text_encoder, parts.tokenizer, keep=keep)
    pipe = parts.pipe  # type: ignore[attr-defined]
    zeros = pipe.config.get("force_zeros_for_empty_prompt")
    return text_cache(nn.ModuleList(parts.modules("text").values()), pipe.tokenizer, zeros, keep=keep)
