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


MAX_YAML_BYTES = 1 << 20
MAX_YAML_DEPTH = 32
MAX_YAML_NODES = 20_000

ConfigT = TypeVar("ConfigT", bound=Config)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping with the safe loader.

    Raises:
        ConfigError: missing, unreadable, too large, nested too deeply, or not a mapping.
    """
    try:
        if path.stat().st_size > MAX_YAML_BYTES or not path.is_file():
            raise ConfigError(
                f"config {path} is no file of at most {MAX_YAML_BYTES >> 20} MiB", hint="a config is a short text file"
            )
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read config {path}: {error}", hint="name a YAML file") from error
    try:
        loaded = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}", hint="a config maps sections to settings") from error
    if not isinstance(loaded, dict):
        raise ConfigError(f"{path} holds no settings", hint="a config is a YAML mapping of sections to settings")
    return loaded


def parse_yaml(text: str) -> Any:
    """Plain values from YAML, its depth and what aliases repeat bounded.

    Raises:
        ValueError: not YAML, or values that YAML names and Python has not (the 99th of a month), in one line.
    """
    try:
        return yaml.load(text, _BoundedLoader)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, RecursionError, AttributeError) as error:
        raise ValueError(" ".join(str(error).split())[:300] or type(error).__name__) from error


class _BoundedLoader(yaml.SafeLoader):
    """The safe loader, for files from strangers: neither deep nor wider, through aliases, than a config can be."""

    _depth = 0
    _nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """One node of the document; see ``yaml.composer``."""
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            self._nodes += self._sizes().get(str(event.anchor), 1)
            self._check()
            return super().compose_node(parent, index)
        self._depth += 1
        self._nodes += 1
        self._check()
        anchor, before = event.anchor, self._nodes
        node = super().compose_node(parent, index)
        if anchor is not None:
            self._sizes()[anchor] = self._nodes - before + 1
        self._depth -= 1
        return node

    def _sizes(self) -> dict[str, int]:
        sizes: dict[str, int] = self.__dict__.setdefault("_sizes_by_anchor", {})
        return sizes

    def _check(self) -> None:
        if self._depth > MAX_YAML_DEPTH:
            raise ValueError(f"nested more than {MAX_YAML_DEPTH} deep")
        if self._nodes > MAX_YAML_NODES:
            raise ValueError(f"more than {MAX_YAML_NODES} values, aliases counted")


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
        value = parse_yaml(raw)
    except ValueError as error:
        raise ConfigError(
            f"override value {raw[:80]!r} is not valid YAML", hint="for example --set train.lr=1e-4"
        ) from error
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
