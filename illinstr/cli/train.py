"""``illinstr train``: train a VAE, a CLIP pair or a StackedDiffusion U-Net on a data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    config: Annotated[str, typer.Option(help="Preset name (mini-vae, mini-clip, mini-judge, mini-unet) or YAML file.")],
    data: Annotated[Path, typer.Option(help="Data folder, as written by minihow or scrape.")],
    out: Annotated[Path, typer.Option(help="Run folder: log, checkpoints, samples and the trained model.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override one setting, for example train.lr=1e-4. Repeatable.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest complete checkpoint in --out.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the resolved config and counts; train nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Train a part of the model on a data folder.

    Example: illinstr train --config mini-vae --data data/minihow --out runs/vae --set train.steps=500
    """
    from illinstr.cli.console import emit, reporter
    from illinstr.training.run import run_training

    result = run_training(
        config, settings or [], data=data, out=out, resume=resume, dry_run=dry_run, reporter=reporter(quiet)
    )
    lines = tuple(result["lines"])
    emit({key: value for key, value in result.items() if key != "lines"}, result["model"], as_json=as_json, lines=lines)
