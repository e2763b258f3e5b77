"""Pages measured in several processes: the same data as in one, whatever is killed on the way."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from illinstr.articles import Article
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.imports.saved_pages import saved_files, saved_pages
from illinstr.wikihow_scraper.pipeline.measure import measured
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import Site, Trust
from illinstr.wikihow_scraper.source import Source
from tests.support.command_line import calling
from tests.support.pages import render
from tests.wikihow_scraper.test_cli import how_to, jpeg, tree

VERBS = ("Wash", "Cook", "Draw", "Plant", "Fold", "Paint")
IMAGE = 'class="whcdn content-fill" data-src='


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages with images beside them; some texts and images stand on two pages, one page is none, one is damaged."""
    made = tmp_path_factory.mktemp("pages")
    for number, verb in enumerate(VERBS):
        before, *images = render(how_to(verb, page_id=number + 1)).split(IMAGE)
        page = before + "".join(f'src="{verb}_files/{at}.jpg" {IMAGE}{rest}' for at, rest in enumerate(images))
        (made / f"{verb}.html").write_text(page, encoding="utf-8")
        (made / f"{verb}_files").mkdir()
        for at in range(len(images)):
            shade = 0 if at == 2 else number * 10 + at + 1  # the last image of each page is the same
            (made / f"{verb}_files" / f"{at}.jpg").write_bytes(jpeg(shade))
    (made / "Again.html").write_text(render(how_to("Wash", page_id=99)), encoding="utf-8")
    (made / "None.html").write_text("<p>nothing", encoding="utf-8")
    (made / "Broken.html").write_text("<p class=steps_list_2>" + "<div>" * 3000, encoding="utf-8")
    return made


def command(folder, out, workers):
    return ["--from-html", folder, "--out", out, "--image-license", "any", "--shard-pages", 2, "--workers", workers]


def program(folder, out, workers):
    return [sys.executable, "-m", "illinstr", "scrape", *map(str, command(folder, out, workers))]


@pytest.fixture(scope="module")
def expected(folder, tmp_path_factory):
    """What one undisturbed worker makes."""
    out = tmp_path_factory.mktemp("one") / "out"
    ran = subprocess.run(program(folder, out, 1), capture_output=True, text=True, check=False)
    assert ran.returncode == 3, ran.stderr  # one page is damaged
    assert "duplicate text" in ran.stderr
    assert "same image on another page" in ran.stderr
    made = tree(out)
    assert sum(name.endswith(".tar") for name in made) >= 3
    return made


@pytest.mark.parametrize("workers", [2, 4])
def test_the_bytes_do_not_depend_on_the_number_of_workers(monkeypatch, capsys, folder, expected, tmp_path, workers):
    run = calling(monkeypatch, capsys, "scrape")
    code, _, errors = run(*command(folder, tmp_path / "out", workers))
    assert code == 3, errors
    assert tree(tmp_path / "out") == expected


@pytest.mark.parametrize("workers", [2, 4])
def test_killed_at_any_moment_and_run_again(folder, expected, tmp_path, workers):
    out, chance = tmp_path / "out", random.Random(workers)
    kills = 0
    for wait_s in (1.5, chance.uniform(2.0, 6.0)):
        process = subprocess.Popen(program(folder, out, workers), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=wait_s)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills
    last = subprocess.run(program(folder, out, workers), capture_output=True, text=True, check=False)
    assert last.returncode == 3, last.stderr
    assert tree(out) == expected


def test_a_page_that_ends_its_worker_fails_alone(tmp_path):
    (tmp_path / "a.html").write_text("<p>deadly", encoding="utf-8")
    (tmp_path / "b.html").write_text(render(how_to("Wash")), encoding="utf-8")
    with registry.registered(Deadly()):
        found = list(measured(saved_pages(tmp_path, saved_files(tmp_path)), Cleaner(CleanRules()), workers=2))
    deadly, washed = (one for one, _ in found)
    assert "the worker was lost 3 times (killed by signal 9)" in deadly.failure.reason
    assert isinstance(washed.articles[0].article, Article)


class Deadly(Site):
    """Ends whatever process reads its pages, as a fault in a parser's C code does."""

    name, parser, about = "deadly", "deadly/1", "ends its process"

    def claim(self, page):
        return Trust.OWN if "deadly" in page.text else None

    def read(self, page):
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)


def test_measuring_remembers_nothing(folder):
    cleaner = Cleaner(CleanRules())
    sources = list(saved_pages(folder, saved_files(folder)))
    assert [one for one, _ in measured(sources, cleaner)] == [one for one, _ in measured(sources, cleaner)]
    assert not any(cleaner.take_new().values())
    assert next(measured([Source("x", error=("robots", "no"))], cleaner))[0].failure.reason == "robots: no"
