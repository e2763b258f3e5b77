"""A ruler of pixels: which value of each thing that a goal names does an image show? The program itself says, no judge.

For each image the program draws the same step once for each value that an attribute may have (a red, blue, green ...
tail). Where those drawings differ is where the attribute shows; the value whose drawing is nearest there is what the
image is taken to show.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from illinstr.articles import Article
from illinstr.images import decode_image
from illinstr.minihow import palette
from illinstr.minihow.families import Family, Look, StepDef, all_families
from illinstr.minihow.grammar import recognise
from illinstr.minihow.scene import draw_scene

Pixels = NDArray[np.float32]

PANEL_PX = 128
VISIBLE = 24.0  # of 255: two drawings differ at a pixel
LEAST_SHARE = 0.003  # of a panel's pixels that an attribute must move for the panel to show it
SHIFTS = tuple((dx, dy) for dx in (-3, -1, 1, 3) for dy in (-1, 1))  # pixels; scenes are moved by so much at random
LOOKS = {
    "wall": palette.WALLS,
    "table": palette.TABLES,
    "skin": palette.SKINS,
    "sleeve": palette.SLEEVES,
    "main": palette.CROCKERY,
    "second": palette.CROCKERY,
}


@dataclass(frozen=True)
class Shown:
    """What one image was taken to show of one thing."""

    family: str
    name: str  # of the attribute or look
    article: str
    wanted: str  # "" where nothing says it
    seen: str
    step: int  # counted from 1


@lru_cache(maxsize=2048)  # 48 KiB each
def _drawing(family: str, step: str, look: tuple[tuple[str, Any], ...]) -> NDArray[np.uint8]:
    values = dict(look)
    chosen = Look(**{**values, "attributes": dict(values["attributes"])})
    definition = all_families()[family]
    scene = next(each for each in definition.steps if each.key == step).scene(chosen)
    room = {"wall": chosen.wall, "decor": chosen.decor, "table": chosen.table, "ground": definition.ground}
    return np.asarray(draw_scene({**room, "objects": scene}, PANEL_PX))


def _draw(family: str, step: str, look: Look) -> Pixels:
    frozen = [(each.name, getattr(look, each.name)) for each in fields(look)]
    drawn = _drawing(
        family, step, tuple((k, tuple(sorted(v.items())) if isinstance(v, Mapping) else v) for k, v in frozen)
    )
    return drawn.astype(np.float32)


def nearest(image: Pixels, drawings: Mapping[str, Pixels]) -> str | None:
    """The value whose drawing the image is nearest to where the drawings differ, or None where they hardly do.

    Args:
        image: (h, w, 3), 0 to 255.
        drawings: the same for each value.
    """
    stack = np.stack(list(drawings.values()))
    where = np.ptp(stack, axis=0).max(axis=-1) > VISIBLE
    if where.mean() < LEAST_SHARE:
        return None
    distances = np.full(len(stack), np.inf)
    for dx, dy in SHIFTS:
        moved = np.roll(image, (dy, dx), axis=(0, 1))
        distances = np.minimum(distances, np.abs(stack[:, where] - moved[where]).mean(axis=(1, 2)))
    return list(drawings)[int(distances.argmin())]


def named(article: Article, images: Sequence[Pixels | None]) -> Iterator[Shown]:
    """What the images of an article show of each attribute of its goal."""
    known = recognise(article.goal)
    if known is None:
        return
    family, values = all_families()[known.family], dict(known.values)
    look = Look.sample(values, random.Random(0))
    for number, step, image in _illustrated(family, article, images):
        for name, options in family.attributes.items():
            others = [replace(look, attributes={**values, name: option}) for option in options]
            allowed = [each for each in others if len({each[n] for n in family.differ}) == len(family.differ)]
            drawings = {each[name]: _draw(family.name, step.key, each) for each in allowed}
            seen = nearest(image, drawings) if len(drawings) > 1 else None
            if seen is not None:
                alike = np.abs(drawings[seen] - drawings[values[name]]).max() <= VISIBLE
                yield Shown(family.name, name, article.id, values[name], values[name] if alike else seen, number)


def unnamed(article: Article, images: Sequence[Pixels | None]) -> Iterator[Shown]:
    """What the images of an article show of each look that nothing names."""
    known = recognise(article.goal)
    if known is None:
        return
    family, values = all_families()[known.family], dict(known.values)
    look = Look.sample(values, random.Random(0))
    for number, step, image in _illustrated(family, article, images):
        for name, options in LOOKS.items():
            drawings = {each: _draw(family.name, step.key, _with(look, name, each)) for each in options}
            seen = nearest(image, drawings)
            if seen is not None:
                yield Shown(family.name, name, article.id, "", seen, number)


def _with(look: Look, name: str, value: str) -> Look:
    changed: dict[str, Any] = {name: value}
    return replace(look, **changed)


def _illustrated(
    family: Family, article: Article, images: Sequence[Pixels | None]
) -> Iterator[tuple[int, StepDef, Pixels]]:
    """The steps that the family has and that are drawn: number from 1, definition, image."""
    steps = {each.key: each for each in family.steps}
    for number, (step, image) in enumerate(zip(article.steps, images, strict=True), start=1):
        key = step.scene.get("step") if step.scene is not None else None
        if image is not None and isinstance(key, str) and key in steps:
            yield number, steps[key], image


def pixels(article: Article) -> list[Pixels | None]:
    """The images of an article as arrays; None where a step has none."""
    return [_array(step.image.data) if step.image and step.image.data else None for step in article.steps]


def _array(data: bytes) -> Pixels:
    image = decode_image(data, label="an image to measure")
    return np.asarray(image.resize((PANEL_PX, PANEL_PX)), dtype=np.float32)


def shares_as_named(article: Article) -> list[tuple[int, float]]:
    """For each image that shows something of what the goal names: its step, and the share of it that is as named."""
    found: dict[int, list[bool]] = defaultdict(list)
    for each in named(article, pixels(article)):
        found[each.step].append(each.seen == each.wanted)
    return [(step, sum(marks) / len(marks)) for step, marks in sorted(found.items())]
