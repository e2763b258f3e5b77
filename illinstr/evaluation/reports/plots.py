"""The report's figures, as SVG: the same bytes for the same results, with nothing in them that runs or loads."""

from __future__ import annotations

import io
import warnings
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from illinstr.evaluation.metrics.comparing import article_means
from illinstr.evaluation.results import DEFINITIONS, Breakdown, Metric, Results
from illinstr.evaluation.samples import Sample

CHOICES = ("goal_faithfulness", "step_faithfulness")
MARKERS = "osDv^<>P"


def interval_plot(results: Results) -> bytes:
    """Shares between 0 and 1 with their intervals for every side, chance level dotted."""
    names = [metric.name for metric in results.metrics if DEFINITIONS[metric.name].proportion]
    sides = [("this run", results.metrics)]
    sides += [(side if side == "truth" else results.names[side], metrics) for side, metrics in _sides(results)]
    with _style():
        figure, axes = _figure(0.7 + 0.2 * len(sides) * max(len(names), 1))
        for rank, (label, metrics) in enumerate(sides):
            shown = [metric for metric in metrics if metric.name in names]
            if shown:
                places = [names.index(metric.name) + 0.8 * rank / len(sides) for metric in shown]
                _error_bars(axes, shown, places, MARKERS[rank % len(MARKERS)], label)
        for place, name in enumerate(names):
            metric = results.metric(name)
            if metric and metric.chance is not None:
                axes.plot([metric.chance] * 2, [place - 0.2, place + 0.8], color="0.5", linestyle=":")
        axes.set(xlim=(-0.02, 1.02), yticks=range(len(names)), yticklabels=names, xlabel="share (dotted: guessing)")
        axes.invert_yaxis()
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        return _svg(figure)


def breakdown_plot(breakdowns: Sequence[Breakdown]) -> bytes:
    """Goal and step faithfulness by category or by number of steps, with intervals."""
    values = [part.value for part in breakdowns]
    with _style():
        figure, axes = _figure(0.7 + 0.4 * len(values))
        for rank, name in enumerate(CHOICES):
            found = [
                (place, metric)
                for place, part in enumerate(breakdowns)
                for metric in part.metrics
                if metric.name == name
            ]
            if found:
                places = [place + 0.3 * rank for place, _ in found]
                _error_bars(axes, [metric for _, metric in found], places, MARKERS[rank], name)
        ticks = [f"{_short(part.value)} ({part.n_articles})" for part in breakdowns]
        axes.set(xlim=(-0.02, 1.02), yticks=range(len(values)), yticklabels=ticks, xlabel="share")
        axes.invert_yaxis()
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        return _svg(figure)


def step_plot(samples: Sequence[Sample]) -> bytes | None:
    """Goal and step faithfulness by the place of the image in its article; None without such samples."""
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    for sample in samples:
        if sample.side == "run" and sample.metric in CHOICES and len(sample.steps) == 1:
            scores[sample.metric, sample.steps[0]].append(sample.score)
    if not scores:
        return None
    with _style():
        figure, axes = _figure(2.6)
        for rank, name in enumerate(CHOICES):
            steps = sorted(step for metric, step in scores if metric == name)
            means = [float(np.mean(scores[name, step])) for step in steps]
            axes.plot(steps, means, marker=MARKERS[rank], label=name)
        axes.set(ylim=(-0.02, 1.02), xlabel="step", ylabel="share", xticks=sorted({step for _, step in scores}))
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        return _svg(figure)


def consistency_plot(samples: Sequence[Sample]) -> bytes | None:
    """Consistency of each article against the truth's on the same goal; the diagonal is a gap of 0. None without."""
    sides = {
        side: article_means([s for s in samples if s.side == side and s.metric == "consistency"])
        for side in ("run", "truth")
    }
    shared = [key for key in sides["run"] if key in sides["truth"]]
    if len(shared) < 2:
        return None
    run, truth = ([sides[side][key] for key in shared] for side in ("run", "truth"))
    reach = [min(*run, *truth), max(*run, *truth)]
    with _style():
        figure, axes = _figure(3.4)
        axes.plot(reach, reach, color="0.5", linestyle=":")
        axes.scatter(truth, run, s=14, alpha=0.6)
        axes.set(xlabel="unexplained in the truth, %", ylabel="in this run, %", aspect="equal")
        return _svg(figure)


def _sides(results: Results) -> list[tuple[str, tuple[Metric, ...]]]:
    return [(side, results.side_metrics[side]) for side in results.beside if side in results.side_metrics]


def _error_bars(axes: Any, metrics: Sequence[Metric], places: Sequence[float], marker: str, label: str) -> None:
    values = [metric.value for metric in metrics]
    reach = [
        [metric.value - (metric.value if metric.low is None else metric.low) for metric in metrics],
        [(metric.value if metric.high is None else metric.high) - metric.value for metric in metrics],
    ]
    axes.errorbar(
        values, places, xerr=np.clip(reach, 0, None), fmt=marker, capsize=3, markersize=5, label=_short(label)
    )


def _short(name: str) -> str:
    # A dollar sign would start matplotlib's formulas, and a leading underscore would hide the label.
    plain = name.replace("$", "").lstrip("_") or "-"
    return plain if len(plain) <= 28 else f"…{plain[-27:]}"


def _style() -> AbstractContextManager[None]:
    import matplotlib as mpl

    return mpl.rc_context({"svg.hashsalt": "illinstr", "svg.fonttype": "path", "font.size": 9})


def _figure(height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Any) -> bytes:
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.BytesIO()
    with warnings.catch_warnings():
        # A category or folder in a script that the font lacks is drawn as boxes; the tables beside hold its letters.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    return stream.getvalue()
