"""Strict, frozen configuration: a key nobody reads is an error that names its nearest neighbour.

Each part of the package keeps its own config class beside the code that uses it; this module holds what they share.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from illinstr.errors import ConfigError
from illinstr.files import read_text


class Config(BaseModel):
    """Base of every config section: frozen, unknown keys forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True)


ConfigT = TypeVar("ConfigT", bound=Config)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping with the safe loader.

    Raises:
        ConfigError: missing, unreadable, or not a mapping.
    """
    try:
        loaded = yaml.safe_load(read_text(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read config {path}: {error}") from error
    except yaml.YAMLError as error:
        line = str(error).replace("\n", " ")
        raise ConfigError(f"{path} is not valid YAML: {line}") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds no settings", hint="a config is a YAML mapping of sections to settings")
    return loaded


def apply_overrides(settings: dict[str, Any], overrides: list[str]) -> dict[str, Any]:
    """Return ``settings`` with dotted ``section.key=value`` overrides applied; values are parsed as YAML.

    Raises:
        ConfigError: an override that is not of that form.
    """
    merged: dict[str, Any] = _copy_tree(settings)
    for override in overrides:
        dotted, separator, raw = override.partition("=")
        if not separator or not dotted.strip():
            raise ConfigError(f"override {override!r} is not key=value", hint="for example --set train.lr=1e-4")
        *sections, key = dotted.strip().split(".")
        node = merged
        for section in sections:
            child = node.setdefault(section, {})
            if not isinstance(child, dict):
                raise ConfigError(f"override {override!r}: {section} is a value, not a section")
            node = child
        node[key] = _parse_value(raw)
    return merged


def validate(cls: type[ConfigT], settings: dict[str, Any]) -> ConfigT:
    """Build ``cls`` from plain settings.

    Raises:
        ConfigError: an unknown key (with the nearest known one) or a value out of range, one line, the first found.
    """
    try:
        return cls.model_validate(settings)
    except ValidationError as error:
        first = error.errors()[0]
        location = [str(part) for part in first["loc"]]
        dotted = ".".join(location)
        if first["type"] == "extra_forbidden":
            hint = _nearest_hint(cls, location)
            raise ConfigError(f"unknown config key {dotted}", hint=hint) from error
        raise ConfigError(f"config key {dotted or 'config'}: {first['msg']}") from error


def _parse_value(raw: str) -> Any:
    try:
        value = yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise ConfigError(f"override value {raw!r} is not valid YAML") from error
    if isinstance(value, str):  # YAML 1.1 reads 1e-4 as text; people mean a number
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _copy_tree(node: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy_tree(value) if isinstance(value, dict) else value for key, value in node.items()}


def _nearest_hint(cls: type[BaseModel], location: list[str]) -> str | None:
    known: dict[str, Any] = dict(cls.model_fields)
    for section in location[:-1]:
        model = _section_class(known[section].annotation) if section in known else None
        if model is None:
            return None
        known = dict(model.model_fields)
    nearest = difflib.get_close_matches(location[-1], list(known), n=1, cutoff=0.5)
    if nearest:
        return f"did you mean {'.'.join([*location[:-1], nearest[0]])}?"
    return f"known keys here: {', '.join(sorted(known))}"


def _section_class(annotation: Any) -> type[BaseModel] | None:
    """The config class of a section, also of one that may be None."""
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
