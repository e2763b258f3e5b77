"""Which of the things that a goal names are drawn as it says, and do the unnamed ones stay the same? Pixels decide.

    python scripts/measure_attributes.py runs/measure/stacked-n6 --out attributes.md

For each image of a MiniHow goal the program draws the same step once for each value that an attribute may have
(a red, blue, green ... tail). Where those drawings differ is where the attribute shows; the value whose drawing is
nearest there is what the image is taken to show. The same is asked of the program's own images of the same goals,
drawn with other looks and positions, which says how far the ruler can be trusted. No judge takes part.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr import minihow
from illinstr.articles import Article
from illinstr.console import reporter
from illinstr.errors import DataError
from illinstr.files import write_text
from illinstr.minihow import palette
from illinstr.minihow.families import Look, StepDef, all_families
from illinstr.minihow.scene import draw_scene
from illinstr.runs import article_folders, read_article
from scripts.resumable import run_cli

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
TRUTH_SEED = 987_654  # looks and positions unlike those of any drawing


@dataclass(frozen=True)
class Shown:
    """What one image was taken to show of one thing."""

    family: str
    name: str  # of the attribute or look
    article: str
    wanted: str  # "" where nothing says it
    seen: str


@lru_cache(maxsize=4096)
def _drawing(family: str, step: str, look: tuple[tuple[str, Any], ...]) -> Pixels:
    values = dict(look)
    chosen = Look(**{**values, "attributes": dict(values["attributes"])})
    definition = all_families()[family]
    scene = next(each for each in definition.steps if each.key == step).scene(chosen)
    room = {"wall": chosen.wall, "decor": chosen.decor, "table": chosen.table, "ground": definition.ground}
    return np.asarray(draw_scene({**room, "objects": scene}, PANEL_PX), dtype=np.float32)


def _draw(family: str, step: str, look: Look) -> Pixels:
    frozen = [(each.name, getattr(look, each.name)) for each in fields(look)]
    return _drawing(
        family, step, tuple((k, tuple(sorted(v.items())) if isinstance(v, Mapping) else v) for k, v in frozen)
    )


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
    family, values = all_families()[article.extra["family"]], dict(article.extra["attributes"])
    look = Look.sample(values, random.Random(0))
    for step, image in _illustrated(article, images):
        for name, options in family.attributes.items():
            others = [replace(look, attributes={**values, name: option}) for option in options]
            allowed = [each for each in others if len({each[n] for n in family.differ}) == len(family.differ)]
            drawings = {each[name]: _draw(family.name, step.key, each) for each in allowed}
            seen = nearest(image, drawings) if len(drawings) > 1 else None
            if seen is not None:
                alike = np.abs(drawings[seen] - drawings[values[name]]).max() <= VISIBLE
                yield Shown(family.name, name, article.id, values[name], values[name] if alike else seen)


def unnamed(article: Article, images: Sequence[Pixels | None]) -> Iterator[Shown]:
    """What the images of an article show of each look that nothing names."""
    family, values = all_families()[article.extra["family"]], dict(article.extra["attributes"])
    look = Look.sample(values, random.Random(0))
    for step, image in _illustrated(article, images):
        for name, options in LOOKS.items():
            drawings = {each: _draw(family.name, step.key, _with(look, name, each)) for each in options}
            seen = nearest(image, drawings)
            if seen is not None:
                yield Shown(family.name, name, article.id, "", seen)


def _with(look: Look, name: str, value: str) -> Look:
    changed: dict[str, Any] = {name: value}
    return replace(look, **changed)


def _illustrated(article: Article, images: Sequence[Pixels | None]) -> Iterator[tuple[StepDef, Pixels]]:
    steps = {each.key: each for each in all_families()[article.extra["family"]].steps}
    for step, image in zip(article.steps, images, strict=True):
        if image is not None and step.scene is not None:
            yield steps[step.scene["step"]], image


def pixels(article: Article) -> list[Pixels | None]:
    """The images of an article as arrays; None where a step has none."""
    return [_array(step.image.data) if step.image and step.image.data else None for step in article.steps]


def _array(data: bytes) -> Pixels:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB").resize((PANEL_PX, PANEL_PX)), dtype=np.float32)


def truth_of(article: Article) -> Article:
    """The program's own images of the same goal in as many steps, with other looks."""
    return minihow.illustrate(minihow.plan(article.goal, article.num_steps, seed=TRUTH_SEED), panel_px=PANEL_PX)


def right(shown: Iterable[Shown]) -> float | None:
    """The share of images that show what the goal names; None of none."""
    return _mean([float(each.seen == each.wanted) for each in shown])


def agreement(shown: Iterable[Shown]) -> float | None:
    """The share of images that show what most images of their article show of a look; None of none."""
    articles: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in shown:
        articles[each.article, each.name].append(each.seen)
    several = [seen for seen in articles.values() if len(seen) > 1]
    return _mean([Counter(seen).most_common(1)[0][1] / len(seen) for seen in several])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _share(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}%}"


def page(drawn: Sequence[Shown], truth: Sequence[Shown], looks: Sequence[Shown], true_looks: Sequence[Shown]) -> str:
    """Both tables in Markdown: attributes from the worst on, then the looks."""
    lines = ["| family | attribute | as named | truth | images |", "| --- | --- | --- | --- | --- |"]
    kinds = sorted(
        {(each.family, each.name) for each in drawn},
        key=lambda kind: right(each for each in drawn if (each.family, each.name) == kind) or 0.0,
    )
    for kind in kinds:
        own, true = ([each for each in side if (each.family, each.name) == kind] for side in (drawn, truth))
        lines.append(f"| {kind[0]} | {kind[1]} | {_share(right(own))} | {_share(right(true))} | {len(own)} |")
    lines += [f"| all | all | {_share(right(drawn), 1)} | {_share(right(truth), 1)} | {len(drawn)} |", ""]
    lines += ["| look | panels that agree | truth | commonest | rarest | truth's commonest | rarest |"]
    lines += ["| --- | --- | --- | --- | --- | --- | --- |"]
    for name, options in LOOKS.items():
        own, true = ([each for each in side if each.name == name] for side in (looks, true_looks))
        ends = " | ".join([*_ends(own, options), *_ends(true, options)])
        lines.append(f"| {name} | {_share(agreement(own))} | {_share(agreement(true))} | {ends} |")
    return "\n".join([*lines, ""])


def _ends(shown: Sequence[Shown], options: Sequence[str]) -> tuple[str, str]:
    counts = Counter(each.seen for each in shown)
    ranked = sorted(options, key=lambda option: -counts[option])
    first, last = (f"{option} {counts[option] / max(1, len(shown)):.0%}" for option in (ranked[0], ranked[-1]))
    return first, last


def main() -> None:
    """Read, compare, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of drawn articles of MiniHow goals")
    parser.add_argument("--out", type=Path, required=True, help="the page, Markdown")
    options = parser.parse_args()
    articles = [read_article(folder) for folder in article_folders(options.run)]
    articles = [each for each in articles if "family" in each.extra]
    if not articles:
        raise DataError(f"no article in {options.run} is of a MiniHow goal", hint="draw with illinstr generate")
    found: tuple[list[Shown], ...] = ([], [], [], [])
    with reporter().task("compare", len(articles)) as advance:
        for article in articles:
            for side, each in enumerate((article, truth_of(article))):
                images = pixels(each)
                found[side].extend(named(each, images))
                found[2 + side].extend(unnamed(each, images))
            advance()
    write_text(options.out, page(*found))
    print(options.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_cli(main)
