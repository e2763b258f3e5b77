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
from illinstr.evaluation import claims
from illinstr.evaluation.metrics.choices import item_generator
from illinstr.evaluation.redrawing import LOOKS, Draw, change_look, change_shape, change_state
from illinstr.evaluation.subjects import Identify, goal_identity, open_panel

Pixels = NDArray[np.uint8]

NOISE_STRENGTHS = (16, 48, 128)
BLUR = 0.02
RECOLOURS = ("#e2483d", "#3f7fc4", "#5fa84a", "#f9c932", "#8a5bb5", "#3f3b42")
# What a goal colours comes first: the contents of a cup, then a thing's own colour. Hands and rooms are no objects.
_COLOUR_KEYS = ("fill", "colour")
_NO_OBJECTS = ("hand", "stream", "steam", "sparkles", "swirl")


@dataclass(frozen=True)
class Fault:
    """One way to spoil articles: its name, which ``claims`` speaks of, and the spoilt articles."""

    name: str
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
    scenic = draw is not None and all(step.scene is not None for article in articles for step in article.steps)
    faults = [
        Fault(claims.STEPS, [shuffle_steps(a, seed) for a in articles]),
        Fault(claims.NEIGHBOURS, [swap_neighbours(a, seed) for a in articles if a.num_steps > 1]),
        Fault(claims.REVERSED, [reverse_order(a) for a in articles if a.num_steps > 1]),
        Fault(claims.GOALS, swap_goals(articles, seed, identify)),
        *(_redrawn(articles, draw, seed) if draw is not None and scenic else ()),
        Fault(claims.FIRST, [repeat(article, 0) for article in articles]),
        Fault(claims.LAST, [repeat(article, -1) for article in articles]),
        Fault(claims.MIRRORED, [altered(article, mirror) for article in articles]),
        Fault(claims.UPSIDE_DOWN, [altered(article, turn_over) for article in articles]),
        Fault(claims.GREY, [altered(article, make_grey) for article in articles]),
        Fault(claims.BLUR, [altered(article, blur) for article in articles]),
        Fault(claims.LIGHTING, [change_lighting(article, seed) for article in articles]),
    ]
    faults += [
        Fault(f"noise of {strength} of 255", [add_noise(article, strength, seed) for article in articles])
        for strength in NOISE_STRENGTHS
    ]
    return [fault for fault in faults if fault.articles]


def _redrawn(articles: Sequence[Article], draw: Draw, seed: int) -> list[Fault]:
    looks = [Fault(claims.look_row(look), change_look(articles, draw, look, seed)) for look in LOOKS]
    return [
        *looks,
        Fault(claims.COLOUR, [recolour(article, draw, every=1) for article in articles]),
        Fault(claims.EVERY_SECOND, [recolour(article, draw, every=2) for article in articles]),
        Fault(claims.SHAPE, change_shape(articles, draw, seed)),
        Fault(claims.STATE, change_state(articles, draw, RECOLOURS, seed)),
    ]


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


def swap_neighbours(article: Article, seed: int) -> Article:
    """The images of two steps in a row exchanged; which, the seed says."""
    images = _images(article)
    pairs = [k for k in range(len(images) - 1) if images[k] is not None and images[k + 1] is not None]
    if not pairs:
        return article
    place = pairs[int(item_generator(seed, "neighbours", article.id).integers(len(pairs)))]
    first, second = images[place], images[place + 1]
    return article.with_images({k: data for k, data in ((place, second), (place + 1, first)) if data is not None})


def reverse_order(article: Article) -> Article:
    """The last image in the first step, and so on."""
    images = list(enumerate(_images(article)))
    shown = [(place, data) for place, data in images if data is not None]
    return article.with_images(
        {place: data for (place, _), (_, data) in zip(shown, reversed(shown), strict=True) if data is not None}
    )


def repeat(article: Article, which: int) -> Article:
    """One of its images, 0 the first and -1 the last, in every step."""
    shown = [data for data in _images(article) if data is not None]
    return article.with_images(dict.fromkeys(range(article.num_steps), shown[which])) if shown else article


def altered(article: Article, change: Callable[[Pixels], Pixels]) -> Article:
    """Every image after ``change`` of its pixels, (h, w, 3)."""
    return article.with_images(
        {
            place: _encoded(change(np.asarray(open_panel(data, article.id))))
            for place, data in enumerate(_images(article))
            if data is not None
        }
    )


def mirror(pixels: Pixels) -> Pixels:
    """Left for right."""
    return np.ascontiguousarray(pixels[:, ::-1])


def turn_over(pixels: Pixels) -> Pixels:
    """Half a turn."""
    return np.ascontiguousarray(pixels[::-1, ::-1])


def make_grey(pixels: Pixels) -> Pixels:
    """The luma of ITU-R BT.601 in all three channels."""
    luma = (pixels @ np.array([0.299, 0.587, 0.114])).round().astype(np.uint8)
    return np.repeat(luma[..., None], 3, axis=-1)


def blur(pixels: Pixels) -> Pixels:
    """A Gaussian with a standard deviation of 2 % of the width."""
    from scipy.ndimage import gaussian_filter

    sigma = BLUR * pixels.shape[1]
    return np.asarray(gaussian_filter(pixels.astype(np.float64), (sigma, sigma, 0)).round(), dtype=np.uint8)


def change_lighting(article: Article, seed: int) -> Article:
    """Each image brighter or darker by up to 15 %, and each of its channels by up to 5 % more."""
    images = {}
    for place, data in enumerate(_images(article)):
        if data is None:
            continue
        generator = item_generator(seed, "lighting", article.id, place)
        gains = generator.uniform(0.85, 1.15) * generator.uniform(0.95, 1.05, 3)
        pixels = np.asarray(open_panel(data, article.id), dtype=np.float64) * gains
        images[place] = _encoded(np.clip(pixels, 0, 255).round().astype(np.uint8))
    return article.with_images(images)


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
