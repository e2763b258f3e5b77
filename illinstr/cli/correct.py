"""``illinstr correct``: something went wrong after a step; what is done stays, the rest is written and drawn again."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import AsJson, Device, LlmCa, Quiet
from illinstr.workflows.world import EMBEDDED_WRITER


def command(
    run: Annotated[Path, typer.Argument(help="The run folder of one article.")],
    after: Annotated[int, typer.Option(help="The last step that was done; it and those before it stay.")],
    problem: Annotated[str, typer.Option(help="What went wrong, in your words.")],
    llm: Annotated[
        str, typer.Option(help="Who writes the new steps: minihow (offline, a few known troubles), or as for generate.")
    ] = EMBEDDED_WRITER,
    llm_ca: LlmCa = None,
    step: Annotated[
        list[str] | None, typer.Option(help="A new step in your words, repeated.", show_default=False)
    ] = None,
    steps_file: Annotated[
        Path | None, typer.Option(help="The new steps in your words, one per line; - is stdin.", show_default=False)
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
    """Say what went wrong after a step: the steps done so far stay, the rest is written and drawn again.

    The images of the steps that stay are held while the new ones are drawn, and are the same files to the byte. The
    article is replaced in place, whole or not at all, unless --out names another folder; run.json says what changed.

    Example:

    illinstr correct cookies --after 3 --problem "the dough is too wet"

    With steps of your own, or by a language model:

    illinstr correct cookies --after 3 --problem "it is too wet" --step "Knead in flour" --step "Roll it out"

    illinstr correct cookies --after 3 --problem "I have no oven after all" --llm ollama:qwen3.5:9b

    The last line of stdout is the page. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
    """
    from illinstr.console import emit, reporter
    from illinstr.errors import UsageError
    from illinstr.workflows.correct import CorrectRequest, correct_article, plan_correction
    from illinstr.workflows.writers import read_own_steps

    given = read_own_steps(step, steps_file)
    if given is not None and steps is not None:
        raise UsageError("--llm, --context and --steps have no part in steps of your own", hint="leave them out")
    request = CorrectRequest(
        run,
        after,
        problem,
        steps=steps if given is None else given,
        writer=llm,
        llm_ca=llm_ca,
        context=context,
        seed=seed,
        out=out,
        overwrite=overwrite,
        model=model,
        device=device,
        reporter=reporter(quiet),
    )
    if dry_run:
        plan = plan_correction(request)
        emit(plan.as_dict(), None, as_json=as_json, lines=plan.lines)
        return
    corrected = correct_article(request)
    page, last = str(corrected.page), corrected.record.revisions[-1].model_dump(mode="json")
    lines = (f"  {number}. {each.headline}" for number, each in enumerate(corrected.article.steps, start=1))
    emit({"page": page, "run": str(corrected.folder), "revision": last}, page, as_json=as_json, lines=tuple(lines))
    if open_page:
        webbrowser.open(corrected.page.as_uri())
