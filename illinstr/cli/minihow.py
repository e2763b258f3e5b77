"""``illinstr minihow``: draw a data set of illustrated how-to articles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.array_script import print_array_script
from illinstr.cli.options import Address, AsJson, Executor, ShardOfWork, Workers


def command(
    out: Annotated[Path, typer.Option("--out", help="Data folder to make.")] = Path("data/minihow"),
    count: Annotated[int, typer.Option("--count", help="Number of articles over all splits.")] = 1000,
    seed: Annotated[
        int, typer.Option("--seed", help="Which series of articles; the same seed gives the same bytes.")
    ] = 0,
    panel_px: Annotated[int, typer.Option("--panel-px", help="Side of each square image in pixels (32..2048).")] = 128,
    min_steps: Annotated[int, typer.Option("--min-steps", help="Fewest instruction steps of an article.")] = 2,
    max_steps: Annotated[int, typer.Option("--max-steps", help="Most instruction steps of an article.")] = 8,
    val_share: Annotated[
        float, typer.Option("--val-share", help="Share of articles about goals held out for validation.")
    ] = 0.05,
    test_share: Annotated[
        float, typer.Option("--test-share", help="Share of articles about goals held out for tests.")
    ] = 0.05,
    processes: Annotated[
        int, typer.Option("--processes", help="Processes that draw; the result does not depend on it.")
    ] = 1,
    executor: Executor = "local",
    address: Address = None,
    workers: Workers = None,
    part: ShardOfWork = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Also write preview.png, a contact sheet of eight articles.")
    ] = False,
    families: Annotated[
        str, typer.Option("--families", help="Only these families of goals, separated by commas. [default: all]")
    ] = "",
    list_goals: Annotated[
        bool, typer.Option("--list-goals", help="Print every goal, one per line, with its split; make nothing.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the shards that OUT already holds.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Draw a data set of illustrated how-to articles: unlimited, licence-free (CC0), exactly known.

    Goals and step wordings of the val and test splits never occur in the train split.

    Example: illinstr minihow --count 1000 --out data/minihow --preview
    """
    from illinstr.console import emit, reporter
    from illinstr.workflows.minihow import MiniHowRequest, make_dataset
    from illinstr.workflows.minihow import list_goals as goals_of

    chosen = tuple(name.strip() for name in families.split(",") if name.strip())
    if list_goals and not (resume and overwrite):
        rows = goals_of(chosen)
        lines = tuple("\t".join((row["split"], row["category"], row["family"], row["goal"])) for row in rows)
        emit({"goals": rows}, None, as_json=as_json, lines=lines)
        return
    request = MiniHowRequest(
        out=out,
        count=count,
        seed=seed,
        panel_px=panel_px,
        min_steps=min_steps,
        max_steps=max_steps,
        val_share=val_share,
        test_share=test_share,
        processes=processes,
        executor=executor,
        address=address,
        workers=workers,
        shard=part,
        preview=preview,
        families=chosen,
        resume=resume,
        overwrite=overwrite,
        reporter=reporter(quiet),
    )
    if executor == "slurm":
        print_array_script(replace(request, executor="local", workers=None), workers, out, as_json=as_json)
        return
    result = make_dataset(request)
    counted = ", ".join(f"{number} {name}" for name, number in result.splits.items())
    emit(result.as_dict(), str(result.out), as_json=as_json, lines=(f"{count} articles: {counted}",))
