"""StackedDiffusion (arXiv 2312.04552): a U-Net that denoises all panels of an article as one canvas.

VAE and text encoder are frozen. Latents are encoded once and kept (mean of the posterior); distinct texts are encoded
once. Batches have one N; the canvas is as tall as N asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from illinstr import files
from illinstr.articles import Article
from illinstr.config import Config
from illinstr.diffusion import model_folder
from illinstr.diffusion.attention import predict, route_panels
from illinstr.diffusion.schedule import NoiseConfig, loss_weights, training_scheduler, training_target
from illinstr.diffusion.settings import Conditioning, StackedSettings
from illinstr.diffusion.stacking import stack
from illinstr.diffusion.text import SlotTokens, condition, encode_texts, slot_texts
from illinstr.training.cache import text_cache
from illinstr.training.config import TrainConfig
from illinstr.training.data import BatchOrder, read_split, training_articles
from illinstr.training.latents import encode_articles
from illinstr.training.noise import randint, randn, rows_of, step_generator

VAL_TIMESTEPS = (0.125, 0.375, 0.625, 0.875)  # the middles of the quartiles


class BaseConfig(Config):
    """What the U-Net stands on: a whole Stable-Diffusion-shaped model, or a VAE and a CLIP folder of our own."""

    model: str | None = Field(default=None, description="folder or hub id; its U-Net is fine-tuned")
    vae: str | None = Field(default=None, description="AutoencoderKL folder, for a new U-Net")
    clip: str | None = Field(default=None, description="CLIP folder, for a new U-Net")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.model is None) == (self.vae is None) or (self.vae is None) != (self.clip is None):
            raise ValueError("give base.model, or both base.vae and base.clip")
        return self


class UNetModelConfig(Config):
    """Shape of a new UNet2DConditionModel; unused when fine-tuning."""

    block_out_channels: tuple[int, ...] = Field(default=(128, 256), min_length=1)
    heads: tuple[int, ...] = Field(default=(4, 4), min_length=1)
    layers_per_block: int = Field(default=1, ge=1)
    norm_num_groups: int = Field(default=32, ge=1)


class StackingConfig(Config):
    """The switches of the method."""

    conditioning: Conditioning = "routed"
    step_code: bool = True
    drop_all: float = Field(default=0.1, ge=0, le=1, description="share of articles trained without any text")
    drop_goal: float = Field(default=0.0, ge=0, le=1)
    drop_step: float = Field(default=0.0, ge=0, le=1, description="chance of each step's text to be left out")


class SampleConfig(Config):
    """The model's defaults when drawing, also used for the sample grids of a run."""

    sampling_steps: int = Field(default=20, ge=1)
    guidance: float = Field(default=3.0, ge=0)
    guidance_rescale: float = Field(default=0.0, ge=0, le=1)
    grid_articles: int = Field(default=2, ge=1)


class UNetConfig(TrainConfig):
    """A StackedDiffusion run."""

    kind: Literal["unet"] = "unet"
    base: BaseConfig
    model: UNetModelConfig = UNetModelConfig()
    noise: NoiseConfig = NoiseConfig()
    stacking: StackingConfig = StackingConfig()
    sample: SampleConfig = SampleConfig()


@dataclass(frozen=True)
class ArticleBatch:
    """b articles of n steps: scaled latents (b, n, c, h, w), goals and step texts."""

    latents: Tensor
    goals: list[str]
    steps: list[list[str]]


class _Denoiser(nn.Module):
    """The U-Net as one forward pass over canvases."""

    def __init__(self, unet: nn.Module) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, canvas: Tensor, timesteps: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        return predict(self.unet, canvas, timesteps, tokens, mask)


