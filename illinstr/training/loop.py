"""The training loop: one for every task.

A task knows its model and its loss; the loop knows steps, processes, precision, clipping, averaging, checkpoints and
the clock. All randomness of a step is a function of (seed, step, place in the global batch), so nothing about it has to
be stored.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from illinstr import files
from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.ownership import MODEL
from illinstr.progress import Reporter
from illinstr.training.accelerator import is_sharded, mean_over_processes
from illinstr.training.attention import checkpointed
from illinstr.training.batches import BatchReader, MicroBatch, Share, assign
from illinstr.training.cache import TextCache
from illinstr.training.checkpoint import Checkpointer, Trained
from illinstr.training.config import TrainConfig
from illinstr.training.data import BatchOrder, Prefetcher
from illinstr.training.ema import Ema
from illinstr.training.meter import Meter, all_finite, describe
from illinstr.training.noise import mixed_seed, sample_generator, step_generator
from illinstr.training.optimizer import build_optimizer
from illinstr.training.reading import ErrorBudget
from illinstr.training.run_folder import config_text, flat, forget_run
from illinstr.training.saved_state import DataIdentity, SavedState
from illinstr.training.sharding import load_whole, whole_on_cpu
from illinstr.training.stopping import Stopped, StopSignals

__all__ = ["Trainer", "TrainingError", "TrainingTask", "step_generator"]

_DROPOUT_STREAM = 1 << 33


class TrainingError(IllinstrError):
    """The optimisation itself went wrong."""


class TrainingTask(Protocol):
    """What is trained and how it is scored.

    A task may also have ``order`` (its BatchOrder: images are then counted), ``unreadable`` (a dict from unit to
    message: samples found to be unreadable while the task was built), ``encoded`` (a TextCache, written to disk with
    every checkpoint) and ``frozen`` (models that lie on the device beside the trained one).
    """

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
        """Scalar loss, the mean over the samples of ``batch``, and its named parts.

        What is drawn for a sample comes from its own generator: draw with ``illinstr.training.noise``.
        """

    def validate(self, folder: Path | None, step: int) -> dict[str, float]:
        """Validation figures with the model as it stands; images go to ``folder`` when one is given."""

    def export(self, folder: Path) -> None:
        """Write the trained model, as it stands, in its standard format."""


@dataclass(frozen=True)
class Extras:
    """What a run may be given beside its task.

    Attributes:
        judge: called with a folder that holds the model as ``TrainingTask.export`` writes it; its figures are logged.
            It runs in the first process, at every validation but that of step 0.
        rebuild: makes the task again, in all processes; where each of them holds a part of the model, the first one
            validates and exports with a whole copy.
        data: which data these are; a checkpoint made on others is refused.
        signals: what may ask the run to end; nothing is heard when None.
        delete_invalid: remove damaged checkpoints that are met on the way to a good one.
    """

    judge: Callable[[Path, int], dict[str, float]] | None = None
    rebuild: Callable[[], TrainingTask] | None = None
    data: DataIdentity = field(default_factory=DataIdentity)
    signals: StopSignals | None = None
    delete_invalid: bool = False


class Trainer:
    """Runs one task in one run folder: ``config.yaml``, ``log.csv``, ``checkpoints/``, ``samples/`` and ``model/``.

    Every process of a run has its own; the first one writes.
    """

    def __init__(
        self, task: TrainingTask, run: Path, reporter: Reporter, accelerator: Any, extras: Extras | None = None
    ) -> None:
        self.task = task
        self.run = run
        self.reporter = reporter
        self.accelerator = accelerator
        self.extras = extras or Extras()
        self.loop = task.config.train
        self.sharded = is_sharded(accelerator)
        self._whole: TrainingTask | None = None
        if self.sharded and self.extras.rebuild is None:
            raise UsageError("a sharded run needs a way to build its task again, to validate and export it whole")
        if self.loop.channels_last and not self.sharded:  # FSDP2 cuts contiguous parameters only
            task.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.loop.gradient_checkpointing:
            checkpoint_activations(task.model)
        bfloat16 = accelerator.mixed_precision == "bf16"
        self.optimizer = build_optimizer(task.model, task.config.optim, bfloat16=bfloat16)
        self.model, self.prepared_optimizer = accelerator.prepare(task.model, self.optimizer)
        ema = Ema(task.model, self.loop.ema_decay) if self.loop.ema_decay else None
        self.trained = Trained(task.model, self.optimizer, ema)
        self.main: bool = accelerator.is_main_process
        self.checkpointer = Checkpointer(
            run / "checkpoints",
            self.loop.keep_checkpoints,
            reporter,
            writes=self.main,
            delete_invalid=self.extras.delete_invalid,
        )
        self.saved = SavedState(self.trained, self.checkpointer, accelerator, reporter, self.extras.data)
        self.signals = self.extras.signals or StopSignals()
        self._stops = False  # agreed on by all processes
        self.budget = ErrorBudget(task.config.data.max_errors, reporter)
        self.order: BatchOrder | None = getattr(task, "order", None)
        self.reader = BatchReader(task.make_batch, self.budget, self.order.like if self.order is not None else None)

    def fit(self, *, resume: bool = True) -> Path:
        """Train to ``train.steps`` and export.

        Args:
            resume: go on from the newest good checkpoint, where there is one; False begins whatever is there, whose
                checkpoints are deleted.

        Returns:
            The exported model folder.

        Raises:
            Stopped: asked to end by a signal; all that was learnt is saved.
            TrainingError: a loss or gradient is not finite.
            DataError: more unreadable samples than ``data.max_errors``, or a checkpoint cannot be read or written.
        """
        for unit, message in getattr(self.task, "unreadable", {}).items():
            self.budget.count(unit, DataError(message))
        start = self._begin(resume)
        meter = Meter(self.run / "log.csv", start, writes=self.main)
        if self.main:
            files.remove_leftovers(self.run)
            files.write_text(self.run / "config.yaml", config_text(self.task.config))
        self._open_trackers()
        if start == 0 or self._lost_validation(start, meter):
            self._validate(start, meter)  # at 0: out of memory or a broken image writer shows now, not after hours
        self._end_if_asked(start, saved=True)
        self.task.model.train()
        with self.reporter.task(f"train {self.task.config.kind}", self.loop.steps) as advance:
            advance(start)
            data = self.task.config.data
            batches = iter(Prefetcher(self._read, start, self.loop.steps, workers=data.workers, ahead=data.ahead))
            with contextlib.closing(batches):  # type: ignore[type-var]
                for step in range(start, self.loop.steps):
                    self._train_one(step, batches, meter)
                    advance(1, status=self._after_step(step + 1, meter))
        return self._export()

    def _begin(self, resume: bool) -> int:
        """The step to go on from; 0 begins, and then nothing of an earlier attempt's log stays."""
        start = self.saved.go_on(self.loop.steps, self.order) if resume else 0
        if start == 0 and self.main:
            self.checkpointer.forget()
            forget_run(self.run)
        return start

    def _read(self, step: int) -> list[MicroBatch]:
        return self.reader.read(self._shares(step, self.accelerator.process_index))

    def _shares(self, step: int, rank: int) -> list[Share]:
        units = self.task.units_of(step)
        lengths = [self.order.lengths[unit] for unit in units] if self.order is not None else None
        return assign(units, rank, self.accelerator.num_processes, self.loop.accumulate, lengths)

    def _train_one(self, step: int, batches: Iterator[list[MicroBatch]], meter: Meter) -> None:
        waiting = time.monotonic()
        micro_batches = next(batches)
        waited_s = time.monotonic() - waiting
        parts = self._step(step, micro_batches)
        units = self.task.units_of(step)
        images = self.order.images_in(units) if self.order is not None else 0
        meter.add(parts, samples=len(units), images=images, waited_s=waited_s)

    def _step(self, step: int, micro_batches: list[MicroBatch]) -> dict[str, float]:
        # Dropout layers draw from the global generators; ours is keyed by step, so that resuming finds it again.
        torch.manual_seed(mixed_seed(self.loop.seed, step, self.accelerator.process_index, _DROPOUT_STREAM))
        # A batch of several N has more micro-batches than another: the gradients meet after the last one of each.
        self.accelerator.gradient_accumulation_steps = len(micro_batches)
        self.accelerator.step = 0
        losses: list[Tensor] = []
        totals: dict[str, float] = {}
        for micro in micro_batches:
            generator = sample_generator(self.loop.seed, step, micro.share.places)
            with self.accelerator.accumulate(self.model):
                with self.accelerator.autocast():
                    loss, parts = self.task.loss(self.model, micro.batch, generator)
                self.accelerator.backward(loss * micro.share.weight)
            losses.append(loss.detach())
            for name, value in parts.items():
                totals[name] = totals.get(name, 0.0) + value * micro.share.weight / len(micro_batches)
        # Read only now: on a GPU the backward pass is under way meanwhile.
        totals = {"loss": self._finite_loss(step, losses, micro_batches), **totals}
        return {**totals, **self._update(step)}

    def _finite_loss(self, step: int, losses: list[Tensor], micro_batches: list[MicroBatch]) -> float:
        """The loss over all processes; raises in all of them when it is not finite in one."""
        own = [float(loss) for loss in losses]
        shares = [micro.share for micro in micro_batches]
        weighted = sum(loss * share.weight for loss, share in zip(own, shares, strict=True)) / len(own)
        # A share without samples of its own has weight 0, and 0 * inf is not finite either.
        mean, asked = mean_over_processes(self.accelerator, [weighted, float(self.signals.heard is not None)])
        self._stops = asked > 0  # one reduction tells all of them of a signal that one of them heard
        if all_finite({"loss": mean}):
            return mean
        flags = torch.tensor([not all_finite({"loss": loss}) for loss in own], device=self.accelerator.device)
        everywhere = self.accelerator.gather(flags).view(-1, len(own)).tolist()
        units = self.task.units_of(step)
        guilty = [
            unit
            for rank, row in enumerate(everywhere)
            for share, bad in zip(self._shares(step, rank), row, strict=True)
            for unit in share.units
            if bad
        ]
        raise TrainingError(
            f"loss is not finite at step {step}, {self.task.sample_unit} {guilty} of the batch {units}",
            hint="the weights of the last checkpoint are intact; lower optim.lr or check these samples",
        )

    def _update(self, step: int) -> dict[str, float]:
        """Clip, step, average."""
        optim = self.task.config.optim
        clipped: Any = self.accelerator.clip_grad_norm_(self.model.parameters(), optim.clip_norm)
        norm = float(clipped.full_tensor() if hasattr(clipped, "full_tensor") else clipped)
        if self.accelerator.scaler is None and not all_finite({"norm": norm}):
            raise TrainingError(
                f"the gradient is not finite at step {step}, {self.task.sample_unit} {self.task.units_of(step)}",
                hint="the weights of the last checkpoint are intact; lower optim.lr or check these samples",
            )
        lr = optim.lr_at(step, self.loop.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.prepared_optimizer.step()
        self.prepared_optimizer.zero_grad(set_to_none=True)
        if self.trained.ema is not None and not self.accelerator.optimizer_step_was_skipped:
            self.trained.ema.update(self.task.model)
        return {"grad_norm": norm, "lr": lr}

    def _after_step(self, done: int, meter: Meter) -> str | None:
        last = done == self.loop.steps
        status = None
        if done % self.loop.log_every == 0 or last:
            status = describe(self._log(done, meter))
        meter.pause()
        if saved := done % self.loop.checkpoint_every == 0 or last or self._stops:
            self._save(done)
        if self._validates_at(done) and not self._stops:
            self._validate(done, meter)
        self._end_if_asked(done, saved=saved)  # a validation that was due here is made up for by the run that goes on
        meter.resume()
        return status

    def _end_if_asked(self, done: int, *, saved: bool) -> None:
        """Save and end where all processes know of a signal; of several, those that do not hear of it in a step."""
        if not self._stops and (self.signals.heard is None or self.accelerator.num_processes > 1):
            return
        if not saved:
            self._save(done)
        kept = f"after step {done}, which is saved" if done else "before the first step"
        raise Stopped(self.signals.heard or "a signal to another process", kept)

    def _validates_at(self, done: int) -> bool:
        return done % self.loop.validate_every == 0 or done == self.loop.steps

    def _lost_validation(self, start: int, meter: Meter) -> bool:
        """Whether the run ended between saving ``start`` and validating it; the first process has the log."""
        if not self._validates_at(start):
            return False
        lost = self.main and not meter.has_validation(start)
        (share,) = mean_over_processes(self.accelerator, [float(lost)])
        return share > 0

    def _log(self, done: int, meter: Meter) -> dict[str, float]:
        own = meter.means()
        means = dict(zip(own, mean_over_processes(self.accelerator, list(own.values())), strict=True))
        ema = self.trained.ema
        more = {"ema_decay": ema.decay_at(ema.updates - 1)} if ema is not None and ema.updates else {}
        row = meter.flush(done, means, **more, unreadable=len(self.budget.failed))
        self.accelerator.log(row, step=done)
        return row

    def _validate(self, step: int, meter: Meter) -> None:
        with self._exportable() as task:
            if task is not None:
                task.model.eval()
                figures: dict[str, float] = {}
                with self.signals.interrupting(), torch.no_grad():
                    with self.accelerator.autocast():
                        measured = task.validate(self.run / "samples", step)
                    figures = {**measured, **self._judged(task, step)}
                task.model.train()
                if figures:
                    meter.write(step, figures)
                    self.accelerator.log(figures, step=step)
                    self.reporter.log(f"step {step}: {describe(figures)}")
        self.accelerator.wait_for_everyone()

    def _judged(self, task: TrainingTask, step: int) -> dict[str, float]:
        if self.extras.judge is None or step == 0:
            return {}
        try:
            with tempfile.TemporaryDirectory(prefix="illinstr-judge-") as scratch:
                task.export(Path(scratch) / "model")
                return self.extras.judge(Path(scratch) / "model", step)
        except IllinstrError as error:  # not worth the run
            self.reporter.log(f"step {step}: the model could not be judged: {error.message}")
            return {}

    @contextlib.contextmanager
    def _exportable(self) -> Iterator[TrainingTask | None]:
        """In the first process the task with its averaged weights, whole; None in the others."""
        ema = self.trained.ema
        if not self.sharded:
            with ema.swapped_in(self.task.model) if ema is not None and self.main else contextlib.nullcontext():
                yield self.task if self.main else None
            return
        weights = {**self.task.model.state_dict(), **(ema.shadow if ema is not None else {})}
        gathered = whole_on_cpu(weights, keep=self.main)
        if self._whole is None and self.extras.rebuild is not None:
            self._whole = self.extras.rebuild()
        if self.main and self._whole is not None:
            load_whole(self._whole.model, gathered)
        yield self._whole if self.main else None

    def _save(self, done: int) -> None:
        self.saved.save(done, self.order)
        if isinstance(encoded := getattr(self.task, "encoded", None), TextCache):
            encoded.flush()
        self.accelerator.wait_for_everyone()

    def _open_trackers(self) -> None:
        if self.loop.trackers:
            settings = {key: str(value) for key, value in flat(self.task.config.model_dump(mode="json")).items()}
            self.accelerator.init_trackers("illinstr", config=settings)

    def _export(self) -> Path:
        target = self.run / "model"
        with self._exportable() as task:
            if task is not None:
                with files.atomic_folder(target, MODEL) as folder:
                    task.export(folder)
        self.accelerator.wait_for_everyone()
        return target


def checkpoint_activations(model: nn.Module) -> None:
    """Turn gradient checkpointing on in every diffusers or transformers model inside ``model``.

    Raises:
        UsageError: nothing in it knows how.
    """
    found = False
    for module in model.modules():
        switch: Any = getattr(module, "enable_gradient_checkpointing", None)
        if switch is not None:
            switch(checkpointed)
        else:
            switch = getattr(module, "gradient_checkpointing_enable", None)
            if switch is not None:
                switch()
        found |= switch is not None
    if not found:
        raise UsageError("train.gradient_checkpointing: this model cannot", hint="leave the setting out")
