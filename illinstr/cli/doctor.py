"""``illinstr doctor``: is everything here that the other commands need?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import AsJson


def command(
    model: Annotated[
        Path | None, typer.Option(help="Model folder or hub id. \\[default: the embedded one]", show_default=False)
    ] = None,
    judge: Annotated[
        Path | None, typer.Option(help="Judge folder to check. \\[default: the embedded one]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where results would go. \\[default: the current folder]", show_default=False)
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder to validate, every byte of it.")] = None,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what does not pass.")] = False,
) -> None:
    """Check versions, devices, the embedded models, disk space and the network; say how to mend what is wrong.

    Example, after an installation:

    illinstr doctor

    Before a long training run:

    illinstr doctor --data data/minihow --out runs/big

    Exit codes: 0 nothing failed (warnings may stand), 1 something failed, 2 wrong use.
    """
    from dataclasses import asdict

    from illinstr.console import emit, reporter
    from illinstr.doctor import examine
    from illinstr.errors import IllinstrError
    from illinstr.version import __version__

    reporter(quiet or as_json).log("looking around; a few seconds ...")
    checks = examine(model=model, judge=judge, out=out, data=data)
    failed = [check for check in checks if check.status == "fail"]
    lines = []
    for check in checks:
        if quiet and check.status == "pass":
            continue
        lines.append(f"{check.status:4}  {check.name:12}  {check.detail}")
        if check.fix:
            lines.append(f"      fix: {check.fix}")
    result = {"version": __version__, "ok": not failed, "checks": [asdict(check) for check in checks]}
    emit(result, None, as_json=as_json, lines=tuple(lines))
    if failed:
        names = ", ".join(check.name for check in failed)
        raise IllinstrError(f"{len(failed)} of {len(checks)} checks failed: {names}", hint=failed[0].fix)
