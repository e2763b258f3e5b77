"""Real pages that carry their steps as data, counted by an independent script; skipped where they are not there."""

from __future__ import annotations

import csv
import os
import tarfile
from pathlib import Path

import pytest

from illinstr.articles import Article
from illinstr.wikihow_scraper.pipeline import reading
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import WebPage

PLACES = [Path(os.environ.get("ILLINSTR_HOWTO_PAGES") or "/nowhere")]
PLACES += [Path(__file__).resolve().parents[up] / "shared" / "howto_pages" for up in (4, 5)]
ROOT = next((place for place in PLACES if (place / "MANIFEST.tsv").is_file()), None)
ROWS = list(csv.DictReader((ROOT / "MANIFEST.tsv").read_text("utf-8").splitlines(), delimiter="\t")) if ROOT else []
# Whose instructions are one text, or stand in the markup alone: parts and steps as a reader counts them on the page.
BY_EYE = {
    "aldinord.html": (None, [4]),
    "culy_2.html": ("Een dag van tevoren", [2, 8]),
    "hogarmania_1.html": ("Preparar los ingredientes", [4, 5]),
    "okokorecepten_1.html": (None, [3]),
}

pytestmark = pytest.mark.skipif(not ROWS, reason="no folder of real pages; set ILLINSTR_HOWTO_PAGES")


@pytest.fixture(scope="module")
def pages():
    with tarfile.open(ROOT / "pages.tar.xz") as archive:
        yield {
            member.name.rsplit("/", 1)[-1]: archive.extractfile(member).read() for member in archive if member.isfile()
        }


@pytest.mark.parametrize("row", [row for row in ROWS if int(row["n_steps"])], ids=lambda row: row["file"])
def test_what_the_data_says(pages, row):
    (page,) = registry.read(WebPage(pages[row["file"]]))
    steps = [step for method in page.methods for step in method.steps]
    assert page.title == row["name"]
    assert {
        "n_steps": len(steps),
        "n_step_images": sum(step.visual is not None for step in steps),
        "n_sections": sum(method.name is not None for method in page.methods),
        "n_ingredients": len(page.materials),
    } == {name: int(value) for name, value in row.items() if name.startswith("n_")}
    if row["language"]:
        assert page.language == row["language"].split("-")[0]
    assert "steps" not in page.missing


@pytest.mark.parametrize("name", BY_EYE)
def test_steps_that_are_one_text_are_cut_as_the_page_cuts_them(pages, name):
    (page,) = registry.read(WebPage(pages[name]))
    first, counts = BY_EYE[name]
    assert page.methods[0].name == first
    assert [len(method.steps) for method in page.methods] == counts
    assert "steps" in page.missing  # that they were cut is said


def test_every_page_gives_clean_articles(pages):
    for name, content in pages.items():
        for article in reading.read(WebPage(content)).articles:
            assert isinstance(article, Article), name
            words = [article.goal, *(f"{step.headline} {step.body}" for step in article.steps)]
            assert not [text for text in words if "<" in text or "&amp;" in text or "&nbsp;" in text or "\xa0" in text]
            assert all(step.headline for step in article.steps)
            assert article.license is None or "licence" not in article.license  # found, or said to be unknown
