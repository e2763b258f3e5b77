"""``illinstr eval``: how well pictures show their goal and steps, how alike they are, and how sure each number is."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from illinstr.cli.console import emit, reporter
from illinstr.cli.evaluate_sources import embedded_world, open_source
from illinstr.errors import UsageError

if TYPE_CHECKING:
    from illinstr.evaluation.encoders import ImageEncoder, ImageTextEncoder
    from illinstr.evaluation.evaluate import Prepared
    from illinstr.evaluation.report import Row
    from illinstr.evaluation.results import Results, Settings

CHOICES = {"protocol": ("ours", "reproduction"), "step-text": ("headline", "full")}


def command(
    run: Annotated[Path, typer.Argument(help="What generate made (one article or many), or a data folder.")],
    against: Annotated[Path | None, typer.Option(help="Compare with this run on the goals both have.")] = None,
    truth: Annotated[
        Path | None,
        typer.Option(help="Real articles on the same goals: a data or run folder. Goals of MiniHow need none."),
    ] = None,
    encoder: Annotated[
        str, typer.Option(help="judge (embedded), a CLIP or SigLIP folder, or a hub id ORG/NAME.")
    ] = "judge",
    consistency_encoder: Annotated[
        str | None,
        typer.Option(
            help="For consistency: DINOv2, CLIP or SigLIP folder or hub id. \\[default: --encoder]", show_default=False
        ),
    ] = None,
    protocol: Annotated[str, typer.Option(help="ours, or reproduction (the authors' released scripts).")] = "ours",
    split: Annotated[str | None, typer.Option(help="Of a data folder: evaluate this split only.")] = None,
    limit: Annotated[int | None, typer.Option(help="Evaluate the first so many articles only.")] = None,
    seed: Annotated[int, typer.Option(help="Of distractors and resampling.")] = 0,
    num_distractors: Annotated[int, typer.Option(help="Other texts that a picture chooses among.")] = 3,
    bootstrap: Annotated[int, typer.Option(help="Resamples behind each interval.")] = 2000,
    step_text: Annotated[str, typer.Option(help="What stands for a step: headline, or full (with its body).")] = (
        "headline"
    ),
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table: the path alone.")] = False,
) -> None:
    """Score a run: goal and step faithfulness, consistency, and intervals over its articles.

    Writes RUN/eval: [bold]report.html[/bold] to read, results.json to compute with, samples.jsonl with every score.

    Example, one model against another on the same goals:

    illinstr eval runs/stacked --against runs/independent

    With the encoders of the paper (downloads them once):

    illinstr eval runs/stacked --encoder laion/CLIP-ViT-H-14-laion2B-s32B-b79K --consistency-encoder
    facebook/dinov2-large

    The last line of stdout is the report. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
    """
    from illinstr.evaluation.evaluate import score
    from illinstr.evaluation.report import table_rows, write_eval

    settings = _settings(protocol, step_text, seed=seed, num_distractors=num_distractors, bootstrap=bootstrap)
    if limit is not None and limit < 1:
        raise UsageError(f"--limit {limit}: at least 1 article is needed")
    prepared = _prepare(run, against, truth, settings, split=split, limit=limit)
    judge, consistency = _load(encoder, consistency_encoder, device)
    evaluation = score(prepared, judge, consistency, reporter(quiet))
    report = write_eval(run, evaluation)
    results = evaluation.results
    result = {"report": str(report), "results": results.model_dump(mode="json")}
    lines = () if quiet else _lines(results, table_rows(results))
    emit(result, str(report), as_json=as_json, lines=lines)


def _settings(protocol: str, step_text: str, **numbers: int) -> Settings:
    from illinstr.config import validate
    from illinstr.errors import ConfigError
    from illinstr.evaluation.results import Settings

    for option, value in (("protocol", protocol), ("step-text", step_text)):
        if value not in CHOICES[option]:
            raise UsageError(f"--{option} {value}: no such choice", hint=f"choices: {', '.join(CHOICES[option])}")
    try:
        return validate(Settings, {"protocol": protocol, "step_text": step_text, **numbers})
    except ConfigError as error:
        option = error.message.removeprefix("config key ").replace("_", "-")
        raise UsageError(f"--{option}") from error


def _prepare(
    run: Path, against: Path | None, truth: Path | None, settings: Settings, *, split: str | None, limit: int | None
) -> Prepared:
    """Read and check everything that an encoder is not needed for."""
    from itertools import islice

    from illinstr.evaluation.evaluate import Source, prepare
    from illinstr.evaluation.subjects import goal_identity

    source = open_source(run, split=split)
    if not os.access(run, os.W_OK | os.X_OK):
        raise UsageError(f"no permission to write in {run}", hint="results go to RUN/eval; copy the run elsewhere")
    articles = list(islice(source.articles, limit))
    world = embedded_world(articles, draw=truth is None)
    found = open_source(truth) if truth is not None else world.truth if world else None
    return prepare(
        Source(source.name, articles),
        settings,
        other=open_source(against) if against is not None else None,
        truth=found,
        spare_goals=world.goals if world else (),
        identify=world.identify if world else goal_identity,
        split=split,
        limit=limit,
    )


def _load(encoder: str, consistency_encoder: str | None, device: str) -> tuple[ImageTextEncoder, ImageEncoder | None]:
    from illinstr.evaluation.encoders import load_image_encoder, load_image_text_encoder

    judge = load_image_text_encoder(encoder, device=device)
    if consistency_encoder is None or consistency_encoder == encoder:
        return judge, None
    return judge, load_image_encoder(consistency_encoder, device=device)


def _lines(results: Results, rows: list[Row]) -> tuple[str, ...]:
    """Verdict, table and notes, drawn by Rich on a terminal and as plain columns elsewhere."""
    header = ["metric", "value", "interval", "guessing", "articles / items"]
    cells = [[row.metric, row.value, row.interval, row.chance, row.n] for row in rows]
    optional = (
        ("truth", bool(results.truth_metrics), [row.truth for row in rows]),
        ("other", bool(results.other_metrics), [row.other for row in rows]),
        ("this - other", bool(results.comparisons), [row.difference for row in rows]),
    )
    for title, wanted, column in optional:
        if wanted:
            header.append(title)
            cells = [[*line, cell] for line, cell in zip(cells, column, strict=True)]
    table = _rich_table(header, cells) if sys.stdout.isatty() else _plain_table(header, cells)
    skipped = [f"left out: {name}, because {reason}" for name, reason in sorted(results.skipped.items())]
    notes = [f"note: {warning}" for warning in results.warnings]
    encoder = results.encoders.encoder
    looked = f"encoder: {encoder.id} ({encoder.sha256[:8]}); numbers by other encoders do not compare"
    return (results.verdict, "", *table, "", looked, *skipped, *notes)


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
