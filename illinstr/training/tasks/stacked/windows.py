"""Windows of long articles: an article of more steps than a canvas holds is learnt in parts.

A window is a run of consecutive steps. They are numbered from 1 in it, as the panels of a long article are when they
are drawn (``illinstr.diffusion.windows``): a model meets no step code there that it was not trained with, however long
the article. The windows of one article are as few as cover it, all of the full length, spread evenly; neighbours
overlap by what is left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from illinstr.articles import Article, Step


@dataclass(frozen=True)
class Window:
    """Steps ``start`` to ``start + length - 1`` (from 0) of the article at ``article`` in its list."""

    article: int
    start: int
    length: int


def cut(num_steps: int, longest: int) -> list[tuple[int, int]]:
    """(start, length) of each window of an article of ``num_steps``.

    Raises:
        ValueError: a number under 1.
    """
    if num_steps < 1 or longest < 1:
        raise ValueError(f"cannot cut {num_steps} steps into windows of {longest}")
    if num_steps <= longest:
        return [(0, num_steps)]
    count = -(-num_steps // longest)
    room = num_steps - longest
    return [(round(index * room / (count - 1)), longest) for index in range(count)]


def windows_of(articles: Sequence[Article], longest: int, min_pictured: float) -> list[Window]:
    """All windows of ``articles`` with at least one image and a share of illustrated steps of ``min_pictured``."""
    found = []
    for number, article in enumerate(articles):
        for start, length in cut(article.num_steps, longest):
            illustrated = sum(has_image(step) for step in article.steps[start : start + length])
            if illustrated >= max(1, min_pictured * length):
                found.append(Window(number, start, length))
    return found


def has_image(step: Step) -> bool:
    """Whether the step has an image, with its bytes at hand."""
    return step.image is not None and step.image.data is not None