class UNetTask:
    """Trains on whole articles of one N a batch; a sample is an article."""

    sample_unit = "articles"

    def __init__(self, config: UNetConfig, data: Path, device: str) -> None:
        self.config = config
        self.device = device
        self.scheduler = training_scheduler(config.noise)
        self.vae, self.text_encoder, self.tokenizer, unet = _base(config)
        for frozen in (self.vae, self.text_encoder):
            frozen.to(device).requires_grad_(False).eval()
        route_panels(unet)
        self.unet = unet
        self.model: nn.Module = _Denoiser(unet).to(device)
        self.articles = training_articles(data, config.data)
        self.val_articles = read_split(data, config.data.val_split, config.data, limit=config.data.val_limit)
        self.latents = encode_articles(self.articles, self.vae, config.data.panel_px, device, "latents")
        self.unreadable = self.latents.unreadable
        self.val_latents = encode_articles(self.val_articles, self.vae, config.data.panel_px, device, "val latents")
        self.order = BatchOrder(self.articles.lengths, config.train.batch_size, config.train.seed)
        self.encoded = text_cache(self.text_encoder, self.tokenizer, device, keep=config.data.cache)

    def units_of(self, step: int) -> list[int]:
        """Articles of one optimiser step."""
        return self.order.batch(step)

    def make_batch(self, units: list[int]) -> ArticleBatch:
        """Latents and texts of articles of one N."""
        return _collate([self.articles[unit] for unit in units], [self.latents[unit] for unit in units])

    def _slots(self, goals: Sequence[str], steps: Sequence[Sequence[str]]) -> SlotTokens:
        """Like ``encode_slots``, with every distinct text encoded once in the life of the run."""
        style = self.config.stacking.conditioning
        rows = [slot_texts(goal, own, style) for goal, own in zip(goals, steps, strict=True)]
        for text in dict.fromkeys(text for row in rows for text in row):
            if text not in self.encoded:
                # One at a time: beside other texts it would differ in the last bit, and with it a resumed run.
                tokens, own_mask = encode_texts(self.tokenizer, self.text_encoder, [text])
                self.encoded[text] = tokens[0][own_mask[0]].float()
        kept = [self.encoded[text] for row in rows for text in row]
        padded = nn.utils.rnn.pad_sequence(kept, batch_first=True)
        lengths = torch.tensor([len(tokens) for tokens in kept], device=padded.device)
        mask = torch.arange(padded.shape[1], device=padded.device)[None, :] < lengths[:, None]
        shape = (len(rows), len(rows[0]))
        return SlotTokens(padded.unflatten(0, shape), mask.unflatten(0, shape))

    def _drop_text(self, batch: ArticleBatch, generator: torch.Generator) -> tuple[list[str], list[list[str]]]:
        drop = self.config.stacking
        goals, steps = [], []
        rows = rows_of(generator, len(batch.goals))
        for goal, own, row in zip(batch.goals, batch.steps, rows, strict=True):
            chance = torch.rand(2 + len(own), generator=row).tolist()
            everything = chance[0] < drop.drop_all
            goals.append("" if everything or chance[1] < drop.drop_goal else goal)
            kept = zip(own, chance[2:], strict=True)
            steps.append(["" if everything or luck < drop.drop_step else step for step, luck in kept])
        return goals, steps

    def loss(
        self, model: nn.Module, batch: ArticleBatch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        """Mean squared error of the prediction over all panels (times min-SNR weights when asked for)."""
        goals, steps = self._drop_text(batch, generator)
        b = len(goals)
        timesteps = randint(self.config.noise.train_timesteps, b, generator)
        noise = randn(batch.latents.shape, generator)
        errors = self._errors(model, batch.latents, goals, steps, timesteps, noise)
        weights = loss_weights(self.scheduler, timesteps, self.config.noise.min_snr_gamma).to(errors.device)
        return (weights * errors).mean(), {}

    def _errors(
        self,
        model: nn.Module,
        latents: Tensor,
        goals: Sequence[str],
        steps: Sequence[Sequence[str]],
        timesteps: Tensor,
        noise: Tensor,
    ) -> Tensor:
        """Squared error of each article, (b,)."""
        stacking = self.config.stacking
        text = condition(self._slots(goals, steps), stacking.conditioning, with_step_code=stacking.step_code)
        clean, dirt, when = stack(latents).to(self.device), stack(noise).to(self.device), timesteps.to(self.device)
        noised = self.scheduler.add_noise(clean, dirt, when)
        target = training_target(self.scheduler, clean, dirt, when)
        output = model(noised, when, text.tokens, text.mask)
        errors: Tensor = (output.float() - target.float()).square().mean(dim=(1, 2, 3))
        return errors

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Loss at fixed noise in the middle of each timestep quartile; a grid of drawn articles below their truth."""
        by_quartile = [0.0] * len(VAL_TIMESTEPS)
        for index, (article, latents) in enumerate(zip(self.val_articles, self.val_latents, strict=True)):
            batch = _collate([article], [latents])
            noise = torch.randn(batch.latents.shape, generator=step_generator(self.config.train.seed, index, 0, 7))
            for quartile, share in enumerate(VAL_TIMESTEPS):
                when = torch.tensor([int(share * self.config.noise.train_timesteps)])
                error = self._errors(self.model, batch.latents, batch.goals, batch.steps, when, noise)
                by_quartile[quartile] += float(error) / len(self.val_articles)
        figures = {f"val_q{number}": loss for number, loss in enumerate(by_quartile, start=1)}
        if folder is not None:
            self._save_grid(folder / f"step-{step:08d}.png")
        return {"val_loss": sum(by_quartile) / len(by_quartile), **figures}

    def _settings(self) -> StackedSettings:
        sample, stacking, data = self.config.sample, self.config.stacking, self.config.data
        lengths = self.articles.lengths
        return StackedSettings(
            conditioning=stacking.conditioning,
            step_code=stacking.step_code,
            panel_px=data.panel_px,
            trained_steps=(min(lengths), max(lengths)),
            sampling_steps=sample.sampling_steps,
            guidance=sample.guidance,
            guidance_rescale=sample.guidance_rescale,
            training=self.config.model_dump(mode="json"),
        )

    def _save_grid(self, path: Path) -> None:
        from PIL import Image

        from illinstr.diffusion.pipeline import StackedDiffusionPipeline
        from illinstr.training.data import panels_of

        parts = model_folder.ModelParts(
            unet=self.unet,
            vae=self.vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            scheduler=self.scheduler,
            settings=self._settings(),
            model_id="in training",
            sha256="",
            stacked=True,
        )
        pipe = StackedDiffusionPipeline(parts, self.device)
        rows: list[Tensor] = []
        for seed, article in enumerate(self.val_articles[: self.config.sample.grid_articles]):
            drawn = pipe(article.goal, [step.headline for step in article.steps], seed=seed)
            pixels = [
                torch.frombuffer(bytearray(p.tobytes()), dtype=torch.uint8).view(p.height, p.width, 3) for p in drawn
            ]
            truth = ((panels_of(article, self.config.data.panel_px) + 1) * 127.5).round().byte().permute(0, 2, 3, 1)
            rows += [torch.cat(list(truth), dim=1), torch.cat(pixels, dim=1)]
        width = max(row.shape[1] for row in rows)
        canvas = torch.full((sum(row.shape[0] for row in rows), width, 3), 255, dtype=torch.uint8)
        top = 0
        for row in rows:
            canvas[top : top + row.shape[0], : row.shape[1]] = row
            top += row.shape[0]
        with files.atomic_open(path) as stream:
            Image.fromarray(canvas.numpy()).save(stream, format="PNG")

    def export(self, folder: Path) -> None:
        """Write the whole model folder; weights in float16, which every loader turns back."""
        settings = self._settings()
        model_folder.save_folder(
            folder,
            unet=_half_copy(self.unet),
            vae=_half_copy(self.vae),
            text_encoder=_half_copy(self.text_encoder),
            tokenizer=self.tokenizer,
            scheduler=self.scheduler,
            settings=settings,
        )


def _half_copy(module: Any) -> Any:
    import copy

    return copy.deepcopy(module).to(torch.float16)


def _collate(articles: Sequence[Article], latents: Sequence[Tensor]) -> ArticleBatch:
    steps = [[step.headline for step in article.steps] for article in articles]
    return ArticleBatch(
        torch.stack([panels.float() for panels in latents]), [article.goal for article in articles], steps
    )


def _base(config: UNetConfig) -> tuple[Any, Any, Any, Any]:
    """VAE, text encoder, tokenizer and U-Net, by ``config.base``."""
    base = config.base
    if base.model is not None:
        parts = model_folder.load_parts(base.model, dtype=torch.float32)
        return parts.vae, parts.text_encoder, parts.tokenizer, parts.unet
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    from illinstr.errors import ModelError

    try:
        vae = AutoencoderKL.from_pretrained(base.vae, use_safetensors=True, local_files_only=True)
        text_encoder = CLIPTextModel.from_pretrained(base.clip, use_safetensors=True, local_files_only=True)
        tokenizer = CLIPTokenizer.from_pretrained(base.clip, local_files_only=True)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        hint = "train them first: illinstr train --config mini-vae, then mini-clip"
        raise ModelError(f"cannot load base.vae or base.clip: {first}", hint=hint) from error
    shape = config.model
    levels = len(shape.block_out_channels)
    torch.manual_seed(config.train.seed)
    unet = UNet2DConditionModel(
        sample_size=config.data.panel_px // 2 ** (len(vae.config.block_out_channels) - 1),
        in_channels=vae.config.latent_channels,
        out_channels=vae.config.latent_channels,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=("CrossAttnUpBlock2D",) * levels,
        block_out_channels=shape.block_out_channels,
        layers_per_block=shape.layers_per_block,
        attention_head_dim=shape.heads,
        norm_num_groups=shape.norm_num_groups,
        cross_attention_dim=text_encoder.config.hidden_size,
    )
    return vae, text_encoder, tokenizer, unet
