"""Configs by name or by file: the presets of the package, and the class that checks each kind."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path
from typing import Any

from illinstr.config import apply_overrides, read_yaml, validate
from illinstr.errors import ConfigError
from illinstr.training.config import TrainConfig
from illinstr.training.tasks import CONFIG_BY_KIND


def preset_names() -> list[str]:
    """Names of the configs that ship with the package."""
    folder = resources.files("illinstr.training") / "presets"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_settings(name_or_path: str, overrides: list[str]) -> dict[str, Any]:
    """Read a preset by name, or a YAML file, and apply ``key=value`` overrides.

    Raises:
        ConfigError: neither a preset nor a readable file.
    """
    if name_or_path in preset_names():
        with resources.as_file(resources.files("illinstr.training") / "presets" / f"{name_or_path}.yaml") as path:
            settings = read_yaml(path)
    elif Path(name_or_path).suffix in {".yaml", ".yml"}:
        settings = read_yaml(Path(name_or_path))
    else:
        near = difflib.get_close_matches(name_or_path, preset_names(), n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        hint = f"{meant}presets: {', '.join(preset_names())}; or give a .yaml file"
        raise ConfigError(f"no config called {name_or_path!r}", hint=hint)
    return apply_overrides(settings, overrides)


def load_config(name_or_path: str, overrides: list[str]) -> TrainConfig:
    """The resolved, validated config of a run.

    Raises:
        ConfigError: unknown preset, kind or key, or a value out of range.
    """
    settings = read_settings(name_or_path, overrides)
    kind = settings.get("kind")
    if kind not in CONFIG_BY_KIND:
        raise ConfigError(
            f"config kind {kind!r} is unknown", hint=f"kind is one of {', '.join(sorted(CONFIG_BY_KIND))}"
        )
    return validate(CONFIG_BY_KIND[kind], settings)
