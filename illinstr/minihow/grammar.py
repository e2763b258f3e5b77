"""Goals: which there are, on which side of the split they lie, and how a user's words are recognised."""

from __future__ import annotations

import difflib
import hashlib
import itertools
import re
from collections.abc import Collection
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


def goals_of_family(family: Family) -> list[Goal]:
    return [Goal(family.name, tuple(values.items())) for values in family.combinations()]


@lru_cache(maxsize=1)
def _split_of() -> dict[Goal, str]:
    """Within each family goals are ranked by hash: the first tenth tests, the next twentieth validates.

    Ranking rather than thresholding keeps the shares right in small families. A goal is passed over when holding it out
    would take the last training goal that has one of its values: the *combination* is held out, never a value.
    """
    split: dict[Goal, str] = {}
    for family in all_families().values():
        goals = goals_of_family(family)
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


def goals(split: str | None = None, families: Collection[str] | None = None) -> tuple[Goal, ...]:
    """Every goal, or those of one split or of some families, in a fixed order.

    Raises:
        UsageError: no such split or family.
    """
    if split is not None and split not in SPLITS:
        raise UsageError(f"unknown split {split!r}", hint=f"one of {', '.join(SPLITS)}")
    every = tuple(_split_of()) if split is None else _by_split(split)
    if families is None:
        return every
    chosen = set(chosen_families(families))
    return tuple(goal for goal in every if goal.family in chosen)


@lru_cache(maxsize=4)
def _by_split(split: str) -> tuple[Goal, ...]:
    order = {family: i for i, family in enumerate(all_families())}
    chosen = [goal for goal, side in _split_of().items() if side == split]
    return tuple(sorted(chosen, key=lambda goal: (order[goal.family], goal.attributes)))


def all_goals(families: Collection[str] | None = None) -> list[str]:
    """The canonical wording of every goal, or of every goal of some families.

    Raises:
        UsageError: no such family.
    """
    return [goal.text for goal in sorted(goals(None, families), key=lambda goal: (goal.family, goal.attributes))]


def goals_of_split(split: str, families: Collection[str] | None = None) -> list[str]:
    """The canonical wording of every goal of one split, or of those of some families.

    Raises:
        UsageError: no such split or family.
    """
    return [goal.text for goal in goals(split, families)]


def family_categories() -> dict[str, str]:
    """The names of all families, in the world's order, each with its category (kitchen, garden, crafts, ...)."""
    return {family.name: family.category for family in all_families().values()}


def split_words(text: str) -> list[str]:
    return text.split()


