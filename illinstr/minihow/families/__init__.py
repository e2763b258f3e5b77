"""The goal families of MiniHow, one module for each."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module

from illinstr.minihow.families.base import Family, Look, StepDef

__all__ = ["Family", "Look", "StepDef", "all_families"]


# Order matters: it decides which step owns a shared wording (wording.py). New families go last.
ORDER = (
    "juice",
    "smoothie",
    "tea",
    "flower",
    "cactus",
    "snowman",
    "gift",
    "birdhouse",
    "candle",
    "boat",
    "dye",
    "hot_drink",
    "omelette",
    "soup",
    "sandwich",
    "biscuits",
    "lolly",
    "car_wash",
    "button",
    "lamp",
    "dog_bath",
    "teeth",
    "kite",
    "sandcastle",
    "painting",
    "tree",
    "cake",
    "window",
)


@lru_cache(maxsize=1)
def all_families() -> dict[str, Family]:
    """Every family by its name, in a fixed order."""
    modules = (import_module(f"{__name__}.{name}") for name in ORDER)
    return {module.FAMILY.name: module.FAMILY for module in modules}
