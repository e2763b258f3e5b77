"""The config a run folder keeps, and the refusal to mix two runs in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from illinstr.config import read_yaml
from illinstr.errors import DataError, UsageError
from illinstr.ownership import MODEL, check_place, refuse_foreign
from illinstr.training.config import TrainConfig

# What decides which tensors an optimiser keeps, with what older runs, whose configs lack it, had.
OPTIMISER = {"optim.algorithm": "adamw", "optim.eight_bit": False}


def config_text(config: TrainConfig) -> str:
    """The resolved config as YAML that can be given back with ``--config``."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one mapping with dotted keys."""
    merged: dict[str, Any] = {}
    for key, value in settings.items():
        merged |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return merged


def check_run_folder(run: Path, config: TrainConfig, *, resume: bool) -> list[str]:
    """Refuse to mix two runs in one folder.

    Returns:
        A line for each setting that differs from the run that is resumed.

    Raises:
        UsageError: a run is there and neither resumed nor the same.
        DataError: the run there was of another kind or had another optimiser.
    """
    check_place(run)
    refuse_foreign(run / "model", MODEL)
    saved = run / "config.yaml"
    if not saved.exists():
        if run.exists() and any(run.iterdir()):
            raise UsageError(f"{run} is not empty and holds no training run", hint="choose another --out")
        return []
    if not resume:
        raise UsageError(f"{run} already holds a training run", hint="add --resume to go on, or choose another --out")
    before = read_yaml(saved)
    if before.get("kind") != config.kind:
        raise DataError(f"{run} holds a run of kind {before.get('kind')!r}, the config is of kind {config.kind!r}")
    old, new = flat(before), flat(config.model_dump(mode="json"))
    for key, default in OPTIMISER.items():
        if (was := old.get(key, default)) != new[key]:
            raise DataError(
                f"{key} was {was!r} when this run was started: its checkpoints hold another optimiser's state",
                hint=f"resume with --set {key}={str(was).lower()}, or start a new run from its weights",
            )
    return [
        f"{key} was {old.get(key)!r} when this run was started and is {value!r} now"
        for key, value in new.items()
        if key in old and old[key] != value
    ]
