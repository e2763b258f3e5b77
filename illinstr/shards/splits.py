"""Which split a goal belongs to, decided by the goal's words alone.

A hash keeps every decision stable while the data grows, and every method of one goal on one side.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from types import MappingProxyType

from illinstr.articles import normalise_goal
from illinstr.errors import ConfigError

# Splits that are held out, the most held out first; those of any other name are learnt from.
_HELD_OUT_FIRST: Mapping[str, int] = MappingProxyType({"test": 0, "val": 1})
DEFAULT_FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.9, "val": 0.05, "test": 0.05})

# Words that two spellings of one goal differ by.
_FILLERS = frozenset({"a", "an", "the", "some", "my", "your", "own"})


def held_out_rank(split: str) -> int:
    """0 for the split that is held out most; one number for all that are learnt from."""
    return _HELD_OUT_FIRST.get(split, len(_HELD_OUT_FIRST))


def goal_signature(goal: str) -> str:
    """The goal's set of words: near-duplicates share it.

    Near means: equal after lower case, punctuation, "how to", word order, repeated words and a handful of fillers
    (a, an, the, some, my, your, own) are taken away. Synonyms and inflections are not near.
    """
    normalised = normalise_goal(goal)
    words = sorted(set(normalised.split()) - _FILLERS)
    return " ".join(words) or normalised


def split_of(goal: str, *, seed: int = 0, fractions: Mapping[str, float] = DEFAULT_FRACTIONS) -> str:
    """The split of a goal: SHA-256 of ``seed`` and the goal's signature, cut at the cumulated fractions.

    Args:
        goal: any spelling; see ``goal_signature`` for what counts as the same goal.
        seed: another seed assigns the goals again.
        fractions: share of goals per split, summing to 1; order matters, since it decides who owns which hashes.

    Raises:
        ConfigError: the fractions are negative or do not sum to 1.
    """
    if not fractions or any(share < 0 for share in fractions.values()):
        raise ConfigError("split fractions must not be negative, and there must be one at least")
    if not math.isclose(sum(fractions.values()), 1.0, abs_tol=1e-9):
        raise ConfigError(f"split fractions sum to {sum(fractions.values()):g}, not 1")
    digest = hashlib.sha256(f"{seed}\x1f{goal_signature(goal)}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    upper = 0.0
    chosen = ""
    for split, share in fractions.items():
        if share == 0:
            continue
        upper += share
        chosen = split
        if place < upper:
            break
    return chosen
