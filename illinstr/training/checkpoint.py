"""Checkpoints that survive a kill at any moment and hold no pickles.

A checkpoint is a folder ``step-00000500``: ``model.safetensors``, ``ema.safetensors``, ``optimizer.safetensors`` and,
as its own manifest, ``state.json`` with the size and SHA-256 of each file and of itself. It is filled under another
name and renamed when whole; ``latest`` is pointed at it after that; only then are older ones pruned. Every file is read
and compared with its hash before anything of a checkpoint is believed; one that is damaged is skipped, aloud, and the
one before it is taken. (accelerate's own ``save_state`` prunes before it writes, writes in place and knows no hash.)

Tensors are written whole however many processes hold them, so a run may go on with another number of processes. Of
several processes the first one reads, and sends the others what it read: they need not share a disk.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from illinstr import files
from illinstr.engine.process_group import ProcessGroup
from illinstr.errors import DataError
from illinstr.ownership import CHECKPOINT, foreign, refuse_foreign
from illinstr.progress import Reporter
from illinstr.training.ema import Ema
from illinstr.training.sharding import cut_like, load_whole, send_from_first, whole_on_cpu

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


class DamagedCheckpointError(DataError):
    """A checkpoint is not what was written."""


class Checkpointer:
    """Writes, finds, loads and prunes the checkpoints of one run folder.

    Args:
        folder: where checkpoints lie.
        keep: how many complete ones stay.
        reporter: receives folders that are skipped.
        writes: whether this process is the one that touches the disk; the others only take part in gathering.
        delete_invalid: remove damaged checkpoints that are met on the way to a good one.
    """

    def __init__(
        self, folder: Path, keep: int, reporter: Reporter, *, writes: bool = True, delete_invalid: bool = False
    ) -> None:
        self.folder = folder
        self.keep = keep
        self.reporter = reporter
        self.writes = writes
        self.delete_invalid = delete_invalid

    def save(self, step: int, trained: Trained) -> Path:
        """Publish the state after ``step`` optimiser steps and prune older checkpoints; every process must call it.

        Args:
            step: optimiser steps done.
            trained: what is written.

        Raises:
            DataError: it cannot be written: no space is left, for example. What was published before is untouched.
        """
        path = self.folder / f"{PREFIX}{step:08d}"
        try:
            self._publish(path, step, trained)
        except (OSError, SafetensorError) as error:
            raise self._not_saved(path, error) from error
        return path

    def _publish(self, path: Path, step: int, trained: Trained) -> None:
        with files.atomic_folder(path, CHECKPOINT) if self.writes else contextlib.nullcontext(path) as folder:
            for name, tensors in _parts(trained):
                gathered = whole_on_cpu(tensors, keep=self.writes)
                if self.writes:
                    save_file(gathered, folder / f"{name}.safetensors")
            if self.writes:
                updates = trained.ema.updates if trained.ema else None
                state = {"step": step, "ema_updates": updates, "extra": trained.extra, **_manifest(folder)}
                files.write_json(folder / "state.json", {**state, "state_sha256": _sha256_of(state)})
        if self.writes:
            self._settle(path)

    def _settle(self, newest: Path) -> None:
        """What follows a publication, and is made up for on resuming where a run was killed before it."""
        files.remove_leftovers(self.folder)
        pointer = self.folder / "latest"
        if not pointer.is_file() or pointer.read_text() != newest.name + "\n":
            files.write_text(pointer, newest.name + "\n")
        self._prune(newest)

    def _not_saved(self, path: Path, error: Exception) -> DataError:
        code = _errno_of(error)
        reason = os.strerror(code) if code else str(error).splitlines()[0]
        before = next((each for each in self._newest_first() if each != path and problem_with(each) is None), None)
        kept = f"{before.name} is whole" if before is not None else "no earlier one is there"
        full = code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "make room, or keep fewer with train.keep_checkpoints" if full else "look at the place"
        return DataError(
            f"checkpoint {path.name} could not be written in {self.folder}: {reason}; {kept}",
            hint=f"{advice}, and run the same command again",
        )

    def exist(self) -> bool:
        """Whether there is any, whole or not."""
        return bool(self._newest_first())

    def latest(self) -> Path | None:
        """The newest checkpoint whose files are what was written, or None."""
        return next(self._usable(), None)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob(f"{PREFIX}????????"), reverse=True)

    def _usable(self) -> Iterator[Path]:
        for path in self._newest_first():
            problem = problem_with(path, hashes=True)
            if problem is None:
                yield path
            else:
                self._skip(path, problem)

    def _skip(self, path: Path, problem: str) -> None:
        owned = path.is_dir() and foreign(path, CHECKPOINT, whole=False) is None
        if self.delete_invalid and self.writes and owned:
            shutil.rmtree(path)
            self.reporter.log(f"checkpoint {path.name} is deleted: {problem}")
        else:
            self.reporter.log(f"checkpoint {path.name} is skipped: {problem}")

    def restore(self, trained: Trained, group: ProcessGroup) -> Path | None:
        """Restore everything from the newest good checkpoint; every process must call it, and only the first reads.

        Returns:
            The checkpoint; None where there is none at all.

        Raises:
            DataError: none of those that are there is whole, or it does not fit this model or run.
        """
        found: tuple[Path, dict[str, Any]] | None = None
        parts: dict[str, dict[str, Tensor]] = {}
        if group.is_main:
            there = self.exist()
            for path in self._usable():
                try:
                    state, parts = _read(path)
                except DamagedCheckpointError as error:  # of an older version, without hashes
                    self._skip(path, error.message)
                    continue
                found = (path, state)
                break
            if found is None and there and self.exist():
                raise DataError(
                    f"every checkpoint in {self.folder} is damaged",
                    hint="--delete-invalid deletes them and begins again; a copy of one in their place is taken up",
                )
        found = group.broadcast(found)
        if found is None:
            return None
        if self.writes and found[0] == self._newest_first()[0]:
            self._settle(found[0])
        names = group.broadcast(list(parts))
        parts = {name: send_from_first(parts.get(name, {}), group) for name in names}
        _apply(found[0], found[1], parts, trained)
        return found[0]

    def load(self, path: Path, trained: Trained) -> int:
        """Restore everything from ``path``; returns the step to go on from.

        Raises:
            DataError: the checkpoint is damaged, or does not fit this model or run.
        """
        state, parts = _read(path)
        _apply(path, state, parts, trained)
        return int(state["step"])

    def forget(self) -> None:
        """Delete every checkpoint, for a run that begins again.

        Raises:
            UsageError: one holds what illinstr did not write.
        """
        if not self.writes:
            return
        leftovers = sorted(self.folder.glob(f"*{PREFIX}*{files.INCOMPLETE_SUFFIX}"))
        for path in [*self._newest_first(), *leftovers]:
            refuse_foreign(path, CHECKPOINT, whole=False)
        (self.folder / "latest").unlink(missing_ok=True)
        for path in [*leftovers, *self._newest_first()]:
            shutil.rmtree(path)

    def _prune(self, newest: Path) -> None:
        """Remove all but the newest ``keep`` complete checkpoints; ``newest`` always stays.

        What claims to be newer than ``newest`` is broken or belongs to a future that was given up on resuming.
        """
        older = self._newest_first()
        complete = [path for path in older if path < newest and problem_with(path) is None]
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


def _manifest(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file, hashed side by side: a checkpoint of a true-size model is gigabytes."""
    found = sorted(file for file in folder.rglob("*") if file.is_file())
    names = [str(file.relative_to(folder)) for file in found]
    return {
        "files": {name: file.stat().st_size for name, file in zip(names, found, strict=True)},
        "sha256": dict(zip(names, _hashes(found), strict=True)),
    }


