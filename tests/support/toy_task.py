"""The smallest thing that can be trained: a real model and loss, no images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from torch import nn

from illinstr.errors import DataError
from illinstr.progress import SilentReporter
from illinstr.training.accelerator import make_accelerator
from illinstr.training.config import TrainConfig
from illinstr.training.data import BatchOrder
from illinstr.training.loop import Extras, Trainer
from illinstr.training.noise import randn


class ToyConfig(TrainConfig):
    kind: Literal["toy"] = "toy"


def toy_config(**train: Any) -> ToyConfig:
    settings = {"steps": 6, "batch_size": 6, "log_every": 1, "validate_every": 3, "checkpoint_every": 2, **train}
    return ToyConfig.model_validate({"train": settings, "optim": {"lr": 1e-2, "warmup_steps": 0}})


class ToyTask:
    """Learns to square noised numbers; ``poison`` makes one unit's loss infinite, ``broken`` are unreadable."""

    sample_unit = "numbers"

    def __init__(self, config: ToyConfig, *, units: int = 24, poison: int | None = None, broken: tuple[int, ...] = ()):
        torch.manual_seed(config.train.seed)
        self.config = config
        self.model: nn.Module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.2), nn.Tanh(), nn.Linear(8, 3))
        self.order = BatchOrder([1] * units, config.train.batch_size, config.train.seed)
        self.poison, self.broken = poison, broken
        self.seen: list[list[int]] = []

    def units_of(self, step):
        return self.order.batch(step)

    def make_batch(self, units):
        for unit in units:
            if unit in self.broken:
                raise DataError(f"number {unit} is illegible")
        self.seen.append(list(units))
        values = torch.tensor([[unit, unit % 5, unit % 7] for unit in units], dtype=torch.float32) / 24
        return values, torch.tensor([unit == self.poison for unit in units])

    def loss(self, model, batch, generator):
        values, poisoned = batch
        inputs = values + 0.1 * randn(values.shape, generator)
        each = (model(inputs) - values.square()).square().mean(dim=1)
        loss = torch.where(poisoned, torch.inf, each).mean()
        return loss, {"twice": 2 * float(loss.detach())}

    def validate(self, folder, step):
        if folder is not None:
            folder.mkdir(exist_ok=True)
            (folder / f"step-{step}.txt").write_text("picture")
        values = torch.arange(3.0)[None]
        return {"val_loss": float((self.model(values) - values.square()).square().mean())}

    def export(self, folder: Path):
        folder.mkdir(exist_ok=True)
        save_file(self.model.state_dict(), folder / "toy_model.safetensors")


def toy_trainer(task: ToyTask, run: Path, reporter: Any = None, extras: Extras | None = None) -> Trainer:
    run.mkdir(parents=True, exist_ok=True)
    return Trainer(task, run, reporter or SilentReporter(), make_accelerator(task.config, run), extras)


class Listener(SilentReporter):
    """Keeps what it is told."""

    def __init__(self):
        self.lines: list[str] = []

    def log(self, message):
        self.lines.append(message)
