"""A world whose images a real, simple encoder understands: colours in images, colour words in texts.

Every image has a frame in its goal's colour and a middle in its step's colour. ``ColourEncoder`` counts pixels by
nearest named colour and words by name, so that a right image scores right and every planted fault is seen.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
from PIL import Image

from illinstr.articles import Article, Provenance, Step, make_id
from illinstr.runs import RunRecord, write_run
from tests.support.image_bytes import encoded

GOAL_COLOURS = {"red": "#ff0000", "lime": "#00ff00", "blue": "#0000ff", "yellow": "#ffff00", "aqua": "#00ffff"}
STEP_COLOURS = {"black": "#000000", "white": "#ffffff", "gray": "#808080", "purple": "#800080", "olive": "#808000"}
COLOURS = GOAL_COLOURS | STEP_COLOURS
_RGB = np.array([[int(code[i : i + 2], 16) for i in (1, 3, 5)] for code in COLOURS.values()], dtype=np.float64)


class ColourEncoder:
    """Images and texts to counts of named colours; ``max_words`` is where it stops reading."""

    id = "colours"
    sha256 = hashlib.sha256(b"colours").hexdigest()

    def __init__(self, max_words: int = 50) -> None:
        self.max_words = max_words
        self.images = self.texts = 0

    @staticmethod
    def _words(text):
        return re.findall(r"[a-z]+", text.lower())

    def is_cut(self, texts):
        return [len(self._words(text)) > self.max_words for text in texts]

    def encode_images(self, images):
        self.images += len(images)
        return np.stack([self._image(image) for image in images]).astype(np.float32)

    def _image(self, image):
        pixels = np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.NEAREST), dtype=np.float64)
        nearest = ((pixels[:, :, None, :] - _RGB) ** 2).sum(-1).argmin(-1)
        return np.bincount(nearest.ravel(), minlength=len(COLOURS)) / 64

    def encode_texts(self, texts):
        rows = []
        for text in texts:
            words = self._words(text)[: self.max_words]
            self.texts += 1
            rows.append([words.count(name) for name in COLOURS])
        return np.array(rows, dtype=np.float32)


def make_image(goal_colour: str, step_colour: str, size: int = 16, *, form: str = "PNG") -> bytes:
    image = Image.new("RGB", (size, size), COLOURS[goal_colour])
    image.paste(COLOURS[step_colour], (size // 4, size // 4, size - size // 4, size - size // 4))
    return encoded(image, form)


def noise(seed: int, size: int = 16) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    return encoded(Image.fromarray(pixels))


def article(goal_colour: str, steps: tuple[str, ...] = tuple(STEP_COLOURS), **changes) -> Article:
    """An article whose images are right; ``images`` replaces them, ``goal`` and ``size`` change what they say."""
    goal = changes.get("goal", f"How to paint a {goal_colour} wall")
    plain = Article(
        id=make_id("test", goal, changes.get("id", 0)),
        goal=goal,
        steps=tuple(Step(headline=f"Draw the {colour} square", body=f"{colour} " * 3) for colour in steps),
        provenance=Provenance(source="test"),
    )
    if "category" in changes:
        plain = plain.model_copy(update={"extra": {"category": changes["category"]}})
    images = changes.get("images")
    if images is None:
        images = [make_image(goal_colour, colour, changes.get("size", 16)) for colour in steps]
    return plain.with_images({i: data for i, data in enumerate(images) if data is not None})


def good_run() -> list[Article]:
    return [article(colour) for colour in GOAL_COLOURS]


def twice(run: list[Article]) -> list[Article]:
    """Every goal a second time: enough articles for a difference to survive Holm's correction."""
    return [*run, *(each.model_copy(update={"id": f"{each.id}-again"}) for each in run)]


def write_runs(folder: Path, articles) -> Path:
    """Articles as run folders in one folder, as ``illinstr generate --goals-file`` leaves them."""
    for number, each in enumerate(articles):
        record = RunRecord(
            goal=each.goal, seed=number, num_steps=each.num_steps, method="stacked", sampler="ddim", sampling_steps=2,
            guidance=1.0, model_id="mini", model_sha256="0" * 64, planner="test",
        )  # fmt: skip
        write_run(folder / f"{number:02d}", each, record, {})
    return folder
