"""The goal families of MiniHow, one module for each group of them."""

from __future__ import annotations

from functools import lru_cache

from illinstr.minihow.families.base import Family, Look, StepDef

__all__ = ["Family", "Look", "StepDef", "all_families"]


@lru_cache(maxsize=1)
def all_families() -> dict[str, Family]:
    """Every family by its name, in a fixed order."""
    from illinstr.minihow.families import drinks, garden

    return {family.name: family for module in (drinks, garden) for family in module.FAMILIES}
