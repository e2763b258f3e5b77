"""Good, median and worst articles of an evaluated run, each above the program's own images of the same steps.

    python scripts/contact_sheet.py RUN --out docs/images/mini-sheet.png

RUN was drawn by ``illinstr generate`` and scored by ``illinstr eval``. Articles are ranked by the mean of their goal
and step faithfulness, equals by CLIPScore; nobody picks them.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.evaluation.metrics.comparing import article_means
from illinstr.evaluation.reports.report import EVAL_FOLDER
from illinstr.evaluation.results import SAMPLES_FILE
from illinstr.evaluation.samples import Sample, read_samples
from illinstr.files import write_bytes
from illinstr.minihow import plan, recognise
from illinstr.minihow.world import illustrate
from illinstr.runs import read_run
from illinstr.sampling.pages.strip import load_font
from scripts.resumable import run_cli

PANEL_PX = 112
CAPTION_PX, GAP_PX = 18, 8
PAPER, INK = (251, 249, 244), (31, 27, 22)
COLOURS = 256  # of the palette that keeps the file small


@dataclass(frozen=True)
class Ranked:
    """An article with its mean goal and step faithfulness (0 to 1) and its CLIPScore (0 to 100)."""

    article: Article
    goal: float
    step: float
    clip_score: float

    @property
    def place(self) -> tuple[float, float]:
        """What articles are ordered by."""
        return (self.goal + self.step) / 2, self.clip_score


def rank(articles: Sequence[Article], samples: Sequence[Sample]) -> list[Ranked]:
    """The articles that were scored, the best first.

    Raises:
        DataError: none of them was.
    """
    scores = {
        metric: article_means([each for each in samples if each.side == "run" and each.metric == metric])
        for metric in ("goal_faithfulness", "step_faithfulness", "clip_score")
    }
    keys = {each.article: each.key for each in samples if each.side == "run"}
    found = [
        Ranked(article, *(means[keys[article.id]] for means in scores.values()))
        for article in articles
        if article.id in keys and all(keys[article.id] in means for means in scores.values())
    ]
    if not found:
        raise DataError("no article of the run is in its evaluation", hint="score it first: illinstr eval RUN")
    return sorted(found, key=lambda each: each.place, reverse=True)


def choose(ranked: Sequence[Ranked], each: int) -> list[tuple[str, Ranked]]:
    """``each`` from the top, around the middle and from the bottom, nobody twice."""
    middle = max(0, (len(ranked) - each) // 2)
    groups = {
        "good": range(each),
        "median": range(middle, middle + each),
        "worst": range(len(ranked) - each, len(ranked)),
    }
    seen: set[int] = set()
    chosen = []
    for name, places in groups.items():
        for place in places:
            if 0 <= place < len(ranked) and place not in seen:
                seen.add(place)
                chosen.append((name, ranked[place]))
    return chosen


def draw_sheet(chosen: Sequence[tuple[str, Ranked]]) -> Image.Image:
    """A caption, the model's images and the program's below them, article by article."""
    font = load_font("DejaVuSans", CAPTION_PX - 6)
    rows = [(caption(name, one), one.article, truth_of(one.article)) for name, one in chosen]
    longest = max(article.num_steps for _, article, _ in rows)
    block = CAPTION_PX + 2 * PANEL_PX + GAP_PX
    sheet = Image.new("RGB", (longest * PANEL_PX, len(rows) * block), PAPER)
    draw = ImageDraw.Draw(sheet)
    for place, (words, article, truth) in enumerate(rows):
        top = place * block
        draw.text((2, top + 2), words, fill=INK, font=font)
        for line, one in enumerate(each for each in (article, truth) if each is not None):
            for column, step in enumerate(one.steps):
                if step.image is not None and step.image.data is not None:
                    where = (column * PANEL_PX, top + CAPTION_PX + line * PANEL_PX)
                    sheet.paste(_panel(step.image.data), where)
    return sheet


def caption(name: str, one: Ranked) -> str:
    """Which third, the goal, the scores."""
    return f"{name}: {one.article.goal}   (goal {one.goal:.0%}, steps {one.step:.0%}, CLIPScore {one.clip_score:.0f})"


def truth_of(article: Article) -> Article | None:
    """The program's images of the same goal and number of steps; None for a goal outside its world."""
    if recognise(article.goal) is None:
        return None
    return illustrate(plan(article.goal, article.num_steps))


def _panel(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as image:
        return image.convert("RGB").resize((PANEL_PX, PANEL_PX), Image.Resampling.LANCZOS)


def main() -> None:
    """Parse, rank, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    parser.add_argument("--each", type=int, default=3, help="articles of each kind")
    options = parser.parse_args()
    samples = options.run / EVAL_FOLDER / SAMPLES_FILE
    if not samples.is_file():
        raise DataError(f"{options.run} has not been scored", hint=f"illinstr eval {options.run}")
    chosen = choose(rank(read_run(options.run), read_samples(samples)), options.each)
    buffer = io.BytesIO()
    draw_sheet(chosen).quantize(COLOURS).save(buffer, format="PNG", optimize=True)
    write_bytes(options.out, buffer.getvalue())
    print(options.out)


if __name__ == "__main__":
    run_cli(main)
