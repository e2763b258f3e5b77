"""``illinstr eval``: how well images show their goal and steps, how alike they are, and how sure each number is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import Device


def command(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="What generate made (one article or many), or a data folder.")
    ],
    against: Annotated[
        list[Path] | None, typer.Option(help="Compare with this run on the goals both have. Again for more runs.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Rank several RUNs: a leaderboard in --out.")] = False,
    faults: Annotated[
        bool, typer.Option("--faults", help="Test the judge: plant faults in RUN's true articles, show what it sees.")
    ] = False,
    out: Annotated[Path, typer.Option(help="Where --compare writes.")] = Path("leaderboard"),
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
            help="For feature distance, FID and KID: DINOv2, CLIP or SigLIP. \\[default: --encoder]", show_default=False
        ),
    ] = None,
    protocol: Annotated[str, typer.Option(help="ours, or reproduction (the authors' released scripts).")] = "ours",
    goals: Annotated[
        Path | None,
        typer.Option(
            help="Table of goals and steps whose images lie in RUN: TSV, CSV or JSON lines; of any system's images.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str | None, typer.Option(help="Of a data folder: evaluate this split only.")] = None,
    limit: Annotated[int | None, typer.Option(help="Evaluate the first so many articles only.")] = None,
    seed: Annotated[int, typer.Option(help="Of distractors and resampling.")] = 0,
    num_distractors: Annotated[int, typer.Option(help="Other texts that an image chooses among.")] = 3,
    goal_distractors: Annotated[
        str, typer.Option(help="any other goals, or near ones first: of the same family or category.")
    ] = "any",
    min_fid: Annotated[int, typer.Option(help="Fewest images for which FID is stated at all.")] = 2048,
    bootstrap: Annotated[int, typer.Option(help="Resamples behind each interval.")] = 2000,
    step_text: Annotated[str, typer.Option(help="What stands for a step: headline, or full (with its body).")] = (
        "headline"
    ),
    vlm: Annotated[
        str | None, typer.Option(help="Ask a vision-language model too: base URL of an OpenAI-compatible server.")
    ] = None,
    vlm_model: Annotated[str | None, typer.Option(help="Its name on that server.")] = None,
    batch_size: Annotated[int, typer.Option(help="Images or texts a forward pass; changes no result.")] = 32,
    cache: Annotated[
        Path | None,
        typer.Option(help="Where features are kept. \\[default: ~/.cache/illinstr/features]", show_default=False),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Neither use nor keep features.")] = False,
    processes: Annotated[
        int, typer.Option(help="Processes that share the encoding, one a GPU where there are; changes no result.")
    ] = 1,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no table: the path alone.")] = False,
) -> None:
    """Score a run: goal and step faithfulness, consistency, FID, KID and CMMD, with intervals over its articles.

    Writes RUN/eval: [bold]report.html[/bold] to read, results.json to compute with, samples.jsonl with every score.

    Examples: one model against another on the same goals; several ranked; the judge itself put to the test.

    illinstr eval runs/stacked --against runs/independent

    illinstr eval --compare runs/a runs/b runs/c

    illinstr eval data/minihow --split test --faults

    Images of any other system, and the table of what it was asked for:

    illinstr eval images/of-another --goals goals.tsv

    With the encoders of the paper (downloads them once), on four GPUs:

    illinstr eval runs/stacked --processes 4 --encoder laion/CLIP-ViT-H-14-laion2B-s32B-b79K
    --consistency-encoder facebook/dinov2-large

    The last line of stdout is the report. Exit codes: 0 done, 1 failed, 2 wrong use, 3 some steps of the run have no
    image, 130 interrupted.
    """
    from illinstr.console import emit, reporter
    from illinstr.engine.launching import arguments_without, check_processes, launch_processes
    from illinstr.workflows.evaluate import EvaluateRequest, check_evaluate, evaluate_runs

    request = EvaluateRequest(
        runs,
        against=against or (),
        compare=compare,
        faults=faults,
        out=out,
        truth=truth,
        encoder=encoder,
        consistency_encoder=consistency_encoder,
        protocol=protocol,
        goals=goals,
        split=split,
        limit=limit,
        seed=seed,
        num_distractors=num_distractors,
        goal_distractors=goal_distractors,
        min_fid=min_fid,
        bootstrap=bootstrap,
        step_text=step_text,
        vlm=vlm,
        vlm_model=vlm_model,
        batch_size=batch_size,
        cache=cache,
        no_cache=no_cache,
        device=device,
        reporter=reporter(quiet),
    )
    check_processes(processes)
    if processes > 1:
        check_evaluate(request)
        raise typer.Exit(launch_processes(arguments_without(sys.argv[1:], "--processes"), processes))
    result = evaluate_runs(request)
    if result.page is None:
        return  # the first process reports for all
    emit(result.as_dict(), str(result.page), as_json=as_json, lines=() if quiet else result.lines)
    if result.error is not None:
        raise result.error
