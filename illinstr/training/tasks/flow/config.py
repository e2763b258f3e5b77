"""What a flow-matching run is told."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from illinstr.config import Config
from illinstr.training.tasks.stacked.config import StackedConfig


class FlowBaseConfig(Config):
    """What the transformer stands on: a whole model of a flow family, or the other parts of a model for a new one."""

    model: str | None = Field(default=None, description="folder or hub id; its transformer is fine-tuned")
    revision: str | None = Field(default=None, description="branch, tag or commit of a hub id; main when left out")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        default="float32", description="of the weights that stay as they are; what is trained is float32"
    )
    parts: str | None = Field(
        default=None, description="mini, or a Stable Diffusion folder: its autoencoder and text encoder serve a new one"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.model is None) == (self.parts is None):
            raise ValueError("give base.model, or base.parts for a new transformer")
        if self.revision is not None and self.model is None:
            raise ValueError("base.revision belongs to base.model")
        return self


class TransformerShape(Config):
    """Shape of a new Flux2Transformer2DModel; unused when fine-tuning."""

    heads: int = Field(default=4, ge=1)
    head_dim: int = Field(default=64, ge=16, multiple_of=8)
    double_blocks: int = Field(default=1, ge=1, description="with weights of their own for text and images")
    single_blocks: int = Field(default=5, ge=0, description="with one set of weights for both")
    mlp_ratio: float = Field(default=2.0, gt=0)
    text_layers: tuple[int, ...] = Field(
        default=(-1,), min_length=1, description="hidden layers of the text encoder that it reads"
    )


class FlowNoiseConfig(Config):
    """How far panels are noised in training: logit-normal levels, shifted towards noise (arXiv 2403.03206, 3.1, 5.3.2).

    s = sigmoid(mean + std z), then shift s / (1 + (shift - 1) s).
    """

    mean: float = Field(default=0.0, ge=-5, le=5)
    std: float = Field(default=1.0, gt=0, le=5)
    shift: float = Field(default=1.5, gt=0, le=100)


class AnchorsConfig(Config):
    """Panels given clean in training, so that a drawing is learnt around images that are kept.

    What carries over from kept panels is decided while the others are still noise, so their levels may be shifted
    further.
    """

    share: float = Field(default=0.4, ge=0, le=1, description="of the articles have one or more clean panels")
    shift: float = Field(default=3.0, gt=0, le=100, description="of noise levels in these articles")


class FlowConfig(StackedConfig):
    """A run of flow matching on stacked panels."""

    kind: Literal["flow"] = "flow"
    base: FlowBaseConfig
    model: TransformerShape = TransformerShape()
    noise: FlowNoiseConfig = FlowNoiseConfig()
    anchors: AnchorsConfig = AnchorsConfig()

    @model_validator(mode="after")
    def _sections_fit(self) -> Self:
        if self.base.model is None and self.lora.rank:
            raise ValueError("lora.rank needs base.model: adapters on random weights learn nothing")
        if self.base.dtype != "float32" and not self.lora.rank:
            raise ValueError("base.dtype is for frozen weights: set lora.rank, or leave it float32")
        if self.base.model is not None and self.model != TransformerShape():
            raise ValueError("model shapes a new transformer; with base.model the base's own is fine-tuned")
        if self.stacking.step_code:
            raise ValueError("stacking.step_code is for U-Nets; a transformer is told its panels by positions")
        return self
