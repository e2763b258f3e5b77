"""``illinstr edit``: change steps of a finished article; every other image stays as it is."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated, Any

import typer

from illinstr.cli.options import (
    AsJson,
    Base,
    Device,
    Dtype,
    Fit,
    Lora,
    Offload,
    OffloadText,
    Quantize,
    Quiet,
    VaeSlicing,
)


def command(
    run: Annotated[Path, typer.Argument(help="The run folder of one article.")],
    step: Annotated[
        list[int] | None, typer.Option(help="Which step, from 1; repeat to draw several again.", show_default=False)
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help='What the step shall say: "headline" or "headline | body".', show_default=False),
    ] = None,
    redraw: Annotated[bool, typer.Option("--redraw", help="Keep the words; draw the image again.")] = False,
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
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            help="As for generate; repeat for several. \\[default: RUN's]",
            show_default=False,
        ),
    ] = None,
    style: Annotated[str | None, typer.Option(help="As for generate. \\[default: RUN's]", show_default=False)] = None,
    lora: Lora = None,
    base: Base = None,
    device: Device = "auto",
    dtype: Dtype = None,
    quantize: Quantize = None,
    fit: Fit = None,
    offload: Offload = False,
    offload_text: OffloadText = False,
    vae_slicing: VaeSlicing = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the changed page in the browser.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Change a step of a finished article: its words and image, or its image alone.

    All other images are held while the new one is drawn, so that it fits them, and stay as they are to the byte. The
    article is replaced in place, whole or not at all, unless --out names another folder.

    Example, new words and an image for them:

    illinstr edit juice --step 3 --text "Cut the apple into thin slices"

    Another image for the same words, as often as you like:

    illinstr edit juice --step 3 --redraw

    The last line of stdout is the page. Exit codes: 0 done, 1 failed, 2 wrong use, 130 interrupted.
    """
    from illinstr.console import emit, reporter
    from illinstr.errors import UsageError
    from illinstr.workflows.edit import EditRequest, edit_article

    if not step:
        raise UsageError("no step is named", hint='for example: illinstr edit RUN --step 3 --text "..."')
    if (text is None) == (not redraw):
        raise UsageError("give --text or --redraw", hint="--text changes words and image, --redraw the image alone")
    chosen: Any = quantize  # which it may be is checked with the rest
    request = EditRequest(
        run,
        step,
        text=text,
        seed=seed,
        out=out,
        overwrite=overwrite,
        model=model,
        sampler=sampler,
        sampling_steps=sampling_steps,
        guidance=guidance,
        references=reference,
        style=style,
        lora=lora,
        base=base,
        device=device,
        dtype=dtype,
        quantize=chosen,
        fit=fit,
        offload=offload,
        offload_text=offload_text,
        vae_slicing=vae_slicing,
        reporter=reporter(quiet),
    )
    changed = edit_article(request)
    page = str(changed.page)
    last = changed.record.revisions[-1].model_dump(mode="json")
    emit({"page": page, "run": str(changed.folder), "revision": last}, page, as_json=as_json)
    if open_page:
        webbrowser.open(changed.page.as_uri())
