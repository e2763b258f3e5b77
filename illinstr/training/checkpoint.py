"""Checkpoints that survive a kill at any moment and hold no pickles.

A checkpoint is a folder ``step-00000500``: ``model.safetensors``, ``ema.safetensors``, ``optimizer.safetensors`` and,
as its own manifest, ``state.json`` with the size of each file. It is filled under another name and renamed when whole;
``latest`` is pointed at it after that; only then are older ones pruned. Loading skips a folder whose files do not fit
their manifest and says so. (accelerate's own ``save_state`` prunes before it writes and writes in place.)
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from illinstr import files
from illinstr.errors import DataError
from illinstr.progress import Reporter
from illinstr.training.ema import Ema

PREFIX = "step-"


class Checkpointer:
    """Writes, finds, loads and prunes the checkpoints of one run folder."""

    def __init__(self, folder: Path, keep: int, reporter: Reporter) -> None:
        self.folder = folder
        self.keep = keep
        self.reporter = reporter

    def save(self, step: int, module: nn.Module, optimizer: torch.optim.Optimizer, ema: Ema | None) -> Path:
        """Publish the state after ``step`` optimiser steps and prune older checkpoints."""
        path = self.folder / f"{PREFIX}{step:08d}"
        with files.atomic_folder(path) as folder:
            save_file(_detached(module.state_dict()), folder / "model.safetensors")
            save_file(_optimizer_tensors(optimizer), folder / "optimizer.safetensors")
            if ema is not None:
                save_file(_detached(ema.shadow), folder / "ema.safetensors")
            sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
            state = {"step": step, "ema_updates": ema.updates if ema else None, "files": sizes}
            (folder / "state.json").write_text(json.dumps(state))
        files.write_text(self.folder / "latest", path.name + "\n")
        self._prune()
        return path

    def latest(self) -> Path | None:
        """The newest complete checkpoint, or None."""
        for path in sorted(self.folder.glob(f"{PREFIX}????????"), reverse=True):
            problem = _problem_with(path)
            if problem is None:
                return path
            self.reporter.log(f"checkpoint {path.name} is skipped: {problem}")
        return None

    def load(self, path: Path, module: nn.Module, optimizer: torch.optim.Optimizer, ema: Ema | None) -> int:
        """Restore everything from ``path``; returns the step to go on from.

        Raises:
            DataError: the checkpoint does not fit this model or run.
        """
        state = json.loads((path / "state.json").read_text())
        try:
            module.load_state_dict(load_file(path / "model.safetensors"))
            _load_optimizer(optimizer, load_file(path / "optimizer.safetensors"))
        except (RuntimeError, KeyError) as error:
            raise DataError(
                f"checkpoint {path} does not fit this config: {str(error).splitlines()[0]}",
                hint="resume with the config the run was started with",
            ) from error
        if ema is not None:
            if not (path / "ema.safetensors").exists():
                raise DataError(f"checkpoint {path} has no moving average", hint="set train.ema_decay=0 as before")
            ema.shadow = load_file(path / "ema.safetensors")
            ema.updates = int(state["ema_updates"])
        return int(state["step"])

    def _prune(self) -> None:
        for path in sorted(self.folder.glob(f"{PREFIX}????????"))[: -self.keep]:
            shutil.rmtree(path)


def _problem_with(path: Path) -> str | None:
    try:
        sizes: dict[str, int] = json.loads((path / "state.json").read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "no readable state.json"
    for name, size in sizes.items():
        if not (path / name).is_file() or (path / name).stat().st_size != size:
            return f"{name} is missing or cut short"
    return None


def _detached(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Adam's per-parameter state as flat tensors; hyper-parameters come from the config."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return _detached(
        {f"{index}.{name}": torch.as_tensor(value) for index, slot in state.items() for name, value in slot.items()}
    )


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    whole = optimizer.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = tensor
    expected = sum(len(group["params"]) for group in whole["param_groups"])
    if state and len(state) != expected:
        raise KeyError(f"optimizer state of {len(state)} parameters, model has {expected}")
    whole["state"] = state
    optimizer.load_state_dict(whole)
