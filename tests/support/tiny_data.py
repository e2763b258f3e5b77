"""A tiny real data folder: coloured shapes that move, drawn with Pillow; wall colour named nowhere, shape colour in the
goal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from illinstr.articles import Article, Provenance, Step, StepImage, make_id
from illinstr.shards import ShardWriter
from tests.support.image_bytes import encoded

COLOURS = {"red": (200, 40, 40), "green": (40, 160, 60), "blue": (50, 80, 200), "yellow": (230, 200, 60)}
SHAPES = ("circle", "square", "cross", "bar")
TINY_PX = 32


def _image(wall, colour, shape, place):
    image = Image.new("RGB", (TINY_PX, TINY_PX), wall)
    draw = ImageDraw.Draw(image)
    left = 4 + 4 * place
    box = (left, 10, left + 12, 22)
    if shape == "circle":
        draw.ellipse(box, fill=COLOURS[colour])
    elif shape == "square":
        draw.rectangle(box, fill=COLOURS[colour])
    elif shape == "cross":
        draw.line((left, 10, left + 12, 22), fill=COLOURS[colour], width=3)
        draw.line((left, 22, left + 12, 10), fill=COLOURS[colour], width=3)
    else:
        draw.rectangle((left, 14, left + 12, 18), fill=COLOURS[colour])
    return encoded(image)


def tiny_article(index: int, num_steps: int | None = None) -> Article:
    """Article ``index`` of an endless series, 2 to 4 steps."""
    rng = np.random.default_rng(index)
    colour = list(COLOURS)[rng.integers(4)]
    wall = tuple(int(value) for value in rng.integers(150, 255, 3))
    shapes = [SHAPES[i] for i in rng.permutation(4)[: num_steps or int(rng.integers(2, 5))]]
    steps = tuple(
        Step(headline=f"draw the {shape}", image=StepImage.from_bytes(_image(wall, colour, shape, place)))
        for place, shape in enumerate(shapes)
    )
    goal = f"How to paint {colour} shapes"
    return Article(id=make_id("tiny", index), goal=goal, steps=steps, provenance=Provenance(source="tiny"))


def make_tiny_data(folder: Path, *, train: int = 24, val: int = 6, num_steps: int | None = None) -> Path:
    """Write the data folder and return it."""
    with ShardWriter(folder, source_config={"tiny": True}) as writer:
        for index in range(train + val):
            writer.add(tiny_article(index, num_steps), split="train" if index < train else "val")
    return folder
