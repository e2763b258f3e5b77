"""What a StackedDiffusion run is told."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from illinstr.config import Config
from illinstr.diffusion.schedule import NoiseConfig
from illinstr.models.settings import Conditioning, StackedSettings
from illinstr.training.config import TrainConfig


class BaseConfig(Config):
    """What the U-Net stands on: a whole Stable Diffusion or SDXL model, or a VAE and a CLIP folder of our own."""

    model: str | None = Field(default=None, description="folder or hub id; its U-Net is fine-tuned")
    revision: str | None = Field(default=None, description="branch, tag or commit of a hub id; main when left out")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="of the weights that stay as they are; what is trained is float32"
    )
    vae: str | None = Field(default=None, description="autoencoder folder, for a new U-Net")
    clip: str | None = Field(default=None, description="CLIP folder, for a new U-Net")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.model is None) == (self.vae is None) or (self.vae is None) != (self.clip is None):
            raise ValueError("give base.model, or both base.vae and base.clip")
        if self.revision is not None and self.model is None:
            raise ValueError("base.revision belongs to base.model")
        return self


class UNetModelConfig(Config):
    """Shape of a new UNet2DConditionModel; unused when fine-tuning."""

    block_out_channels: tuple[int, ...] = Field(default=(128, 256), min_length=1)
    heads: tuple[int, ...] = Field(default=(4, 4), min_length=1)
    layers_per_block: int = Field(default=1, ge=1)
    norm_num_groups: int = Field(default=32, ge=1)


class AdapterConfig(Config):
    """Low-rank adapters (LoRA, arXiv 2106.09685) in place of the whole U-Net; needs a base model."""

    rank: int = Field(default=0, ge=0, description="0 trains the whole U-Net")
    alpha: int = Field(default=0, ge=0, description="the adapters' output is scaled by alpha / rank; 0 means rank")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="of the adapters' input, in training")
    targets: tuple[str, ...] = Field(
        default=("to_q", "to_k", "to_v", "to_out.0"), min_length=1, description="layers that get one, by name ending"
    )


class StackingConfig(Config):
    """The switches of the method."""

    conditioning: Conditioning = "routed"
    step_code: bool = True
    drop_all: float = Field(default=0.1, ge=0, le=1, description="share of articles trained without any text")
    drop_goal: float = Field(default=0.0, ge=0, le=1, description="chance of an article's goal to be left out")
    drop_step: float = Field(default=0.0, ge=0, le=1, description="chance of each step's text to be left out")
    windows: bool = Field(
        default=True, description="articles over data.max_steps give windows of that many steps; else they are left out"
    )
    min_pictured: float = Field(
        default=1.0, gt=0, le=1, description="least share of steps with an image; the others do not count in the loss"
    )


class SampleConfig(Config):
    """The model's defaults when drawing, also used for the sample grids of a run."""

    sampling_steps: int = Field(default=20, ge=1)
    guidance: float = Field(default=3.0, ge=0)
    guidance_rescale: float = Field(default=0.0, ge=0, le=1)
    guidance_from: float = Field(default=1.0, ge=0, le=1, description="share of timesteps, from 0, that are guided")
    grid_articles: int = Field(default=2, ge=1)


class ExportConfig(Config):
    """How the exported folder is written."""

    dtype: Literal["float16", "bfloat16", "float32"] = Field(default="float16", description="of the stored weights")


class StackedConfig(TrainConfig):
    """What every run shares that learns to denoise all panels of an article together, whatever its denoiser."""

    draws: ClassVar[bool] = True

    lora: AdapterConfig = AdapterConfig()
    stacking: StackingConfig = StackingConfig()
    sample: SampleConfig = SampleConfig()
    export: ExportConfig = ExportConfig()


class UNetConfig(StackedConfig):
    """A StackedDiffusion run."""

    kind: Literal["unet"] = "unet"
    base: BaseConfig
    model: UNetModelConfig = UNetModelConfig()
    train_text: bool = Field(
        default=False, description="the text encoder learns with the U-Net, as latent diffusion's own did"
    )
    noise: NoiseConfig = NoiseConfig()

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        if self.train_text and self.lora.rank:
            raise ValueError("train_text trains the whole text encoder; adapters leave it as it is")
        if self.base.dtype != "float32" and not self.lora.rank:
            raise ValueError("base.dtype is for frozen weights: set lora.rank, or leave it float32")
        if self.base.model is None:
            if self.lora.rank:
                raise ValueError("lora.rank needs base.model: adapters on random weights learn nothing")
            if self.noise.transition_steps is not None:
                raise ValueError("noise.transition_steps is for a base.model that predicts epsilon")
        elif "model" in self.model_fields_set and self.model != UNetModelConfig():
            raise ValueError("model shapes a new U-Net; with base.model the base's own is fine-tuned")
        return self


def stacked_settings(config: StackedConfig, trained_steps: tuple[int, int]) -> StackedSettings:
    """What the exported folder says of itself; ``trained_steps`` are the fewest and most panels seen."""
    sample, stacking = config.sample, config.stacking
    return StackedSettings(
        conditioning=stacking.conditioning,
        step_code=stacking.step_code,
        panel_px=config.data.panel_px,
        trained_steps=trained_steps,
        sampling_steps=sample.sampling_steps,
        guidance=sample.guidance,
        guidance_rescale=sample.guidance_rescale,
        guidance_from=sample.guidance_from,
        training=config.model_dump(mode="json"),
    )
