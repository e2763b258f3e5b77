"""``illinstr scrape`` from end to end: saved pages, a real site, crashes in between."""

from __future__ import annotations

import errno
import itertools
import json
import os
import random
from pathlib import Path

import pyarrow.parquet as parquet
import pytest
from PIL import Image

from illinstr.shards import iter_articles, read_index, validate
from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.page import Method, PageStep
from tests.support.command_line import calling
from tests.support.image_bytes import encoded
from tests.support.pages import OPEN, RESERVED, HowTo, make_image, render
from tests.support.site import Answer, Site, html, serve


def jpeg(shade: int = 0) -> bytes:
    """An image with contrast; another shade gives another image, to the eye and to a perceptual hash."""
    blocks = random.Random(shade)
    small = Image.new("RGB", (8, 6))
    small.putdata([tuple(blocks.randrange(256) for _ in range(3)) for _ in range(48)])
    return encoded(small.resize((96, 72), Image.Resampling.BICUBIC), "JPEG")


def how_to(name: str, *, steps: int = 3, origin: str = "https://www.wikihow.com", page_id: int = 1, **more) -> HowTo:
    made = tuple(
        PageStep(
            headline=f"{name} part {number}.",
            image=make_image(f"{name}-{number}", license=OPEN if number % 2 == 0 else RESERVED, origin=origin),
        )
        for number in range(steps)
    )
    return HowTo(f"How to {name} Things", (Method(steps=made),), page_id=page_id, origin=origin, **more)


@pytest.fixture
def run(monkeypatch, capsys):
    return calling(monkeypatch, capsys, "scrape")


@pytest.fixture
def saved(tmp_path):
    folder = tmp_path / "saved"
    folder.mkdir()
    for number, name in enumerate(("Wash", "Cook", "Draw"), start=1):
        (folder / f"{name}.html").write_text(render(how_to(name, page_id=number)), encoding="utf-8")
    return folder


@pytest.fixture
def site():
    with serve() as made:
        for number, name in enumerate(("Wash", "Cook", "Draw"), start=1):
            howto = how_to(name, origin=made.origin, page_id=number)
            made.answers[f"/{howto.name}"] = html(render(howto), ETag=f'"{name}"')
            for step in howto.methods[0].steps:
                made.answers[step.image.url.removeprefix(made.origin)] = Answer(
                    jpeg(number), headers={"Content-Type": "image/jpeg"}
                )
        yield made


def urls(site: Site) -> list[str]:
    return [f"{site.origin}/{name}-Things" for name in ("Wash", "Cook", "Draw")]


NETWORK = ["--contact", "me@example.org", "--allow-private-hosts", "127.0.0.1", "--min-interval", "0", "--accept-terms"]


def articles(out: Path) -> list:
    return sorted(iter_articles(out), key=lambda article: article.id)


def rows(out: Path) -> list[dict]:
    return [row for path in sorted(out.rglob("*.parquet")) for row in parquet.read_table(path).to_pylist()]


