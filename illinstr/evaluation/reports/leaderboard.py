"""Several runs ranked on the goals that all of them drew, with what these articles cannot tell apart left as a tie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from illinstr.evaluation.evaluate import Evaluation
from illinstr.evaluation.reports import blind_spots
from illinstr.evaluation.reports.verdict import interval, number, with_steps
from illinstr.evaluation.results import (
    DEFINITIONS,
    FEATURES_FILE,
    RESULTS_FILE,
    SAMPLES_FILE,
    Comparison,
    Metric,
    Results,
)
from illinstr.evaluation.samples import Side, to_lines
from illinstr.files import atomic_folder, canonical_json
from illinstr.ownership import LEADERBOARD, check_folder
from illinstr.templates import template

BOARD_FILE, PAGE_FILE, MARKDOWN_FILE = "leaderboard.json", "leaderboard.html", "leaderboard.md"


class Entry(BaseModel):
    """One run's place. ``ranks`` holds its rank by metric, ties sharing the best; ``rank`` orders their means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int
    name: str
    side: Side
    mean_rank: float
    ranks: dict[str, int]
    metrics: dict[str, Metric]


class Leaderboard(BaseModel):
    """The whole of ``leaderboard.json``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    entries: tuple[Entry, ...]
    ranked_by: tuple[str, ...]
    n_articles: int
    verdict: str
    note: str


def make_leaderboard(results: Results) -> Leaderboard:
    """Rank every side of an evaluation whose comparisons cover every pair.

    A run's rank by a metric is one more than the number of runs that are *settled* to be better. The order is by the
    mean rank over the metrics that have a better direction, equal means by name.
    """
    sides: list[Side] = ["run", *results.others]
    of_side = {"run": results.metrics, **results.side_metrics}
    metrics = {side: {metric.name: metric for metric in of_side[side]} for side in sides}
    ranked_by = tuple(
        name
        for name, definition in DEFINITIONS.items()
        if definition.direction != "match_truth" and all(name in metrics[side] for side in sides)
    )
    ranks = {side: {name: 1 + _beaten(side, name, results.comparisons) for name in ranked_by} for side in sides}
    means = {side: sum(ranks[side].values()) / max(len(ranked_by), 1) for side in sides}
    order = sorted(sides, key=lambda side: (means[side], results.names[side], side))
    entries = tuple(
        Entry(
            rank=1 + sum(means[other] < means[side] for other in sides),
            name=results.names[side],
            side=side,
            mean_rank=means[side],
            ranks=ranks[side],
            metrics=metrics[side],
        )
        for side in order
    )
    count = results.n_articles
    return Leaderboard(
        entries=entries,
        ranked_by=ranked_by,
        n_articles=count,
        verdict=f"{_verdict(entries, ranked_by, count)} {blind_spots.told(results.metrics, results.settings)}".rstrip(),
        note=(
            f"Encoder {results.encoders.encoder.id}, consistency {results.encoders.consistency_encoder.id}; protocol "
            f"{results.settings.protocol}; a rank counts the runs that are better after Holm's correction over all "
            f"{len(results.comparisons)} comparisons, so equal ranks cannot be told apart."
        ),
    )


def _beaten(side: Side, name: str, comparisons: Sequence[Comparison]) -> int:
    return sum(
        each.metric == name and ((each.b == side and each.better == "a") or (each.a == side and each.better == "b"))
        for each in comparisons
    )


def _verdict(entries: Sequence[Entry], ranked_by: Sequence[str], count: int) -> str:
    first = [entry.name for entry in entries if entry.rank == 1]
    goals = f"{count} shared {'goal' if count == 1 else 'goals'}"
    if len(first) == len(entries):
        return f"These articles ({goals}) cannot rank the runs: {', '.join(first)} share the first place."
    won = [name for name in ranked_by if entries[0].ranks[name] == 1 and any(e.ranks[name] > 1 for e in entries)]
    if len(first) > 1:
        return f"{' and '.join(first)} share the first place on {goals}."
    return f"{first[0]} comes first on {goals}: nothing beats it, and something loses to others, on {', '.join(won)}."


def board_cells(board: Leaderboard) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table: rank, run, mean rank, then value, interval and rank by metric."""
    names = with_steps([name for name in DEFINITIONS if any(name in entry.metrics for entry in board.entries)])
    lines = []
    for entry in board.entries:
        cells = [str(entry.rank), entry.name, f"{entry.mean_rank:.2f}"]
        for name in names:
            metric = entry.metrics.get(name)
            if metric is None:
                cells.append("–")
                continue
            bounds = interval(name, metric.low, metric.high)
            place = f" ({entry.ranks[name]})" if name in entry.ranks else ""
            cells.append(f"{number(name, metric.value)}{'' if bounds == '–' else f' {bounds}'}{place}")
        lines.append(cells)
    return ["rank", "run", "mean rank", *names], lines


def check_out(out: Path) -> None:
    """Make sure that a leaderboard can stand there, before anything expensive starts.

    Raises:
        UsageError: ``out`` is a file, or a folder that holds something else and would be replaced.
    """
    check_folder(out, LEADERBOARD)


def write_leaderboard(out: Path, board: Leaderboard, evaluation: Evaluation) -> Path:
    """Publish the folder, whole or not at all; an older one is replaced. Returns the page."""
    from illinstr.evaluation.metrics.feature_sets import to_bytes
    from illinstr.evaluation.reports.report import comparison_rows

    header, lines = board_cells(board)
    page = template("evaluation.reports", "leaderboard.html").render(
        board=board,
        header=header,
        lines=lines,
        comparisons=comparison_rows(evaluation.results),
        results=evaluation.results,
    )
    with atomic_folder(out, LEADERBOARD) as folder:
        (folder / RESULTS_FILE).write_text(canonical_json(evaluation.results.model_dump(mode="json")), encoding="utf-8")
        (folder / SAMPLES_FILE).write_text(to_lines(evaluation.samples), encoding="utf-8")
        if evaluation.sets:
            (folder / FEATURES_FILE).write_bytes(to_bytes(evaluation.sets))
        (folder / MARKDOWN_FILE).write_text(markdown(board), encoding="utf-8")
        (folder / PAGE_FILE).write_text(page, encoding="utf-8")
        (folder / BOARD_FILE).write_text(canonical_json(board.model_dump(mode="json")), encoding="utf-8")
    return out / PAGE_FILE


def markdown(board: Leaderboard) -> str:
    """The table as Markdown."""
    header, lines = board_cells(board)
    rows = [header, ["---"] * len(header), *lines]
    table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
    return f"{board.verdict}\n\n{table}\n\n{board.note}\n"
