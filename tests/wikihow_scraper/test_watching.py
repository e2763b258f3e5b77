"""What a crawl says of itself: counts by host, events as JSON lines, and why each image is missing."""

from __future__ import annotations

import json

import pytest

from illinstr.progress import SilentReporter
from illinstr.shards.statistics import describe
from illinstr.wikihow_scraper.fetching.watch import Watch
from tests.support.site import Answer
from tests.wikihow_scraper.test_cli import NETWORK, articles, run, site, urls

__all__ = ["run", "site"]  # fixtures


@pytest.fixture
def trouble(site):
    """Three pages and their six images: one image is gone, one is no image, one page is forbidden, one is not there."""
    pages = sorted(path for path in site.answers if path.startswith("/images"))
    wanted = [path for path in pages if path.endswith(("-0.jpg", "-2.jpg"))]
    site.answers[wanted[0]] = Answer(b"", 404)
    site.answers[wanted[1]] = Answer(b"<html>no", headers={"Content-Type": "text/html"})
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /Secret\n")
    return site, [*urls(site), f"{site.origin}/Secret", f"{site.origin}/Gone"]


def test_every_host_is_counted(run, trouble, tmp_path):
    made, pages = trouble
    code, lines, errors = run(*pages, *NETWORK, "--out", tmp_path / "x", "--json")
    assert code == 3
    counts = json.loads(lines[-1])["hosts"]["127.0.0.1"]
    assert counts["asked"] == len(made.requests)
    assert (counts["kept"], counts["refused"], counts["failed"], counts["left"]) == (3 + 4, 1, 3, 0)
    bodies = [made.answers[request.path] for request in made.requests if request.path in made.answers]
    kept = [one.body for one in bodies if one.status == 200 and one.body != b"<html>no" and b"Disallow" not in one.body]
    assert counts["bytes"] == sum(map(len, kept))
    told = f"127.0.0.1: asked {counts['asked']}, kept 7, refused 1, failed 3, waited 0 s, {counts['bytes']:,} bytes"
    assert told in errors.splitlines()
    again = run(*pages, *NETWORK, "--out", tmp_path / "x", "--json")[1]
    assert json.loads(again[-1])["hosts"]["127.0.0.1"]["asked"] == 0


def test_events_are_json_lines(run, trouble, tmp_path):
    _, pages = trouble
    code, _, errors = run(*pages, *NETWORK, "--out", tmp_path / "x", "--log-json")
    assert code == 3
    *lines, error, hint = errors.splitlines()
    assert (error.split(":")[0], hint.split(":")[0]) == ("error", "hint")
    events = [json.loads(line) for line in lines]
    assert all({"time", "event"} <= set(one) for one in events)
    settled = {one["url"]: one for one in events if one["event"] == "page"}
    assert {url: one["outcome"] for url, one in settled.items()} == dict(
        zip(pages, ["fetched"] * 3 + ["robots", "failed"], strict=True)
    )
    lost = [why for one in settled.values() for why in one["missing_images"].values()]
    assert len(lost) == 2
    assert "HTTP 404" in lost
    assert {one["reason"] for one in events if one["event"] == "refused"} == {"disallowed by robots.txt"}
    assert sum(one["event"] == "kept" for one in events) == 7
    assert any(one["event"] == "message" and "shard" in one["message"] for one in events)
    ended = next(one for one in events if one["event"] == "ended")
    assert (ended["task"], ended["done"], ended["total"]) == ("pages settled", 5, 5)


def test_statistics_say_why_each_image_is_missing(run, trouble, tmp_path):
    _, pages = trouble
    assert run(*pages, *NETWORK, "--out", tmp_path / "x")[0] == 3
    found = describe(tmp_path / "x").images_missing
    assert found["licence"] == 3
    assert found["no file: HTTP 404"] == 1
    assert sum(found.values()) == 9 - sum(
        step.image is not None for one in articles(tmp_path / "x") for step in one.steps
    )
    record = next(
        one
        for made in articles(tmp_path / "x")
        for one in made.extra["step_images"]
        if "404" in one.get("left_out", "")
    )
    assert record["left_out"] == "no file: HTTP 404"


def test_the_time_that_is_left_follows_the_pace_so_far(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    watch = Watch(SilentReporter())
    watch.pages("a", 4)
    watch.pages("b", 1)
    assert watch.eta_s() is None
    watch.asked("a")
    now[0] += 30
    watch.settled("a", "http://a/1", "fetched", None, {})
    assert (watch.eta_s("a"), watch.eta_s("b"), watch.eta_s()) == (90.0, None, 90.0)
    now[0] += 10
    watch.settled("a", "http://a/2", "failed", "HTTP 404", {})
    assert watch.eta_s() == 40.0
