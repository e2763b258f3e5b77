"""``print``: a finished article as one file."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.errors import DataError
from illinstr.workflows.checks import check_choice
from illinstr.workflows.edit import finished_run
from illinstr.workflows.generate import cannot_write
from illinstr.workflows.request import Request

if TYPE_CHECKING:
    from illinstr.sampling.drawing.revision import FinishedRun

FORMATS = {"pdf": "article.pdf", "html": "index.html", "markdown": "article.md", "strip": "strip.png"}


@dataclass(frozen=True)
class PrintRequest(Request):
    """Which article, as what, where.

    Attributes:
        run: what ``generate`` returned, or its folder.
        to: ``pdf``, ``html``, ``markdown`` or ``strip`` (one long image).
        out: file to write; its own name in the run folder when None.
    """

    run: FinishedRun | str | Path
    to: str = "pdf"
    _: KW_ONLY
    out: str | Path | None = None


@dataclass(frozen=True)
class PrintResult:
    """The file that was written."""

    file: Path
    format: str
    size: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"file": str(self.file), "format": self.format, "bytes": self.size}


def print_article(request: PrintRequest) -> PrintResult:
    """Print a finished article to a file: as PDF, or one of the pages that ``generate`` writes.

    Raises:
        UsageError: no such format, what PDF needs is not installed, or ``out`` is a folder.
        DataError: the run is missing or damaged, or the file cannot be written.
    """
    from illinstr.files import remove_leftovers, write_bytes
    from illinstr.sampling.pages.pdf import load_weasyprint

    check_choice("--to", request.to, tuple(FORMATS))
    if request.to == "pdf":
        load_weasyprint()
    run = finished_run(request.run)
    path = _place(request, run)
    with request.messages.task(f"printing {request.to}", total=1) as advance:
        content = _content(request.to, run)
        try:
            remove_leftovers(path.parent, path.name)
            write_bytes(path, content)
        except OSError as error:
            raise cannot_write(path, error) from error
        advance()
    return PrintResult(path, request.to, len(content))


def _place(request: PrintRequest, run: FinishedRun) -> Path:
    """The file to write: the run's own of that format, or one that is neither read nor the user's.

    Raises:
        UsageError: it is something else.
    """
    from illinstr.ownership import RUN, check_file, check_place
    from illinstr.runs import image_files

    own = (run.folder / FORMATS[request.to]).resolve()
    path = own if request.out is None else check_place(Path(request.out))
    if path == own and path.is_file() and RUN.owns_file(path.name, path):
        return check_place(path)
    return check_file(path, inputs=image_files(run.folder, run.article))


def _content(to: str, run: FinishedRun) -> bytes:
    from illinstr.sampling.pages.page import render_pages
    from illinstr.sampling.pages.pdf import render_pdf

    if to == "pdf":
        return render_pdf(run.article, run.record)
    pages = render_pages(run.article, run.record, metadata=run.metadata)
    page = pages.get(FORMATS[to])
    if page is None:
        raise DataError("the article has no images to make a strip of")
    return page.encode() if isinstance(page, str) else page
