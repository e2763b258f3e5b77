"""``illinstr doctor``: is everything here that the other commands need?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import AsJson, LlmCa


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
    llm: Annotated[
        str | None,
        typer.Option(help="Ask a language model, as for generate, for one small answer.", show_default=False),
    ] = None,
    llm_ca: LlmCa = None,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Load the model and show on its weights that text reaches its own image alone."),
    ] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only what does not pass.")] = False,
) -> None:
    """Check versions, devices, the embedded models, disk space and the network; say how to mend what is wrong.

    Example, after an installation:

    illinstr doctor

    Before a long training run:

    illinstr doctor --data data/minihow --out runs/big

    That the steps of a transformer of your own do not mix, with its own weights:

    illinstr doctor --model models/klein --prove

    What a language model can do for generate:

    illinstr doctor --llm ollama

    Exit codes: 0 nothing failed (warnings may stand), 1 something failed, 2 wrong use.
    """
    if prove:
        print_proof(model, as_json=as_json)
        return
    from dataclasses import asdict

    from illinstr.console import emit, reporter
    from illinstr.doctor import examine
    from illinstr.errors import IllinstrError, UsageError
    from illinstr.version import __version__
    from illinstr.workflows.llm_check import examine_llm

    reporter(quiet or as_json).log("looking around; a few seconds ...")
    checks = examine(model=model, judge=judge, out=out, data=data)
    if llm is not None:
        checks += examine_llm(llm, ca=llm_ca)
    elif llm_ca is not None:
        raise UsageError("--llm-ca is for a server behind https", hint="--llm https://HOST/v1#MODEL")
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


def print_proof(model: Path | None, *, as_json: bool) -> None:
    """The table of ``illinstr.diffusion.proof`` for a model, and a failure where a row does not hold.

    Raises:
        UsageError: no model is named.
        ModelError: it cannot be loaded, or text reaches an image that it must not.
    """
    from dataclasses import asdict

    from illinstr.console import emit
    from illinstr.diffusion.loading import load_pipeline
    from illinstr.diffusion.proof import prove
    from illinstr.errors import ModelError, UsageError

    if model is None:
        raise UsageError("--prove needs a model", hint="illinstr doctor --model FOLDER --prove")
    findings = prove(load_pipeline(str(model)).backbone)
    failed = [finding for finding in findings if not finding.holds]
    rows = [asdict(finding) | {"holds": finding.holds} for finding in findings]
    head = f"{'blocks':10} {'attention':10} {'changed':22} {'change':>9}"
    emit({"ok": not failed, "proof": rows}, None, as_json=as_json, lines=(head, *(row.line for row in findings)))
    if failed:
        raise ModelError(
            f"{len(failed)} of {len(findings)} findings are not as they must be",
            hint="draw with --method independent, and report this with the versions that illinstr doctor prints",
        )