def _hashes(paths: list[Path]) -> list[str]:
    with ThreadPoolExecutor(max_workers=4) as pool:
        return list(pool.map(files.sha256_file, paths))


def _sha256_of(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(files.canonical_json(state).encode()).hexdigest()


def problem_with(path: Path, *, hashes: bool = False) -> str | None:
    """What is wrong with a checkpoint, or None; ``hashes``: read every file, and not its size alone."""
    try:
        state: dict[str, Any] = json.loads((path / "state.json").read_text(encoding="utf-8"))
        sizes, known = dict(state["files"]), dict(state.get("sha256", {}))
        own = state.pop("state_sha256", None)
        if own is not None and own != _sha256_of(state):
            return "state.json is not what was written"
        for name, size in sizes.items():
            if not (path / name).is_file() or (path / name).stat().st_size != size:
                return f"{name} is missing or cut short"
        if not hashes:
            return None
        for name, found in zip(known, _hashes([path / name for name in known]), strict=True):
            if known[name] != found:
                return f"{name} is not what was written: its SHA-256 differs"
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "no readable state.json"
    return None


def _errno_of(error: Exception) -> int | None:
    if isinstance(error, OSError):
        return error.errno
    found = re.search(r"os error (\d+)", str(error))  # safetensors writes in Rust, which says it so
    return int(found[1]) if found else None


def _read(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Tensor]]]:
    """What a checkpoint holds: its state, and its tensors by file and name.

    Raises:
        DamagedCheckpointError: a file is missing, or none that can be read.
    """
    names = ["model", "optimizer", *(["ema"] if (path / "ema.safetensors").exists() else [])]
    try:
        state: dict[str, Any] = json.loads((path / "state.json").read_text(encoding="utf-8"))
        int(state["step"])
        return state, {name: load_file(path / f"{name}.safetensors") for name in names}
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise DamagedCheckpointError(
            f"checkpoint {path} cannot be read: {str(error).splitlines()[0]}", hint="name another one"
        ) from error


def _apply(path: Path, state: Mapping[str, Any], parts: Mapping[str, dict[str, Tensor]], trained: Trained) -> None:
    """Restore everything.

    Raises:
        DataError: it does not fit this model or run.
    """
    if trained.ema is not None and "ema" not in parts:
        raise DataError(f"checkpoint {path} has no moving average", hint="set train.ema_decay=0 as before")
    try:
        load_whole(trained.module, parts["model"])
        _load_optimizer(trained.optimizer, parts["optimizer"])
        if trained.ema is not None:
            trained.ema.load(parts["ema"], int(state["ema_updates"]))
    except (RuntimeError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"checkpoint {path} does not fit this config: {str(error).splitlines()[0]}", hint=RESUME_HINT
        ) from error
    trained.extra = dict(state.get("extra", {}))


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
