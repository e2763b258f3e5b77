"""What parameters may be: one way to refuse each kind, before anything expensive starts.

Messages name a parameter as the command line spells it (``--sampling-steps``); a caller from Python reads its own
spelling, see ``illinstr.errors``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from illinstr.config import Config, validate
from illinstr.engine.devices import DTYPES
from illinstr.errors import ConfigError, UsageError

ConfigT = TypeVar("ConfigT", bound=Config)


def check_whole(option: str, value: int | None, hint: str) -> None:
    """Refuse what is not a whole number; None is the caller's default.

    Raises:
        UsageError: it is something else.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise UsageError(f"{option} {value!r} is not a whole number", hint=hint)


def check_range(option: str, value: float | None, low: float, high: float | None, hint: str) -> None:
    """Refuse a number out of range; None is the caller's default and always in it.

    Whole bounds ask for a whole number.

    Raises:
        UsageError: no number of the kind of its bounds, or out of range.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{option} {value!r} is not a number", hint=hint)
    if isinstance(low, int) and not isinstance(value, int):
        raise UsageError(f"{option} {value!r} is not a whole number", hint=hint)
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if high is None:
        if value < low:
            raise UsageError(f"{option} {shown} is below {low}", hint=hint)
    elif not (math.isfinite(value) and low <= value <= high):
        raise UsageError(f"{option} {shown} is not between {low:.15g} and {high:.15g}", hint=hint)


def check_choice(option: str, value: str | int | None, known: tuple[str | int, ...]) -> None:
    """Refuse a value that is not among the known ones; None is the caller's default.

    Raises:
        UsageError: what it may be.
    """
    if value is not None and value not in known:
        raise UsageError(f"{option} {value!r} is unknown", hint=f"choose from {', '.join(map(str, known))}")


def validated(cls: type[ConfigT], settings: Mapping[str, Any], options: Mapping[str, str]) -> ConfigT:
    """Settings of a room, checked; what is wrong is told of the parameter it came from.

    Args:
        cls: the room's settings.
        settings: their values.
        options: config key to option, where the option is not the key with dashes.

    Raises:
        UsageError: the first value that cannot be, and what it may be.
    """
    try:
        return validate(cls, dict(settings))
    except ConfigError as error:
        key, _, reason = error.message.removeprefix("config key ").partition(": ")
        if key == "config":  # two values at odds; the reason names them
            raise UsageError(reason.removeprefix("Value error, "), hint=error.hint) from error
        option = options.get(key, f"--{key.replace('_', '-')}")
        raise UsageError(f"{option}: {reason}", hint=error.hint) from error


def check_dtype(dtype: str | None) -> None:
    """Refuse what names no precision.

    Raises:
        UsageError: what it may be.
    """
    check_choice("--dtype", dtype, DTYPES)
