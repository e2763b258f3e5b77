"""Articles made ready for scoring: what is compared with what, and the features of every picture and text.

Every distinct picture (by the SHA-256 of its bytes) and every distinct text is encoded once.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from illinstr.articles import IMAGE_SUFFIX, Article, Step, normalise_goal
from illinstr.errors import DataError
from illinstr.evaluation.encoders import ImageEncoder, ImageTextEncoder
from illinstr.progress import Reporter

if TYPE_CHECKING:
    from PIL.Image import Image

StepText = Literal["headline", "full"]
Vector = NDArray[np.float32]
Identify = Callable[[str], str]
PIECE = 256  # pictures decoded at a time: bounds memory, moves the progress bar


@dataclass(frozen=True)
class Panel:
    """One picture of an article; ``step`` counts from 1, ``size`` is (width, height), ``data`` the encoded picture."""

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
    """

    key: str
    id: str
    goal: str
    identity: str
    texts: tuple[str, ...]
    panels: tuple[Panel, ...]


def keyed(articles: Iterable[Article], identify: Identify) -> Iterator[tuple[str, str, Article]]:
    """Each article behind its key and its goal's identity; the key adds which time the goal comes."""
    seen: Counter[str] = Counter()
    for article in articles:
        identity = identify(article.goal)
        seen[identity] += 1
        yield f"{identity} #{seen[identity]}", identity, article


def make_subject(key: str, identity: str, article: Article, step_text: StepText) -> Subject:
    """Prepare one article and check that each of its pictures can be read.

    Raises:
        DataError: a picture that no decoder reads, named by article and step.
    """
    texts = tuple(text_of(step, step_text) for step in article.steps)
    panels = []
    for number, step in enumerate(article.steps, start=1):
        if step.image is None or step.image.data is None:
            continue
        size = open_picture(step.image.data, f"step {number} of {article.id}").size
        digest = hashlib.sha256(step.image.data).hexdigest()
        panels.append(Panel(number, texts[number - 1], digest, size, step.image.data))
    return Subject(key, article.id, article.goal, identity, texts, tuple(panels))


def goal_identity(goal: str) -> str:
    """What makes two goals the same: their normal form, or their letters where that form is empty."""
    return normalise_goal(goal) or goal


def text_of(step: Step, step_text: StepText) -> str:
    """What stands for a step: its headline, or headline and body."""
    return f"{step.headline} {step.body}" if step_text == "full" and step.body else step.headline


def open_picture(data: bytes, label: str) -> Image:
    """Decode picture bytes to RGB; transparent parts become white.

    Raises:
        DataError: damaged, of another format than PNG, JPEG or WebP, or far too large; ``label`` says which.
    """
    from PIL import Image, UnidentifiedImageError

    formats = [media.removeprefix("image/").upper() for media in IMAGE_SUFFIX]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=formats) as picture:
                picture.load()
                if "A" not in picture.getbands() and "transparency" not in picture.info:
                    return picture.convert("RGB")
                layer = picture.convert("RGBA")
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        raise DataError(f"cannot read the picture of {label}", hint="draw or fetch that article again") from error
    backdrop = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(backdrop, layer).convert("RGB")


@dataclass(frozen=True)
class FeatureTable:
    """Features of distinct pictures and texts, looked up by SHA-256 and by text."""

    pictures: dict[str, Vector]
    texts: dict[str, Vector]

    def of_pictures(self, panels: Sequence[Panel]) -> Vector:
        """(m, d) in the order of ``panels``."""
        return np.stack([self.pictures[panel.sha256] for panel in panels])

    def of_texts(self, texts: Sequence[str]) -> Vector:
        """(k, d) in the order of ``texts``."""
        return np.stack([self.texts[text] for text in texts])


def encode_pictures(encoder: ImageEncoder, subjects: Iterable[Subject], reporter: Reporter) -> dict[str, Vector]:
    """Features of every distinct picture."""
    distinct = {panel.sha256: panel.data for subject in subjects for panel in subject.panels}
    names = list(distinct)
    features: dict[str, Vector] = {}
    with reporter.task(f"look at pictures with {encoder.id}", len(names)) as advance:
        for start in range(0, len(names), PIECE):
            piece = names[start : start + PIECE]
            vectors = encoder.encode_images([open_picture(distinct[name], name) for name in piece])
            features.update(zip(piece, vectors, strict=True))
            advance(len(piece))
    return features


def encode_texts(encoder: ImageTextEncoder, texts: Iterable[str], reporter: Reporter) -> dict[str, Vector]:
    """Features of every distinct text, in the order of their letters so that order of articles changes nothing."""
    distinct = sorted(set(texts))
    with reporter.task(f"read texts with {encoder.id}", len(distinct)) as advance:
        vectors = encoder.encode_texts(distinct)
        advance(len(distinct))
    return dict(zip(distinct, vectors, strict=True))
