"""``illinstr correct``: something went wrong after a step; what is done stays, the rest is written and drawn anew."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illinstr.cli.edit import load_illustrator
from illinstr.cli.options import AsJson, Device, Quiet
from illinstr.console import emit, reporter
from illinstr.errors import DataError, UsageError
from illinstr.workflows.checks import check_model
from illinstr.workflows.world import EMBEDDED_WRITER
from illinstr.workflows.writers import announce, open_writer, read_own_steps, release

if TYPE_CHECKING:
    from illinstr.sampling.drawing.revision import FinishedRun
    from illinstr.sampling.writing import Writer


def command(
    run: Annotated[Path, typer.Argument(help="The run folder of one article.")],
    after: Annotated[int, typer.Option(help="The last step that was done; it and those before it stay.")],
    problem: Annotated[str, typer.Option(help="What went wrong, in your words.")],
    llm: Annotated[
        str, typer.Option(help="Who writes the new steps: minihow (offline, a few known troubles), or as for generate.")
    ] = EMBEDDED_WRITER,
    step: Annotated[
        list[str] | None, typer.Option(help="A new step in your words, repeated.", show_default=False)
    ] = None,
    steps_file: Annotated[
        Path | None, typer.Option(help="The new steps in your words, one a line; - is stdin.", show_default=False)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of the corrected article. \\[default: one more]", show_default=False)
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="About the reader, for --llm. \\[default: RUN's]", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the words and of the noise. \\[default: RUN's]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the corrected article. \\[default: RUN itself]", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished article in --out.")] = False,
    model: Annotated[
        str | None, typer.Option(help="mini, a model folder, or a hub id. \\[default: RUN's]", show_default=False)
    ] = None,
    device: Device = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the new steps; draw and change nothing.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the corrected page in the browser.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what went wrong after a step: the steps done so far stay, the rest is written and drawn anew.

    The pictures of the steps that stay are held while the new ones are drawn, and are the same files to the byte. The
    article is replaced in place, whole or not at all, unless --out names another folder; run.json says what changed.

    Example:

    illinstr correct cookies --after 3 --problem "the dough is too wet"

    With steps of your own, or by a language model:

    illinstr correct cookies --after 3 --problem "it is too wet" --step "Knead in flour" --step "Roll it out"

    illinstr correct cookies --after 3 --problem "I have no oven after all" --llm http://localhost:11434#llama3.2

    The last line of stdout is the page. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
    """
    from illinstr.runs import check_out
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.drawing.revision import open_run, redraw
    from illinstr.sampling.writing import check_problem, replan_article

    problem = check_problem(problem)
    finished = open_run(run)
    record = finished.record
    writer, total = _writer(finished, after, steps, step, steps_file, llm, context, device)
    if out is not None:
        check_out(out, overwrite=overwrite)
    name = model or record.model_id
    check_model(name)
    say = reporter(quiet)
    announce(writer, say)
    chosen = record.seed if seed is None else seed
    article, correction = replan_article(
        writer, finished.article, after=after, problem=problem, num_steps=total, seed=chosen
    )
    release(writer)
    lines = [f"  {number}. {each.headline}" for number, each in enumerate(article.steps, start=1)]
    if dry_run:
        emit(
            {"dry_run": True, "correction": correction.model_dump(mode="json")}, None, as_json=as_json, lines=(*lines,)
        )
        return
    settings = DrawingSettings(
        method=record.method,
        sampling_steps=record.sampling_steps,
        guidance=record.guidance,
        metadata=finished.metadata,
        window=record.window,
    )
    illustrator = load_illustrator(
        name, settings, finished, say, device=device, dtype=None, offload=False, slicing=False
    )
    try:
        changed, new = redraw(
            finished,
            article,
            illustrator,
            seed=chosen,
            command="correct",
            note=problem,
            correction=correction,
            reporter=say,
            out=out,
        )
    except OSError as error:
        raise DataError(f"cannot write {out or run}: {error.strerror or error}") from error
    page = changed / "index.html"
    result = {"page": str(page), "run": str(changed), "revision": new.revisions[-1].model_dump(mode="json")}
    emit(result, str(page), as_json=as_json, lines=(*lines,))
    if open_page:
        webbrowser.open(page.as_uri())


def _writer(
    run: FinishedRun,
    after: int,
    steps: int | None,
    step: list[str] | None,
    steps_file: Path | None,
    llm: str,
    context: str | None,
    device: str,
) -> tuple[Writer, int | None]:
    """Who writes the new steps, and how many steps the whole then has (None: one more than it had)."""
    from illinstr.sampling.writing import UserSteps

    if step and steps_file is not None:
        raise UsageError("--step and --steps-file cannot be used together", hint="put all steps in the file")
    given = read_own_steps(step, steps_file)
    if given is not None:
        if llm != EMBEDDED_WRITER or context is not None or steps is not None:
            raise UsageError("--llm, --context and --steps have no part in steps of your own", hint="leave them out")
        return UserSteps(given), after + len(given)
    if llm != EMBEDDED_WRITER and context is None and run.record.writing is not None:
        context = run.record.writing.context or None  # who the article was written for is who follows it
    return open_writer(llm, context=context, device=device), steps
