"""Is the judge to be trusted? Faults planted in true articles, so that every metric must move the way it claims to.

A judge that scores the truth high and shuffled images just as high measures nothing. Each fault here takes true
articles and spoils their images in one known way; the table says what the metrics make of it.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from illinstr.articles import Article
from illinstr.evaluation.metrics.choices import item_generator
from illinstr.evaluation.subjects import Identify, goal_identity, open_panel

Draw = Callable[[dict[str, Any], int], bytes]
Pixels = NDArray[np.uint8]

NOISE_STRENGTHS = (16, 48, 128)
RECOLOURS = ("#e2483d", "#3f7fc4", "#5fa84a", "#f9c932", "#8a5bb5", "#3f3b42")
# What a goal colours comes first: the contents of a cup, then a thing's own colour. Hands and rooms are no objects.
_COLOUR_KEYS = ("fill", "colour")
_NO_OBJECTS = ("hand", "stream", "steam", "sparkles", "swirl")


@dataclass(frozen=True)
class Fault:
    """One way to spoil articles: its name, what must fall or rise, and the spoilt articles."""

    name: str
    expected: str
    articles: list[Article]


def plant(
    articles: Sequence[Article], *, seed: int = 0, draw: Draw | None = None, identify: Identify = goal_identity
) -> list[Fault]:
    """Every fault that the articles allow.

    Args:
        articles: true ones, with images.
        seed: of shuffles and noise.
        draw: draws a scene at a size in pixels; without it, or without scenes, no object is recoloured.
        identify: what two wordings of one goal share, so that images are never swapped for the same goal's.
    """
    faults = [
        Fault("shuffled between steps", "step_faithfulness falls", [shuffle_steps(a, seed) for a in articles]),
        Fault("shuffled between goals", "goal_faithfulness falls", swap_goals(articles, seed, identify)),
    ]
    if draw is not None and all(step.scene is not None for article in articles for step in article.steps):
        everywhere = [recolour(article, draw, every=1) for article in articles]
        alternating = [recolour(article, draw, every=2) for article in articles]
        faults += [
            Fault("one object recoloured", "goal_faithfulness falls where goals differ in colour", everywhere),
            Fault("one object recoloured, every second image", "consistency rises", alternating),
        ]
    faults.append(
        Fault("one image repeated", "consistency and diversity are 0", [repeat_first(article) for article in articles])
    )
    faults += [
        Fault(f"noise of {strength} of 255", "all fall", [add_noise(article, strength, seed) for article in articles])
        for strength in NOISE_STRENGTHS
    ]
    return [fault for fault in faults if fault.articles]


def shuffle_steps(article: Article, seed: int) -> Article:
    """Images moved between steps so that none stays where it was."""
    illustrated = [place for place, data in enumerate(_images(article)) if data is not None]
    if len(illustrated) < 2:
        return article
    generator = item_generator(seed, "shuffle", article.id)
    order = generator.permutation(len(illustrated))
    images = _images(article)
    # Each goes where the next in a random ring was: a permutation without fixed points.
    moved = {illustrated[order[i]]: images[illustrated[order[i - 1]]] for i in range(len(order))}
    return article.with_images({place: data for place, data in moved.items() if data is not None})


def swap_goals(articles: Sequence[Article], seed: int, identify: Identify = goal_identity) -> list[Article]:
    """Each article with the images of one about another goal, step for step; too short ones are gone round again."""
    swapped = []
    for article in articles:
        strangers = [other for other in articles if identify(other.goal) != identify(article.goal)]
        if not strangers:
            continue
        generator = item_generator(seed, "swap", article.id)
        other = strangers[int(generator.integers(len(strangers)))]
        theirs = [data for data in _images(other) if data is not None]
        swapped.append(
            article.with_images({place: theirs[place % len(theirs)] for place in range(article.num_steps) if theirs})
        )
    return swapped


def repeat_first(article: Article) -> Article:
    """The first image in every step."""
    first = next((data for data in _images(article) if data is not None), None)
    return article if first is None else article.with_images(dict.fromkeys(range(article.num_steps), first))


def add_noise(article: Article, strength: int, seed: int) -> Article:
    """Gaussian noise of ``strength`` (standard deviation, of 255) on every image."""
    images = {}
    for place, data in enumerate(_images(article)):
        if data is None:
            continue
        pixels = np.asarray(open_panel(data, article.id), dtype=np.float64)
        noise = item_generator(seed, "noise", article.id, place).normal(scale=strength, size=pixels.shape)
        images[place] = _encoded(np.clip(pixels + noise, 0, 255).round().astype(np.uint8))
    return article.with_images(images)


def recolour(article: Article, draw: Draw, *, every: int = 1) -> Article:
    """Draw the article again with one object in another colour, in every ``every``-th image that shows it.

    The object is the one whose colour comes most often, what a goal colours before what it does not; the new colour is
    the one of six whose drawing differs most from the true one. Articles without a coloured object stay as they are.
    """
    found = _most_coloured(article)
    if found is None:
        return article
    key, value = found
    places = [i for i, step in enumerate(article.steps) if _holds(step.scene or {}, key, value)][::every]
    size = _size(article)
    first = article.steps[places[0]].scene or {}
    true = _pixels(draw(first, size))
    gaps = {
        colour: float(np.abs(_pixels(draw(_with_colour(first, key, value, colour), size)) - true).mean())
        for colour in RECOLOURS
    }
    colour = max(gaps, key=lambda each: (gaps[each], each))
    return article.with_images(
        {i: draw(_with_colour(article.steps[i].scene or {}, key, value, colour), size) for i in places}
    )


def _most_coloured(article: Article) -> tuple[str, str] | None:
    counts: dict[tuple[str, str], int] = {}
    for step in article.steps:
        here = {
            (key, item[key])
            for item in _objects(step.scene or {})
            for key in _COLOUR_KEYS
            if isinstance(item.get(key), str) and item.get("kind") not in _NO_OBJECTS
        }
        for each in here:
            counts[each] = counts.get(each, 0) + 1
    if not counts:
        return None
    return max(counts, key=lambda each: (counts[each] - 0.5 * _COLOUR_KEYS.index(each[0]), each))


def _objects(scene: dict[str, Any]) -> list[dict[str, Any]]:
    objects = scene.get("objects")
    return [item for item in objects if isinstance(item, dict)] if isinstance(objects, list) else []


def _holds(scene: dict[str, Any], key: str, value: str) -> bool:
    return any(item.get(key) == value for item in _objects(scene))


def _with_colour(scene: dict[str, Any], key: str, value: str, colour: str) -> dict[str, Any]:
    objects = [{**item, key: colour} if item.get(key) == value else item for item in _objects(scene)]
    return {**scene, "objects": objects}


def _images(article: Article) -> list[bytes | None]:
    return [step.image.data if step.image is not None else None for step in article.steps]


def _size(article: Article) -> int:
    return next((step.image.width for step in article.steps if step.image is not None), 128)


def _pixels(data: bytes) -> NDArray[np.float64]:
    return np.asarray(open_panel(data, "a drawing"), dtype=np.float64)


def _encoded(pixels: Pixels) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()
