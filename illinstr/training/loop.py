"""The training loop: one for every task.

A task knows its model and its loss; the loop knows steps, precision, clipping, averaging, checkpoints and the clock.
All randomness of a step comes from a generator seeded by (seed, step, rank), so nothing about it has to be stored.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import torch
import yaml
from accelerate import Accelerator
from torch import Tensor, nn

from illinstr import files
from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.progress import Reporter
from illinstr.training.checkpoint import Checkpointer
from illinstr.training.config import TrainConfig
from illinstr.training.data import Prefetcher
from illinstr.training.ema import Ema
from illinstr.training.meter import Meter, all_finite, describe


class TrainingError(IllinstrError):
    """The optimisation itself went wrong."""


class Task(Protocol):
    """What is trained and how it is scored."""

    model: nn.Module
    sample_unit: str

    @property
    def config(self) -> TrainConfig:
        """The resolved config of the run."""

    def make_batch(self, units: list[int]) -> Any:
        """Load the samples of one micro-batch (runs on a thread)."""

    def units_of(self, step: int) -> list[int]:
        """The samples of one optimiser step, over all processes."""

    def loss(self, model: nn.Module, batch: Any, generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Scalar loss and its named parts."""

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Validation figures with the model as it stands; pictures go to ``folder`` when one is given."""

    def export(self, folder: Path) -> None:
        """Write the trained model, as it stands, in its standard format."""


def step_generator(seed: int, step: int, rank: int, stream: int = 0) -> torch.Generator:
    """The one source of noise for a step; (seed, step, rank, stream) mixed by a splitmix64 round each."""
    mixed = 0
    for part in (seed, step, rank, stream):
        mixed = (mixed ^ (part & 0xFFFFFFFFFFFFFFFF)) * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019
        mixed &= 0xFFFFFFFFFFFFFFFF
        mixed ^= mixed >> 31
    return torch.Generator().manual_seed(mixed & 0x7FFFFFFFFFFFFFFF)


class Trainer:
    """Runs one task in one run folder: ``config.yaml``, ``log.csv``, ``checkpoints/``, ``samples/`` and ``model/``."""

    def __init__(self, task: Task, run: Path, reporter: Reporter, accelerator: Accelerator) -> None:
        self.task = task
        self.run = run
        self.reporter = reporter
        self.accelerator = accelerator
        self.loop = task.config.train
        if self.loop.channels_last:
            task.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optim = task.config.optim
        self.optimizer = torch.optim.AdamW(
            [p for p in task.model.parameters() if p.requires_grad],
            lr=optim.lr,
            betas=(optim.beta1, optim.beta2),
            eps=optim.eps,
            weight_decay=optim.weight_decay,
        )
        self.model, self.prepared_optimizer = accelerator.prepare(task.model, self.optimizer)
        self.ema = Ema(task.model, self.loop.ema_decay) if self.loop.ema_decay else None
        self.checkpointer = Checkpointer(run / "checkpoints", self.loop.keep_checkpoints, reporter)

    def fit(self, *, resume: bool) -> Path:
        """Train to ``train.steps`` and export.

        Returns:
            The exported model folder.

        Raises:
            TrainingError: a loss or gradient is not finite.
        """
        start = self._resume() if resume else 0
        meter = Meter(self.run / "log.csv", start)
        if self.accelerator.is_main_process:
            files.write_text(self.run / "config.yaml", config_text(self.task.config))
        if start == 0:
            self._validate(0, meter)  # out of memory or a broken picture writer shows now, not after hours
        with self.reporter.task(f"train {self.task.config.kind}", self.loop.steps) as advance:
            advance(start)
            batches = iter(Prefetcher(self._micro_batches, start, self.loop.steps))
            for step in range(start, self.loop.steps):
                waiting = time.monotonic()
                micro_batches = next(batches)
                waited_s = time.monotonic() - waiting
                parts = self._step(step, micro_batches)
                meter.add(parts, samples=len(self.task.units_of(step)), waited_s=waited_s)
                status = self._after_step(step + 1, meter)
                advance(1, status=status)
        return self._export()

    def _micro_batches(self, step: int) -> list[Any]:
        mine = self.task.units_of(step)[self.accelerator.process_index :: self.accelerator.num_processes]
        size = max(1, -(-len(mine) // self.loop.accumulate))
        return [self.task.make_batch(mine[i : i + size]) for i in range(0, len(mine), size)]

    def _step(self, step: int, micro_batches: list[Any]) -> dict[str, float]:
        totals: dict[str, float] = {}
        for index, batch in enumerate(micro_batches):
            generator = step_generator(self.loop.seed, step, self.accelerator.process_index, index)
            with self.accelerator.autocast():
                loss, parts = self.task.loss(self.model, batch, generator)
            parts = {"loss": float(loss.detach()), **parts}
            if not all_finite(parts):
                raise TrainingError(
                    f"loss is not finite at step {step}, samples {self.task.units_of(step)}",
                    hint="the weights of the last checkpoint are intact; lower optim.lr or check these samples",
                )
            self.accelerator.backward(loss / len(micro_batches))
            for name, value in parts.items():
                totals[name] = totals.get(name, 0.0) + value / len(micro_batches)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.task.config.optim.clip_norm)
        lr = self.task.config.optim.lr_at(step, self.loop.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.prepared_optimizer.step()
        self.prepared_optimizer.zero_grad(set_to_none=True)
        if self.ema is not None:
            self.ema.update(self.task.model)
        return {**totals, "grad_norm": float(norm), "lr": lr}

    def _after_step(self, done: int, meter: Meter) -> str | None:
        last = done == self.loop.steps
        status = None
        if self.accelerator.is_main_process and (done % self.loop.log_every == 0 or last):
            status = describe(meter.flush(done))
        if done % self.loop.checkpoint_every == 0 or last:
            if self.accelerator.is_main_process:
                self.checkpointer.save(done, self.task.model, self.optimizer, self.ema)
            self.accelerator.wait_for_everyone()
        if done % self.loop.validate_every == 0 or last:
            self._validate(done, meter)
        return status

    def _validate(self, step: int, meter: Meter) -> None:
        if not self.accelerator.is_main_process:
            return
        self.task.model.eval()
        with torch.no_grad(), self.accelerator.autocast():
            if self.ema is not None:
                with self.ema.swapped_in(self.task.model):
                    figures = self.task.validate(self.run / "samples", step)
            else:
                figures = self.task.validate(self.run / "samples", step)
        self.task.model.train()
        meter.write(step, figures)
        self.reporter.log(f"step {step}: {describe(figures)}")

    def _resume(self) -> int:
        path = self.checkpointer.latest()
        if path is None:
            raise UsageError(f"{self.run} has no checkpoint to resume from", hint="leave out --resume to start anew")
        step = self.checkpointer.load(path, self.task.model, self.optimizer, self.ema)
        if step > self.loop.steps:
            raise UsageError(f"{path.name} is beyond train.steps={self.loop.steps}", hint="raise train.steps")
        self.reporter.log(f"resumed from {path.name}")
        return step

    def _export(self) -> Path:
        target = self.run / "model"
        if self.accelerator.is_main_process:
            with files.atomic_folder(target) as folder:
                if self.ema is not None:
                    with self.ema.swapped_in(self.task.model):
                        self.task.export(folder)
                else:
                    self.task.export(folder)
        self.accelerator.wait_for_everyone()
        return target


def config_text(config: TrainConfig) -> str:
    """The resolved config as YAML that can be given back with ``--config``."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def check_run_folder(run: Path, config: TrainConfig, *, resume: bool) -> None:
    """Refuse to mix two runs in one folder.

    Raises:
        UsageError: a run is there and neither resumed nor the same.
        DataError: the run there was of another kind.
    """
    saved = run / "config.yaml"
    if not saved.exists():
        if run.exists() and any(run.iterdir()):
            raise UsageError(f"{run} is not empty and holds no training run", hint="choose another --out")
        return
    if not resume:
        raise UsageError(f"{run} already holds a training run", hint="add --resume to go on, or choose another --out")
    kind = yaml.safe_load(saved.read_text()).get("kind")
    if kind != config.kind:
        raise DataError(f"{run} holds a run of kind {kind!r}, the config is of kind {config.kind!r}")
