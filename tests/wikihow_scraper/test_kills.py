"""Killed at any moment, run again: nothing lost, nothing doubled, and the bytes of a run that nobody killed.

The whole test (slow tier) kills one hundred runs and more, at every named point and at random ones; the normal tier
has a short one of the same kind.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from urllib.parse import quote

import pytest

from illinstr.shards import iter_articles, validate
from tests.support.killing import Ended, Point, Runner
from tests.support.pages import render
from tests.support.site import TDM_FILE, Answer, Site, html, serve
from tests.wikihow_scraper.test_cli import NETWORK, how_to, jpeg, tree

NAMES = [f"{verb} {noun}" for verb in ("Wash", "Cook", "Draw", "Plant") for noun in ("Red", "Blue", "Green")]
FILES = (
    "list",
    "body",
    "entry",
    "visit",
    "settings",
    "tar",
    "parquet",
    "stats",
    "task",
    "attribution",
    "card",
    "index",
)
PHASES = ("opened", "written", "renamed")
NAMED: list[Point] = [(phase, kind, 1) for kind in FILES[:5] for phase in PHASES]
NAMED += [("added", "article", 3), *((phase, kind, 1) for kind in FILES[5:] for phase in PHASES)]


@pytest.fixture(scope="module")
def site():
    with serve() as made:
        listed = []
        for number, name in enumerate(NAMES, start=1):
            howto = how_to(name, origin=made.origin, page_id=number, steps=4)
            made.answers[f"/{howto.name}"] = html(render(howto), ETag=f'"{number}"')
            listed.append(howto.url)
            for step in howto.methods[0].steps:
                path = quote(step.image.url.removeprefix(made.origin))
                made.answers[path] = Answer(jpeg(number), headers={"Content-Type": "image/jpeg"})
        first = how_to(NAMES[0], origin=made.origin, page_id=99, steps=4)
        made.answers["/Again"] = html(render(first))  # the same words on another page
        made.answers["/Reserved"] = html(render(how_to("Hide", origin=made.origin, page_id=98, robots="noai")))
        lost = next(path for path in made.answers if "728px-Cook%20Red-0" in path)
        made.answers[lost] = Answer(b"", 404)
        made.answers["/robots.txt"] = Answer(b"User-agent: *\nDisallow: /Secret\n")
        listed[3:3] = [f"{made.origin}/{name}" for name in ("Again", "Reserved", "Secret", "Gone")]
        places = "".join(f"<url><loc>{url}</loc><lastmod>2026-01-01</lastmod></url>" for url in listed)
        made.answers["/sitemap.xml"] = Answer(
            f"<urlset>{places}</urlset>".encode(), headers={"Content-Type": "application/xml"}
        )
        yield made


@pytest.fixture(scope="module")
def runner(tmp_path_factory):
    with Runner(tmp_path_factory.mktemp("runner")) as made:
        yield made


def arguments(site: Site, out: Path) -> list[str]:
    return ["scrape", "--sitemap", f"{site.origin}/sitemap.xml", *NETWORK, "--shard-pages", "4", "--out", str(out)]


@pytest.fixture(scope="module")
def whole(site, runner, tmp_path_factory) -> dict[str, bytes]:
    """What a run makes that nobody disturbs."""
    out = tmp_path_factory.mktemp("whole") / "out"
    ended = runner.run(arguments(site, out))
    assert ended.code == 3, ended.errors  # /Gone
    assert validate(out).ok
    made = list(iter_articles(out))
    assert len(made) == len(NAMES)
    assert sum(step.image is not None for article in made for step in article.steps) == 2 * len(NAMES) - 1
    return tree(out)


def check(site: Site, out: Path, whole: dict[str, bytes], before: int, kills: int) -> None:
    """Nothing lost, nothing doubled, equal bytes; and what had arrived was not asked for again."""
    made = tree(out)
    assert made.keys() == whole.keys()
    assert [name for name in made if made[name] != whole[name]] == []
    report = validate(out)
    assert report.ok
    assert report.warnings == ()
    ids = [article.id for article in iter_articles(out)]
    assert len(ids) == len(set(ids)) == len(NAMES)
    asked = Counter(request.path for request in site.requests[before:])
    good = [path for path in asked if path not in ("/robots.txt", TDM_FILE) and _good(site, path)]
    assert sum(asked[path] - 1 for path in good) <= kills


def _good(site: Site, path: str) -> bool:
    answer = site.answers.get(path)
    return isinstance(answer, Answer) and answer.status == 200 and path != "/Reserved"


def kill_at_random(runner: Runner, command: list[str], dice: random.Random) -> Ended:
    """One run, killed at a random count of writes, or by the clock."""
    if dice.random() < 0.6:
        return runner.run(command, ("*", "*", dice.randint(1, 120)))
    process = runner.start(command)
    time.sleep(dice.uniform(0.0, 0.5))
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
    return runner.wait()


def finish(site: Site, runner: Runner, out: Path) -> None:
    ended = runner.run(arguments(site, out))
    assert ended.code == 3, ended.errors


def kill_at_named_points(site: Site, runner: Runner, out: Path, points: list[Point], *more: str) -> int:
    """One folder, one kill a point, in the order in which a run comes to them."""
    for point in points:
        ended = runner.run([*arguments(site, out), *more], point)
        assert ended.killed, (point, ended)
        assert point[:2] == ("renamed", "index") or not (out / "index.json").exists()
    return len(points)


def test_a_few_kills(site, runner, whole, tmp_path):
    points: list[Point] = [
        ("renamed", "body", 2),
        ("written", "visit", 3),
        ("added", "article", 2),
        ("renamed", "stats", 1),
        ("written", "task", 1),
        ("renamed", "task", 1),
        ("renamed", "card", 1),
        ("written", "index", 1),
    ]
    before = len(site.requests)
    kills = kill_at_named_points(site, runner, tmp_path / "out", points)
    finish(site, runner, tmp_path / "out")
    check(site, tmp_path / "out", whole, before, kills)


@pytest.mark.slow
def test_a_hundred_kills(site, runner, whole, tmp_path):
    before = len(site.requests)
    kills = kill_at_named_points(site, runner, tmp_path / "named", NAMED)
    finish(site, runner, tmp_path / "named")
    check(site, tmp_path / "named", whole, before, kills)
    dice, total, folder = random.Random(7), kills, 0
    while total < 120:
        out, before, kills, folder = tmp_path / f"random-{folder}", len(site.requests), 0, folder + 1
        while (ended := kill_at_random(runner, arguments(site, out), dice)).killed:
            kills += 1
        assert ended.code == 3, ended.errors
        check(site, out, whole, before, kills)
        total += kills
    assert total >= 100
    print(f"{total} kills, {folder + 1} folders")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["--retry-failed", "--refresh"])
def test_kills_while_a_finished_folder_changes(site, runner, tmp_path, mode):
    """What was finished is taken apart from behind and built again; a kill in between leaves nothing that misleads."""
    out, calm = tmp_path / "out", tmp_path / "calm"
    for folder in (out, calm):
        finish(site, runner, folder)
    gone = site.answers.get("/Gone")
    site.answers["/Gone"] = html(render(how_to("Mend", origin=site.origin, page_id=97, steps=4)))
    try:
        assert runner.run([*arguments(site, calm), mode]).code == 0
        points: list[Point] = [
            ("removed", "index", 1),
            ("removed", "task", 1),
            ("removed", "task", 2),
            ("removed", "tar", 1),
            ("removed", "parquet", 1),
            ("removed", "stats", 1),
            ("written", "settings", 1),
            ("added", "article", 2),
            ("renamed", "tar", 1),
            ("renamed", "stats", 1),
            ("written", "task", 1),
            ("renamed", "task", 1),
            ("written", "card", 1),
            ("written", "index", 1),
        ]
        kill_at_named_points(site, runner, out, points, mode)
        assert runner.run([*arguments(site, out), mode]).code == 0
    finally:
        site.answers.pop("/Gone")
        if gone is not None:
            site.answers["/Gone"] = gone
    assert tree(out) == tree(calm)
    assert validate(out).ok
    ids = [article.id for article in iter_articles(out)]
    assert len(ids) == len(set(ids)) == len(NAMES) + 1
