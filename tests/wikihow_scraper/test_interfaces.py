"""Interfaces for programs are asked in place of pages; a real server answers in the documented form."""

from __future__ import annotations

import json

import pytest

from tests.support.site import Answer, html, serve
from tests.wikihow_scraper.sites.test_other_sites import GUIDE, GUIDE_PAGE, STEPS, WIKI
from tests.wikihow_scraper.test_cli import NETWORK, articles, run

__all__ = ["run"]  # a fixture

JSON = {"Content-Type": "application/json"}
API = "/api/2.0/guides/123"
PARSE = (
    "/w/api.php?action=parse&format=json&formatversion=2&redirects=1&page=Cookbook%3AApple_Pie"
    "&prop=text%7Cdisplaytitle%7Crevid%7Ccategories%7Clanglinks"
)


@pytest.fixture
def site():
    with serve() as made:
        made.answers["/Guide/Lamp+Bulb/123"] = html(GUIDE_PAGE.replace("Lampe", "Lampe reparieren"))
        made.answers[API] = Answer(
            json.dumps(GUIDE | {"url": f"{made.origin}/Guide/Lamp+Bulb/123"}).encode(), headers=JSON
        )
        parsed = {"title": "Cookbook:Apple Pie", "pageid": 7, "revid": 9, "text": WIKI.format(steps=STEPS["list"])}
        made.answers[PARSE] = Answer(json.dumps({"parse": parsed}).encode(), headers=JSON)
        page = f'<html lang="en"><h1 id="firstHeading">Apple Pie</h1>{WIKI.format(steps=STEPS["rows"])}</html>'
        made.answers["/wiki/Cookbook:Apple_Pie"] = html(page)
        yield made


def guide(run, site, out, *more):
    code, _, errors = run(f"{site.origin}/Guide/Lamp+Bulb/123", *NETWORK, "--no-images", "--out", out, *more)
    assert code == 0, errors
    return articles(out)[0], errors


def test_a_guide_comes_from_the_interface_by_the_same_politeness(run, site, tmp_path):
    made, _ = guide(run, site, tmp_path / "x", "--site", "ifixit")
    assert [step.headline for step in made.steps] == ["Unplug the lamp.", "Bulb"]
    assert (made.extra["layout"], made.provenance.page_id) == ("API answer", 123)
    assert site.paths() == ["/robots.txt", API]
    asked = next(request for request in site.requests if request.path == API)
    assert "me@example.org" in asked.headers["User-Agent"]
    guide(run, site, tmp_path / "x", "--site", "ifixit")  # again: everything is settled
    assert site.paths() == ["/robots.txt", API]


def test_without_the_word_of_the_user_a_strange_host_has_no_interface(run, site, tmp_path):
    made, _ = guide(run, site, tmp_path / "x")
    assert [step.headline for step in made.steps] == ["Stecker", "Warte."]
    assert API not in site.paths()


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"", 404),
        Answer(b'{"error": {"code": "missing"}}', headers=JSON),
        html("<html><h1>Sign in</h1><ol><li>no"),
        None,
    ],
)
def test_where_the_interface_does_not_answer_the_page_is_asked(run, site, tmp_path, answer):
    if answer is None:
        site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /api/\n")
    else:
        site.answers[API] = answer
    made, _ = guide(run, site, tmp_path / "x", "--site", "ifixit")
    assert [step.headline for step in made.steps] == ["Stecker", "Warte."]
    assert (API in site.paths()) == (answer is not None)


def test_a_site_that_reserves_its_answers_is_heard(run, site, tmp_path):
    reserved = json.dumps(GUIDE).encode()
    site.answers[API] = Answer(reserved, headers={**JSON, "TDM-Reservation": "1"})
    url = f"{site.origin}/Guide/Lamp+Bulb/123"
    code, _, errors = run(url, *NETWORK, "--out", tmp_path / "x", "--site", "ifixit")
    assert code == 1
    assert "1 opted out" in errors
    assert "/Guide/Lamp+Bulb/123" not in site.paths()


def test_a_wiki_is_asked_by_its_interface(run, site, tmp_path):
    url = f"{site.origin}/wiki/Cookbook:Apple_Pie"
    code, _, errors = run(url, *NETWORK, "--no-images", "--out", tmp_path / "x", "--site", "mediawiki")
    assert code == 0, errors
    made = articles(tmp_path / "x")[0]
    assert [step.headline for step in made.steps] == ["Peel the apples.", "Bake it."]
    assert (made.provenance.page_id, made.provenance.revision_id, made.provenance.url) == (7, 9, url)
    assert site.paths() == ["/robots.txt", PARSE]


def test_a_page_that_was_taken_down_goes_from_the_cache_with_its_answer(run, site, tmp_path):
    guide(run, site, tmp_path / "x", "--site", "ifixit")
    (tmp_path / "down.txt").write_text(f"{site.origin}/Guide/Lamp+Bulb/123\n")
    options = ("--takedown", tmp_path / "down.txt", "--cache", tmp_path / "x.cache", "--site", "ifixit")
    assert run(f"{site.origin}/Guide/Lamp+Bulb/123", *NETWORK, "--out", tmp_path / "y", *options)[0] == 1
    assert not [path for path in (tmp_path / "x.cache").rglob("*.body") if b"Unplug" in path.read_bytes()]


def test_a_dry_run_names_what_would_be_asked(run, site, tmp_path):
    url = f"{site.origin}/Guide/Lamp+Bulb/123"
    code, lines, _ = run(url, *NETWORK, "--out", tmp_path / "x", "--site", "ifixit", "--dry-run")
    assert code == 0
    assert lines[0] == f"fetch {site.origin}{API}"
    assert not site.requests
    guide(run, site, tmp_path / "x", "--site", "ifixit")
    assert not run(url, *NETWORK, "--out", tmp_path / "x", "--site", "ifixit", "--dry-run")[1][0].startswith("fetch")