# Words that carry no meaning for telling goals apart.
FILLERS = frozenset(
    split_words(
        "how to do does did i we you can could would should one a an the some my your our own please make making "
        "made prepare preparing fix get want wanna need like learn show teach me us tell of for at home homemade "
        "fresh freshly easily quickly simple easy best way step by steps guide instructions recipe is are it and "
        "from in out on up great good nice delicious tasty cup glass just lets let with "
    )
)
SYNONYMS = {
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
_BINDING = frozenset(
    split_words(
        "paper ribbon birdhouse roof boat flag hat scarf pot icing car van truck bucket shirt lamp foot dog tub towel "
        "brush paste mug kite corner tail background spade can tree window curtain sponge "
    )
)
ADJECTIVES = frozenset(
    split_words("red orange yellow green blue purple pink white black brown teal gold golden silver grey ")
)


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """A word without its plural ending, synonyms made one; empty where it carries no meaning in a goal."""
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("oes", "shes", "ches")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return SYNONYMS.get(word, word)


def kept_stems(text: str) -> list[str]:
    """The stems of the words that matter, in the order of the text."""
    words = re.findall(r"[^\W_]+", clean_text(text).casefold())
    kept = [stem(word) for word in words if word not in FILLERS]
    return [word for word in kept if word and word not in FILLERS]


def meaning(text: str) -> tuple[str, ...]:
    """The words of a goal that matter, stemmed, sorted: free variants of one goal share it."""
    bound: set[str] = set()
    for word, after in itertools.pairwise([*kept_stems(text), ""]):
        bound.add(f"{word} {after}" if word in ADJECTIVES and after in _BINDING else word)
    return tuple(sorted(bound))


@lru_cache(maxsize=64)
def _meanings(family: str) -> dict[tuple[str, ...], Goal]:
    """Every wording of a family's goals by its meaning."""
    table: dict[tuple[str, ...], Goal] = {}
    for goal in goals_of_family(all_families()[family]):
        for phrase in goal.phrasings:
            other = table.setdefault(meaning(phrase), goal)
            if other != goal:
                raise AssertionError(f"the wording {phrase!r} means both {goal} and {other}")
    return table


@lru_cache(maxsize=1)
def _anchors() -> tuple[tuple[str, frozenset[str]], ...]:
    """For each phrase of each family the words that it has whatever the attributes: a cheap first sieve."""
    return tuple(
        (family.name, frozenset(kept_stems(re.sub(r"\{\w+\}", " ", phrase))))
        for family in all_families().values()
        for phrase in family.phrases
    )


def chosen_families(families: Collection[str] | None) -> list[str]:
    """Names of the chosen families in the world's order; None chooses all.

    Raises:
        UsageError: a family that the world does not have.
    """
    known = list(all_families())
    if families is None:
        return known
    for name in families:
        if name not in known:
            raise UsageError(f"MiniHow has no family {name!r}", hint=f"one of {', '.join(known)}")
    return [name for name in known if name in families]


def recognise(goal: str, families: Collection[str] | None = None) -> Goal | None:
    """The goal a user's words mean ("Make some apple juice!", "apple juice"), or None when it is outside the world.

    Args:
        goal: in the user's words.
        families: the only families to think of (those a model was trained on); None for all.

    Raises:
        UsageError: a family that the world does not have.
    """
    allowed = chosen_families(families)
    return next((known for known in _meant(goal) if known.family in allowed), None)


@lru_cache(maxsize=8192)  # more than there are goals: whoever compares all of them asks for each many times
def _meant(goal: str) -> tuple[Goal, ...]:
    """The goals of all families that a user's words mean, in the world's order."""
    wanted, words = meaning(goal), set(kept_stems(goal))
    names = dict.fromkeys(name for name, fixed in _anchors() if fixed <= words)
    return tuple(_meanings(name)[wanted] for name in names if wanted in _meanings(name))


def nearest_goals(text: str, k: int = 3, families: Collection[str] | None = None) -> list[str]:
    """The ``k`` known goals nearest to ``text``, in canonical wording, nearest first.

    Nearness is twice the share of common words (Jaccard) plus the likeness of the letters (``difflib``). Letters are
    compared only where the words leave a chance to come among the first.

    Args:
        text: in the user's words.
        k: how many.
        families: the only families to think of; None for all.

    Raises:
        UsageError: a family that the world does not have.
    """
    wanted = set(meaning(text))
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(" ".join(sorted(wanted)))
    candidates = [(words, goal) for name in chosen_families(families) for words, goal in _meanings(name).items()]
    shared = [2 * len(wanted.intersection(words)) / max(1, len(wanted.union(words))) for words, _ in candidates]
    best: dict[Goal, float] = {}
    floor = -1.0
    for i in sorted(range(len(candidates)), key=lambda i: -shared[i]):
        words, goal = candidates[i]
        if shared[i] + 1 < floor:
            break
        matcher.set_seq1(" ".join(words))
        if shared[i] + matcher.real_quick_ratio() < floor or shared[i] + matcher.quick_ratio() < floor:
            continue
        score = shared[i] + matcher.ratio()
        if score > best.get(goal, -1.0):
            best[goal] = score
            floor = sorted(best.values(), reverse=True)[:k][-1] if len(best) >= k else -1.0
    return [goal.text for goal in sorted(best, key=lambda goal: (-best[goal], goal.text))[:k]]
