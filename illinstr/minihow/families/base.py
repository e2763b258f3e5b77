"""What a family of goals is made of, and the steps that many families share.

A family has named attributes (the goal says them), phrases (how the goal is put in words) and steps. A step has
paraphrases and one scene, a function of the article's ``Look``. Paraphrases are short imperative clauses without a full
stop or commas, so that merged steps can be made by joining them; ``[a|b]`` in a text stands for either.
"""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from illinstr.minihow import palette

Item = dict[str, Any]
SPLITS = ("train", "val", "test")
CATEGORIES = ("kitchen", "garden", "crafts", "cleaning", "repair", "care", "play")


@dataclass(frozen=True)
class Look:
    """Everything that stays equal over the panels of one article: what the goal names and what nothing names."""

    attributes: dict[str, str]
    wall: str
    decor: str
    table: str
    skin: str
    sleeve: str
    main: str  # colour of the article's chief vessel
    second: str  # colour of its helpers

    @classmethod
    def sample(cls, attributes: dict[str, str], rng: random.Random) -> Look:
        """Draw the unnamed looks; vessel colours differ from one another."""
        main, second = rng.sample(palette.CROCKERY, 2)
        return cls(
            attributes=attributes,
            wall=rng.choice(palette.WALLS),
            decor=rng.choice(palette.DECORS),
            table=rng.choice(palette.TABLES),
            skin=rng.choice(palette.SKINS),
            sleeve=rng.choice(palette.SLEEVES),
            main=main,
            second=second,
        )

    def __getitem__(self, attribute: str) -> str:
        return self.attributes[attribute]

    def hand(self, pose: str, x: float, y: float, angle: float = 10, *, flip: bool = False, size: float = 1.15) -> Item:
        """A hand of this article's person, holding the point (x, y)."""
        item: Item = {"kind": "hand", "pose": pose, "x": x, "y": y, "angle": angle, "size": size}
        if flip:
            item["flip"] = True
        return item | {"skin": self.skin, "sleeve": self.sleeve}


def put(kind: str, x: float = 50, y: float = 90, size: float = 1.0, **keys: Any) -> Item:
    """An object for a scene."""
    return {"kind": kind, "x": x, "y": y, "size": size, **keys}


# Where each vessel pours from and where a hand holds it, in its own units; how far it leans.
_POURERS: dict[str, tuple[tuple[float, float], tuple[float, float], float, str]] = {
    "jug": ((-19, -41), (23, -21), -40, "fist"),
    "kettle": ((-31, -34), (17, -25), -24, "fist"),
    "blender": ((-19, -67), (24, -46), -62, "fist"),
    "carton": ((-7, -46), (0, -17), -68, "wrap"),
}


def pour(
    k: Look, kind: str, tip: tuple[float, float], to_y: float, stream: str, size: float = 0.85, **keys: Any
) -> list[Item]:
    """A vessel tilted so that it pours from ``tip`` straight down to ``to_y``, and the hand on its handle."""
    mouth, handle, angle, pose = _POURERS[kind]
    x, y = tip[0] - _turned(mouth, angle, size)[0], tip[1] - _turned(mouth, angle, size)[1]
    held = _turned(handle, angle, size)
    return [
        put("stream", tip[0], tip[1], colour=stream, length=to_y - tip[1]),
        put(kind, round(x, 1), round(y, 1), size, angle=angle, **keys),
        k.hand(pose, round(x + held[0], 1), round(y + held[1], 1), 8, size=1.05),
    ]


def _turned(point: tuple[float, float], angle: float, size: float) -> tuple[float, float]:
    cos, sin = math.cos(math.radians(angle)) * size, math.sin(math.radians(angle)) * size
    return cos * point[0] - sin * point[1], sin * point[0] + cos * point[1]


Scene = Callable[[Look], list[Item]]


@dataclass(frozen=True)
class StepDef:
    """One step of a family.

    Args:
        key: its name within the family.
        templates: paraphrases; ``[a|b]`` expands to either.
        scene: draws nothing itself: lists the objects of the picture.
        weight: which step keeps its picture when steps are merged (the highest do).
        extra: left out without a trace unless there is room for it.
    """

    key: str
    templates: tuple[str, ...]
    scene: Scene = field(repr=False)
    weight: float = 1.0
    extra: bool = False

    def readings(self) -> tuple[str, ...]:
        """Every paraphrase, without repeats, in order."""
        return tuple(dict.fromkeys(text for template in self.templates for text in expand(template)))


def step(key: str, *templates: str, scene: Scene, weight: float = 1.0, extra: bool = False) -> StepDef:
    """Shorthand for ``StepDef``."""
    return StepDef(key, templates, scene, weight, extra)


