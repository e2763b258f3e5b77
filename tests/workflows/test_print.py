"""``illinstr print``: a finished article as PDF and as the other pages."""

from __future__ import annotations

import json
import os
import re
import sys
import zlib
from pathlib import Path

import pytest

from illinstr.cli.app import app
from illinstr.errors import DataError, UsageError
from illinstr.runs import write_run
from illinstr.sampling.pages.page import render_pages
from tests.support import fork_server
from tests.support.tiny_run import make_article, make_record


def has_weasyprint() -> bool:
    from illinstr.sampling.pages.pdf import load_weasyprint

    try:
        load_weasyprint()
    except UsageError:
        return False
    return True


needs_weasyprint = pytest.mark.skipif(not has_weasyprint(), reason="WeasyPrint or its Pango is not on this machine")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    article, record = make_article(3), make_record()
    return write_run(tmp_path / "run", article, record, render_pages(article, record, metadata=False))


def call(*words: str | Path) -> None:
    app(["print", *map(str, words), "--quiet"], standalone_mode=False)


def streams(pdf: bytes) -> bytes:
    """All compressed streams of a PDF, opened."""
    found = [pdf]
    for match in re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            continue
    return b"\n".join(found)


@needs_weasyprint
def test_pdf_is_tagged_named_and_the_same_twice(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    call(run)
    assert capsys.readouterr().out.splitlines()[-1] == str(run / "article.pdf")
    pdf = (run / "article.pdf").read_bytes()
    whole = streams(pdf)
    assert pdf.startswith(b"%PDF-1.7")
    assert b"/MarkInfo" in whole and b"/StructTreeRoot" in whole and b"pdfuaid" in whole
    assert whole.count(b"/Subtype /Image") + whole.count(b"/Subtype/Image") == 3
    text = whole.replace(b"\x00", b"")
    assert text.count(b"a plain image") == 3  # the alternative texts
    assert b"How to test" in text
    call(run, "--out", run.parent / "again.pdf")
    assert (run.parent / "again.pdf").read_bytes() == pdf
    assert "SOURCE_DATE_EPOCH" not in os.environ


@needs_weasyprint
def test_pdf_opens_no_file_and_no_address(run: Path) -> None:
    from illinstr.sampling.pages.pdf import _inline_only, load_weasyprint

    fetcher = _inline_only(load_weasyprint())
    for address in ("http://127.0.0.1:9/x", (run / "run.json").as_uri(), "ftp://127.0.0.1/x"):
        with pytest.raises(ValueError, match="protocol"):
            fetcher.fetch(address)
    assert fetcher.fetch("data:text/plain,hello").read() == b"hello"


@pytest.mark.parametrize(("to", "name"), [("html", "index.html"), ("markdown", "article.md"), ("strip", "strip.png")])
def test_pages_are_made_again_as_they_were(run: Path, to: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run / name).read_bytes()
    (run / name).unlink()
    call(run, "--to", to, "--json")
    assert json.loads(capsys.readouterr().out) == {"file": str(run / name), "format": to, "bytes": len(before)}
    assert (run / name).read_bytes() == before


def test_bad_requests_change_nothing(run: Path, tmp_path: Path) -> None:
    before = sorted(run.iterdir())
    with pytest.raises(UsageError, match="'docx' is unknown"):
        call(run, "--to", "docx")
    with pytest.raises(UsageError, match="is a folder"):
        call(run, "--to", "html", "--out", tmp_path)
    with pytest.raises(DataError, match="no such run folder"):
        call(tmp_path / "none", "--to", "html")
    assert sorted(run.iterdir()) == before


def test_without_weasyprint_it_says_what_to_do(run: Path) -> None:
    code = (
        "import sys; sys.modules['weasyprint'] = None; sys.argv[1:] = ['print', sys.argv[1]];"
        "from illinstr.cli.app import main; main()"
    )
    done = fork_server.run([sys.executable, "-c", code, str(run)], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "hint: pip install 'illinstr[pdf]'" in done.stderr and "Traceback" not in done.stderr


@needs_weasyprint
def test_a_print_does_not_outlive_its_images(run: Path) -> None:
    """A revision drops the PDF of the article as it was; other files are carried over."""
    from illinstr.sampling.drawing.revision import open_run, publish

    call(run)
    (run / "notes.txt").write_text("mine")
    finished = open_run(run)
    publish(finished, finished.article, finished.record, metadata=True)
    assert not (run / "article.pdf").exists() and (run / "notes.txt").read_text() == "mine"


@needs_weasyprint
def test_loading_weasyprint_leaves_torn_images_refused():
    from PIL import ImageFile

    from illinstr.sampling.pages.pdf import load_weasyprint

    load_weasyprint()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
