"""The eval folder: results, samples, and one self-contained page that a person reads top down.

Verdict first, then every number with its interval, then the best, the middling and the worst articles with their
pictures. The page loads nothing, runs nothing, and treats every goal and step as text.
"""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from illinstr.evaluation.evaluate import Evaluation
from illinstr.evaluation.results import (
    DEFINITIONS,
    REPORT_FILE,
    RESULTS_FILE,
    SAMPLES_FILE,
    Comparison,
    Metric,
    Results,
)
from illinstr.evaluation.samples import Sample, to_lines
from illinstr.evaluation.subjects import Panel, Subject, open_picture
from illinstr.evaluation.verdict import interval, number
from illinstr.files import atomic_folder, canonical_json

EVAL_FOLDER = "eval"
THUMBNAIL = 192
CHOICES = ("goal_faithfulness", "step_faithfulness")


@dataclass(frozen=True)
class Row:
    """One line of the table, ready to print."""

    metric: str
    meaning: str
    value: str
    interval: str
    chance: str
    n: str
    reads: str
    encoder: str
    truth: str
    other: str
    difference: str


@dataclass(frozen=True)
class Tile:
    """One picture with what it was taken for; ``picture`` is a data URI."""

    step: int
    text: str
    picture: str
    findings: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """One article shown as an example."""

    title: str
    goal: str
    article: str
    score: str
    tiles: tuple[Tile, ...]


def write_eval(run: Path, evaluation: Evaluation) -> Path:
    """Publish RUN/eval whole or not at all; an older one is replaced.

    Returns:
        The path of ``report.html``.
    """
    out = run / EVAL_FOLDER
    page = render(evaluation)
    with atomic_folder(out) as folder:
        (folder / RESULTS_FILE).write_text(canonical_json(evaluation.results.model_dump(mode="json")), encoding="utf-8")
        (folder / SAMPLES_FILE).write_text(to_lines(evaluation.samples), encoding="utf-8")
        (folder / REPORT_FILE).write_text(page, encoding="utf-8")
    return out / REPORT_FILE