@dataclass(frozen=True)
class Family:
    """A family of goals.

    Args:
        name: its name.
        attributes: what a goal of this family names, and the values each may have.
        phrases: ways to put the goal, first the canonical one; ``{name}`` is an attribute.
        steps: in order.
        ground: what the scene stands on.
        words: how a value reads in a goal where that differs from the value.
        category: the part of life it belongs to, one of ``CATEGORIES``.
        differ: attributes that never share a value (a button is not the colour of its shirt).
        title: what its goals are about, in the plural ("fruit juice"), for a list of what the world knows.
        nouns: words for that thing, as people type them; a hyphen joins words that are needed together.
        verbs: words for what is done with it, beyond making.
        made: whether its goals make the thing; where they do something to a thing that is there, a verb must fit.
    """

    name: str
    attributes: dict[str, tuple[str, ...]]
    phrases: tuple[str, ...]
    steps: tuple[StepDef, ...]
    ground: str = "table"
    words: dict[str, str] = field(default_factory=dict)
    category: str = "kitchen"
    differ: tuple[str, ...] = ()
    title: str = ""
    nouns: str = ""
    verbs: str = ""
    made: bool = True

    @property
    def core(self) -> list[StepDef]:
        """Steps that no variant may lose (though it may merge them)."""
        return [each for each in self.steps if not each.extra]

    @property
    def max_steps(self) -> int:
        """The longest variant."""
        return len(self.steps)

    def combinations(self) -> list[dict[str, str]]:
        """Every attribute assignment."""
        names = list(self.attributes)
        product = (dict(zip(names, values, strict=True)) for values in itertools.product(*self.attributes.values()))
        return [each for each in product if len({each[name] for name in self.differ}) == len(self.differ)]

    def phrase(self, attributes: dict[str, str], which: int = 0) -> str:
        """The goal in words, without "how to"."""
        read = {name: self.words.get(value, value) for name, value in attributes.items()}
        text = re.sub(r"\s+", " ", self.phrases[which].format(**read)).strip()
        return re.sub(r"\ba (?=[aeiou])", "an ", text)


_CHOICE = re.compile(r"\[([^\]]*)\]")


def expand(template: str) -> list[str]:
    """All readings of a template with ``[a|b]`` choices, in order."""
    match = _CHOICE.search(template)
    if match is None:
        return [re.sub(r"\s+", " ", template).strip()]
    before, after = template[: match.start()], template[match.end() :]
    return [text for option in match.group(1).split("|") for text in expand(before + option + after)]


# --- steps that many families share: alike in words, told apart by where they stand ---


def gather(scene: Scene) -> StepDef:
    """First of all: everything lies ready."""
    return step(
        "gather",
        "[Gather|Collect|Get out|Lay out] [everything you need|all you need|what you need]",
        "[Put|Set|Have] everything [ready|in front of you]",
        "[Get|Have] [all|everything] you need [ready|in front of you]",
        scene=scene,
        extra=True,
    )


def _clean_hands(k: Look) -> list[Item]:
    return [
        put("tap", 50, 33, 1.15, length=32),
        k.hand("flat", 56, 64, 18, size=1.2),
        k.hand("flat", 45, 70, 16, flip=True, size=1.2),
        put("bubbles", 50, 77, 1.0, spread=17),
    ]


def clean_hands() -> StepDef:
    """Wash your hands."""
    return step(
        "hands",
        "[Wash|Clean|Scrub] your hands [well|first|with soap|under the tap]",
        "[Make sure|See that] your hands are [clean|really clean]",
        "[Start|Begin] with clean hands",
        scene=_clean_hands,
        extra=True,
    )


def wait(key: str, scene: Scene, hour: float = 3) -> StepDef:
    """Wait a little: the clock, and whatever stands there at this point of the article."""

    def with_clock(k: Look) -> list[Item]:
        return [put("clock", 80, 22, 1.3, hour=hour, colour=k.second), *scene(k)]

    return step(
        key,
        "Wait a [little|little while|few minutes]",
        "Wait for a [bit|few minutes]",
        "[Let it rest|Leave it|Let it stand] for a [while|bit|few minutes]",
        "Give it [some|a little|a few minutes of] time",
        "Take a little rest",
        scene=with_clock,
        extra=True,
    )


def wipe() -> StepDef:
    """Clean up afterwards."""

    def scene(k: Look) -> list[Item]:
        return [put("cloth", 42, 84, 1.35, colour=k.second), k.hand("flat", 46, 72, 22, size=1.35),
                put("sparkles", 44, 50, 1.1, spread=30)]  # fmt: skip

    return step(
        "wipe",
        "[Wipe|Clean] the [table|worktop] [when you are done|at the end]",
        "Wipe [everything|the table|the worktop] [clean|down]",
        "[Tidy|Clean] up [after yourself|when you finish|at the end]",
        scene=scene,
        extra=True,
    )
