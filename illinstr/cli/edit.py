"""``illinstr edit``: change steps of a finished article; every other picture stays as it is."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illinstr.cli.options import AsJson, Device, Dtype, Offload, Quiet, VaeSlicing
from illinstr.console import emit, reporter
from illinstr.errors import DataError, UsageError
from illinstr.workflows.checks import check_drawing, check_model, load_pipeline

if TYPE_CHECKING:
    from illinstr.progress import Reporter
    from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator
    from illinstr.sampling.drawing.revision import Edit, FinishedRun


def command(
    run: Annotated[Path, typer.Argument(help="The run folder of one article.")],
    step: Annotated[
        list[int] | None, typer.Option(help="Which step, from 1; repeat to draw several again.", show_default=False)
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help='What the step shall say: "headline" or "headline | body".', show_default=False),
    ] = None,
    redraw: Annotated[bool, typer.Option("--redraw", help="Keep the words; draw the picture again.")] = False,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Seed of the new noise. \\[default: the run's own with --text, the next unused one with --redraw]",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the changed article. \\[default: RUN itself]", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished article in --out.")] = False,
    model: Annotated[
        str | None, typer.Option(help="mini, a model folder, or a hub id. \\[default: RUN's]", show_default=False)
    ] = None,
    sampler: Annotated[
        str | None, typer.Option(help="As for generate. \\[default: dpm++2m-sde]", show_default=False)
    ] = None,
    sampling_steps: Annotated[
        int | None, typer.Option(help="Denoising steps. \\[default: RUN's]", show_default=False)
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Classifier-free guidance. \\[default: RUN's]", show_default=False)
    ] = None,
    device: Device = "auto",
    dtype: Dtype = None,
    offload: Offload = False,
    vae_slicing: VaeSlicing = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the changed page in the browser.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Change a step of a finished article: its words and picture, or its picture alone.

    All other pictures are held while the new one is drawn, so that it fits them, and stay as they are to the byte. The
    article is replaced in place, whole or not at all, unless --out names another folder.

    Example, new words and a picture for them:

    illinstr edit juice --step 3 --text "Cut the apple into thin slices"

    Another picture for the same words, as often as you like:

    illinstr edit juice --step 3 --redraw

    The last line of stdout is the page. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
    """
    from illinstr.runs import check_out
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.drawing.revision import edit_run, open_run

    check_drawing({"sampling_steps": sampling_steps, "guidance": guidance, "sampler": sampler, "device": device})
    check_drawing({"sampling_steps": None, "guidance": None, "dtype": dtype, "device": device})
    edit = _edit(step, text, redraw)
    finished = open_run(run)
    edit.apply(finished.article)  # refuses what does not fit before a model is loaded
    record = finished.record
    settings = DrawingSettings(
        method=record.method,
        sampler=sampler,
        sampling_steps=sampling_steps or record.sampling_steps,
        guidance=record.guidance if guidance is None else guidance,
        metadata=finished.metadata,
        window=record.window,
    )
    if out is not None:
        check_out(out, overwrite=overwrite)
    name = model or record.model_id
    check_model(name)
    say = reporter(quiet)
    illustrator = load_illustrator(
        name, settings, finished, say, device=device, dtype=dtype, offload=offload, slicing=vae_slicing
    )
    try:
        changed = edit_run(finished, edit, illustrator, seed=seed, reporter=say, out=out)
    except OSError as error:
        raise DataError(f"cannot write {out or run}: {error.strerror or error}") from error
    page = str(changed.page)
    last = changed.record.revisions[-1].model_dump(mode="json")
    emit({"page": page, "run": str(changed.folder), "revision": last}, page, as_json=as_json)
    if open_page:
        webbrowser.open(changed.page.as_uri())


def _edit(steps: list[int] | None, text: str | None, redraw: bool) -> Edit:
    from illinstr.sampling.drawing.revision import Edit
    from illinstr.sampling.writing import parse_step

    if not steps:
        raise UsageError("no step is named", hint='for example: illinstr edit RUN --step 3 --text "..."')
    if (text is None) == (not redraw):
        raise UsageError("give --text or --redraw", hint="--text changes words and picture, --redraw the picture alone")
    return Edit(tuple(dict.fromkeys(steps)), parse_step(text) if text is not None else None)


def load_illustrator(
    name: str,
    settings: DrawingSettings,
    run: FinishedRun,
    say: Reporter,
    *,
    device: str,
    dtype: str | None,
    offload: bool,
    slicing: bool,
) -> Illustrator:
    """Load the model for a finished article; say so when it is not the one that drew it.

    Raises:
        UsageError: the device is not there.
        ModelError: the model is missing, damaged or of another kind.
    """
    from illinstr.sampling.drawing.illustrator import Illustrator

    started = time.perf_counter()
    pipeline = load_pipeline(name, device, dtype, offload=offload, vae_slicing=slicing)
    if pipeline.model_sha256 != run.record.model_sha256:
        say.log("note: this is not the model that drew the article; the new picture may not match the others")
    return Illustrator(pipeline, settings, load_s=time.perf_counter() - started)