def render(evaluation: Evaluation) -> str:
    """The page."""
    import jinja2

    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("illinstr.evaluation"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    results = evaluation.results
    return templates.get_template("report.html").render(
        results=results,
        rows=table_rows(results),
        plot=data_uri("image/svg+xml", interval_plot(results)),
        cases=cases(evaluation),
    )


def table_rows(results: Results) -> list[Row]:
    """Every metric of the run as text, with truth, other and difference beside it where there are any."""
    truth = {metric.name: metric for metric in results.truth_metrics}
    other = {metric.name: metric for metric in results.other_metrics}
    differences = {comparison.metric: comparison for comparison in results.comparisons}
    return [
        Row(
            metric=metric.name,
            meaning=DEFINITIONS[metric.name].text,
            value=number(metric.name, metric.value),
            interval=interval(metric.name, metric.low, metric.high),
            chance=number(metric.name, metric.chance) if metric.chance is not None else "–",
            n=f"{metric.n_articles} / {metric.n_items}",
            reads={"higher": "higher is better", "lower": "lower is better", "match_truth": "near the truth is better"}[
                metric.direction
            ],
            encoder=f"{metric.encoder} {metric.encoder_sha256[:8]}",
            truth=_beside(truth.get(metric.name)),
            other=_beside(other.get(metric.name)),
            difference=_difference(differences.get(metric.name)),
        )
        for metric in results.metrics
    ]


def _beside(metric: Metric | None) -> str:
    return number(metric.name, metric.value) if metric else "–"


def _difference(comparison: Comparison | None) -> str:
    if comparison is None:
        return "–"
    name = comparison.metric
    bounds = interval(name, comparison.low, comparison.high, signed=True)
    return f"{number(name, comparison.difference, signed=True)} {bounds}"


def interval_plot(results: Results) -> bytes:
    """Shares between 0 and 1 with their intervals, chance level dotted: the same SVG for the same results."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    sides = [("this run", "o", results.metrics), ("other", "s", results.other_metrics)]
    sides.append(("truth", "D", results.truth_metrics))
    names = [metric.name for metric in results.metrics if DEFINITIONS[metric.name].proportion]
    with mpl.rc_context({"svg.hashsalt": "illinstr", "svg.fonttype": "path", "font.size": 9}):
        figure = Figure(figsize=(7, 0.7 + 0.55 * max(len(names), 1)), layout="constrained")
        axes = figure.add_subplot()
        for offset, (label, marker, metrics) in enumerate(sides):
            shown = [metric for metric in metrics if metric.name in names]
            places = [names.index(metric.name) + 0.2 * offset for metric in shown]
            if not shown:
                continue
            reach = [
                [metric.value - (metric.value if metric.low is None else metric.low) for metric in shown],
                [(metric.value if metric.high is None else metric.high) - metric.value for metric in shown],
            ]
            values = [metric.value for metric in shown]
            axes.errorbar(values, places, xerr=reach, fmt=marker, capsize=3, markersize=5, label=label)
        for place, name in enumerate(names):
            metric = results.metric(name)
            if metric and metric.chance is not None:
                axes.plot([metric.chance] * 2, [place - 0.3, place + 0.5], color="0.5", linestyle=":")
        axes.set(xlim=(-0.02, 1.02), yticks=range(len(names)), yticklabels=names, xlabel="share (dotted: guessing)")
        axes.invert_yaxis()
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
        stream = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None})
    return stream.getvalue()


def cases(evaluation: Evaluation) -> list[Case]:
    """The best, the median and the worst article by the mean of their goal and step choices."""
    scores: dict[str, list[float]] = defaultdict(list)
    by_key: dict[str, list[Sample]] = defaultdict(list)
    for sample in evaluation.samples:
        if sample.side == "run":
            by_key[sample.key].append(sample)
            if sample.metric in CHOICES:
                scores[sample.key].append(sample.score)
    subjects = {subject.key: subject for subject in evaluation.sides["run"]}
    ranked = sorted(scores, key=lambda key: (-sum(scores[key]) / len(scores[key]), key))
    if not ranked:
        return []
    places = {0: "Best", len(ranked) // 2: "Median", len(ranked) - 1: "Worst"}
    if len(ranked) == 1:
        places = {0: "The one article"}
    return [
        _case(title, subjects[ranked[place]], by_key[ranked[place]], scores[ranked[place]])
        for place, title in sorted(places.items())
    ]


def _case(title: str, subject: Subject, samples: Sequence[Sample], scores: Sequence[float]) -> Case:
    tiles = tuple(
        Tile(panel.step, panel.text, _thumbnail(panel), tuple(_findings(panel.step, samples)))
        for panel in subject.panels
    )
    score = number("goal_faithfulness", sum(scores) / len(scores))
    return Case(title, subject.goal, subject.id, score, tiles)


def _findings(step: int, samples: Sequence[Sample]) -> list[str]:
    findings = []
    for sample in samples:
        if sample.metric not in CHOICES or sample.steps != (step,):
            continue
        kind = "goal" if sample.metric == "goal_faithfulness" else "step"
        if sample.score == 1:
            findings.append(f"✓ {kind} found")
        elif sample.similarities:
            taken = sample.candidates[sample.similarities.index(max(sample.similarities))]
            findings.append(f"✗ {kind}: taken for “{taken}”" if sample.score == 0 else f"~ {kind}: tied")
        else:
            findings.append(f"✗ {kind} not found")
    return findings


def _thumbnail(panel: Panel) -> str:
    picture = open_picture(panel.data, f"step {panel.step}")
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = io.BytesIO()
    picture.save(stream, format="PNG", optimize=True)
    return data_uri("image/png", stream.getvalue())


def data_uri(media_type: str, data: bytes) -> str:
    """Bytes as a ``data:`` address, so that a page needs no second file."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"
