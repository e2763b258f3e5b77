"""Which texts an image chooses among: seeded, never twice the same, the same for every run that is compared.

Each item draws from a generator of its own, seeded by what the item *is* (its goal and step), never by where it comes
in a list. So the order of articles changes nothing, and two runs on one goal face the same distractors from one pool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from illinstr.articles import clean_text
from illinstr.evaluation.subjects import Identify, goal_identity


def item_generator(seed: int, *parts: str | int) -> np.random.Generator:
    """A generator for one item: the same seed and parts give the same draws, on every machine."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in (seed, *parts)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def goal_pool(goals: Iterable[str], identify: Identify = goal_identity) -> dict[str, str]:
    """Distinct goals by identity, in the order of their identities; of several spellings the first in letters stays."""
    pool: dict[str, str] = {}
    for goal in sorted(goals):
        pool.setdefault(identify(goal), goal)
    return dict(sorted(pool.items()))


def goal_choices(
    goal: str,
    identity: str,
    pool: dict[str, str],
    distractors: int,
    generator: np.random.Generator,
    near: Collection[str] = (),
) -> tuple[str, ...]:
    """The goal, then ``distractors`` other goals, distinct from it and from each other.

    Args:
        goal: the right answer.
        identity: its identity.
        pool: other goals by identity; the goal itself may be among them.
        distractors: how many others.
        generator: what draws them.
        near: identities that come first; the rest of the pool fills up where these are too few.

    Raises:
        ValueError: the pool holds too few other goals.
    """
    others = [name for name in pool if name != identity]
    if len(others) < distractors:
        raise ValueError(f"{distractors} distractor goals asked for, {len(others)} there are")
    first = [name for name in others if name in near]
    last = [name for name in others if name not in near]
    drawn = _draw(first, min(distractors, len(first)), generator)
    drawn += _draw(last, distractors - len(drawn), generator)
    return (goal, *(pool[name] for name in drawn))


def _draw(names: Sequence[str], count: int, generator: np.random.Generator) -> list[str]:
    return [names[place] for place in generator.choice(len(names), size=count, replace=False)] if count else []


def step_choices(step: int, texts: Sequence[str], distractors: int, generator: np.random.Generator) -> tuple[str, ...]:
    """The step's own text first, then up to ``distractors`` other steps of the same article: all of them when fewer.

    Steps that read the same (case and spacing aside) are one choice: no one could tell them apart by their text.

    Args:
        step: the image's step, counted from 1.
        texts: the texts of all steps of the article.
        distractors: how many others at most.
        generator: what draws them.
    """
    own = texts[step - 1]
    others = {_reading(text): text for text in reversed(texts)}
    others.pop(_reading(own))
    candidates = [others[reading] for reading in sorted(others)]
    if len(candidates) > distractors:
        drawn = generator.choice(len(candidates), size=distractors, replace=False)
        candidates = [candidates[index] for index in drawn]
    return (own, *candidates)


def _reading(text: str) -> str:
    return clean_text(text).casefold()
