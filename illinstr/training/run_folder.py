"""The config a run folder keeps, and the refusal to mix two runs in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from illinstr.config import read_yaml
from illinstr.errors import DataError, UsageError
from illinstr.ownership import MODEL, Contents, check_place, foreign, refuse_foreign
from illinstr.training.config import TrainConfig

# What decides which tensors an optimiser keeps, with what older runs, whose configs lack it, had.
OPTIMISER = {"optim.algorithm": "adamw", "optim.eight_bit": False}

_NOTHING = Contents("empty folder", ())
_ELSEWHERE = "--fresh begins again and deletes its checkpoints; or choose another --out"


def config_text(config: TrainConfig) -> str:
    """The resolved config as YAML that can be given back with ``--config``."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one mapping with dotted keys."""
    merged: dict[str, Any] = {}
    for key, value in settings.items():
        merged |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return merged


def check_run_folder(run: Path, config: TrainConfig, *, resume: bool, fresh: bool = False) -> list[str]:
    """Refuse to mix two runs in one folder. A run that has no checkpoint yet is nothing to mix with.

    Args:
        run: the run folder, which need not be there.
        config: of the run that is to go on or begin.
        resume: go on although settings differ.
        fresh: begin again, whatever is there.

    Returns:
        A line for each setting that differs from the run that is resumed.

    Raises:
        UsageError: a run with other settings is there, and neither ``resume`` nor ``fresh``; or no run, but files.
        DataError: the run there was of another kind or had another optimiser.
    """
    check_place(run)
    refuse_foreign(run / "model", MODEL)
    saved = run / "config.yaml"
    if not saved.exists():
        # A run that was killed while it wrote its config has left a temporary, and folders made in advance are empty.
        if run.exists() and (stranger := foreign(run, _NOTHING)) is not None:
            raise UsageError(
                f"{run} is not empty and holds no training run, but {stranger}", hint="choose another --out"
            )
        return []
    if fresh or not any((run / "checkpoints").glob("step-????????")):
        return []
    before = read_yaml(saved)
    if before.get("kind") != config.kind:
        raise DataError(
            f"{run} holds a run of kind {before.get('kind')!r}, the config is of kind {config.kind!r}", hint=_ELSEWHERE
        )
    old, new = flat(before), flat(config.model_dump(mode="json"))
    for key, default in OPTIMISER.items():
        if (was := old.get(key, default)) != new[key]:
            raise DataError(
                f"{key} was {was!r} when this run was started: its checkpoints hold another optimiser's state",
                hint=f"resume with --set {key}={str(was).lower()}, or start a new run from its weights",
            )
    changed = [
        f"{key} was {old.get(key)!r} when this run was started and is {value!r} now"
        for key, value in new.items()
        if key in old and old[key] != value
    ]
    if changed and not resume:
        raise UsageError(
            f"{run} already holds a training run with other settings: {'; '.join(changed)}",
            hint="--resume goes on with these; --fresh begins again and deletes its checkpoints; or another --out",
        )
    return changed


def forget_run(run: Path) -> None:
    """Remove the log and the samples of an earlier attempt, which a run that begins would write among."""
    (run / "log.csv").unlink(missing_ok=True)
    for sample in (run / "samples").glob("step-????????.png"):
        sample.unlink()
