"""The parser against real pages with hand counts; skipped where the pages are not at hand."""

from __future__ import annotations

import csv
import os
import re
from pathlib import Path

import pytest

from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.sites.site import NotAnArticle
from illinstr.wikihow_scraper.sites.wikihow.parse import parse

ROOT = Path(os.environ.get("ILLINSTR_REAL_PAGES") or Path(__file__).resolve().parents[3] / "shared" / "wikihow_pages")
if not (ROOT / "MANIFEST.tsv").is_file():
    ROOT = Path(__file__).resolve().parents[4] / "shared" / "wikihow_pages"
ROWS = (
    list(csv.DictReader((ROOT / "MANIFEST.tsv").read_text("utf-8").splitlines(), delimiter="\t"))
    if (ROOT / "MANIFEST.tsv").is_file()
    else []
)
ARTICLES = [row for row in ROWS if int(row["n_steps"]) > 0]
OTHERS = [row for row in ROWS if int(row["n_steps"]) == 0]
NOISE = re.compile(
    r"WH\.|Research source|Trustworthy Source|Expert Source|Advertisement|Not Helpful|Submit a Tip|smallUrl|⁄|\xa0"
    r"|google_ad|\[\d+\]|<[a-z/]|function\s*\(|step1_rendered"
)

pytestmark = pytest.mark.skipif(not ROWS, reason="no folder of real pages; set ILLINSTR_REAL_PAGES")


def read(name: str) -> Page:
    return parse((ROOT / name).read_bytes())


@pytest.mark.parametrize("row", ARTICLES, ids=lambda row: row["file"])
def test_hand_counts(row):
    page = read(row["file"])
    steps = [step for method in page.methods for step in method.steps]
    assert {
        "n_methods": len(page.methods),
        "n_steps": len(steps),
        "n_step_images": sum(step.image is not None for step in steps),
        "n_step_videos": sum(step.video is not None for step in steps),
        "n_steps_with_visual": sum(step.visual is not None for step in steps),
    } == {name: int(row[name]) for name in row if name.startswith("n_")}
    if row["file"] != "frag2014_desktop_whittle-a-wimmy-diddle.html":  # that fragment has no heading
        assert page.title == row["title"]
    assert page.disagreements == ()


@pytest.mark.parametrize("row", ARTICLES, ids=lambda row: row["file"])
def test_no_furniture_in_any_text(row):
    page = read(row["file"])
    texts = [page.title, page.intro, *page.tips, *page.warnings]
    texts += [item for group in (*page.ingredients, *page.things_needed) for item in group.items]
    for method in page.methods:
        texts += [method.name or "", method.intro, *method.bullets]
        for step in method.steps:
            assert step.headline
            texts += [step.headline, step.body, *step.bullets, *(note.text for note in step.notes)]
    assert [text for text in texts if NOISE.search(text)] == []


@pytest.mark.parametrize(
    "row", [row for row in ARTICLES if row["file"].startswith("en2020")], ids=lambda row: row["file"]
)
def test_every_field_of_the_2020_pages(row):
    page = read(row["file"])
    optional = {"ingredients", "things_needed", "tips", "warnings", "other_languages"}
    silent = {"step_image_licenses"} if int(row["n_step_videos"]) else set()  # stills of videos carry no note
    silent |= {"authors"} if "marinate-pork" in row["file"] else set()  # its byline links "Author Info" and no one
    assert set(page.missing) - optional == silent
    assert ("other_languages" in row["notes"]) <= bool(page.other_languages)
    for section, name in (("ingredients", "ingredients"), ("tips", "tips"), ("warnings", "warnings")):
        assert bool(getattr(page, name)) == (section in row["notes"].split("sections: ")[1].split(","))
    assert bool(page.things_needed) == ("thingsyoullneed" in row["notes"])
    label = "part" if "labels: Part" in row["notes"] else "method"
    assert {method.label for method in page.methods} == {label}
    images = [step.image for method in page.methods for step in method.steps if step.image is not None]
    assert all(image.license_kind != "unknown" for image in images)
    assert len({image.url for image in images}) == len(images)


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: row["file"])
def test_other_pages_are_named(row):
    with pytest.raises(NotAnArticle, match="main page" if "Main" in row["title"] else "category page"):
        read(row["file"])
