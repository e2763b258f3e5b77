"""Several files, patterns and kinds in one run; near-duplicate texts; images made smaller."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image

from illinstr.articles import Article, Provenance, Step
from illinstr.shards import read_index
from tests.support.pages import render
from tests.wikihow_scraper.test_cli import articles, how_to, jpeg, rows, run, tree

__all__ = ["run"]  # a fixture


def write_lines(path, made):
    path.write_text("".join(json.dumps(json.loads(one.to_json())) + "\n" for one in made), encoding="utf-8")


@pytest.fixture
def folder(tmp_path):
    """Two folders of saved pages with a damaged one of the same name in each, and two files of JSON lines."""
    for number, name in enumerate(("Wash", "Cook"), start=1):
        made = tmp_path / f"in-{number}"
        made.mkdir()
        (made / "page.html").write_text(render(how_to(name, page_id=number)), encoding="utf-8")
        (made / "none.html").write_text("<p>nothing", encoding="utf-8")
        steps = (Step(headline=f"Bake {number}."), Step(headline="Eat."))
        record = Article(
            id=f"own-{number}", goal=f"How to Bake Cake {number}", steps=steps, provenance=Provenance(source="own")
        )
        write_lines(tmp_path / f"lines-{number}.jsonl", [record])
    return tmp_path


def goals(out):
    return sorted(one.goal for one in articles(out))


def test_files_patterns_and_kinds_in_one_run(run, folder, tmp_path):
    options = ("--from-html", folder / "in-*", "--from-jsonl", folder / "lines-1.jsonl")
    code, _, errors = run(*options, "--from-jsonl", folder / "lines-2.jsonl", "--out", tmp_path / "x")
    assert code == 0, errors
    assert goals(tmp_path / "x") == [
        f"How to {name}" for name in ("Bake Cake 1", "Bake Cake 2", "Cook Things", "Wash Things")
    ]
    origin = read_index(tmp_path / "x").source_config["origin"]
    assert [one.get("folder") or one["file"] for one in origin["inputs"]] == [
        "in-1",
        "in-2",
        "lines-1.jsonl",
        "lines-2.jsonl",
    ]
    assert sum(row["status"] == "failed" for row in rows(tmp_path / "x")) == 2  # equal names, each a row of its own
    for workers, task in ((1, 1), (2, 2)):
        out = tmp_path / f"w{workers}"
        more = ("--from-jsonl", folder / "lines-2.jsonl", "--workers", workers, "--shard-pages", task, "--out", out)
        assert run(*options, *more)[0] == 0
        assert goals(out) == goals(tmp_path / "x")


def test_one_saved_page_and_a_pattern_of_pages(run, folder, tmp_path):
    assert run("--from-html", folder / "in-1" / "page.html", "--out", tmp_path / "x")[0] == 0
    assert goals(tmp_path / "x") == ["How to Wash Things"]
    assert run("--from-html", folder / "**" / "p*.html", "--out", tmp_path / "y")[0] == 0
    assert goals(tmp_path / "y") == ["How to Cook Things", "How to Wash Things"]


def test_the_limit_counts_over_all_inputs(run, folder, tmp_path):
    assert run("--from-jsonl", folder / "lines-*.jsonl", "--limit", 1, "--out", tmp_path / "x")[0] == 0
    assert goals(tmp_path / "x") == ["How to Bake Cake 1"]


def test_one_input_by_pattern_gives_the_bytes_it_gives_by_name(run, folder, tmp_path):
    assert run("--from-html", folder / "in-[1]", "--out", tmp_path / "x")[0] == 0
    assert run("--from-html", folder / "in-1", "--out", tmp_path / "y")[0] == 0
    assert tree(tmp_path / "x") == tree(tmp_path / "y")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--from-html", "no-*"), "nothing is named like no-*"),
        (("--from-jsonl", "lines-1.jsonl", "--urls-file", "u.txt"), "not both"),
        (("--from-html", "in-1", "--pictures", "in-1"), "--pictures"),
        (("--from-jsonl", "lines-1.jsonl", "--from-html", "gone"), "gone"),
        (("--from-html", "in-1", "--max-side", "8"), "--max-side"),
        (("--from-html", "in-1", "--max-side", "32"), "max_side"),
        (("--from-html", "in-1", "--image-quality", "0"), "--image-quality"),
        (("--from-html", "in-1", "--text-duplicates", "some"), "--text-duplicates"),
    ],
)
def test_what_cannot_be_read_is_said(run, folder, monkeypatch, options, said):
    monkeypatch.chdir(folder)
    code, _, errors = run(*options, "--out", "x")
    assert code == 2
    assert said in errors
    assert not (folder / "x" / "index.json").exists()


def test_out_may_be_no_input(run, folder):
    before = tree(folder)
    assert run("--from-html", folder / "in-1", "--from-html", folder / "in-2", "--out", folder / "in-2")[0] == 2
    assert tree(folder) == before


WORDS = " ".join(f"word{number}" for number in range(100))


@pytest.fixture
def alike(tmp_path):
    """Three articles: two nearly equal ones of different pages, and another method of the first page."""
    made = []
    for number, (page, words) in enumerate((("a", WORDS), ("b", WORDS + " more"), ("a", "another " + WORDS))):
        steps = (Step(headline="Do it.", body=words), Step(headline="Done."))
        origin = Provenance(source="own", url=f"https://x.example/{page}")
        made.append(Article(id=f"own-{number}", goal="How to Do It All", steps=steps, provenance=origin))
    write_lines(tmp_path / "alike.jsonl", [*made, made[0].model_copy(update={"id": "own-9"})])
    return tmp_path / "alike.jsonl"


@pytest.mark.parametrize(
    ("option", "kept", "filtered"),
    [
        ((), ["own-0", "own-2"], {"duplicate text": 1, "near-duplicate text": 1}),
        (("--text-duplicates", "exact"), ["own-0", "own-1", "own-2"], {"duplicate text": 1}),
        (("--text-duplicates", "keep"), ["own-0", "own-1", "own-2", "own-9"], {}),
    ],
)
@pytest.mark.parametrize("task", [1, 1000])
def test_near_duplicate_texts_of_other_pages(run, alike, tmp_path, option, kept, filtered, task):
    out = tmp_path / "x"
    assert run("--from-jsonl", alike, "--out", out, "--shard-pages", task, *option)[0] == 0
    assert [one.id for one in articles(out)] == kept
    assert read_index(out).source_config["funnel"]["articles"]["filtered"] == filtered
    (out / "index.json").unlink()  # what a killed run remembers
    (out / "tasks" / "000003.json").unlink(missing_ok=True)
    assert run("--from-jsonl", alike, "--out", out, "--shard-pages", task, *option)[0] == 0
    assert [one.id for one in articles(out)] == kept


@pytest.mark.parametrize(
    ("options", "size", "kind"),
    [
        ((), (96, 72), "png"),
        (("--max-side", "64"), (64, 48), "png"),
        (("--max-side", "200"), (96, 72), "png"),
        (("--image-quality", "40"), (96, 72), "jpeg"),
        (("--max-side", "64", "--image-quality", "40"), (64, 48), "jpeg"),
    ],
)
def test_images_are_made_smaller_and_encoded_again(run, tmp_path, options, size, kind):
    made = tmp_path / "in"
    made.mkdir()
    stream = io.BytesIO()
    with Image.open(io.BytesIO(jpeg(1))) as image:
        image.save(stream, "PNG")
    (made / "1.png").write_bytes(stream.getvalue())
    (made / "2.jpg").write_bytes(jpeg(2))
    steps = [{"@type": "HowToStep", "text": f"Do {n}.", "image": name} for n, name in enumerate(("1.png", "2.jpg"))]
    data = {"@type": "HowTo", "name": "How to Do It All", "step": steps}
    (made / "a.html").write_text(f'<html lang="en"><script type="application/ld+json">{json.dumps(data)}</script>')
    rules = ("--image-license", "any", "--min-image-px", "16")
    for out in ("x", "y"):
        assert run("--from-html", made, "--out", tmp_path / out, *rules, *options)[0] == 0
    assert tree(tmp_path / "x") == tree(tmp_path / "y")
    first, second = (step.image for step in articles(tmp_path / "x")[0].steps)
    assert (first.width, first.height, first.media_type) == (*size, f"image/{kind}")
    assert (second.width, second.height, second.media_type) == (*size, "image/jpeg")
    assert (second.data == jpeg(2)) == (not options or options == ("--max-side", "200"))
    if "--image-quality" in options:
        assert len(second.data) < len(jpeg(2))
