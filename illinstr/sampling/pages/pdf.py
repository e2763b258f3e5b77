"""An article as PDF, without a browser: laid out by WeasyPrint (extra ``pdf``) from the same page and its print style.

The file is tagged (PDF/UA-1: headings, order of reading, alternative texts) and nothing is fetched while it is made.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator
from typing import Any

from illinstr.articles import Article
from illinstr.errors import UsageError
from illinstr.runs import RunRecord
from illinstr.sampling.pages.page import render_html

PDF_FILE = "article.pdf"
PDF_VARIANT = "pdf/ua-1"
SHEET_MM, GAP_MM = 180, 6  # the width of A4 between its margins, and what is between columns
# Columns and the width of an image in mm, the largest images first; two columns as long as they fit.
LAYOUTS = ((1, 150), (1, 120), (2, 87), (2, 80), (2, 74), (2, 68), (2, 63), (2, 58), (3, 55), (3, 50), (3, 45), (3, 40))


def render_pdf(article: Article, record: RunRecord) -> bytes:
    """The article as PDF, A4; the same article gives the same bytes.

    Raises:
        UsageError: WeasyPrint or the system's Pango, which it needs, is not installed.
        DataError: a step's image is described but its bytes are not there.
    """
    page = render_html(article, record, style="pdf.css")
    weasyprint = load_weasyprint()
    document = weasyprint.HTML(string=page, url_fetcher=_inline_only(weasyprint))
    with _fonts_undated():
        layout = _largest(weasyprint, document, article.num_steps)
        pdf: bytes = document.write_pdf(
            stylesheets=[_sheet(weasyprint, layout)], pdf_variant=PDF_VARIANT, pdf_identifier=article.id.encode()
        )
    return pdf + b"% Made with illinstr\n"  # a comment, by which the file is known as ours


def _largest(weasyprint: Any, document: Any, num_steps: int) -> tuple[int, int]:
    """The layout with the largest images on as few sheets as any takes, found by halving."""
    layouts = [each for each in LAYOUTS if each[0] <= num_steps] or list(LAYOUTS[:1])
    images: dict[Any, Any] = {}  # decoded once for all tries

    def pages(layout: tuple[int, int]) -> int:
        return len(document.render(stylesheets=[_sheet(weasyprint, layout)], cache=images).pages)

    fewest, low, high = pages(layouts[-1]), 0, len(layouts) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if pages(layouts[middle]) <= fewest else (middle + 1, high)
    return layouts[low]


def _sheet(weasyprint: Any, layout: tuple[int, int]) -> Any:
    columns, image_mm = layout
    column_mm = (SHEET_MM - (columns - 1) * GAP_MM) // columns - 2  # and the space that stands between inline blocks
    # A sheet that is handed over beside the page's own gives way to it, but for what is important.
    width = min(image_mm, column_mm)
    rules = f"ol.steps > li {{ width: {column_mm}mm !important }} ol.steps img {{ width: {width}mm !important }}"
    return weasyprint.CSS(string=rules, url_fetcher=_inline_only(weasyprint))


@contextlib.contextmanager
def _fonts_undated() -> Iterator[None]:
    """Where HarfBuzz-Subset is missing fontTools cuts the fonts, and dates them unless it is told a date."""
    dated = "SOURCE_DATE_EPOCH" in os.environ
    os.environ.setdefault("SOURCE_DATE_EPOCH", "0")
    try:
        yield
    finally:
        if not dated:
            os.environ.pop("SOURCE_DATE_EPOCH", None)


def load_weasyprint() -> Any:
    """Import WeasyPrint, quietly.

    Raises:
        UsageError: it is not there, or the libraries it needs are not.
    """
    logging.getLogger("weasyprint").setLevel(logging.ERROR)  # it lists every property it does not know
    from PIL import ImageFile

    strict = ImageFile.LOAD_TRUNCATED_IMAGES
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it prints a banner where Pango is missing
            import weasyprint
    except ImportError as error:
        raise UsageError(
            "PDF needs WeasyPrint, which is not installed",
            hint="pip install 'illinstr[pdf]', or print index.html from a browser",
        ) from error
    except OSError as error:
        raise UsageError(
            f"WeasyPrint cannot load a library it needs: {str(error).splitlines()[0][:120]}",
            hint="on Debian and Ubuntu: apt install libpangoft2-1.0-0; or print index.html from a browser",
        ) from error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = strict  # it lets all of Pillow take torn images, ours too
    return weasyprint


def _inline_only(weasyprint: Any) -> Any:
    """A fetcher that knows ``data:`` alone: neither the network nor a file is ever opened for a page."""
    return weasyprint.urls.URLFetcher(allowed_protocols={"data"})
