"""From samples to numbers: nothing but samples and settings enter, so anyone can do it again (``recompute``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from illinstr.evaluation.results import (
    DEFINITIONS,
    SAMPLES_FILE,
    Comparison,
    Encoders,
    Metric,
    Results,
    Settings,
    read_results,
)
from illinstr.evaluation.samples import Sample, Side, read_samples
from illinstr.evaluation.statistics import (
    Difference,
    Floats,
    Interval,
    absolute_interval,
    mean_interval,
    paired_difference,
    statistic_interval,
)


def aggregate(samples: Sequence[Sample], side: Side, settings: Settings, encoders: Encoders) -> tuple[Metric, ...]:
    """Every metric that one side's samples allow, in the order of ``DEFINITIONS``."""
    found = []
    for name in DEFINITIONS:
        chosen = [sample for sample in samples if sample.side == side and sample.metric == name]
        if chosen:
            found.append(_metric(name, chosen, settings, encoders))
    return tuple(found)


def article_means(samples: Sequence[Sample]) -> dict[str, float]:
    """Mean score by article key, in the order of the keys."""
    scores: dict[str, list[float]] = defaultdict(list)
    for sample in samples:
        scores[sample.key].append(sample.score)
    return {key: float(np.mean(scores[key])) for key in sorted(scores)}


def _metric(name: str, samples: Sequence[Sample], settings: Settings, encoders: Encoders) -> Metric:
    values = np.array(list(article_means(samples).values()))
    value, interval = _value_and_interval(name, values, settings)
    chances = [sample.model_copy(update={"score": sample.chance}) for sample in samples if sample.chance is not None]
    encoder = encoders.encoder if DEFINITIONS[name].looks == "encoder" else encoders.consistency_encoder
    return Metric(
        name=name,
        value=value,
        low=interval.low,
        high=interval.high,
        confidence=settings.confidence,
        interval=interval.method,
        n_articles=len(values),
        n_items=len(samples),
        direction=DEFINITIONS[name].direction,
        chance=float(np.mean(list(article_means(chances).values()))) if chances else None,
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
        proportion=DEFINITIONS[name].proportion,
    )
    value = float(values.mean())
    # The gap is |mean of signed differences|: truth above on one goal and below on another cancel, as they should when
    # the question is whether the model as a whole is too uniform or too restless.
    return (abs(value), absolute_interval(interval)) if name == "consistency_gap" else (value, interval)


def compare(samples: Sequence[Sample], settings: Settings) -> tuple[Comparison, ...]:
    """Run against other, metric by metric, on the goals that both sides have."""
    comparisons = []
    for name in DEFINITIONS:
        run = article_means([sample for sample in samples if sample.side == "run" and sample.metric == name])
        other = article_means([sample for sample in samples if sample.side == "other" and sample.metric == name])
        shared = [key for key in run if key in other]
        if shared:
            a, b = (np.array([side[key] for key in shared]) for side in (run, other))
            comparisons.append(_comparison(name, a, b, settings))
    return tuple(comparisons)


def _comparison(name: str, a: Floats, b: Floats, settings: Settings) -> Comparison:
    if name == "consistency_gap":

        def gap(means: Floats) -> Floats:
            return np.abs(means[:, 0]) - np.abs(means[:, 1])

        pairs = np.stack([a, b], axis=1)
        interval = statistic_interval(
            pairs, gap, replicates=settings.bootstrap, seed=settings.seed, confidence=settings.confidence
        )
        difference = Difference(float(gap(pairs.mean(axis=0, keepdims=True))[0]), interval)
    else:
        difference = paired_difference(
            a, b, replicates=settings.bootstrap, seed=settings.seed, confidence=settings.confidence
        )
    direction = DEFINITIONS[name].direction
    better = None
    if difference.settled and direction != "match_truth":
        better = "run" if (difference.value > 0) == (direction == "higher") else "other"
    return Comparison(
        metric=name,
        difference=difference.value,
        low=difference.interval.low,
        high=difference.interval.high,
        interval=difference.interval.method,
        n_articles=len(a),
        settled=difference.settled,
        better=better,
    )


def recompute(folder: Path) -> Results:
    """Do the aggregation of an eval folder again from its ``samples.jsonl`` and the settings in its ``results.json``.

    Raises:
        DataError: a file is missing or damaged.
    """
    results = read_results(folder)
    samples = read_samples(folder / SAMPLES_FILE)
    settings, encoders = results.settings, results.encoders
    return results.model_copy(
        update={
            "metrics": aggregate(samples, "run", settings, encoders),
            "truth_metrics": aggregate(samples, "truth", settings, encoders),
            "other_metrics": aggregate(samples, "other", settings, encoders),
            "comparisons": compare(samples, settings),
        }
    )
