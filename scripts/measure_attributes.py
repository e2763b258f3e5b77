"""Which of the things that a goal names are drawn as it says, and do the unnamed ones stay the same? Pixels decide.

    python scripts/measure_attributes.py runs/measure/stacked-n6 --out attributes.md

For each image of a MiniHow goal the program draws the same step once for each value that an attribute may have
(a red, blue, green ... tail). Where those drawings differ is where the attribute shows; the value whose drawing is
nearest there is what the image is taken to show. The same is asked of the program's own images of the same goals,
drawn with other looks and positions, which says how far the ruler can be trusted. No judge takes part.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr import minihow
from illinstr.articles import Article
from illinstr.console import reporter
from illinstr.errors import DataError
from illinstr.files import write_text
from illinstr.minihow.ruler import LOOKS, PANEL_PX, Shown, named, pixels, unnamed
from illinstr.runs import article_folders, read_article
from scripts.resumable import run_cli

TRUTH_SEED = 987_654  # looks and positions unlike those of any drawing


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
