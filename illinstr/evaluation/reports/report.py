"""The eval folder: results, samples, and one self-contained page that a person reads top down.

Verdict first, then every number with its interval, then the best, the middling and the worst articles with their
images. The page loads nothing, runs nothing, and treats every goal and step as text.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from illinstr.evaluation.evaluate import Evaluation
from illinstr.evaluation.metrics.feature_sets import to_bytes
from illinstr.evaluation.reports import plots
from illinstr.evaluation.reports.plots import CHOICES
from illinstr.evaluation.reports.verdict import comparison_note, interval, number, p_text, with_steps
from illinstr.evaluation.results import (
    DEFINITIONS,
    FEATURES_FILE,
    REPORT_FILE,
    RESULTS_FILE,
    SAMPLES_FILE,
    Metric,
    Results,
)
from illinstr.evaluation.samples import Sample, article_key, to_lines
from illinstr.evaluation.subjects import Panel, Subject, open_panel
from illinstr.files import atomic_folder, canonical_json
from illinstr.images import data_uri
from illinstr.ownership import EVALUATION
from illinstr.templates import template

EVAL_FOLDER = "eval"
THUMBNAIL = 192
READS = {"higher": "higher is better", "lower": "lower is better", "match_truth": "near the truth is better"}


@dataclass(frozen=True)
class Row:
    """One line of the table, ready to print; ``sides`` holds the others' and the truth's values, in order."""

    metric: str
    meaning: str
    value: str
    interval: str
    chance: str
    n: str
    reads: str
    encoder: str
    sides: tuple[str, ...]


@dataclass(frozen=True)
class ComparisonRow:
    """One metric of one pair, ready to print."""

    pair: str
    metric: str
    difference: str
    interval: str
    effect: str
    wins: str
    p: str
    n: str
    outcome: str


@dataclass(frozen=True)
class Part:
    """The run's metrics by category or by number of steps: a table and a plot."""

    by: str
    header: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    plot: str


@dataclass(frozen=True)
class Tile:
    """One image with what it was taken for; ``image`` is a data URI."""

    step: int
    text: str
    image: str
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
    with atomic_folder(out, EVALUATION) as folder:
        (folder / RESULTS_FILE).write_text(canonical_json(evaluation.results.model_dump(mode="json")), encoding="utf-8")
        (folder / SAMPLES_FILE).write_text(to_lines(evaluation.samples), encoding="utf-8")
        if evaluation.sets:
            (folder / FEATURES_FILE).write_bytes(to_bytes(evaluation.sets))
        (folder / REPORT_FILE).write_text(page, encoding="utf-8")
    return out / REPORT_FILE


def render(evaluation: Evaluation) -> str:
    """The page."""
    results = evaluation.results
    figures = (plots.step_plot(evaluation.samples), plots.consistency_plot(evaluation.samples))
    return template("evaluation.reports", "report.html").render(
        results=results,
        rows=table_rows(results),
        sides=side_names(results),
        comparisons=comparison_rows(results),
        comparison_note=comparison_note(results.comparisons) if results.comparisons else "",
        plot=_svg_uri(plots.interval_plot(results)),
        step_plot=_svg_uri(figures[0]),
        consistency_plot=_svg_uri(figures[1]),
        parts=parts(results),
        cases=cases(evaluation),
    )


def side_names(results: Results) -> list[str]:
    """What stands above the columns of ``Row.sides``."""
    return ["truth" if side == "truth" else results.names[side] for side in _shown_sides(results)]


def _shown_sides(results: Results) -> list[str]:
    return [side for side in results.beside if side in results.side_metrics]


def table_rows(results: Results) -> list[Row]:
    """Every metric of the run as text, with the others' and the truth's values beside it."""
    metrics = {metric.name: metric for metric in results.metrics}
    return [
        _row(results, metrics[name]) if name in metrics else _unscored(results, name) for name in with_steps([*metrics])
    ]


def _row(results: Results, metric: Metric) -> Row:
    return Row(
        metric=metric.label,
        meaning=DEFINITIONS[metric.name].text,
        value=number(metric.name, metric.value),
        interval=interval(metric.name, metric.low, metric.high),
        chance=number(metric.name, metric.chance) if metric.chance is not None else "–",
        n=f"{metric.n_articles} / {metric.n_items}",
        reads=READS[metric.direction],
        encoder=f"{metric.encoder} {metric.encoder_sha256[:8]}".strip(),
        sides=tuple(_beside(results.metric(metric.name, side)) for side in _shown_sides(results)),
    )


def _unscored(results: Results, name: str) -> Row:
    """A line without figures: what has to stand there although it could not be scored."""
    definition = DEFINITIONS[name]
    sides = tuple(_beside(results.metric(name, side)) for side in _shown_sides(results))
    return Row(name, definition.text, "–", "–", "–", "0 / 0", READS[definition.direction], "–", sides)


def _beside(metric: Metric | None) -> str:
    return number(metric.name, metric.value) if metric else "–"


def comparison_rows(results: Results) -> list[ComparisonRow]:
    """Every comparison as text."""
    rows = []
    for each in results.comparisons:
        a, b = results.names[each.a], results.names[each.b]
        outcome = "differ" if each.settled else "cannot be told apart"
        if each.better:
            outcome = f"{a if each.better == 'a' else b} is better"
        rows.append(
            ComparisonRow(
                pair=f"{a} − {b}",
                metric=each.metric,
                difference=number(each.metric, each.difference, signed=True),
                interval=interval(each.metric, each.low, each.high, signed=True),
                effect=f"{each.effect:+.2f}" if each.effect is not None else "–",
                wins=f"{100 * each.wins:.0f} %" if each.wins is not None else "–",
                p=p_text(each).removeprefix("= "),
                n=str(each.n_articles),
                outcome=outcome,
            )
        )
    return rows


def parts(results: Results) -> list[Part]:
    """The breakdowns, a table and a plot each."""
    found = []
    for by, title in (("category", "category"), ("num_steps", "number of steps")):
        chosen = [part for part in results.breakdowns if part.by == by]
        if not chosen:
            continue
        names = with_steps(list(dict.fromkeys(metric.name for part in chosen for metric in part.metrics)))
        lines = []
        for part in chosen:
            metrics = {metric.name: metric for metric in part.metrics}
            lines.append((part.value, str(part.n_articles), *(_with_interval(metrics.get(name)) for name in names)))
        plot = _svg_uri(plots.breakdown_plot(chosen))
        found.append(Part(title, (title, "articles", *names), tuple(lines), plot or ""))
    return found


def _with_interval(metric: Metric | None) -> str:
    if metric is None:
        return "–"
    bounds = interval(metric.name, metric.low, metric.high)
    return number(metric.name, metric.value) + ("" if bounds == "–" else f" {bounds}")


def _svg_uri(figure: bytes | None) -> str | None:
    return None if figure is None else data_uri("image/svg+xml", figure)


def cases(evaluation: Evaluation) -> list[Case]:
    """The best, the median and the worst article by the mean of their goal and step choices."""
    scores: dict[str, list[float]] = defaultdict(list)
    by_key: dict[str, list[Sample]] = defaultdict(list)
    for sample in evaluation.samples:
        if sample.side == "run":
            by_key[article_key(sample.key)].append(sample)
            if sample.metric in CHOICES:
                scores[article_key(sample.key)].append(sample.score)
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
    image = open_panel(panel.data, f"step {panel.step}")
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = io.BytesIO()
    image.save(stream, format="PNG", optimize=True)
    return data_uri("image/png", stream.getvalue())
