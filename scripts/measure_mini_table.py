"""The figures of ``measure_mini.py``: model against truth on the same goals, with intervals, and what they promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from illinstr.evaluation.metrics.comparing import article_means
from illinstr.evaluation.metrics.statistics import Interval, absolute_interval, statistic_interval
from illinstr.evaluation.reports.verdict import number
from illinstr.evaluation.results import Comparison, Metric, Results, Settings
from illinstr.evaluation.samples import Sample, Side

GOAL, STEP, CONSISTENCY, GAP = "goal_faithfulness", "step_faithfulness", "consistency", "consistency_gap"
NEAR = "goal_faithfulness (near)"
WANTED_RATIO, WANTED_GAP = 0.95, 0.10  # of the truth's


@dataclass(frozen=True)
class Figure:
    """A number with its interval over articles; both ends None where there is none."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Share:
    """One faithfulness: the model's, the truth's, and the model's divided by the truth's (None where that is 0)."""

    metric: str
    model: Figure
    truth: Figure
    ratio: Figure | None


@dataclass(frozen=True)
class Measured:
    """One set of drawings.

    ``gap`` is in the encoder's unit, ``relative_gap`` the same as a share of the truth's consistency. ``against`` is
    what a comparison of consistency gaps says of the stacked drawings less these (None for the stacked ones).
    """

    method: str
    length: int
    n: int
    shares: tuple[Share, ...]
    consistency: Figure
    truth_consistency: Figure
    gap: Figure
    relative_gap: Figure | None
    against: Comparison | None

    def share(self, metric: str) -> Share:
        """The faithfulness of this name."""
        return next(each for each in self.shares if each.metric == metric)

    def as_json(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        against = None if self.against is None else self.against.model_dump(mode="json")
        return {**asdict(self), "shares": {each.metric: asdict(each) for each in self.shares}, "against": against}


def measured(
    method: str,
    length: int,
    side: Side,
    results: Results,
    samples: Sequence[Sample],
    near: tuple[Results, Sequence[Sample]],
) -> Measured:
    """The figures of one side of an evaluation.

    Args:
        method: stacked or independent.
        length: number of steps.
        side: where its scores stand in the evaluation.
        results: of the evaluation among any goals.
        samples: of the same.
        near: results and samples of the same images among near goals.
    """
    shares = [_share(metric, metric, side, results, samples) for metric in (GOAL, STEP)]
    shares.insert(1, _share(NEAR, GOAL, side, *near))
    pairs = _pairs(samples, CONSISTENCY, side)
    by_gap = [each for each in results.comparisons if each.metric == GAP and each.b == side]
    return Measured(
        method=method,
        length=length,
        n=len(pairs),
        shares=tuple(shares),
        consistency=_figure(results.metric(CONSISTENCY, side)),
        truth_consistency=_figure(results.metric(CONSISTENCY, "truth")),
        gap=_figure(results.metric(GAP, side)),
        relative_gap=relative_gap(pairs, results.settings),
        against=by_gap[0] if by_gap else None,
    )


def _share(name: str, metric: str, side: Side, results: Results, samples: Sequence[Sample]) -> Share:
    model, truth = (_figure(results.metric(metric, each)) for each in (side, "truth"))
    return Share(name, model, truth, ratio(_pairs(samples, metric, side), results.settings))


def _figure(metric: Metric | None) -> Figure:
    if metric is None:
        raise ValueError("the evaluation lacks a metric that this table is made of")
    return Figure(metric.value, metric.low, metric.high)


def _pairs(samples: Sequence[Sample], metric: str, side: Side) -> NDArray[np.float64]:
    """(n, 2): what each article scores and what the truth scores on the same goal."""
    own, truth = (
        article_means([each for each in samples if each.metric == metric and each.side == wanted])
        for wanted in (side, "truth")
    )
    return np.array([[own[key], truth[key]] for key in own if key in truth], dtype=np.float64).reshape(-1, 2)


def ratio(pairs: NDArray[np.float64], settings: Settings) -> Figure | None:
    """Mean of the first column over the mean of the second, articles resampled in pairs; None where that is 0."""
    value = _over_truth(pairs.mean(axis=0, keepdims=True))[0] if len(pairs) else np.nan
    if not np.isfinite(value):
        return None
    interval = _interval(pairs, settings)
    return Figure(float(value), interval.low, interval.high)


def relative_gap(pairs: NDArray[np.float64], settings: Settings) -> Figure | None:
    """How far the ratio lies from 1."""
    found = ratio(pairs, settings)
    if found is None:
        return None
    low, high = (None if each is None else each - 1 for each in (found.low, found.high))
    interval = absolute_interval(Interval(low, high, "percentile"))
    return Figure(abs(found.value - 1), interval.low, interval.high)


def _over_truth(means: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(means[:, 0] / means[:, 1])


def _interval(pairs: NDArray[np.float64], settings: Settings) -> Interval:
    found = statistic_interval(
        pairs, _over_truth, replicates=settings.bootstrap, seed=settings.seed, confidence=settings.confidence
    )
    # A resample in which the truth scores nothing has no ratio: with so few right ones there is no interval to give.
    if found.low is None or found.high is None or not np.isfinite([found.low, found.high]).all():
        return Interval(None, None, "none")
    return found


def table(found: Sequence[Measured], how: Mapping[str, Any]) -> str:
    """The page in Markdown: what must hold, the table, how it was made."""
    header = [
        "N", "drawn", "goal", "truth", "ratio", "goal (near)", "truth", "ratio", "step", "truth", "ratio",
        "consistency", "truth", "gap", "gap of truth", "n",
    ]  # fmt: skip
    rows = [header, ["---"] * len(header), *(_row(each) for each in found)]
    steps = how["sampling_steps"]
    return "\n".join(
        [
            "# The miniature, measured",
            "",
            *(f"- {line}" for each in found for line in promises(each)),
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
            f"Model `{how['model']}` ({how['model_sha256'][:8]}), judge {how['judge']} ({how['judge_sha256'][:8]}); "
            f"{how['goals']} held-out goals at most a length, spread evenly over all; seed {how['seed']}; {steps} "
            f"sampling steps ({how['sampler']}), guidance {how['guidance']:g}. 95 % intervals over articles. Goal and "
            "step: share of images that find their own among four (near: among goals that differ in one attribute). "
            "Truth: the program's images of the same goals. Ratio and gap of truth: articles resampled in pairs. "
            "The goals are held out; the step wordings are those of training.",
            "",
        ]
    )


def promises(each: Measured) -> list[str]:
    """What issue and design ask of one set, with what was found; for images drawn alone, whether that is worse."""
    name = f"{each.length} steps"
    if each.method != "stacked":
        return [f"{name}: {_worse(each)}"]
    lines = []
    for metric in (GOAL, STEP):
        found = each.share(metric).ratio
        if found is not None:
            met = _met(found, WANTED_RATIO, upwards=True)
            lines.append(f"{name}: {metric} at least {WANTED_RATIO} of the truth's: {met}, {_plain(found)}")
    if each.relative_gap is not None:
        met = _met(each.relative_gap, WANTED_GAP, upwards=False)
        lines.append(
            f"{name}: consistency gap at most {100 * WANTED_GAP:.0f} % of the truth's consistency: {met}, "
            f"{_per_cent(each.relative_gap)}"
        )
    return lines


def _met(found: Figure, bar: float, *, upwards: bool) -> str:
    met = found.value >= bar if upwards else found.value <= bar
    word = "met" if met else "**not met**"
    if found.low is None or found.high is None:
        return f"{word}, without an interval"
    return f"{word}, but the interval holds both" if found.low < bar <= found.high else word


def _worse(each: Measured) -> str:
    words = "drawn alone, the consistency gap"
    if each.against is None:
        return f"{words} was not compared"
    figures = f"gap {number(GAP, each.gap.value)}, p {each.against.p_holm:.3g} (Holm)"
    if each.against.better == "a":
        return f"{words} is clearly worse: {figures}"
    return f"{words} is **{'better' if each.against.better == 'b' else 'not to be told from the other'}**: {figures}"


def _row(each: Measured) -> list[str]:
    cells = [str(each.length), each.method]
    for share in each.shares:
        cells += [_per_cent(share.model), _per_cent(share.truth), _plain(share.ratio)]
    numbers = (each.consistency, each.truth_consistency, each.gap)
    return [*cells, *(_plain(figure) for figure in numbers), _per_cent(each.relative_gap), str(each.n)]


def _plain(figure: Figure | None) -> str:
    return _written(figure, lambda value: f"{value:.3f}" if value < 10 else f"{value:.2f}", "")


def _per_cent(figure: Figure | None) -> str:
    return _written(figure, lambda value: f"{100 * value:.1f}", " %")


def _written(figure: Figure | None, write: Any, unit: str) -> str:
    if figure is None:
        return "–"
    bounds = "" if figure.low is None or figure.high is None else f" [{write(figure.low)}, {write(figure.high)}]"
    return f"{write(figure.value)}{unit}{bounds}"
