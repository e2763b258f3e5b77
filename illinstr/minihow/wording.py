"""Which paraphrase of a step belongs to which split.

A tenth of each step's paraphrases (at least one) is held out for val, another for test, chosen by hash. Steps of
different families may share a wording; it then lies on one side for all of them, so nothing held
out is ever trained on.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from illinstr.minihow.families import StepDef, all_families
from illinstr.minihow.families.base import SPLITS

HELD_SHARE = 10  # one in ten


@lru_cache(maxsize=1)
def sides() -> dict[str, str]:
    """Every wording of the world with its split; families are served in their fixed order."""
    side: dict[str, str] = {}
    for family in all_families().values():
        for step in family.steps:
            _assign(step.readings(), side)
    return side


def _assign(readings: tuple[str, ...], side: dict[str, str]) -> None:
    free = sorted((text for text in readings if text not in side), key=_digest)
    for split in ("test", "val"):
        wanted = max(1, len(readings) // HELD_SHARE) - sum(side.get(text) == split for text in readings)
        for text in free[: max(0, wanted)]:
            side[text] = split
        free = free[max(0, wanted) :]
    side.update(dict.fromkeys(free, "train"))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


@lru_cache(maxsize=4096)
def wordings(step: StepDef, split: str) -> tuple[str, ...]:
    """A step's paraphrases on one side of the split."""
    assert split in SPLITS
    return tuple(text for text in step.readings() if sides()[text] == split)
