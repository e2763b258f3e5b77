"""Articles made ready for scoring: what is compared with what, what each is about, and images that can be read."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from illinstr.articles import Article, Step, clean_text, normalise_goal
from illinstr.errors import DataError
from illinstr.images import decode_image, encode_png

if TYPE_CHECKING:
    from PIL.Image import Image

StepText = Literal["headline", "full"]
Identify = Callable[[str], str]
Measure = Callable[[Article], Iterable[tuple[str, int, float]]]
MAX_CATEGORY = 80


@dataclass(frozen=True)
class Panel:
    """One image of an article; ``step`` counts from 1, ``size`` is (width, height), ``data`` the encoded image."""

    step: int
    text: str
    sha256: str
    size: tuple[int, int]
    data: bytes


@dataclass(frozen=True)
class Subject:
    """One article to score.

    ``identity`` is what two wordings of one goal share. ``key`` adds which time the goal comes: articles of two runs,
    or of a run and the truth, that have one key are compared. ``texts`` holds every step's text, drawn or not.
    ``category`` is what the article is about, where it says so. ``measured`` holds what whoever knows the article's
    world says of its images: metric, step counted from 1, score.
    """

    key: str
    id: str
    goal: str
    identity: str
    texts: tuple[str, ...]
    panels: tuple[Panel, ...]
    category: str | None = None
    measured: tuple[tuple[str, int, float], ...] = ()

    @property
    def images(self) -> str:
        """What the article's images, in their order, are filed under."""
        return hashlib.sha256(" ".join(panel.sha256 for panel in self.panels).encode()).hexdigest()


def at_most(articles: Iterable[Article], side_px: int) -> Iterator[Article]:
    """The articles with every image of which both sides are over ``side_px`` brought to that size (Lanczos, PNG).

    What compares images that were made at different sizes must not score the sizes. An image that cannot be decoded
    stays as it is, for ``make_subject`` to name.
    """
    for article in articles:
        smaller = {}
        for index, step in enumerate(article.steps):
            image = step.image
            if image is None or image.data is None or min(image.width, image.height) <= side_px:
                continue
            with contextlib.suppress(DataError):
                smaller[index] = _reduced(open_panel(image.data, article.id), side_px)
        yield article.with_images(smaller) if smaller else article


def _reduced(image: Image, side_px: int) -> bytes:
    from PIL.Image import Resampling

    scale = side_px / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    return encode_png(image.resize(size, Resampling.LANCZOS))


def keyed(articles: Iterable[Article], identify: Identify) -> Iterator[tuple[str, str, Article]]:
    """Each article behind its key and its goal's identity; the key adds which time the goal comes."""
    seen: Counter[str] = Counter()
    for article in articles:
        identity = identify(article.goal)
        seen[identity] += 1
        yield f"{identity} #{seen[identity]}", identity, article


def goal_of(key: str) -> str:
    """The identity of the goal that a key of ``keyed`` stands for."""
    return key.rpartition(" #")[0]


def make_subject(
    key: str, identity: str, article: Article, step_text: StepText, source: str, measure: Measure | None = None
) -> Subject:
    """Prepare one article of the run or data called ``source`` and check that each of its images can be read.

    Raises:
        DataError: an image that no decoder reads, named by step, article and source.
    """
    texts = tuple(text_of(step, step_text) for step in article.steps)
    panels = []
    for number, step in enumerate(article.steps, start=1):
        if step.image is None or step.image.data is None:
            continue
        size = open_panel(step.image.data, f"step {number} of {article.id} in {source}").size
        digest = hashlib.sha256(step.image.data).hexdigest()
        panels.append(Panel(number, texts[number - 1], digest, size, step.image.data))
    measured = tuple(measure(article)) if measure is not None else ()
    return Subject(key, article.id, article.goal, identity, texts, tuple(panels), category_of(article), measured)


def category_of(article: Article) -> str | None:
    """What an article is about: its ``category``, the outermost of its ``categories``, or its MiniHow family."""
    outermost = article.extra.get("categories")
    for found in (
        article.extra.get("category"),
        outermost[0] if isinstance(outermost, list | tuple) and outermost else None,
        article.extra.get("family"),
    ):
        if isinstance(found, str) and clean_text(found):
            return clean_text(found)[:MAX_CATEGORY]
    return None


def goal_identity(goal: str) -> str:
    """What makes two goals the same: their normal form, or their letters where that form is empty."""
    return normalise_goal(goal) or goal


def text_of(step: Step, step_text: StepText) -> str:
    """What stands for a step: its headline in the words of the model's own world, or that and the body."""
    headline = step.prompt or step.headline
    return f"{headline} {step.body}" if step_text == "full" and step.body else headline


def open_panel(data: bytes, label: str) -> Image:
    """Decode image bytes to RGB as every room does (``illinstr.images``).

    Raises:
        DataError: damaged, of another format than PNG, JPEG or WebP, or far too large; ``label`` says which.
    """
    return decode_image(data, label=f"the image of {label}", hint="draw or fetch that article again")
