"""``illinstr export``: a training run as a model folder, and as a hub repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from illinstr.cli.options import AsJson


def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder of a U-Net, finished or not.")],
    out: Annotated[Path, typer.Option(help="Model folder to write.")],
    weights: Annotated[
        Literal["ema", "raw"], typer.Option(help="The moving average, or the weights as the last step left them.")
    ] = "ema",
    checkpoint: Annotated[
        str | None,
        typer.Option(help="For example step-00000500. \\[default: the newest complete one]", show_default=False),
    ] = None,
    dtype: Annotated[
        Literal["float16", "bfloat16", "float32"] | None,
        typer.Option(help="Of the stored weights. \\[default: export.dtype of the run's config]", show_default=False),
    ] = None,
    push_to_hub: Annotated[
        str | None, typer.Option(metavar="ORG/NAME", help="Upload the folder to the Hugging Face Hub as well.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new hub repository private.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Nothing on stderr but errors.")] = False,
) -> None:
    """Write the model of a training run as a folder that illinstr and plain diffusers load.

    Example: illinstr export runs/sd15 --out models/sd15-raw --weights raw --dtype float32

    With --push-to-hub you must be logged in (hf auth login, or HF_TOKEN).
    """
    from illinstr.console import emit, reporter
    from illinstr.workflows.export import ExportRequest, export_model

    request = ExportRequest(
        run=run,
        out=out,
        weights=weights,
        checkpoint=checkpoint,
        dtype=dtype,
        push_to_hub=push_to_hub,
        private=private,
        reporter=reporter(quiet),
    )
    result = export_model(request)
    emit(result.as_dict(), str(result.model), as_json=as_json)
