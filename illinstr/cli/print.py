"""``illinstr print``: the pages of a finished article made again, and its PDF."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from illinstr.cli.options import AsJson, Quiet


def command(
    run: Annotated[Path, typer.Argument(help="The run folder of one article.")],
    to: Annotated[str, typer.Option(help="pdf, html, markdown or strip (one long image).")] = "pdf",
    out: Annotated[
        Path | None, typer.Option(help="File to write. \\[default: its own name in RUN]", show_default=False)
    ] = None,
    open_file: Annotated[bool, typer.Option("--open", help="Open what was made.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print a finished article to a file: as PDF, or one of the pages that [bold]generate[/bold] writes.

    Example:

    illinstr print juice --to pdf

    PDF needs the extra pdf: pip install 'illinstr\\[pdf]'. It is A4, tagged for screen readers, and made without a
    browser or a network. The last line of stdout is the file. Exit codes: 0 done, 1 failed, 2 wrong use.
    """
    from illinstr.console import emit, reporter
    from illinstr.workflows.print import PrintRequest, print_article

    result = print_article(PrintRequest(run, to, out=out, reporter=reporter(quiet)))
    emit(result.as_dict(), str(result.file), as_json=as_json)
    if open_file:
        webbrowser.open(result.file.as_uri())
