"""What a model draws as named, what carries over from kept images, what survives when true images are drawn again.

    python scripts/measure_anchors.py --models mini mini-flow --goals 100

By the ruler of pixels, on held-out goals in six steps. *kept*: steps 1, 3 and 5 are the program's own images and
the model draws the others around them; a look (wall, table, skin, sleeve) is right in a drawn image that shows what the
kept ones show. *free*: the same, none kept: what chance gives. *drawn*: attributes as the goal names them in what is
drawn freely, and how often each tone of skin is, from the commonest on. *redrawn*: the true images noised a quarter of
the way and drawn again; *autoencoder*: the true images encoded and decoded alone.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr import minihow
from illinstr.articles import Article
from illinstr.console import reporter
from illinstr.diffusion.loading import load_pipeline
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.minihow.ruler import PANEL_PX, Pixels, named, pixels, unnamed
from illinstr.training.data import panels_of
from illinstr.training.redrawing import redraw
from scripts.resumable import run_cli

STEPS = 6
KEPT = (0, 2, 4)
LOOKS = ("wall", "table", "skin", "sleeve")
SHAPES = ("shape", "pattern", "with", "topping", "subject")
STRENGTH = 0.25


class Count:
    """How many of how many were right, by name."""

    def __init__(self) -> None:
        self.right: Counter[str] = Counter()
        self.all: Counter[str] = Counter()

    def add(self, name: str, right: bool) -> None:
        """One more."""
        self.right[name] += right
        self.all[name] += 1

    def share(self, name: str) -> str:
        """For a table."""
        return f"{self.right[name] / self.all[name]:.0%} of {self.all[name]}" if self.all[name] else "–"


def trained(article: Article) -> Article:
    """The article in the words that models of its world are told."""
    steps = tuple(step.model_copy(update={"headline": step.prompt or step.headline}) for step in article.steps)
    return article.model_copy(update={"steps": steps})


def small(image: Image.Image) -> Pixels:
    """At the size that the ruler measures at."""
    side = (PANEL_PX, PANEL_PX)
    return np.asarray(image if image.size == side else image.resize(side, Image.Resampling.LANCZOS), dtype=np.float32)


def kept_looks(article: Article, drawn: Sequence[Pixels], count: Count) -> None:
    """Count the looks of the drawn steps that are those of the kept ones."""
    wanted: dict[str, Counter[str]] = defaultdict(Counter)
    for shown in unnamed(article, pixels(article)):
        if shown.step - 1 in KEPT:
            wanted[shown.name][shown.seen] += 1
    for shown in unnamed(article, drawn):
        if shown.step - 1 not in KEPT and wanted[shown.name]:
            count.add(shown.name, shown.seen == wanted[shown.name].most_common(1)[0][0])


def named_right(article: Article, images: Sequence[Pixels], count: Count) -> None:
    """Count the attributes that are as named, and those of shape."""
    for shown in named(article, images):
        count.add("attributes", shown.seen == shown.wanted)
        count.add(shown.name, shown.seen == shown.wanted)


def decoded(pipeline: StackedDiffusionPipeline, latents: torch.Tensor) -> list[Pixels]:
    """Images of latents (n, c, h, w), without the upscaler."""
    images = pipeline.backbone.decode_latents(latents).clamp(-1, 1)
    return list(((images + 1) * 127.5).permute(0, 2, 3, 1).float().cpu().numpy())


def measure(model: str, articles: Sequence[Article]) -> list[str]:
    """Rows of the table for one model."""
    pipeline = load_pipeline(model)
    kept, free, drawn_as, redrawn, passed = Count(), Count(), Count(), Count(), Count()
    tones: Counter[str] = Counter()
    with reporter().task(f"measure {model}", len(articles)) as advance:
        for seed, true in enumerate(articles):
            article = trained(true)
            images = [step.image.decode() for step in article.steps if step.image]
            words = (article.goal, [step.headline for step in article.steps])
            anchors = {place: images[place] for place in KEPT}
            for count, held in ((kept, anchors), (free, {})):
                drawn = [small(image) for image in pipeline(*words, seed=seed, anchors=held)]
                kept_looks(article, drawn, count)
            named_right(article, drawn, drawn_as)
            tones.update(shown.seen for shown in unnamed(article, drawn) if shown.name == "skin")
            latents = pipeline.backbone.encode_images(panels_of(article, PANEL_PX))
            named_right(article, decoded(pipeline, latents), passed)
            named_right(article, decoded(pipeline, redraw(pipeline, article, latents, STRENGTH, seed)), redrawn)
            advance()
    shapes = [name for name in SHAPES if redrawn.all[name]]
    rows = [
        f"{model}, {what} | " + " | ".join(c.share(name) for name in LOOKS)
        for what, c in (("kept", kept), ("free", free))
    ]
    for what, c in (("drawn", drawn_as), ("autoencoder", passed), ("redrawn", redrawn)):
        told = ", ".join(f"{name} {c.share(name)}" for name in ("attributes", *shapes))
        rows.append(f"{model}, {what}: {told}")
    shares = ", ".join(f"{count / tones.total():.0%}" for _, count in tones.most_common())
    rows.append(f"{model}, skin tones: {shares}")
    return rows


def main() -> None:
    """Draw, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["mini", "mini-flow"], help="names, folders or hub ids")
    parser.add_argument("--goals", type=int, default=100, help="held-out goals")
    options = parser.parse_args()
    goals = minihow.held_out_goals(options.goals, STEPS)
    planned = [minihow.plan(goal, STEPS, seed=seed) for seed, goal in enumerate(goals)]
    articles = [minihow.illustrate(article, panel_px=PANEL_PX) for article in planned]
    print("model | " + " | ".join(LOOKS))
    for model in options.models:
        for row in measure(model, articles):
            print(row, flush=True)


if __name__ == "__main__":
    run_cli(main)
