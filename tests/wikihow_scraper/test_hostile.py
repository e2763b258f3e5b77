"""Sites that misbehave, met by the whole command: each ends in the behaviour that is promised, and in a clear line."""

from __future__ import annotations

import gzip
import itertools
import json
import time

import pytest

from illinstr.shards import read_index
from illinstr.wikihow_scraper.fetching import settings as fetch_settings
from tests.support.pages import render
from tests.support.site import TDM_FILE, Answer, html, serve
from tests.wikihow_scraper.test_cli import NETWORK, articles, how_to, jpeg, rows, run, site, tree, urls

__all__ = ["run", "site"]  # fixtures
PAGE = {"Content-Type": "text/html"}
LOCAL = [*NETWORK, "--no-images"]


@pytest.fixture(autouse=True)
def settings(monkeypatch):
    """Sets fetch settings that are no options. Waits of seconds are hundredths here; a site's own Retry-After stays."""
    fields = fetch_settings.FetchConfig.model_fields

    def change(**values: float) -> None:
        for name, value in values.items():
            monkeypatch.setattr(fields[name], "default", value)
        fetch_settings.FetchConfig.model_rebuild(force=True)

    change(backoff_s=0.01)
    yield change
    monkeypatch.undo()
    fetch_settings.FetchConfig.model_rebuild(force=True)


def failures(out) -> dict[str, str]:
    return {row["url"]: row["reason"] for row in rows(out) if row["status"] == "failed"}


def cook(site):
    return f"{site.origin}/Cook-Things"


@pytest.mark.parametrize("status", [429, 503])
def test_asked_to_slow_down_it_pauses_everything_and_goes_on(run, site, tmp_path, status):
    good = site.answers["/Cook-Things"]
    answers = iter([Answer(b"", status, {"Retry-After": "1"}), good])
    site.answers["/Cook-Things"] = lambda request: next(answers)
    code, _, errors = run(*urls(site), *LOCAL, "--out", tmp_path / "x")
    assert code == 0
    assert f"answered {status}: everything pauses 1 s" in errors
    times = [request.at for request in site.requests if request.path == "/Cook-Things"]
    assert times[1] - times[0] >= 1.0


def test_asked_to_slow_down_without_end_it_leaves_the_host(run, site, tmp_path):
    site.answers["/Cook-Things"] = Answer(b"", 429)
    many = [f"{site.origin}/Cook-Things?{number}" for number in range(9)]
    for number in range(9):
        site.answers[f"/Cook-Things?{number}"] = Answer(b"", 429)
    code, lines, errors = run(*urls(site), *many, *LOCAL, "--out", tmp_path / "x")
    assert code == 3
    assert lines[-1] == str(tmp_path / "x")
    assert "error: 127.0.0.1 answered 429 10 times in a row" in errors
    assert "hint:" in errors
    asked = [path for path in site.paths() if path.startswith("/Cook")]
    assert len(asked) < 40  # four attempts for each page would be 40
    pauses = [float(line.split("pauses ")[1].split()[0]) for line in errors.splitlines() if "pauses" in line]
    assert len(pauses) >= 5


def test_a_slow_drip_is_cut_by_time(run, site, tmp_path, settings):
    settings(deadline_s=3.0)

    def drip():
        while True:
            time.sleep(0.05)
            yield b"x"

    site.answers["/Cook-Things"] = Answer(headers=PAGE, chunks=drip())
    began = time.monotonic()
    assert run(*urls(site), *LOCAL, "--out", tmp_path / "x")[0] == 3
    assert "took longer than 3 s" in failures(tmp_path / "x")[cook(site)]
    assert time.monotonic() - began < 60
    assert len(articles(tmp_path / "x")) == 2


def test_an_endless_body_is_cut_by_size(run, site, tmp_path):
    sent = itertools.count()
    site.answers["/Cook-Things"] = Answer(headers=PAGE, chunks=(b"x" * 100_000 for _ in sent))
    assert run(*urls(site), *LOCAL, "--out", tmp_path / "x")[0] == 3
    assert "over the limit" in failures(tmp_path / "x")[cook(site)]
    assert next(sent) * 100_000 < 100_000_000


def test_a_gzip_bomb_is_cut_after_decompression(run, site, tmp_path):
    bomb = gzip.compress(b"\0" * 100_000_000, compresslevel=1)
    site.answers["/Cook-Things"] = Answer(bomb, headers={**PAGE, "Content-Encoding": "gzip"})
    assert run(*urls(site), *LOCAL, "--out", tmp_path / "x")[0] == 3
    assert "over the limit" in failures(tmp_path / "x")[cook(site)]
    assert not [path for path in (tmp_path / "x.cache").rglob("*.body") if path.stat().st_size > 1_000_000]


def test_a_redirect_loop_ends(run, site, tmp_path):
    site.answers["/Cook-Things"] = Answer(b"", 302, {"Location": "/Other"})
    site.answers["/Other"] = Answer(b"", 302, {"Location": "/Cook-Things"})
    assert run(*urls(site), *LOCAL, "--out", tmp_path / "x")[0] == 3
    assert failures(tmp_path / "x")[cook(site)] == "redirect loop"
    assert site.paths().count("/Cook-Things") == 1


def test_a_redirect_to_a_private_address_is_refused_before_anything_is_sent(run, site, tmp_path):
    with serve() as hidden:
        hidden.answers["/secret"] = html(render(how_to("Hide", origin=hidden.origin)))
        site.answers["/Cook-Things"] = Answer(b"", 302, {"Location": f"http://localhost:{hidden.port}/secret"})
        assert run(*urls(site), *LOCAL, "--out", tmp_path / "x")[0] in (0, 3)
        assert hidden.requests == []
    assert "off the public internet" in failures(tmp_path / "x")[cook(site)]


