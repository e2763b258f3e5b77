"""Results as lines of text: drawn by Rich on a terminal, plain columns elsewhere."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from illinstr.evaluation.reports.leaderboard import Leaderboard
    from illinstr.evaluation.reports.report import Row
    from illinstr.evaluation.results import Results


def results_lines(results: Results, rows: list[Row]) -> tuple[str, ...]:
    """Verdict, table, comparisons and notes."""
    from illinstr.evaluation.reports.report import comparison_rows, side_names

    header = ["metric", "value", "interval", "guessing", "articles / items", *side_names(results)]
    cells = [[row.metric, row.value, row.interval, row.chance, row.n, *row.sides] for row in rows]
    lines = [results.verdict, "", *table_lines(header, cells), ""]
    compared = comparison_rows(results)
    if compared:
        header = ["pair", "metric", "difference", "interval", "d", "p (Holm)", "outcome"]
        cells = [[r.pair, r.metric, r.difference, r.interval, r.effect, r.p, r.outcome] for r in compared]
        lines += [*table_lines(header, cells), ""]
    skipped = [f"left out: {name}, because {reason}" for name, reason in sorted(results.skipped.items())]
    notes = [f"note: {warning}" for warning in results.warnings]
    encoder = results.encoders.encoder
    looked = f"encoder: {encoder.id} ({encoder.sha256[:8]}); numbers by other encoders do not compare"
    return (*lines, looked, *skipped, *notes)


def leaderboard_lines(board: Leaderboard) -> tuple[str, ...]:
    """Verdict and ranks."""
    from illinstr.evaluation.reports.leaderboard import board_cells

    return (board.verdict, "", *table_lines(*board_cells(board)), "", board.note)


def table_lines(header: list[str], cells: list[list[str]]) -> list[str]:
    """A table for where stdout goes."""
    return _rich_table(header, cells) if sys.stdout.isatty() else _plain_table(header, cells)


def _plain_table(header: list[str], cells: list[list[str]]) -> list[str]:
    widths = [max(len(line[place]) for line in [header, *cells]) for place in range(len(header))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [header, *cells]
    ]


def _rich_table(header: list[str], cells: list[list[str]]) -> list[str]:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold")
    for title in header:
        table.add_column(Text(title), no_wrap=True)
    for line in cells:
        table.add_row(*(Text(cell) for cell in line))
    options: dict[str, Any] = {"force_terminal": True, "width": max(100, Console().width)}
    console = Console(file=io.StringIO(), **options)
    console.print(table)
    stream = console.file
    return stream.getvalue().splitlines() if isinstance(stream, io.StringIO) else []
