"""Checkpoints that survive a kill at any moment and hold no pickles.

A checkpoint is a folder ``step-00000500``: ``model.safetensors``, ``ema.safetensors``, ``optimizer.safetensors`` and,
as its own manifest, ``state.json`` with the size of each file. It is filled under another name and renamed when whole;
``latest`` is pointed at it after that; only then are older ones pruned. Loading skips a folder whose files do not fit
their manifest and says so. (accelerate's own ``save_state`` prunes before it writes and writes in place.)

Tensors are written whole however many processes hold them, so a run may go on with another number of processes.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from illinstr import files
from illinstr.errors import DataError
from illinstr.ownership import CHECKPOINT, foreign
from illinstr.progress import Reporter
from illinstr.training.ema import Ema
from illinstr.training.sharding import cut_like, load_whole, whole_on_cpu

PREFIX = "step-"
RESUME_HINT = "resume with the config the run was started with"


@dataclass
class Trained:
    """Everything that optimiser steps change.

    ``extra`` are further values that a resumed run needs and JSON can hold: where the data stand, a loss scale.
    """

    module: nn.Module
    optimizer: torch.optim.Optimizer
    ema: Ema | None = None
    extra: dict[str, Any] = field(default_factory=dict)


class Checkpointer:
    """Writes, finds, loads and prunes the checkpoints of one run folder.

    Args:
        folder: where checkpoints lie.
        keep: how many complete ones stay.
        reporter: receives folders that are skipped.
        writes: whether this process is the one that touches the disk; the others only take part in gathering.
    """

    def __init__(self, folder: Path, keep: int, reporter: Reporter, *, writes: bool = True) -> None:
        self.folder = folder
        self.keep = keep
        self.reporter = reporter
        self.writes = writes

    def save(self, step: int, trained: Trained) -> Path:
        """Publish the state after ``step`` optimiser steps and prune older checkpoints; every process must call it.

        Args:
            step: optimiser steps done.
            trained: what is written.
        """
        path = self.folder / f"{PREFIX}{step:08d}"
        with files.atomic_folder(path, CHECKPOINT) if self.writes else contextlib.nullcontext(path) as folder:
            for name, tensors in _parts(trained):
                gathered = whole_on_cpu(tensors, keep=self.writes)
                if self.writes:
                    save_file(gathered, folder / f"{name}.safetensors")
            if self.writes:
                sizes = {str(file.relative_to(folder)): file.stat().st_size for file in _files_of(folder)}
                updates = trained.ema.updates if trained.ema else None
                state = {"step": step, "ema_updates": updates, "extra": trained.extra, "files": sizes}
                files.write_json(folder / "state.json", state)
        if self.writes:
            files.write_text(self.folder / "latest", path.name + "\n")
            self._prune(path)
        return path

    def latest(self) -> Path | None:
        """The newest complete checkpoint, or None."""
        for path in sorted(self.folder.glob(f"{PREFIX}????????"), reverse=True):
            problem = _problem_with(path)
            if problem is None:
                return path
            self.reporter.log(f"checkpoint {path.name} is skipped: {problem}")
        return None

    def load(self, path: Path, trained: Trained) -> int:
        """Restore everything from ``path``; returns the step to go on from.

        Raises:
            DataError: the checkpoint does not fit this model or run.
        """
        try:
            state = json.loads((path / "state.json").read_text())
            load_whole(trained.module, load_file(path / "model.safetensors"))
            _load_optimizer(trained.optimizer, load_file(path / "optimizer.safetensors"))
        except (RuntimeError, KeyError, ValueError, OSError, SafetensorError) as error:
            raise DataError(
                f"checkpoint {path} does not fit this config: {str(error).splitlines()[0]}", hint=RESUME_HINT
            ) from error
        if trained.ema is not None:
            if not (path / "ema.safetensors").exists():
                raise DataError(f"checkpoint {path} has no moving average", hint="set train.ema_decay=0 as before")
            trained.ema.load(load_file(path / "ema.safetensors"), int(state["ema_updates"]))
        trained.extra = dict(state.get("extra", {}))
        return int(state["step"])

    def _prune(self, newest: Path) -> None:
        """Remove all but the newest ``keep`` complete checkpoints; ``newest`` always stays.

        What claims to be newer than ``newest`` is broken or belongs to a future that was given up on resuming.
        """
        older = sorted(self.folder.glob(f"{PREFIX}????????"), reverse=True)
        complete = [path for path in older if path < newest and _problem_with(path) is None]
        stay = {newest, *complete[: self.keep - 1]}
        leftovers = set(self.folder.glob(f"*{PREFIX}*{files.INCOMPLETE_SUFFIX}"))
        for path in [*(set(older) | leftovers) - stay]:
            if path.is_dir() and foreign(path, CHECKPOINT, whole=False) is None:
                shutil.rmtree(path, ignore_errors=True)


def _parts(trained: Trained) -> Iterator[tuple[str, dict[str, Tensor]]]:
    yield "model", trained.module.state_dict()
    yield "optimizer", _optimizer_tensors(trained.optimizer)
    if trained.ema is not None:
        yield "ema", trained.ema.shadow


def _files_of(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.is_file())


def _problem_with(path: Path) -> str | None:
    try:
        sizes: dict[str, int] = json.loads((path / "state.json").read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "no readable state.json"
    for name, size in sizes.items():
        if not (path / name).is_file() or (path / name).stat().st_size != size:
            return f"{name} is missing or cut short"
    return None


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's per-parameter state as flat tensors; hyper-parameters come from the config."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, slot in state.items()
        for name, value in _flat_slot(slot).items()
    }


def _flat_slot(slot: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """8-bit optimisers keep their quantised state one level deeper."""
    merged: dict[str, Any] = {}
    for name, value in slot.items():
        merged |= _flat_slot(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return merged


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    current = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        index, *within, name = key.split(".")
        if int(index) >= len(parameters):
            raise KeyError(f"optimizer state of parameter {index}, model has {len(parameters)}")
        parameter = parameters[int(index)]
        slot = state.setdefault(int(index), {})
        for level in within:
            slot = slot.setdefault(level, {})
        counts = tensor.ndim == 0 and not tensor.is_floating_point()  # 8-bit optimisers count steps in plain integers
        whole = cut_like(tensor, parameter) if tensor.shape == parameter.shape else tensor
        slot[name] = int(tensor) if counts else whole
    if state and len(state) != len(parameters):
        raise KeyError(f"optimizer state of {len(state)} parameters, model has {len(parameters)}")
    current["state"] = state
    optimizer.load_state_dict(current)