def test_a_server_in_trouble_over_robots_is_not_crawled(run, site, tmp_path):
    site.answers["/robots.txt"] = Answer(b"", 500)
    code, lines, errors = run(*urls(site), *LOCAL, "--out", tmp_path / "x")
    assert (code, lines) == (1, [])
    assert "3 robots" in errors
    assert site.paths() == ["/robots.txt"]
    assert not (tmp_path / "x").exists()
    site.answers["/robots.txt"] = Answer(b"", 404)
    assert run(*urls(site), *LOCAL, "--retry-failed", "--out", tmp_path / "x")[0] == 0


@pytest.mark.parametrize(
    "answer", [Answer(b"", 403), html("<title>Access Denied</title>"), html("<h1>Just a moment...</h1>")]
)
def test_refused_again_and_again_it_stops_hard(run, site, tmp_path, answer):
    for name in ("Wash", "Cook", "Draw"):
        site.answers[f"/{name}-Things"] = answer
    more = [f"{site.origin}/More-{number}" for number in range(20)]
    code, lines, errors = run(*urls(site), *more, *LOCAL, "--out", tmp_path / "x")
    assert (code, lines) == (1, [])
    assert "error: 127.0.0.1 refused 3 times in a row" in errors
    assert "hint: do not work around it" in errors
    assert [path for path in site.paths() if path.startswith("/More")] == []
    assert not (tmp_path / "x").exists()


def test_a_hard_stop_keeps_what_came_before_and_the_rest_stays_open(run, site, tmp_path):
    out, good = tmp_path / "x", dict(site.answers)
    refused = [f"{site.origin}/No-{number}" for number in range(3)]
    for number in range(3):
        site.answers[f"/No-{number}"] = Answer(b"", 403)
    listed = [urls(site)[0], *refused, *urls(site)[1:]]
    code, lines, errors = run(*listed, *LOCAL, "--out", out, "--json")
    assert code == 3
    assert "127.0.0.1" in json.loads(lines[-1])["closed_hosts"]
    assert "error: 127.0.0.1 refused 3 times" in errors
    assert len(articles(out)) == 1
    site.answers = good
    asked = len(site.requests)
    assert run(*listed, *LOCAL, "--out", out)[0] == 3  # the refused pages stay failed, the open ones are asked for
    pages = [request.path for request in site.requests[asked:] if request.path.endswith("Things")]
    assert pages == ["/Cook-Things", "/Draw-Things"]
    assert len(articles(out)) == 3


def test_a_host_that_gives_no_usable_answer_is_left(run, site, tmp_path):
    many = [f"{site.origin}/Broken-{number}" for number in range(8)]
    for number in range(8):
        site.answers[f"/Broken-{number}"] = Answer(b"", 500)
    code, _, errors = run(urls(site)[0], *many, *LOCAL, "--out", tmp_path / "x")
    assert code == 3
    assert "gave no usable answer to 5 requests in a row (HTTP 500)" in errors
    assert "/Broken-5" not in site.paths()


def test_one_bad_host_does_not_stop_another(run, site, tmp_path):
    with serve() as bad:
        for number in range(5):
            bad.answers[f"/{number}"] = Answer(b"", 403)
        others = [f"http://localhost:{bad.port}/{number}" for number in range(5)]
        options = [*LOCAL, "--allow-private-hosts", "localhost"]
        code, _, errors = run(*others, *urls(site), *options, "--out", tmp_path / "x")
    assert code == 3
    assert "localhost refused 3 times" in errors
    assert len(articles(tmp_path / "x")) == 3


def test_a_image_that_is_refused_does_not_cost_the_page(run, site, tmp_path):
    for path in [path for path in site.answers if path.endswith(".jpg")]:
        site.answers[path] = Answer(b"", 404)
    assert run(*urls(site), *NETWORK, "--image-duplicates", "keep", "--out", tmp_path / "x")[0] == 0
    assert len(articles(tmp_path / "x")) == 3
    asked = len(site.requests)
    before = tree(tmp_path / "x")
    assert run(*urls(site), *NETWORK, "--image-duplicates", "keep", "--out", tmp_path / "x")[0] == 0
    assert (len(site.requests), tree(tmp_path / "x")) == (asked, before)
    for path in [path for path in site.answers if path.endswith(".jpg")]:
        site.answers[path] = Answer(jpeg(), headers={"Content-Type": "image/jpeg"})
    assert run(*urls(site), *NETWORK, "--image-duplicates", "keep", "--retry-failed", "--out", tmp_path / "x")[0] == 0
    again = [request.path for request in site.requests[asked:]]
    assert {path for path in again if not path.endswith(".jpg")} == {"/robots.txt", TDM_FILE}
    assert read_index(tmp_path / "x").source_config["funnel"]["pictures"]["kept"] == 6


def test_a_host_that_closes_itself_over_its_sitemap_is_told_with_a_hint(run, site, tmp_path):
    site.answers["/sitemap.xml"] = Answer(b"", 429, {"Retry-After": "86400"})
    code, lines, errors = run("--sitemap", f"{site.origin}/sitemap.xml", *LOCAL, "--out", tmp_path / "x")
    assert (code, lines) == (1, [])
    assert "error: 127.0.0.1 asked for a pause of 86400 s (HTTP 429)" in errors
    assert "hint: do not work around it" in errors
    assert not (tmp_path / "x").exists()