def tree(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_saved_pages(run, saved, tmp_path):
    (saved / "broken.html").write_bytes(b"<html><h1>Nothing here</h1>")
    out = tmp_path / "out"
    code, lines, errors = run("--from-html", saved, "--out", out)
    assert code == 0
    assert lines[-1] == str(out)
    assert validate(out).ok
    made = articles(out)
    assert sorted(article.goal for article in made) == [f"How to {name} Things" for name in ("Cook", "Draw", "Wash")]
    assert made[0].extra["step_images"][1]["license_kind"] == "reserved"
    failures = [row for row in rows(out) if row["status"] == "failed"]
    assert [row["reason"] for row in failures] == ["not a how-to article: no list of steps found on the page"]
    funnel = read_index(out).source_config["funnel"]
    assert funnel["pages"] == {
        "seen": 4, "robots": 0, "opted out": 0, "failed": 0, "not an article": 1, "parsed": 3,
    }  # fmt: skip
    assert funnel["articles"] == {"seen": 3, "filtered": {}, "kept": 3}
    assert funnel["pictures"] == {"seen": 9, "filtered": {"licence": 3, "no file": 6}, "kept": 0}
    told = [" ".join(line.split()) for line in errors.splitlines()]
    assert told[told.index("pages 4 seen") :][:4] == ["pages 4 seen", "1 not an article", "3 parsed", "articles 3 seen"]


def test_the_same_pages_give_the_same_bytes(run, saved, tmp_path):
    for name in ("one", "two"):
        assert run("--from-html", saved, "--out", tmp_path / name)[0] == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert run("--from-html", saved, "--out", tmp_path / "one")[0] == 0
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_images_a_browser_saved_beside_the_page(run, tmp_path):
    saved = tmp_path / "saved"
    (saved / "Wash_files").mkdir(parents=True)
    shown = 'class="whcdn content-fill" data-src='
    page = render(how_to("Wash")).replace(shown, f'src="Wash_files/a.jpg" {shown}')
    (saved / "Wash.html").write_text(page, encoding="utf-8")
    (saved / "Wash_files" / "a.jpg").write_bytes(jpeg())
    (saved / "Wash_files" / "frame.html").write_text(page, encoding="utf-8")
    assert run("--from-html", saved, "--out", tmp_path / "cc")[0] == 0
    assert run("--from-html", saved, "--out", tmp_path / "any", "--image-license", "any")[0] == 0
    open_ones, every = articles(tmp_path / "cc"), articles(tmp_path / "any")
    assert len(open_ones) == len(every) == 1
    assert [step.image is not None for step in open_ones[0].steps] == [True, False, True]
    assert [step.image.data for step in every[0].steps] == [jpeg()] * 3
    assert every[0].steps[1].image.license == RESERVED
    assert every[0].steps[0].image.source_url.endswith("728px-Wash-0.jpg")


def test_limits_and_rules(run, saved, tmp_path):
    def kept(*options: str) -> int:
        code, lines, _ = run("--from-html", saved, "--out", tmp_path / "x", "--overwrite", "--json", *options)
        return json.loads(lines[-1])["funnel"]["articles"]["kept"] if code == 0 else -code

    assert kept() == 3
    assert kept("--limit", "2") == 2
    assert kept("--min-steps", "4") == -1
    assert kept("--max-steps", "2") == -1
    assert kept("--language", "de") == -1
    assert kept("--language", "en") == 3


def test_nothing_kept_is_an_error_and_leaves_nothing(run, saved, tmp_path):
    code, lines, errors = run("--from-html", saved, "--out", tmp_path / "x", "--min-steps", "9")
    assert (code, lines) == (1, [])
    assert "error: no page gave an article" in errors
    assert not (tmp_path / "x").exists()


def test_a_dry_run_writes_and_asks_nothing(run, saved, site, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    code, lines, _ = run("--from-html", saved, "--out", tmp_path / "x", "--dry-run", "--json")
    assert code == 0
    assert json.loads(lines[-1])["funnel"]["articles"]["kept"] == 3
    code, lines, _ = run(*urls(site), *NETWORK, "--min-interval", "3", "--out", tmp_path / "x", "--dry-run", "--json")
    assert code == 0
    plan = json.loads(lines[-1])
    assert {name: plan[name] for name in ("pages", "settled", "to_fetch", "urls")} == {
        "pages": 3, "settled": 0, "to_fetch": {"127.0.0.1": 3}, "urls": urls(site),
    }  # fmt: skip
    # robots.txt, the TDM file and three pages, three seconds and on average an eighth of jitter each
    assert plan["seconds"] == pytest.approx(5 * 3 * 1.125, abs=0.1)
    assert site.requests == []
    assert sorted(tmp_path.rglob("*")) == before


def test_other_data_is_not_replaced_unasked(run, saved, tmp_path):
    out = tmp_path / "x"
    assert run("--from-html", saved, "--out", out)[0] == 0
    before = tree(out)
    code, _, errors = run("--from-html", saved, "--out", out, "--limit", "1")
    assert code == 2
    assert "--overwrite" in errors
    assert tree(out) == before
    assert run("--from-html", saved, "--out", out, "--limit", "1", "--overwrite")[0] == 0
    assert len(articles(out)) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "nothing to scrape"),
        (["http://127.0.0.1:9/x"], "--contact"),
        (["http://127.0.0.1:9/x", "--contact", "nobody"], "contact"),
        (["not-an-address", "--contact", "me@example.org"], "address"),
        (["https://www.wikihow.com/X", "--contact", "me@example.org"], "--accept-terms"),
        (["--from-html", "no/such/folder"], "no such folder"),
        (["--from-html", ".", "http://127.0.0.1:9/x"], "--from-html"),
        (["--urls-file", "no-such-file"], "cannot read"),
        (["--from-html", ".", "--image-license", "free"], "--image-license"),
        (["--from-html", ".", "--min-steps", "5", "--max-steps", "2"], "min_steps"),
    ],
)
def test_wrong_requests_are_told_in_a_line(run, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, lines, errors = run(*arguments, "--out", "x")
    assert code == 2
    assert lines == []
    assert said in errors
    assert "Traceback" not in errors
    assert not Path("x").exists()


def test_the_terms_of_wikihow_are_shown(run, tmp_path):
    _, _, errors = run("https://de.wikihow.com/X", "--contact", "me@example.org", "--out", tmp_path / "x")
    assert "machine learning" in errors
    assert "CC BY-NC-SA" in errors


def test_a_site(run, site, tmp_path):
    listed = tmp_path / "urls.txt"
    listed.write_text(f"# mine\n{urls(site)[0]}\n\n{urls(site)[1]}#step_1\n{urls(site)[0]}\n")
    out = tmp_path / "out"
    code, lines, _ = run("--urls-file", listed, urls(site)[2], *NETWORK, "--out", out)
    assert code == 0
    assert lines[-1] == str(out)
    assert validate(out).ok
    made = articles(out)
    assert len(made) == 3
    for article in made:
        assert [step.image is not None for step in article.steps] == [True, False, True]
        assert article.provenance.fetched
    assert len(site.paths()) == len(set(site.paths()))
    # Images the licence forbids to store are not even asked for.
    assert not any("Wash-1" in path for path in site.paths())
    asked = len(site.requests)
    before = tree(out)
    assert run("--urls-file", listed, urls(site)[2], *NETWORK, "--out", out)[0] == 0
    assert len(site.requests) == asked
    assert tree(out) == before


def test_without_images(run, site, tmp_path):
    assert run(*urls(site), *NETWORK, "--no-images", "--out", tmp_path / "x")[0] == 0
    assert not any(".jpg" in path for path in site.paths())
    assert all(step.image is None for article in articles(tmp_path / "x") for step in article.steps)


def test_the_least_interval_flag_is_kept(run, site, tmp_path):
    options = [*NETWORK, "--min-interval", "0.2", "--no-images"]
    assert run(*urls(site), *options, "--out", tmp_path / "x")[0] == 0
    times = [request.at for request in site.requests]
    assert len(times) == 5
    assert all(later - earlier >= 0.2 for earlier, later in itertools.pairwise(times))


def test_refresh_is_conditional(run, site, tmp_path):
    assert run(*urls(site), *NETWORK, "--no-images", "--out", tmp_path / "x")[0] == 0
    for name in ("Wash", "Cook", "Draw"):
        site.answers[f"/{name}-Things"] = Answer(b"", 304)
    assert run(*urls(site), *NETWORK, "--no-images", "--refresh", "--out", tmp_path / "x")[0] == 0
    again = [request for request in site.requests[5:] if request.path.endswith("-Things")]
    assert [request.headers["If-None-Match"] for request in again] == ['"Wash"', '"Cook"', '"Draw"']
    assert len(articles(tmp_path / "x")) == 3


def test_failures_are_rows_and_a_partial_exit_and_can_be_retried(run, site, tmp_path):
    out = tmp_path / "out"
    broken = site.answers["/Cook-Things"]
    site.answers["/Cook-Things"] = Answer(b"", 404)
    site.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /Draw\n")
    code, lines, errors = run(*urls(site), *NETWORK, "--out", out)
    assert code == 3
    assert lines[-1] == str(out)
    assert "1 of 3 pages failed" in errors
    assert {row["url"]: row["reason"] for row in rows(out) if row["status"] == "failed"} == {
        urls(site)[1]: "HTTP 404",
        urls(site)[2]: "robots: disallowed by robots.txt",
    }
    site.answers["/Cook-Things"] = broken
    site.answers["/robots.txt"] = Answer(b"", 404)
    asked = len(site.requests)
    before = tree(out)
    assert run(*urls(site), *NETWORK, "--out", out)[0] == 3
    assert (len(site.requests), tree(out)) == (asked, before)
    assert run(*urls(site), *NETWORK, "--retry-failed", "--out", out)[0] == 0
    assert len(articles(out)) == 3
    pages = [path for path in site.paths()[asked - 1 :] if path.endswith("-Things")]
    assert pages == ["/Cook-Things", "/Draw-Things"]


def test_a_missing_image_costs_the_image_only(run, site, tmp_path):
    lost = next(path for path in site.answers if path.endswith("728px-Wash-0.jpg"))
    bad = next(path for path in site.answers if path.endswith("728px-Wash-2.jpg"))
    site.answers[lost] = Answer(b"", 404)
    site.answers[bad] = Answer(b"no picture", headers={"Content-Type": "image/jpeg"})
    assert run(urls(site)[0], *NETWORK, "--out", tmp_path / "x")[0] == 0
    funnel = read_index(tmp_path / "x").source_config["funnel"]
    assert funnel["pictures"] == {"seen": 3, "filtered": {"damaged": 1, "licence": 1, "no file": 1}, "kept": 0}


@pytest.mark.parametrize(("robots", "kept"), [("noai", 0), ("index, NoML", 0), ("noindex", 0), ("index,follow", 1)])
def test_opt_out_in_the_page(run, tmp_path, robots, kept):
    with serve() as site:
        howto = how_to("Wash", origin=site.origin, robots=robots)
        site.answers[f"/{howto.name}"] = html(render(howto))
        code, _, _ = run(howto.url, *NETWORK, "--out", tmp_path / "x")
    assert code == (0 if kept else 1)


def test_noimageai_keeps_the_words_and_leaves_the_images(run, tmp_path):
    with serve() as site:
        howto = how_to("Wash", origin=site.origin, robots="noimageai")
        site.answers[f"/{howto.name}"] = html(render(howto))
        assert run(howto.url, *NETWORK, "--out", tmp_path / "x")[0] == 0
        assert not any(".jpg" in path for path in site.paths())
    funnel = read_index(tmp_path / "x").source_config["funnel"]
    assert funnel["pictures"]["filtered"] == {"opted out": 3}


def test_saved_pages_bind_by_their_data_directives_only(run, tmp_path):
    for robots, code in (("noai", 1), ("noindex", 0)):
        folder = tmp_path / robots
        folder.mkdir()
        (folder / "a.html").write_text(render(how_to("Wash", robots=robots)), encoding="utf-8")
        assert run("--from-html", folder, "--out", tmp_path / "x", "--overwrite")[0] == code


def test_quiet_says_only_the_result(run, saved, tmp_path):
    code, lines, errors = run("--from-html", saved, "--out", tmp_path / "x", "--quiet")
    assert (code, errors) == (0, "")
    assert lines[-1] == str(tmp_path / "x")


def test_places_that_cannot_be_written_are_known_errors(run, site, saved, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, errors = run("--from-html", saved, "--out", tmp_path / "file")
    assert code == 2
    assert "not a folder" in errors
    code, _, errors = run("--from-html", saved, "--out", tmp_path / "file" / "out")
    assert (code, "not a folder" in errors) == (2, True)
    code, _, errors = run(*urls(site), *NETWORK, "--cache", tmp_path / "file", "--out", tmp_path / "out")
    assert (code, "--cache" in errors) == (2, True)


def test_the_cache_flag_is_kept(run, site, tmp_path):
    assert run(*urls(site), *NETWORK, "--no-images", "--cache", tmp_path / "mine", "--out", tmp_path / "out")[0] == 0
    assert len(list((tmp_path / "mine").rglob("*.body"))) == 3
    assert not (tmp_path / "out.cache").exists()


def test_a_disk_that_fills_up_under_a_crawl_is_a_known_error(run, site, tmp_path, monkeypatch):
    def full(self, *_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    monkeypatch.setattr(Cache, "put", full)
    code, _, errors = run(*urls(site), *NETWORK, "--cache", tmp_path / "cache", "--out", tmp_path / "out")
    assert code == 1
    assert "error: cannot write" in errors
    assert "Traceback" not in errors
