"""What every training run is told, whatever it trains.

Each task (VAE, CLIP, U-Net) adds its own sections in its own module; ``training.presets`` picks the class by the
``kind`` key.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from illinstr.config import Config
from illinstr.training.learning_rates import Schedule, factor_at


class DataConfig(Config):
    """Which articles are read."""

    folders: tuple[str, ...] = Field(
        default=(), description="data folders, FOLDER or FOLDER:WEIGHT each; used where no --data is given"
    )
    split: str = "train"
    val_split: str = "val"
    limit: int | None = Field(default=None, gt=0, description="read at most this many training articles")
    fraction: float = Field(default=1.0, gt=0, le=1, description="share of the training articles used (data ablation)")
    val_limit: int = Field(default=64, gt=0, description="validation articles")
    min_steps: int = Field(default=1, ge=1, description="leave out articles with fewer steps")
    max_steps: int = Field(default=10, ge=1, description="leave out articles with more steps")
    panel_px: int = Field(default=128, ge=8, description="side of a panel in pixels; others are resized")
    workers: int = Field(default=2, ge=1, description="threads of each process that read and decode batches")
    ahead: int = Field(default=2, ge=1, description="batches kept ready in each process")
    max_errors: int = Field(default=0, ge=0, description="unreadable samples a process may meet before the run ends")
    cache: bool = Field(default=True, description="keep latents and text embeddings on disk for later runs")

    @model_validator(mode="after")
    def _range(self) -> Self:
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps {self.min_steps} is over max_steps {self.max_steps}")
        return self


class OptimConfig(Config):
    """AdamW (arXiv 1711.05101), Muon or Adafactor (arXiv 1804.04235), their rate warmed up, flat, then falling to zero.

    The flat middle makes the length of a run a late decision: resume with another ``train.steps`` and only the decay
    moves. The other schedules, which are diffusers' own, hang on the length of the run from the start.
    """

    algorithm: Literal["adamw", "muon", "adafactor"] = Field(
        default="adamw",
        description="muon: orthogonalised momentum for weight matrices, AdamW for the rest; adafactor: no momentum, "
        "and mean squares of rows and columns alone",
    )
    lr: float = Field(default=1e-3, gt=0)
    momentum: float = Field(default=0.95, ge=0, lt=1, description="of muon's matrices")
    beta1: float = Field(default=0.9, ge=0, lt=1)
    beta2: float = Field(default=0.99, ge=0, lt=1)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=1e-2, ge=0)
    clip_norm: float = Field(default=1.0, gt=0, description="maximum global gradient norm")
    warmup_steps: int = Field(default=100, ge=0)
    decay_steps: int = Field(default=0, ge=0, description="the last steps, over which lr falls linearly to zero")
    schedule: Schedule = Field(default="flat", description="of the learning rate; all but flat are diffusers' own")
    cycles: int = Field(default=1, ge=1, description="how often cosine_with_restarts falls to zero")
    power: float = Field(default=1.0, gt=0, description="of the schedule polynomial")
    eight_bit: bool = Field(default=False, description="8-bit AdamW of bitsandbytes: optimiser state in a quarter")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.algorithm == "muon" and self.eight_bit:
            raise ValueError("eight_bit is AdamW's; muon keeps one 32-bit buffer a matrix, half of what AdamW keeps")
        if self.algorithm == "adafactor" and self.eight_bit:
            raise ValueError("eight_bit is AdamW's; adafactor keeps less than that of every matrix")
        if self.decay_steps and self.schedule != "flat":
            raise ValueError(f"decay_steps belongs to the schedule flat; {self.schedule} falls by itself")
        if self.cycles != 1 and self.schedule != "cosine_with_restarts":
            raise ValueError("cycles belongs to the schedule cosine_with_restarts")
        if self.power != 1.0 and self.schedule != "polynomial":
            raise ValueError("power belongs to the schedule polynomial")
        return self

    def lr_at(self, step: int, total_steps: int) -> float:
        """Learning rate of optimiser step ``step`` (from 0) in a run of ``total_steps``."""
        if self.schedule != "flat":
            return self.lr * factor_at(
                step,
                self.schedule,
                warmup_steps=self.warmup_steps,
                total_steps=total_steps,
                cycles=self.cycles,
                power=self.power,
                lr=self.lr,
            )
        warm = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        left = total_steps - step
        decay = min(1.0, left / self.decay_steps) if self.decay_steps else 1.0
        return self.lr * warm * decay


class LoopConfig(Config):
    """How long, how often, how precise."""

    steps: int = Field(default=1000, gt=0, description="optimiser steps in all")
    batch_size: int = Field(default=16, gt=0, description="over all processes: panels (vae) or articles (the others)")
    accumulate: int = Field(default=1, gt=0, description="micro-batches per optimiser step")
    seed: int = 0
    precision: Literal["auto", "no", "bf16", "fp16"] = Field(
        default="no", description="auto: bf16 where the device multiplies it in hardware, no (float32) elsewhere"
    )
    ema_decay: float = Field(default=0.0, ge=0, lt=1, description="0 turns the moving average of the weights off")
    log_every: int = Field(default=20, gt=0)
    validate_every: int = Field(default=500, gt=0)
    checkpoint_every: int = Field(default=500, gt=0)
    keep_checkpoints: int = Field(default=2, gt=0)
    channels_last: bool = True
    gradient_checkpointing: bool = Field(
        default=False, description="recompute activations in the backward pass: less memory, about a third more time"
    )
    compile: Literal["no", "inductor", "aot_eager", "eager"] = Field(
        default="no", description="torch.compile backend; inductor is the fast one, the others find its faults"
    )
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = Field(
        default=(), description="beside log.csv, which is always written"
    )

    @field_validator("precision", "compile", mode="before")
    @classmethod
    def _no_is_a_word(cls, value: Any) -> Any:
        return "no" if value is False else value  # YAML 1.1 reads a bare no as false

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.batch_size % self.accumulate:
            raise ValueError(f"batch_size {self.batch_size} is not divisible by accumulate {self.accumulate}")
        return self


class TrainConfig(Config):
    """The sections every kind of run shares; ``draws`` tells kinds whose model draws articles."""

    draws: ClassVar[bool] = False

    kind: str
    data: DataConfig = DataConfig()
    optim: OptimConfig = OptimConfig()
    train: LoopConfig = LoopConfig()
