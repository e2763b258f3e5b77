"""``illinstr print``: the pages of a finished article made anew, and its PDF."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illinstr.cli.options import AsJson, Quiet
from illinstr.console import emit, reporter
from illinstr.errors import DataError, UsageError

if TYPE_CHECKING:
    from illinstr.sampling.drawing.revision import FinishedRun

FORMATS = {"pdf": "article.pdf", "html": "index.html", "markdown": "article.md", "strip": "strip.png"}


def command(
    run: Annotated[Path, typer.Argument(help="The run folder of one article.")],
    to: Annotated[str, typer.Option(help="pdf, html, markdown or strip (one long picture).")] = "pdf",
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
    from illinstr.files import write_bytes
    from illinstr.sampling.drawing.revision import open_run
    from illinstr.sampling.pages.pdf import load_weasyprint

    if to not in FORMATS:
        raise UsageError(f"--to {to!r} is unknown", hint=f"choose from {', '.join(FORMATS)}")
    if to == "pdf":
        load_weasyprint()
    finished = open_run(run)
    path = (out or finished.folder / FORMATS[to]).expanduser().resolve()
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint="name a file with --out")
    with reporter(quiet).task(f"printing {to}", total=1) as advance:
        content = _content(to, finished)
        try:
            write_bytes(path, content)
        except OSError as error:
            raise DataError(f"cannot write {path}: {error.strerror or error}") from error
        advance()
    emit({"file": str(path), "format": to, "bytes": len(content)}, str(path), as_json=as_json)
    if open_file:
        webbrowser.open(path.as_uri())


def _content(to: str, finished: FinishedRun) -> bytes:
    from illinstr.sampling.pages.page import render_pages
    from illinstr.sampling.pages.pdf import render_pdf

    if to == "pdf":
        return render_pdf(finished.article, finished.record)
    pages = render_pages(finished.article, finished.record, metadata=finished.metadata)
    page = pages.get(FORMATS[to])
    if page is None:
        raise DataError("the article has no pictures to make a strip of")
    return page.encode() if isinstance(page, str) else page
