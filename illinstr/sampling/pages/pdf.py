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
        pdf: bytes = document.write_pdf(pdf_variant=PDF_VARIANT, pdf_identifier=article.id.encode())
    return pdf + b"% Made with illinstr\n"  # a comment, by which the file is known as ours


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
