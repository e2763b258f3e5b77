"""Stopping, going on, looking again: what is asked for, and what is built again, and what is not."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import time
from dataclasses import replace

import pytest

from illinstr.shards import read_index, validate
from illinstr.wikihow_scraper.fetching import visits
from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.pipeline import build
from illinstr.wikihow_scraper.sites.wikihow.site import WikiHow
from tests.support import fork_server
from tests.support.pages import render
from tests.support.site import Answer, html, serve
from tests.wikihow_scraper.test_cli import NETWORK, articles, how_to, rows, run, saved, site, tree, urls
from tests.wikihow_scraper.test_crash import PROGRAM
from tests.wikihow_scraper.test_discover import XML, urlset

__all__ = ["run", "saved", "site"]  # fixtures
WORDS = [*NETWORK, "--no-images"]


@pytest.fixture(autouse=True)
def fixed_clock(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.fixture
def judged(monkeypatch):
    """The pages that are parsed and judged, in order."""
    seen: list[str] = []
    judge = build.judge

    def watched(sources, *more):
        def counted():
            for source in sources:
                seen.append(source.name)
                yield source

        return judge(counted(), *more)

    monkeypatch.setattr(build, "judge", watched)
    return seen


def shard_names(out) -> list[str]:
    return sorted(path.name for path in (out / "shards").glob("*.tar"))


def test_the_time_in_records_can_be_fixed(run, site, tmp_path):
    assert run(*urls(site), *WORDS, "--out", tmp_path / "x")[0] == 0
    assert {article.provenance.fetched for article in articles(tmp_path / "x")} == {"2023-11-14T22:13:20+00:00"}


def test_the_shard_pages_flag_cuts_the_tasks(run, site, tmp_path):
    assert run(*urls(site), *WORDS, "--out", tmp_path / "one")[0] == 0
    assert run(*urls(site), *WORDS, "--shard-pages", "1", "--out", tmp_path / "three")[0] == 0
    assert len(list((tmp_path / "one" / "tasks").iterdir())) == 1
    assert len(list((tmp_path / "three" / "tasks").iterdir())) == 3
    assert len(shard_names(tmp_path / "three")) == 3
    assert articles(tmp_path / "one") == articles(tmp_path / "three")


def test_finished_tasks_are_neither_fetched_nor_parsed_again(run, site, tmp_path, judged):
    out = tmp_path / "x"
    command = [*urls(site), *WORDS, "--shard-pages", "1", "--out", out]
    assert run(*command)[0] == 0
    before, asked = tree(out), len(site.requests)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    judged.clear()
    assert run(*command)[0] == 0
    assert (judged, len(site.requests), tree(out)) == ([], asked, before)
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    (out / "index.json").unlink()  # as a run leaves it that was killed at the very end
    assert run(*command)[0] == 0
    assert (judged, len(site.requests), tree(out)) == ([], asked, before)


@pytest.mark.parametrize("lost", ["tasks/000001.json", "the tar", "the parquet", "the stats"])
def test_a_lost_piece_costs_its_task_and_those_behind_it(run, site, tmp_path, judged, lost):
    out = tmp_path / "x"
    command = [*urls(site), *WORDS, "--shard-pages", "1", "--out", out]
    assert run(*command)[0] == 0
    before = tree(out)
    shard = "shards/" + json.loads((out / "tasks" / "000001.json").read_bytes())["shards"][0]["name"]
    paths = {"the tar": f"{shard}.tar", "the parquet": f"{shard}.parquet", "the stats": f"{shard}_stats.json"}
    (out / paths.get(lost, lost)).unlink()
    judged.clear()
    assert run(*command)[0] == 0
    assert judged == urls(site)[1:]
    assert tree(out) == before


def test_later_tasks_know_what_earlier_ones_saw(run, site, tmp_path, judged):
    """The same words on another page are dropped, also when the task that kept them was skipped."""
    out, again = tmp_path / "x", f"{site.origin}/Again"
    site.answers["/Again"] = html(render(how_to("Wash", origin=site.origin, page_id=77)))
    command = [*urls(site), again, *WORDS, "--shard-pages", "1", "--out", out]
    assert run(*command)[0] == 0
    before = tree(out)
    (out / "tasks" / "000003.json").unlink()
    judged.clear()
    assert run(*command)[0] == 0
    assert judged == [again]
    assert tree(out) == before
    assert read_index(out).source_config["funnel"]["articles"]["filtered"] == {"duplicate text": 1}


def test_a_run_from_disk_is_taken_up_and_a_finished_one_made_anew(run, saved, tmp_path, judged):
    out = tmp_path / "x"
    command = ["--from-html", saved, "--shard-pages", "1", "--out", out]
    assert run(*command)[0] == 0
    before = tree(out)
    (out / "index.json").unlink()
    (out / "tasks" / "000002.json").unlink()
    judged.clear()
    assert run(*command)[0] == 0
    assert (judged, tree(out)) == (["Wash.html"], before)
    judged.clear()
    assert run(*command)[0] == 0  # images beside the pages may have changed
    assert (len(judged), tree(out)) == (3, before)
    (out / "index.json").unlink()
    (saved / "Draw.html").write_text(render(how_to("Fold", page_id=3)), encoding="utf-8")
    judged.clear()
    assert run(*command)[0] == 0
    assert judged == ["Draw.html", "Wash.html"]
    assert sorted(article.goal for article in articles(out))[1] == "How to Fold Things"


def test_what_is_settled_is_recorded(run, site, tmp_path):
    site.answers["/Cook-Things"] = Answer(b"", 404)
    site.answers["/Draw-Things"] = html("<meta name=robots content=noai><h1>How to Draw</h1>")
    assert run(*urls(site), *WORDS, "--out", tmp_path / "x")[0] == 3
    cache = Cache(tmp_path / "x.cache")
    found = [visits.read(cache, url) for url in urls(site)]
    assert [visit.outcome for visit in found] == ["fetched", "failed", "opted out"]
    assert [visit.reason for visit in found] == [None, "HTTP 404", "reserved by its site: noai"]
    assert [row["reason"] for row in rows(tmp_path / "x") if row["status"] == "failed"] == [
        "HTTP 404",
        "opted out: reserved by its site: noai",
    ]


def test_retrying_asks_for_failures_only(run, site, tmp_path):
    good = site.answers["/Cook-Things"]
    site.answers["/Cook-Things"] = Answer(b"", 404)
    site.answers["/sitemap.xml"] = Answer(urlset(*((url, None) for url in urls(site))), headers=XML)
    command = ["--sitemap", f"{site.origin}/sitemap.xml", *WORDS, "--out", tmp_path / "x"]
    assert run(*command)[0] == 3
    site.answers["/Cook-Things"] = good
    asked = len(site.requests)
    code, _, errors = run(*command)
    assert code == 3
    assert "hint: add --retry-failed" in errors
    assert len(site.requests) == asked
    assert run(*command, "--retry-failed")[0] == 0
    assert [path for path in site.paths()[asked - 1 :] if path != "/robots.txt"] == ["/Cook-Things"]
    assert len(articles(tmp_path / "x")) == 3
    assert validate(tmp_path / "x").ok


def test_a_refresh_spares_pages_the_sitemap_calls_unchanged(run, site, tmp_path):
    def sitemap(**days: str) -> None:
        listed = urlset(*((f"{site.origin}/{name}-Things", day) for name, day in days.items()))
        site.answers["/sitemap.xml"] = Answer(listed, headers=XML)

    command = ["--sitemap", f"{site.origin}/sitemap.xml", *WORDS, "--out", tmp_path / "x"]
    sitemap(Wash="2026-01-01T08:00:00Z", Cook="2026-01-01", Draw="2026-01-01")
    assert run(*command)[0] == 0
    site.answers["/Grow-Things"] = html(render(how_to("Grow", origin=site.origin, page_id=9)))
    sitemap(Wash="2026-01-01T09:00:00Z", Cook="2026-01-01", Grow="2026-02-01")
    asked = len(site.requests)
    code, _, errors = run(*command, "--refresh")
    assert code == 0
    assert "sitemap: 3 pages; 1 new, 1 changed, 1 gone since the last look" in errors
    pages = [request for request in site.requests[asked:] if request.path.endswith("-Things")]
    assert [request.path for request in pages] == ["/Wash-Things", "/Grow-Things"]
    assert pages[0].headers["If-None-Match"] == '"Wash"'
    assert {article.goal.split()[2] for article in articles(tmp_path / "x")} == {"Wash", "Cook", "Grow"}
    asked = len(site.requests)
    assert run(*command)[0] == 0
    assert len(site.requests) == asked


def test_a_killed_refresh_goes_on_where_it_was(run, site, tmp_path):
    command = [*urls(site), *WORDS, "--out", tmp_path / "x"]
    assert run(*command)[0] == 0
    cook = site.answers["/Cook-Things"]

    def die(request):
        raise ConnectionAbortedError

    site.answers["/Cook-Things"] = die
    killed = fork_server.Popen([*PROGRAM, *map(str, command), "--refresh"], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while site.paths().count("/Cook-Things") < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    site.answers["/Cook-Things"] = cook
    asked = len(site.requests)
    assert run(*command, "--refresh")[0] == 0
    pages = [request.path for request in site.requests[asked:] if request.path.endswith("-Things")]
    assert pages == ["/Cook-Things", "/Draw-Things"]
    asked = len(site.requests)
    assert run(*command, "--refresh")[0] == 0  # that one was over, so this is a new look at everything
    assert sum(request.path.endswith("-Things") for request in site.requests[asked:]) == 3


def test_a_refresh_in_vain_keeps_what_it_had_but_not_what_is_gone(run, site, tmp_path):
    command = [*urls(site), *WORDS, "--out", tmp_path / "x"]
    assert run(*command)[0] == 0
    site.answers["/Cook-Things"] = Answer(b"", 403)
    site.answers["/Draw-Things"] = Answer(b"", 410)
    assert run(*command, "--refresh")[0] == 3
    assert {article.goal.split()[2] for article in articles(tmp_path / "x")} == {"Wash", "Cook"}


def press_ctrl_c(command: list, site, after: int, times: int) -> tuple[int, str, str]:
    process = fork_server.Popen(
        [*PROGRAM, *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    deadline = time.monotonic() + 60
    while len(site.requests) < after and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    if times == 2:
        heard = process.stderr.readline()
        while "finishing" not in heard:
            heard = process.stderr.readline()
        process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    return process.returncode, printed, errors


def test_ctrl_c_once_finishes_the_request_in_hand(site, tmp_path):
    def slow(request):
        time.sleep(1.0)
        return html(render(how_to("Cook", origin=site.origin, page_id=2)))

    site.answers["/Cook-Things"] = slow
    out = tmp_path / "x"
    command = [*urls(site), *WORDS, "--shard-pages", "1", "--out", out]
    code, printed, errors = press_ctrl_c(command, site, after=4, times=1)
    assert (code, printed) == (130, "")
    assert "finishing what is in hand" in errors
    assert "hint: run the same command again" in errors
    assert "Traceback" not in errors
    assert Cache(tmp_path / "x.cache").entry(urls(site)[1]) is not None  # what was in hand arrived
    assert "/Draw-Things" not in site.paths()
    assert not (out / "index.json").exists()
    asked = len(site.requests)
    done = fork_server.run([*PROGRAM, *map(str, command)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert [path for path in site.paths()[asked - 1 :] if path.endswith("-Things")] == ["/Draw-Things"]
    assert len(articles(out)) == 3


def test_ctrl_c_ends_a_long_wait(site, tmp_path):
    site.answers["/Wash-Things"] = Answer(b"", 503, {"Retry-After": "600"})
    began = time.monotonic()
    code, _, errors = press_ctrl_c([*urls(site), *WORDS, "--out", tmp_path / "x"], site, after=3, times=1)
    assert code == 130
    assert time.monotonic() - began < 60
    assert "stopped: 0 of 3 pages are settled" in errors


def test_ctrl_c_twice_stops_at_once(site, tmp_path):
    def hang(request):
        time.sleep(150)
        return Answer(b"", 404)

    site.answers["/Cook-Things"] = hang
    began = time.monotonic()
    code, printed, errors = press_ctrl_c([*urls(site), *WORDS, "--out", tmp_path / "x"], site, after=4, times=2)
    assert (code, printed) == (130, "")
    assert errors.splitlines()[-1] == "error: interrupted"
    assert time.monotonic() - began < 140


def test_ctrl_c_while_reading_from_disk_finishes_the_task_in_hand(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number:02d}.html").write_text(render(how_to(f"Cook {number}", page_id=number + 1)))
    out = tmp_path / "x"
    command = [*PROGRAM, "--from-html", str(folder), "--shard-pages", "3", "--out", str(out)]
    process = fork_server.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out / "tasks" / "000000.json").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert "shard tasks are done" in errors
    done = len(list((out / "tasks").iterdir()))
    assert 1 <= done < 20
    assert not (out / "index.json").exists()
    assert fork_server.run(command, capture_output=True, timeout=60, check=False).returncode == 0
    whole = tmp_path / "whole"
    assert fork_server.run([*command[:-1], str(whole)], capture_output=True, timeout=60, check=False).returncode == 0
    assert tree(out) == tree(whole)


def test_the_word_about_terms_is_given_once(run, tmp_path, monkeypatch):
    """Nothing is asked of the site: an answer for its page lies in the cache already."""
    from hashlib import sha256

    from illinstr.wikihow_scraper.fetching.cache import Entry

    url = "https://www.wikihow.com/Wash-Things"
    page = render(how_to("Wash")).encode()
    cache = Cache(tmp_path / "x.cache")
    entry = Entry(url=url, final_url=url, fetched="2026-01-01T00:00:00+00:00", sha256=sha256(page).hexdigest())
    cache.put(entry, page)
    command = [url, "--contact", "me@example.org", "--no-images", "--out", tmp_path / "x"]
    assert run(*command)[0] == 2
    assert run(*command, "--accept-terms", "--dry-run")[0] == 0
    assert run(*command)[0] == 2  # a dry run writes nothing, not even that
    code, _, errors = run(*command, "--accept-terms")
    assert code == 0
    assert [line.split(":")[0] for line in errors.splitlines()[:1]] == ["wikiHow"]
    assert "machine learning" in errors
    code, _, errors = run(*command)
    assert code == 0
    assert "machine learning" not in errors
    monkeypatch.setattr(WikiHow, "terms", replace(WikiHow.terms, facts=("Other facts.", "Now.")))
    assert run(*command)[0] == 2  # the word was given for other facts


def test_wikihow_is_never_asked_faster_than_its_robots_say(run, tmp_path):
    command = ["https://www.wikihow.com/X", "--contact", "me@example.org", "--accept-terms", "--out", tmp_path / "x"]
    code, _, errors = run(*command, "--min-interval", "1")
    assert code == 2
    assert "3 seconds" in errors


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--refresh", "--retry-failed", "http://x.org/", "--contact", "me@example.org"], "--refresh asks again"),
        (["--retry-failed", "--from-html", "."], "--retry-failed is for fetched pages"),
        (["--refresh", "--from-html", "."], "--refresh is for fetched pages"),
        (["--shard-pages", "0", "--from-html", "."], "shard-pages"),
    ],
)
def test_wrong_requests(run, tmp_path, arguments, said):
    code, _, errors = run(*arguments, "--out", tmp_path / "x")
    assert code == 2
    assert said in errors


def test_a_file_of_another_time_does_not_confuse(run, site, tmp_path):
    """Half-written files, foreign files and damaged markers in the folder are cleared away or built over."""
    out = tmp_path / "x"
    command = [*urls(site), *WORDS, "--shard-pages", "1", "--out", out]
    assert run(*command)[0] == 0
    before = tree(out)
    (out / "index.json").unlink()
    (out / "tasks" / "000001.json").write_text("{")
    (out / "tasks" / "000009.json").write_text("{}")
    (out / "tasks" / ".000002.json.abc.incomplete").write_text("")
    (out / "shards" / ".train-000009.tar.abc.incomplete").write_text("")
    (out / ".index.json.abc.incomplete").write_text("")
    assert run(*command)[0] == 0
    assert tree(out) == before


def test_one_run_a_data_folder(run, saved, tmp_path):
    import fcntl

    out = tmp_path / "x"
    out.mkdir()
    holder = os.open(out, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    code, _, errors = run("--from-html", saved, "--out", out)
    assert (code, list(out.iterdir())) == (2, [])
    assert "another run is writing" in errors
    os.close(holder)
    assert run("--from-html", saved, "--out", out)[0] == 0


def test_hosts_do_not_wait_for_each_other(run, tmp_path):
    """Two hosts of three pages each at a quarter of a second: side by side, and never two requests to one at a time."""
    with serve() as one, serve() as two:
        for site in (one, two):
            for number, name in enumerate(("Wash", "Cook", "Draw")):
                page = render(how_to(f"{name} {site.port}", origin=site.origin, page_id=site.port * 10 + number))
                site.answers[f"/{name}"] = html(page)
        listed = [f"{one.origin}/{name}" for name in ("Wash", "Cook", "Draw")]
        listed += [f"http://localhost:{two.port}/{name}" for name in ("Wash", "Cook", "Draw")]
        options = [*WORDS, "--min-interval", "0.25", "--allow-private-hosts", "localhost"]
        assert run(*listed, *options, "--out", tmp_path / "x")[0] == 0
        first, second = ([request.at for request in site.requests] for site in (one, two))
        assert min(second) < max(first)
        assert min(first) < max(second)
        assert (one.most_open, two.most_open) == (1, 1)
        for times in (first, second):
            assert all(later - earlier >= 0.25 for earlier, later in itertools.pairwise(times))
    assert len(articles(tmp_path / "x")) == 6


def test_what_is_taken_down_goes_from_the_cache_too(run, site, tmp_path):
    assert run(*urls(site), *NETWORK, "--out", tmp_path / "x")[0] == 0
    image = next(path for path in site.answers if path.endswith("728px-Wash-0.jpg"))
    (tmp_path / "list.txt").write_text(f"{urls(site)[1]}\n{site.origin}{image}\n")
    cache, asked = Cache(tmp_path / "x.cache"), len(site.requests)
    assert cache.entry(urls(site)[1]) is not None and cache.entry(site.origin + image) is not None
    command = [*urls(site), *NETWORK, "--takedown", tmp_path / "list.txt", "--overwrite", "--out", tmp_path / "x"]
    assert run(*command)[0] == 0
    assert cache.entry(urls(site)[1]) is None and cache.entry(site.origin + image) is None
    assert len(site.requests) == asked
    found = {article.goal.split()[2]: article for article in articles(tmp_path / "x")}
    assert found.keys() == {"Wash", "Draw"}
    assert [step.image is not None for step in found["Wash"].steps] == [False, False, True]
