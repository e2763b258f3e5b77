"""Goals: which there are, on which side of the split they lie, and how a user's words are recognised."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import re
from dataclasses import dataclass
from functools import lru_cache

from illinstr.articles import clean_text
from illinstr.errors import UsageError
from illinstr.minihow.families import Family, all_families
from illinstr.minihow.families.base import SPLITS

TEST_SHARE, VAL_SHARE = 0.10, 0.05


@dataclass(frozen=True)
class Goal:
    """A goal of the world: a family and a value for each of its attributes."""

    family: str
    attributes: tuple[tuple[str, str], ...]

    @property
    def values(self) -> dict[str, str]:
        """The attributes as a mapping."""
        return dict(self.attributes)

    @property
    def text(self) -> str:
        """The canonical wording, for instance "How to make apple juice"."""
        return f"How to {all_families()[self.family].phrase(self.values)}"

    @property
    def phrasings(self) -> tuple[str, ...]:
        """Every wording this family knows, without "how to"."""
        family = all_families()[self.family]
        return tuple(family.phrase(self.values, which) for which in range(len(family.phrases)))

    @property
    def split(self) -> str:
        """train, val or test: fixed by family and attributes alone."""
        return _split_of()[self]


def _goals_of(family: Family) -> list[Goal]:
    return [Goal(family.name, tuple(values.items())) for values in family.combinations()]


@lru_cache(maxsize=1)
def _split_of() -> dict[Goal, str]:
    """Within each family goals are ranked by hash: the first tenth tests, the next twentieth validates.

    Ranking rather than thresholding keeps the shares right in small families. A goal is passed over when holding it out
    would take the last training goal that has one of its values: the *combination* is held out, never a value.
    """
    split: dict[Goal, str] = {}
    for family in all_families().values():
        goals = _goals_of(family)
        quota = {"test": max(1, round(TEST_SHARE * len(goals))), "val": max(1, round(VAL_SHARE * len(goals)))}
        left = {pair: sum(pair in goal.attributes for goal in goals) for goal in goals for pair in goal.attributes}
        for goal in sorted(goals, key=_digest):
            side = next((name for name in ("test", "val") if quota[name]), "train")
            if side != "train" and all(left[pair] > 1 for pair in goal.attributes):
                quota[side] -= 1
                for pair in goal.attributes:
                    left[pair] -= 1
                split[goal] = side
            else:
                split[goal] = "train"
    return split


def _digest(goal: Goal) -> bytes:
    return hashlib.sha256(repr((goal.family, goal.attributes)).encode()).digest()


def goals(split: str | None = None) -> tuple[Goal, ...]:
    """Every goal, or those of one split, in a fixed order.

    Raises:
        UsageError: no such split.
    """
    if split is None:
        return tuple(_split_of())
    if split not in SPLITS:
        raise UsageError(f"unknown split {split!r}", hint=f"one of {', '.join(SPLITS)}")
    return _by_split(split)


@lru_cache(maxsize=4)
def _by_split(split: str) -> tuple[Goal, ...]:
    order = {family: i for i, family in enumerate(all_families())}
    chosen = [goal for goal, side in _split_of().items() if side == split]
    return tuple(sorted(chosen, key=lambda goal: (order[goal.family], goal.attributes)))


def all_goals() -> list[str]:
    """The canonical wording of every goal."""
    return [goal.text for goal in sorted(goals(), key=lambda goal: (goal.family, goal.attributes))]


def goals_of_split(split: str) -> list[str]:
    """The canonical wording of every goal of one split.

    Raises:
        UsageError: no such split.
    """
    return [goal.text for goal in goals(split)]


def _words(text: str) -> list[str]:
    return text.split()


# Words that carry no meaning for telling goals apart.
_FILLERS = frozenset(
    _words(
        "how to do does did i we you can could would should one a an the some my your our own please make making "
        "made prepare preparing fix get want wanna need like learn show teach me us tell of for at home homemade "
        "fresh freshly easily quickly simple easy best way step by steps guide instructions recipe is are it and "
        "from in out on up great good nice delicious tasty cup glass just lets let with "
    )
)
_SAME = {
    "yoghurt": "yogurt",
    "gray": "grey",
    "colored": "",
    "coloured": "",
    "colour": "",
    "color": "",
    "tee": "t",
    "cooky": "cookie",
    "present": "gift",
    "juicing": "juice",
    "grow": "plant",
    "brew": "",
    "blend": "",
    "mix": "",
    "bake": "",
    "cook": "",
    "raise": "plant",
    "fry": "",
    "coco": "cocoa",
    "popsicle": "lolly",
    "seed": "",
}

# "green paper, blue ribbon" is not "blue paper, green ribbon": a colour stays with the thing right behind it.
_BINDING = frozenset(_words("paper ribbon birdhouse roof boat flag hat scarf pot icing "))
_ADJECTIVES = frozenset(_words("red orange yellow green blue purple pink white black brown teal gold silver grey "))


def stem(word: str) -> str:
    """A word without its plural ending, synonyms made one; empty where it carries no meaning in a goal."""
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("oes", "shes", "ches")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return _SAME.get(word, word)


def meaning(text: str) -> tuple[str, ...]:
    """The words of a goal that matter, stemmed, sorted: free variants of one goal share it."""
    words = re.findall(r"[^\W_]+", clean_text(text).casefold())
    kept = [stem(word) for word in words if word not in _FILLERS]
    kept = [word for word in kept if word and word not in _FILLERS]
    bound: set[str] = set()
    for word, after in itertools.pairwise([*kept, ""]):
        bound.add(f"{word} {after}" if word in _ADJECTIVES and after in _BINDING else word)
    return tuple(sorted(bound))


@lru_cache(maxsize=1)
def _meanings() -> dict[tuple[str, ...], Goal]:
    table: dict[tuple[str, ...], Goal] = {}
    for goal in goals():
        for phrase in goal.phrasings:
            other = table.setdefault(meaning(phrase), goal)
            if other != goal:
                raise AssertionError(f"the wording {phrase!r} means both {goal} and {other}")
    return table


def recognise(goal: str) -> Goal | None:
    """The goal a user's words mean ("Make some apple juice!", "apple juice"), or None when it is outside the world."""
    return _meanings().get(meaning(goal))


def nearest_goals(text: str, k: int = 3) -> list[str]:
    """The ``k`` known goals nearest to ``text``, in canonical wording, nearest first."""
    wanted = meaning(text)
    joined = " ".join(wanted)

    def score(entry: tuple[tuple[str, ...], Goal]) -> tuple[float, str]:
        words, goal = entry
        shared = len(set(words) & set(wanted)) / max(1, len(set(words) | set(wanted)))
        alike = difflib.SequenceMatcher(None, " ".join(words), joined).ratio()
        return (-(2 * shared + alike), goal.text)

    texts: list[str] = []
    for _, goal in sorted(_meanings().items(), key=score):
        if goal.text not in texts:
            texts.append(goal.text)
        if len(texts) >= k:
            break
    return texts
