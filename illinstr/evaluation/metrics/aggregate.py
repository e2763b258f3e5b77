"""From samples to numbers: nothing but samples, features and settings enter, so anyone can do it again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from illinstr.evaluation.metrics.comparing import article_means, compare
from illinstr.evaluation.metrics.feature_sets import FeatureSets, distances, read_sets
from illinstr.evaluation.metrics.statistics import Floats, Interval, absolute_interval, mean_interval
from illinstr.evaluation.results import (
    DEFINITIONS,
    FEATURES_FILE,
    SAMPLES_FILE,
    Breakdown,
    Encoders,
    Metric,
    Results,
    Settings,
    read_results,
)
from illinstr.evaluation.samples import Sample, Side, read_samples

MAX_PARTS = 40


def aggregate(
    samples: Sequence[Sample], side: Side, settings: Settings, encoders: Encoders, sets: FeatureSets | None = None
) -> tuple[Metric, ...]:
    """Every metric that one side's samples and features allow, in the order of ``DEFINITIONS``."""
    by_metric: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.side == side:
            by_metric[sample.metric].append(sample)
    found = []
    for name, definition in DEFINITIONS.items():
        if definition.set_based:
            metric = None if side == "truth" else _set_metric(name, side, settings, encoders, sets or {})
        else:
            metric = _metric(name, by_metric[name], settings, encoders) if by_metric[name] else None
        if metric:
            found.append(metric)
    return tuple(found)


def _metric(name: str, samples: Sequence[Sample], settings: Settings, encoders: Encoders) -> Metric:
    values = np.array(list(article_means(samples).values()))
    value, interval = _value_and_interval(name, values, settings)
    chances = [sample.model_copy(update={"score": sample.chance}) for sample in samples if sample.chance is not None]
    chance = float(np.mean(list(article_means(chances).values()))) if chances else None
    # A value stands for an article; for a group of four images under the protocol of the released scripts.
    articles = len({sample.article for sample in samples}) if settings.protocol == "reproduction" else len(values)
    return _filled(name, value, interval, articles, len(samples), chance, settings, encoders)


def _set_metric(name: str, side: Side, settings: Settings, encoders: Encoders, sets: FeatureSets) -> Metric | None:
    found = distances(name, sets, [side], settings)
    if found is None:
        return None
    estimate = found[0].estimate
    interval = estimate.interval(settings.confidence, resamples=settings.bootstrap, seed=settings.seed)
    if name == "fid" and interval.low is not None:  # the unbiased ones alone may lie below 0
        interval = Interval(max(interval.low, 0.0), interval.high, interval.method)
    value = estimate.value
    return _filled(name, value, interval, found[0].n_articles, found[0].n_pictures, None, settings, encoders)


def _filled(
    name: str,
    value: float,
    interval: Interval,
    n_articles: int,
    n_items: int,
    chance: float | None,
    settings: Settings,
    encoders: Encoders,
) -> Metric:
    encoder = encoders.of(name)
    return Metric(
        name=name,
        label=f"{name} ({encoder.id}, n={n_items})" if DEFINITIONS[name].named else name,
        value=value,
        low=interval.low,
        high=interval.high,
        confidence=settings.confidence,
        interval=interval.method,
        n_articles=n_articles,
        n_items=n_items,
        direction=DEFINITIONS[name].direction,
        chance=chance,
        definition=settings.definition(name),
        encoder=encoder.id,
        encoder_sha256=encoder.sha256,
    )


def _value_and_interval(name: str, values: Floats, settings: Settings) -> tuple[float, Interval]:
    interval = mean_interval(
        values,
        replicates=settings.bootstrap,
        seed=settings.seed,
        confidence=settings.confidence,
        bounds=(0, 1) if DEFINITIONS[name].proportion else None,
    )
    value = float(values.mean())
    # The gap is |mean of signed differences|: truth above on one goal and below on another cancel, as they should when
    # the question is whether the model as a whole is too uniform or too restless.
    return (abs(value), absolute_interval(interval)) if name == "consistency_gap" else (value, interval)


def break_down(samples: Sequence[Sample], settings: Settings, encoders: Encoders) -> tuple[Breakdown, ...]:
    """The run's metrics by category and by number of steps, where its articles differ in them."""
    run = [sample for sample in samples if sample.side == "run"]
    parts = _parts(run, "category", lambda sample: sample.category or "(none)", settings, encoders, order=str)
    return parts + _parts(run, "num_steps", lambda sample: str(sample.num_steps), settings, encoders, order=int)


def _parts(
    run: Sequence[Sample],
    by: str,
    value_of: Callable[[Sample], str],
    settings: Settings,
    encoders: Encoders,
    *,
    order: Callable[[str], str | int],
) -> tuple[Breakdown, ...]:
    grouped: dict[str, list[Sample]] = defaultdict(list)
    for sample in run:
        grouped[value_of(sample)].append(sample)
    if not 2 <= len(grouped) <= MAX_PARTS:
        return ()
    return tuple(
        Breakdown(
            by=by,
            value=value,
            n_articles=len({sample.key for sample in grouped[value]}),
            metrics=aggregate(grouped[value], "run", settings, encoders),
        )
        for value in sorted(grouped, key=order)
    )


def recompute(folder: Path) -> Results:
    """Do the aggregation of an eval folder again from its samples, features and the settings in ``results.json``.

    Raises:
        DataError: a file is missing or damaged.
    """
    results = read_results(folder)
    samples, sets = read_samples(folder / SAMPLES_FILE), read_sets(folder / FEATURES_FILE)
    settings, encoders = results.settings, results.encoders
    return results.model_copy(
        update={
            "metrics": aggregate(samples, "run", settings, encoders, sets),
            "side_metrics": {side: aggregate(samples, side, settings, encoders, sets) for side in results.side_metrics},
            "comparisons": compare(samples, settings, results.compared, sets),
            "breakdowns": break_down(samples, settings, encoders),
        }
    )
