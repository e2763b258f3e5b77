"""``illinstr train``: train a VAE, a CLIP pair or a StackedDiffusion U-Net on a data folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import AsJson


def command(
    config: Annotated[str, typer.Option(help="Preset name (mini-vae, mini-clip, mini-unet, ...) or YAML file.")],
    out: Annotated[Path, typer.Option(help="Run folder: log, checkpoints, samples and the trained model.")],
    data: Annotated[
        list[str] | None,
        typer.Option(
            help="Data folder, as written by minihow or scrape. Repeatable, with weights: --data A:2 --data B shows"
            " each article of A twice as often as one of B. The config's data.folders when left out."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Override one setting, for example train.lr=1e-4. Repeatable.")
    ] = None,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the run in --out although settings differ; the same go on anyway."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again and delete the checkpoints in --out.")] = False,
    save_on_signal: Annotated[
        str | None,
        typer.Option(help="A signal, for example USR1, at which the run saves and ends with code 143, as at SIGTERM."),
    ] = None,
    delete_invalid: Annotated[
        bool, typer.Option("--delete-invalid", help="Delete damaged checkpoints met on the way to a good one.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the resolved config, counts, memory and time of a step; write nothing."),
    ] = False,
    processes: Annotated[
        int, typer.Option(min=1, help="Processes on this machine, one per GPU; they share each batch.")
    ] = 1,
    num_processes: Annotated[int | None, typer.Option(hidden=True, min=1, help="Older name of --processes.")] = None,
    accelerate_config: Annotated[
        str | None,
        typer.Option(help="How processes share the work: ddp, fsdp, or an accelerate config file."),
    ] = None,
    faithfulness: Annotated[
        int, typer.Option(min=0, help="Draw and judge this many validation articles at each validation (U-Net only).")
    ] = 0,
    judge: Annotated[
        str | None, typer.Option(help="CLIP folder for --faithfulness; the embedded judge when left out.")
    ] = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")] = False,
) -> None:
    """Train a part of the model on a data folder.

    Example: illinstr train --config mini-vae --data data/minihow --out runs/vae --set train.steps=500
    """
    import sys

    from illinstr.console import emit, reporter
    from illinstr.engine import accelerate_config as accelerate
    from illinstr.engine.launching import arguments_without, launch_processes, refuse_inside_launcher
    from illinstr.workflows.train import TrainRequest, check_training, train_model

    request = TrainRequest(
        config=config,
        data=data or None,
        out=out,
        settings=settings or (),
        resume=resume,
        fresh=fresh,
        save_on_signal=save_on_signal,
        delete_invalid=delete_invalid,
        dry_run=dry_run,
        processes=num_processes or processes,
        faithfulness=faithfulness,
        judge=judge,
        reporter=reporter(quiet),
    )
    if (request.processes > 1 or accelerate_config) and not dry_run:
        refuse_inside_launcher()
        environment = {}
        if accelerate_config is not None:
            path = accelerate.find_accelerate_config(accelerate_config)
            environment = accelerate.accelerate_environment(path, request.processes)
        resolved = check_training(request)  # the first process reports
        accelerate.check_environment(environment, resolved.optim.algorithm)
        arguments = arguments_without(sys.argv[1:], "--processes", "--num-processes", "--accelerate-config")
        told = ("TERM", *([save_on_signal] if save_on_signal else []))
        raise typer.Exit(launch_processes(arguments, request.processes, environment, pass_on=told))
    result = train_model(request)
    emit(result.as_dict(), str(result.model) if result.model else None, as_json=as_json, lines=result.lines)
