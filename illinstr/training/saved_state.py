"""What a run keeps so that it can go on: checkpoints, and beside them on which data and in which precision it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from illinstr.engine.process_group import join_process_group
from illinstr.errors import DataError, UsageError
from illinstr.progress import Reporter
from illinstr.training.checkpoint import Checkpointer, Trained
from illinstr.training.precision import IN_WORDS


@dataclass(frozen=True)
class DataIdentity:
    """Which data a run learns from.

    Attributes:
        sha256: of the shards; a checkpoint made on others is refused. None refuses nothing.
        takedown_sha256: of what the takedown list names; None where it is empty. A change is told, and the run goes on.
        with_takedown_sha256: of both together, as checkpoints of older versions hold it.
    """

    sha256: str | None = None
    takedown_sha256: str | None = None
    with_takedown_sha256: str | None = None


class SavedState:
    """Saves and restores a run; every process has its own, the first one reads and writes."""

    def __init__(
        self, trained: Trained, checkpointer: Checkpointer, accelerator: Any, reporter: Reporter, data: DataIdentity
    ) -> None:
        self.trained = trained
        self.checkpointer = checkpointer
        self.accelerator = accelerator
        self.reporter = reporter
        self.data = data

    def save(self, done: int, order: Any) -> Path:
        """Write the state after ``done`` optimiser steps; ``order`` is the task's BatchOrder, or None."""
        extra = self.trained.extra = {
            "processes": self.accelerator.num_processes,
            "precision": self.accelerator.mixed_precision,
        }
        if self.data.sha256 is not None:
            extra["data_sha256"] = self.data.sha256
        if self.data.takedown_sha256 is not None:
            extra["takedown_sha256"] = self.data.takedown_sha256
        if order is not None:
            extra["next"] = order.place(done)
            extra["samples"] = len(order.lengths)
        if self.accelerator.scaler is not None:
            extra["loss_scaler"] = self.accelerator.scaler.state_dict()
        return self.checkpointer.save(done, self.trained)

    def go_on(self, steps: int, order: Any) -> int:
        """Restore the newest good checkpoint of a run of ``steps``; the step to go on from, 0 where there is none.

        Raises:
            UsageError: the checkpoint is of a later step than the run's last.
            DataError: made on other data, or all that are there are damaged.
        """
        path = self.checkpointer.restore(self.trained, join_process_group())
        if path is None:
            return 0
        step = int(path.name.rpartition("-")[2])
        if step > steps:
            raise UsageError(f"{path.name} is beyond train.steps={steps}", hint="raise train.steps")
        self._check_data(path.name, order)
        now = self.accelerator.mixed_precision
        if (before := self.trained.extra.get("precision", now)) != now:
            self.reporter.log(
                f"{path.name} was computed in {IN_WORDS[before]} and the run goes on in {IN_WORDS[now]}:"
                " it is not, to the bit, the run it would have been"
            )
        if self.accelerator.scaler is not None and "loss_scaler" in self.trained.extra:
            self.accelerator.scaler.load_state_dict(self.trained.extra["loss_scaler"])
        self.reporter.log(f"resumed from {path.name}")
        return step

    def _check_data(self, name: str, order: Any) -> None:
        extra, data = self.trained.extra, self.data
        theirs = extra.get("data_sha256", data.sha256)
        if theirs not in (data.sha256, data.with_takedown_sha256):
            raise DataError(
                f"{name} was made on other data", hint="resume with the same --data and weights, or start a new run"
            )
        if theirs == data.sha256 and extra.get("takedown_sha256") != data.takedown_sha256:
            before, now = extra.get("samples"), len(order.lengths) if order is not None else None
            counted = f" ({before} samples then, {now} now)" if before is not None and now is not None else ""
            self.reporter.log(
                f"the data's takedown list has changed since {name}: from here on the run goes on without what is on it"
                f"{counted}, in another order, and is not, to the bit, the run it would have been"
            )
