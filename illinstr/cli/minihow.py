"""``illinstr minihow``: draw a data set of illustrated how-to articles."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli import console
from illinstr.errors import UsageError

PREVIEW_ROWS = 8


def command(
    out: Annotated[Path, typer.Option("--out", help="Data folder to make.")] = Path("data/minihow"),
    count: Annotated[int, typer.Option("--count", help="Number of articles over all splits.")] = 1000,
    seed: Annotated[
        int, typer.Option("--seed", help="Which series of articles; the same seed gives the same bytes.")
    ] = 0,
    panel_px: Annotated[
        int, typer.Option("--panel-px", help="Side of each square picture in pixels (32..2048).")
    ] = 128,
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
    preview: Annotated[
        bool, typer.Option("--preview", help="Also write preview.png, a contact sheet of eight articles.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was cut off.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the shards that OUT already holds.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
) -> None:
    """Draw a data set of illustrated how-to articles: unlimited, licence-free (CC0), exactly known.

    Goals and step wordings of the val and test splits never occur in the train split.

    Example: illinstr minihow --count 1000 --out data/minihow --preview
    """
    from illinstr import files
    from illinstr.minihow.dataset import Existing, contact_sheet, write_dataset
    from illinstr.minihow.world import make_article

    if resume and overwrite:
        raise UsageError("--resume and --overwrite exclude each other")
    existing: Existing = "resume" if resume else "overwrite" if overwrite else "refuse"
    started = time.monotonic()
    index = write_dataset(
        out, count=count, seed=seed, val_share=val_share, test_share=test_share, panel_px=panel_px, min_steps=min_steps,
        max_steps=max_steps, processes=processes, existing=existing, reporter=console.reporter(quiet),
    )  # fmt: skip
    counts = {name: split.samples for name, split in index.splits.items()}
    result = {
        "out": str(out), "count": count, "seed": seed, "panel_px": panel_px,
        "seconds": round(time.monotonic() - started, 2),
        "splits": counts,
    }  # fmt: skip
    if preview:
        rows = [
            make_article(i, seed=seed, step_range=(min_steps, max_steps), picture=False) for i in range(PREVIEW_ROWS)
        ]
        files.write_bytes(out / "preview.png", contact_sheet(rows, panel_px=panel_px))
        result["preview"] = str(out / "preview.png")
    told = ", ".join(f"{number} {name}" for name, number in counts.items())
    console.emit(result, str(out), as_json=as_json, lines=(f"{count} articles: {told}",))
