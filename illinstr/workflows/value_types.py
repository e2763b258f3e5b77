"""Kinds of values, told from a dataclass's own annotations, so that a wrong one is refused before anything is done."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from illinstr.articles import Step
from illinstr.errors import UsageError


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _path(value: object) -> bool:
    return isinstance(value, str | os.PathLike)


# What each part of an annotation takes, and how a message calls it.
_KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "None": (lambda value: value is None, ""),
    "bool": (lambda value: isinstance(value, bool), "True or False"),
    "int": (_whole, "a whole number"),
    "float": (lambda value: _whole(value) or isinstance(value, float), "a number"),
    "str": (lambda value: isinstance(value, str), "a text"),
    "Path": (_path, "a path"),
    # Names of choices: which of them, is checked where they are known.
    **dict.fromkeys(
        ("Method", "Conditioning", "Positions", "ShiftBy", "Quantize"), (lambda value: isinstance(value, str), "a text")
    ),
    "Upscale": (_whole, "a whole number"),
    "Step": (lambda value: isinstance(value, Step), "a Step"),
    "Writer": (lambda value: hasattr(value, "write"), "a Writer"),
    "FinishedRun": (lambda value: hasattr(value, "record"), "a Run"),
    "ArticlePipeline": (lambda value: hasattr(value, "model_sha256"), "a loaded model"),
    "SharedModel": (lambda value: hasattr(value, "get") and not isinstance(value, Mapping), ""),
    "Reporter": (lambda value: hasattr(value, "log"), "a Reporter"),
    "OnStep": (callable, "a function"),
    "Callable": (callable, "a function"),
}
_PART = re.compile(r"(\w+)(?:\[(.*?)\](?=$| \|))?(?: \| )?")


def check_types(request: Any) -> None:
    """Refuse a field whose value is not of a kind that its annotation names.

    Raises:
        UsageError: the first such field, and what it takes.
    """
    for each in fields(request):
        value, annotation = getattr(request, each.name), str(each.type)
        if not _fits(value, annotation):
            option = f"--{each.name.replace('_', '-')}"
            raise UsageError(f"{option} is {_described(annotation)}, not {value!r:.80}")


def _fits(value: object, annotation: str) -> bool:
    return any(_fits_part(value, name, inside) for name, inside in _PART.findall(annotation))


def _fits_part(value: object, name: str, inside: str) -> bool:
    if name == "Sequence":
        return (
            isinstance(value, Sequence)
            and not isinstance(value, str | bytes)
            and all(_fits(each, inside) for each in value)
        )
    if name == "Mapping":
        key, _, kind = inside.partition(", ")
        return isinstance(value, Mapping) and all(_fits(k, key) and _fits(v, kind) for k, v in value.items())
    return _KINDS[name][0](value)


def _described(annotation: str) -> str:
    said = []
    for name, inside in _PART.findall(annotation):
        if name in ("Sequence", "Mapping"):
            said.append(f"a list, each {_described(inside.rpartition(', ')[2])}")
        else:
            said.append(_KINDS[name][1])
    return " or ".join(dict.fromkeys(filter(None, said)))
