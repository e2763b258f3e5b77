"""How often do the intervals of an evaluation hold the true value? Simulated, printed as Markdown for the docs.

python scripts/interval_coverage.py [--trials 1000]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from numpy.random import Generator

from illinstr.evaluation.metrics.distribution import GoalPairs, goal_pairs
from illinstr.evaluation.metrics.statistics import Floats, Interval, mean_interval

RESAMPLES = 500
SIZES = (5, 10, 40)
IMAGES = 6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    trials = parser.parse_args().trials
    print(f"| 95 % intervals of | {' | '.join(f'{size} articles' for size in SIZES)} |")
    print("| --- |" + " --- |" * len(SIZES))
    for name, true, draw in _cases():
        cells = [_covered(true, draw, size, trials) for size in SIZES]
        print(f"| {name} | {' | '.join(f'{100 * cell:.1f} %' for cell in cells)} |")


def _covered(true: float, draw: Callable[[Generator, int, int], Interval], size: int, trials: int) -> float:
    found = [draw(np.random.default_rng(trial), size, trial) for trial in range(trials)]
    return float(np.mean([each.low is not None and each.low <= true <= (each.high or 0.0) for each in found]))


def _cases() -> Iterator[tuple[str, float, Callable[[Generator, int, int], Interval]]]:
    for share in (0.98, 0.8, 0.5):
        yield f"a share of {share} of {IMAGES} images", share, _share(share)
    yield "a share whose articles differ (Beta(2, 1))", 2 / 3, _varied
    yield "a difference of two shares, 0.9 and 0.7", 0.2, _difference
    yield "a mean of normal values", 1.0, lambda draw, size, seed: _mean(draw.normal(1, 1, size), seed)
    yield (
        "a mean of skewed (exponential) values",
        1.0,
        lambda draw, size, seed: _mean(draw.exponential(size=size), seed),
    )
    for name in ("kid", "cmmd"):
        yield f"{name}, both sides alike", 0.0, _distance(name, 0.0)
    for name in ("kid", "cmmd"):
        true = _pairs(name, np.random.default_rng(10**6), 1500, 1.0).value
        yield f"{name}, sides that differ", true, _distance(name, 1.0)


def _bounded(values: Floats, seed: int, low: float = 0.0) -> Interval:
    return mean_interval(values, replicates=RESAMPLES, seed=seed, bounds=(low, 1.0))


def _mean(values: Floats, seed: int) -> Interval:
    return mean_interval(values, replicates=RESAMPLES, seed=seed)


def _share(share: float) -> Callable[[Generator, int, int], Interval]:
    return lambda draw, size, seed: _bounded(draw.binomial(IMAGES, share, size) / IMAGES, seed)


def _varied(draw: Generator, size: int, seed: int) -> Interval:
    return _bounded(draw.binomial(IMAGES, draw.beta(2, 1, size)) / IMAGES, seed)


def _difference(draw: Generator, size: int, seed: int) -> Interval:
    a, b = (draw.binomial(IMAGES, share, size) / IMAGES for share in (0.9, 0.7))
    return _bounded(a - b, seed, -1.0)


def _pairs(name: str, draw: Generator, goals: int, shift: float) -> GoalPairs:
    """Two sides on the same goals, three images an article: goal, article and image each add to what is shown."""
    goal = draw.normal(size=(goals, 5))
    sides = []
    for place in range(2):
        article = np.repeat(goal + 0.5 * draw.normal(size=(goals, 5)), 3, axis=0)
        sides.append(article + 0.3 * draw.normal(size=article.shape) + shift * place)
    keys = [str(row // 3) for row in range(3 * goals)]
    return goal_pairs(name, sides[0], sides[1], keys, keys, {key: int(key) for key in keys})


def _distance(name: str, shift: float) -> Callable[[Generator, int, int], Interval]:
    return lambda draw, size, seed: _pairs(name, draw, size, shift).interval(0.95, resamples=RESAMPLES, seed=seed)


if __name__ == "__main__":
    main()
