"""Sets gathered by others, takedown lists, and the file that says whom the data is owed to."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illinstr.articles import Article, Provenance, Step
from illinstr.errors import UsageError
from illinstr.shards import iter_articles, read_index
from illinstr.shards.takedown import Takedown
from illinstr.wikihow_scraper.imports.json_lines import imported
from tests.support.command_line import calling
from tests.support.pages import render
from tests.support.site import html, serve
from tests.wikihow_scraper.test_cli import NETWORK, articles, how_to, jpeg, rows

CC = "License: Creative Commons"


@pytest.fixture
def run(monkeypatch, capsys):
    return calling(monkeypatch, capsys, "scrape")


def vgsi(number: int = 1, **changes) -> dict:
    steps = [
        {"headline": "Wash it.", "description": "Well.", "img": "http://x.org/0.jpg", "img_license": CC},
        {"headline": "Eat it.", "description": "", "img": "http://x.org/1.jpg", "img_license": "Fair Use"},
    ]
    steps = [step | {"step_id": f"{number}_0_{index}"} for index, step in enumerate(steps)]
    page = {
        "file_id": str(number),
        "goal": f"How to Eat Thing {number}",
        "goal_description": "A word.",
        "category_hierarchy": ["Food"],
        "methods": [{"name": "Raw", "steps": steps}, {"name": "Empty", "steps": []}],
    }
    return page | changes


def lines(path, *records) -> None:
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records), "utf-8")


def test_vgsi(run, tmp_path):
    lines(tmp_path / "set.json", vgsi(1), "{not json", {"file_id": 3}, "", vgsi(2))
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("1_0_0", "1_0_1", "2_0_0"):
        (folder / f"{name}.png").write_bytes(jpeg())
    out = tmp_path / "out"
    code, printed, _ = run("--from-jsonl", tmp_path / "set.json", "--pictures", folder, "--out", out)
    assert code == 3
    assert printed[-1] == str(out)
    made = articles(out)
    assert sorted(article.goal for article in made) == ["How to Eat Thing 1", "How to Eat Thing 2"]
    first = next(article for article in made if article.provenance.page_id == 1)
    assert (first.method, first.license, first.extra["intro"]) == ("Raw", "CC BY-NC-SA 3.0", "A word.")
    assert [(step.headline, step.body) for step in first.steps] == [("Wash it.", "Well."), ("Eat it.", "")]
    assert [step.image is not None for step in first.steps] == [True, False]  # the second is no open licence
    assert (first.steps[0].image.license, first.steps[0].image.source_url) == (CC, "http://x.org/0.jpg")
    assert [row["reason"].split(":")[0] for row in rows(out) if row["status"] == "failed"] == [
        "not JSON",
        "neither an Article nor a wikiHow-VGSI page",
    ]
    funnel = read_index(out).source_config["funnel"]
    assert funnel["articles"] == {"seen": 4, "filtered": {"no numbered steps": 2}, "kept": 2}
    code, _, _ = run(
        "--from-jsonl", tmp_path / "set.json", "--pictures", folder, "--out", tmp_path / "no", "--no-images"
    )
    assert code == 3
    assert all(step.image is None for article in articles(tmp_path / "no") for step in article.steps)


def test_our_own_articles_go_round(run, tmp_path):
    article = Article(
        id="minihow-1",
        goal="How to Make Juice",
        steps=(Step(headline="Wash."), Step(headline="Press.")),
        provenance=Provenance(source="minihow"),
        license="CC0 1.0",
        extra={"seed": 7},
    ).with_images({0: jpeg(1), 1: jpeg(2)})
    (tmp_path / "set.jsonl").write_text(json.dumps(article.model_dump(mode="json")) + "\n")
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in range(2):
        (folder / f"minihow-1.{index:02d}.jpg").write_bytes(jpeg(index + 1))
    options = ("--from-jsonl", tmp_path / "set.jsonl", "--pictures", folder, "--image-license", "any")
    assert run(*options, "--out", tmp_path / "out")[0] == 0
    back = next(iter_articles(tmp_path / "out"))
    assert back.steps == article.steps
    assert [step.image.data for step in back.steps] == [jpeg(1), jpeg(2)]
    assert (back.id, back.license, back.extra["seed"], back.provenance) == (
        "minihow-1",
        "CC0 1.0",
        7,
        article.provenance,
    )


def test_image_names_from_the_data_cannot_leave_the_folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(jpeg())
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    lines(tmp_path / "set.json", vgsi())
    find = next(imported(tmp_path / "set.json", folder)).find_image
    for name in ("../secret", "..%2fsecret", str(tmp_path / "secret"), "link", "", "a/b", "\0", 5, None):
        assert find({"file": name}) is None


@given(
    st.lists(st.one_of(st.binary(max_size=80), st.sampled_from([b'{"schema_version":1}', b"[" * 5000, b"null", b"{}"])))
)
@settings(deadline=None, suppress_health_check=list(HealthCheck))
def test_any_lines_are_articles_or_known_failures(tmp_path, content):
    path = tmp_path / "set.jsonl"
    path.write_bytes(b"\n".join(content))
    for source in imported(path, None):
        assert source.articles is not None or source.error is not None


@pytest.mark.parametrize("missing", [{"goal": None}, {"methods": 5}, {"methods": [{"steps": [{"headline": 4}]}]}])
def test_a_line_of_the_wrong_shape_is_a_failure(tmp_path, missing):
    lines(tmp_path / "set.json", vgsi(**missing))
    assert next(imported(tmp_path / "set.json", None)).error[0] == "failed"


def test_what_is_missing_is_a_usage_error(run, tmp_path):
    lines(tmp_path / "set.json", vgsi())
    assert run("--from-jsonl", tmp_path / "none.json", "--out", tmp_path / "x")[0] == 2
    assert run("--from-jsonl", tmp_path / "set.json", "--pictures", tmp_path / "none", "--out", tmp_path / "x")[0] == 2
    assert run("--from-jsonl", tmp_path / "set.json", "--from-html", tmp_path, "--out", tmp_path / "x")[0] == 2
    assert run("--pictures", tmp_path, "--from-html", tmp_path, "--out", tmp_path / "x")[0] == 2


def save(folder, *names: str) -> None:
    folder.mkdir()
    for number, name in enumerate(names, start=1):
        (folder / f"{name}.html").write_text(render(how_to(name, page_id=number)), encoding="utf-8")


def test_what_is_taken_down_is_left_out(run, tmp_path):
    save(tmp_path / "saved", "Wash", "Cook", "Draw", "Sing")
    options = ("--from-html", tmp_path / "saved", "--out", tmp_path / "out", "--overwrite")
    assert run(*options)[0] == 0
    sing = next(article for article in articles(tmp_path / "out") if "Sing" in article.goal)
    listed = tmp_path / "takedown.txt"
    listed.write_text(f"# asked by mail\nhttp://wikihow.com/Wash-Things?x=1#y\n2 # by number\n{sing.id}\n")
    assert run(*options, "--takedown", listed)[0] == 0
    assert [article.goal for article in articles(tmp_path / "out")] == ["How to Draw Things"]
    funnel = read_index(tmp_path / "out").source_config["funnel"]
    assert funnel["articles"]["filtered"] == {"taken down": 3}


def test_what_is_taken_down_is_not_even_asked_for(run, tmp_path):
    with serve() as site:
        for number, name in enumerate(("Wash", "Cook"), start=1):
            howto = how_to(name, origin=site.origin, page_id=number)
            site.answers[f"/{howto.name}"] = html(render(howto))
        listed = tmp_path / "takedown.txt"
        image = how_to("Cook", origin=site.origin).methods[0].steps[0].image.url
        listed.write_text(f"{site.origin}/Wash-Things\n{image}\n")
        urls = [f"{site.origin}/{name}-Things" for name in ("Wash", "Cook")]
        assert run(*urls, *NETWORK, "--takedown", listed, "--out", tmp_path / "out")[0] == 0
        assert "/Wash-Things" not in site.paths()
        assert image.removeprefix(site.origin) not in site.paths()
    funnel = read_index(tmp_path / "out").source_config["funnel"]
    assert funnel["pages"]["opted out"] == 1
    assert funnel["pictures"]["filtered"]["taken down"] == 1


def test_takedown_addresses_match_in_every_spelling():
    listed = Takedown(frozenset({"wikihow.com/Make-Café"}))
    for spelling in ("https://www.wikihow.com/Make-Caf%C3%A9", "http://wikihow.com/Make-Café/?a=b#c"):
        assert listed.names(spelling)
    assert not listed.names("https://www.wikihow.com/Make-Cafe")
    assert not listed.names(None)


def test_a_missing_takedown_list_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError):
        Takedown.read(tmp_path / "none")


def test_saved_pages_without_images(run, tmp_path):
    save(tmp_path / "saved", "Wash")
    (tmp_path / "saved" / "Wash_files").mkdir()
    (tmp_path / "saved" / "Wash_files" / "a.jpg").write_bytes(jpeg())
    page = tmp_path / "saved" / "Wash.html"
    shown = 'class="whcdn content-fill" data-src='
    page.write_text(page.read_text("utf-8").replace(shown, f'src="Wash_files/a.jpg" {shown}'), "utf-8")
    for flags, count in (((), 2), (("--no-images",), 0)):
        assert run("--from-html", tmp_path / "saved", "--out", tmp_path / "out", "--overwrite", *flags)[0] == 0
        assert sum(step.image is not None for step in articles(tmp_path / "out")[0].steps) == count


def test_attribution(run, tmp_path):
    save(tmp_path / "saved", "Wash", "Cook")
    assert run("--from-html", tmp_path / "saved", "--out", tmp_path / "out")[0] == 0
    with (tmp_path / "out" / "attribution.tsv").open(encoding="utf-8", newline="") as stream:
        owed = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert {row["id"] for row in owed} == {article.id for article in articles(tmp_path / "out")}
    wash = next(row for row in owed if row["title"] == "How to Wash Things")
    assert wash["url"] == "https://www.wikihow.com/Wash-Things"
    assert (wash["license"], wash["revision_id"], wash["modified"]) == ("CC BY-NC-SA 3.0", "28000001", "2020-08-12")
