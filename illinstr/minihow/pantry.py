"""Goals of the embedded world that can be reached with what is at hand.

What a goal needs is read off the world itself: the words of the goal, the objects in its family's scenes, and the words
of its steps. How long anything takes is not known here, so a time at hand ("ten minutes") is told apart and reported as
not taken into account.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from functools import lru_cache

from illinstr.articles import clean_text
from illinstr.minihow.families import Family, Look, all_families
from illinstr.minihow.grammar import Goal, goals, stem

_SPLIT = re.compile(r"[,;\n]|\band\b|\bwith\b|\bplus\b|&", re.IGNORECASE)
_TIME = re.compile(r"\b(?:seconds?|minutes?|mins?|hours?|days?|evening|afternoon|morning)\b", re.IGNORECASE)
_HAVE = re.compile(r"^(?:i have(?: got)?|i've got|there is|there are)\s+", re.IGNORECASE)
# Words that say how much or how, never what; and things so common that they prove nothing.
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        "a an the some my our of few little lot lots bit old stale fresh leftover spare big small large half piece "
        "pieces slice slices cup cups bag box pack packet can tin jar bottle glass one two three four five six seven "
        "eight nine ten i have got there is are need time only just no hand hands it in on to make made",
    )
)
_WEIGHTS = (3.0, 2.0, 1.0)  # named by the goal, drawn in its scenes, told in its steps


@dataclass(frozen=True)
class Suggestion:
    """A goal, and which of the things at hand it uses, in the user's words."""

    goal: str
    uses: tuple[str, ...]


@dataclass(frozen=True)
class AtHand:
    """What somebody has: things, and how long they have (which this world cannot judge)."""

    things: tuple[str, ...]
    times: tuple[str, ...]

    @classmethod
    def read(cls, text: str) -> AtHand:
        """Split a list in free words: "eggs, stale bread and ten minutes"."""
        parts = [_HAVE.sub("", part.strip(" .!?")) for part in _SPLIT.split(clean_text(text))]
        parts = list(dict.fromkeys(part for part in parts if part))
        return cls(
            things=tuple(part for part in parts if not _TIME.search(part)),
            times=tuple(part for part in parts if _TIME.search(part)),
        )


def suggest_goals(text: str, count: int) -> list[Suggestion]:
    """Up to ``count`` goals that use something at hand, best first, families mixed; none when nothing fits.

    Args:
        text: what is at hand, in free words.
        count: how many at most.
    """
    things = {thing: words for thing in AtHand.read(text).things if (words := _meaningful(thing))}
    scored: list[tuple[int, float, str, str, tuple[str, ...]]] = []
    for goal in goals():
        uses, score = _match(goal, things)
        if uses:
            scored.append((-len(uses), -score, goal.text, goal.family, uses))
    # The best of each family first, then the second best: fifty ways to dye a T-shirt are one idea.
    taken: dict[str, int] = {}
    ranked = []
    for few, low, goal_text, family, using in sorted(scored):
        taken[family] = taken.get(family, 0) + 1
        ranked.append(((taken[family], few, low), Suggestion(goal_text, using)))
    return [suggestion for _, suggestion in sorted(ranked, key=lambda each: each[0])[:count]]


def _meaningful(text: str) -> frozenset[str]:
    words = re.findall(r"[^\W\d_]+", clean_text(text).casefold())
    return frozenset(stem(word) for word in words if word not in _EMPTY) - {""}


def _match(goal: Goal, things: dict[str, frozenset[str]]) -> tuple[tuple[str, ...], float]:
    named = _meaningful(goal.text)
    drawn, told = _needs(goal.family)
    score, uses = 0.0, []
    for thing, words in things.items():
        found = next((w for w, known in zip(_WEIGHTS, (named, drawn, told), strict=True) if words & known), None)
        if found is not None:
            score += found
            uses.append(thing)
    have = frozenset().union(*things.values())
    missing = sum(not _meaningful(value) & have for value in goal.values.values() if value)
    return tuple(uses), score - 0.25 * missing


@lru_cache(maxsize=64)
def _needs(name: str) -> tuple[frozenset[str], frozenset[str]]:
    """Words for what a family's scenes show, and for what its steps speak of."""
    family: Family = all_families()[name]
    look = Look.sample(family.combinations()[0], random.Random(0))
    drawn = {str(item["kind"]) for step in family.steps for item in step.scene(look)}
    told = {word for step in family.steps for text in step.readings() for word in _meaningful(text)}
    return frozenset(word for kind in drawn for word in _meaningful(kind)), frozenset(told)
