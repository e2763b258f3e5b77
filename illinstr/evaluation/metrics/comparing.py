"""A against B on the goals both have: difference, interval, effect size, and a p-value that knows of its neighbours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from illinstr.evaluation.metrics.feature_sets import FeatureSets, difference, distances
from illinstr.evaluation.metrics.statistics import (
    SWAPS,
    Floats,
    Interval,
    holm,
    mean_interval,
    standardised_difference,
    statistic_interval,
    swap_test,
    win_share,
)
from illinstr.evaluation.results import DEFINITIONS, Comparison, Settings
from illinstr.evaluation.samples import Sample, Side


def article_means(samples: Sequence[Sample]) -> dict[str, float]:
    """Mean score by article key, in the order of the keys."""
    scores: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        scores[sample.key].append(sample.score)
    return {key: float(np.mean(scores[key])) for key in sorted(scores)}


@dataclass(frozen=True)
class _Finding:
    """One comparison before it is known how many others there are."""

    a: Side
    b: Side
    metric: str
    difference: float
    interval: Interval
    n_articles: int
    effect: float | None
    wins: float | None
    p: float


def compare(
    samples: Sequence[Sample], settings: Settings, pairs: Sequence[tuple[Side, Side]], sets: FeatureSets | None = None
) -> tuple[Comparison, ...]:
    """Every metric of every pair of sides; p-values are adjusted for all of them together."""
    scores: dict[tuple[Side, str], list[Sample]] = defaultdict(list)
    for sample in samples:
        scores[sample.side, sample.metric].append(sample)
    means = {place: article_means(chosen) for place, chosen in scores.items()}
    findings = []
    for a, b in pairs:
        for name, definition in DEFINITIONS.items():
            if definition.set_based:
                finding = _compare_sets(a, b, name, settings, sets or {})
            else:
                finding = _compare_means(a, b, name, means.get((a, name), {}), means.get((b, name), {}), settings)
            if finding:
                findings.append(finding)
    adjusted = holm([finding.p for finding in findings])
    return tuple(_judged(finding, p_holm, settings) for finding, p_holm in zip(findings, adjusted, strict=True))


def _compare_means(
    a: Side, b: Side, name: str, of_a: dict[str, float], of_b: dict[str, float], settings: Settings
) -> _Finding | None:
    shared = [key for key in of_a if key in of_b]
    if not shared:
        return None
    first, second = (np.array([means[key] for key in shared]) for means in (of_a, of_b))
    pairs = np.stack([first, second], axis=1)
    # The gap is the distance of a mean from 0, so runs are compared by |mean|, not article by article.
    statistic = _gap if name == "consistency_gap" else _plain
    if name == "consistency_gap":
        interval = statistic_interval(
            pairs, statistic, replicates=settings.bootstrap, seed=settings.seed, confidence=settings.confidence
        )
    else:
        interval = mean_interval(
            first - second,
            replicates=settings.bootstrap,
            seed=settings.seed,
            confidence=settings.confidence,
            bounds=(-1, 1) if DEFINITIONS[name].proportion else None,
        )
    nearer_a, nearer_b = (np.abs(first), np.abs(second)) if name == "consistency_gap" else (first, second)
    return _Finding(
        a,
        b,
        name,
        difference=float(statistic(pairs.mean(axis=0, keepdims=True))[0]),
        interval=interval,
        n_articles=len(shared),
        effect=standardised_difference(nearer_a, nearer_b),
        wins=win_share(nearer_a, nearer_b),
        p=swap_test(pairs, statistic, seed=settings.seed),
    )


def _plain(means: Floats) -> Floats:
    return np.asarray(means[:, 0] - means[:, 1])


def _gap(means: Floats) -> Floats:
    return np.asarray(np.abs(means[:, 0]) - np.abs(means[:, 1]))


def _compare_sets(a: Side, b: Side, name: str, settings: Settings, sets: FeatureSets) -> _Finding | None:
    found = distances(name, sets, [a, b], settings)
    if found is None:
        return None
    less = difference(*found)
    interval = less.interval(settings.confidence, resamples=settings.bootstrap, seed=settings.seed)
    p = less.p_value(resamples=max(settings.bootstrap, SWAPS), seed=settings.seed)
    return _Finding(a, b, name, less.value, interval, found[0].n_articles, None, None, p)


def _judged(finding: _Finding, p_holm: float, settings: Settings) -> Comparison:
    direction = DEFINITIONS[finding.metric].direction
    settled = p_holm < 1 - settings.confidence
    better = None
    if settled and direction != "match_truth" and finding.difference != 0:
        better = "a" if (finding.difference > 0) == (direction == "higher") else "b"
    return Comparison(
        a=finding.a,
        b=finding.b,
        metric=finding.metric,
        difference=finding.difference,
        low=finding.interval.low,
        high=finding.interval.high,
        interval=finding.interval.method,
        n_articles=finding.n_articles,
        effect=finding.effect,
        wins=finding.wins,
        p=finding.p,
        p_holm=p_holm,
        settled=settled,
        better=better,
    )
