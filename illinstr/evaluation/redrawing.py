"""Perturbations that only whoever draws scenes can make: one thing is drawn otherwise, all else stays.

What takes its place comes from other articles of the same data, so this module knows the form of a scene and some of
its keys, but no colour, no shape and no drawing of the world behind them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from illinstr.articles import Article
from illinstr.evaluation.metrics.choices import item_generator

Scene = dict[str, Any]
Draw = Callable[[Scene, int], bytes]
Change = Callable[[Scene, str], Scene]

ROOM_KEYS = ("wall", "table")
PERSON_KEYS = ("skin", "sleeve")
VESSEL = "vessel"
LOOKS = (*ROOM_KEYS, *PERSON_KEYS, VESSEL)
VESSELS = ("mug", "bowl", "plate", "pot", "jug", "kettle", "blender", "tub", "basin", "can", "bottle")
SHAPE_KEYS = ("shape", "pattern", "subject", "plant", "garment", "vehicle", "produce", "flower", "fruit")
STATE_KEYS = ("fill", "colour")
NO_OBJECTS = ("hand", "stream", "steam", "sparkles", "swirl", *VESSELS)


def change_look(articles: Sequence[Article], draw: Draw, look: str, seed: int) -> list[Article]:
    """Every article that shows a look, with another one drawn in each of its images.

    Args:
        articles: true ones, with scenes and images.
        draw: draws a scene at a size in pixels.
        look: one of ``LOOKS``; of an article's vessels those in its commonest vessel colour.
        seed: of the draws among what the articles show.
    """
    values = sorted({value for article in articles for scene in _scenes(article) for value in _values(scene, look)})
    changed = []
    for article in articles:
        generator = item_generator(seed, look, article.id)
        own = Counter(value for scene in _scenes(article) for value in _values(scene, look))
        places = [place for place, scene in enumerate(_scenes(article)) if set(_values(scene, look)) & set(own)]
        if len(places) < 2 or len(values) < 2:
            continue
        kept = max(own, key=lambda value: (own[value], value))
        others = _no_two_alike(values, len(places), generator)
        scenes = {
            place: _replaced(_scenes(article)[place], look, kept, other)
            for place, other in zip(places, others, strict=True)
        }
        changed.append(_drawn(article, scenes, draw))
    return changed


def change_shape(articles: Sequence[Article], draw: Draw, seed: int) -> list[Article]:
    """Every article with a thing of a named shape, that thing drawn in one other shape wherever it is shown."""
    donors: dict[tuple[str, str], set[str]] = {}
    for article in articles:
        for scene in _scenes(article):
            for kind, key, value in _shapes(scene):
                donors.setdefault((kind, key), set()).add(value)
    changed = []
    for article in articles:
        counts = Counter(each for scene in _scenes(article) for each in _shapes(scene))
        able = [each for each in counts if len(donors[each[0], each[1]]) > 1]
        if not able:
            continue
        kind, key, value = max(able, key=lambda each: (counts[each], each))
        others = sorted(donors[kind, key] - {value})
        other = others[int(item_generator(seed, "shape", article.id).integers(len(others)))]
        scenes = {
            place: _with(scene, key, value, other)
            for place, scene in enumerate(_scenes(article))
            if any(item.get(key) == value for item in _objects(scene))
        }
        changed.append(_drawn(article, scenes, draw))
    return changed


def change_state(articles: Sequence[Article], draw: Draw, colours: Sequence[str], seed: int) -> list[Article]:
    """Articles in which one thing takes another colour and keeps it, as baking, dyeing and ripening do.

    Only things shown in four images or more: two before the change at least, two from it on.
    """
    changed = []
    for article in articles:
        counts = Counter(
            each
            for scene in _scenes(article)
            for each in {
                (key, item[key])
                for item in _objects(scene)
                for key in STATE_KEYS
                if isinstance(item.get(key), str) and item.get("kind") not in NO_OBJECTS
            }
        )
        shown = [each for each in counts if counts[each] >= 4]
        if not shown:
            continue
        key, value = max(shown, key=lambda each: (counts[each], each))
        colour = colours[int(item_generator(seed, "state", article.id).integers(len(colours)))]
        places = [place for place, scene in enumerate(_scenes(article)) if _holds(scene, key, value)]
        scenes = {place: _with(_scenes(article)[place], key, value, colour) for place in places[len(places) // 2 :]}
        changed.append(_drawn(article, scenes, draw))
    return changed


def _values(scene: Scene, look: str) -> Iterator[str]:
    if look in ROOM_KEYS:
        if look in scene and not (look == "table" and scene.get("ground", "table") != "table"):
            yield scene[look]
        return
    for item in _objects(scene):
        if look == VESSEL:
            if item.get("kind") in VESSELS and isinstance(item.get("colour"), str):
                yield item["colour"]
        elif isinstance(item.get(look), str):
            yield item[look]


def _replaced(scene: Scene, look: str, old: str, new: str) -> Scene:
    if look in ROOM_KEYS:
        return {**scene, look: new}
    if look == VESSEL:
        return _with(scene, "colour", old, new, VESSELS)
    return _with(scene, look, None, new)


def _no_two_alike(values: Sequence[str], count: int, generator: np.random.Generator) -> list[str]:
    """``count`` values, each drawn among all, none like the one before it."""
    drawn: list[str] = []
    for _ in range(count):
        able = [value for value in values if not drawn or value != drawn[-1]]
        drawn.append(able[int(generator.integers(len(able)))])
    return drawn


def _shapes(scene: Scene) -> Iterator[tuple[str, str, str]]:
    for item in _objects(scene):
        for key in SHAPE_KEYS:
            if isinstance(item.get(key), str):
                yield str(item.get("kind")), key, item[key]


def _with(scene: Scene, key: str, old: str | None, new: str, kinds: Sequence[str] = ()) -> Scene:
    """The scene with ``new`` under ``key`` where ``old`` (anything where None) stands, in these kinds alone."""

    def changed(item: dict[str, Any]) -> dict[str, Any]:
        here = key in item and (old is None or item[key] == old) and (not kinds or item.get("kind") in kinds)
        return {**item, key: new} if here else item

    return {**scene, "objects": [changed(item) for item in _objects(scene)]}


def _holds(scene: Scene, key: str, value: str) -> bool:
    return any(item.get(key) == value for item in _objects(scene))


def _objects(scene: Scene) -> list[dict[str, Any]]:
    objects = scene.get("objects")
    return [item for item in objects if isinstance(item, dict)] if isinstance(objects, list) else []


def _scenes(article: Article) -> list[Scene]:
    return [step.scene or {} for step in article.steps]


def _drawn(article: Article, scenes: dict[int, Scene], draw: Draw) -> Article:
    size = next((step.image.width for step in article.steps if step.image is not None), 128)
    return article.with_images({place: draw(scene, size) for place, scene in scenes.items()})
