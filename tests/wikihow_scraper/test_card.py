"""The files that explain a data folder: card, attribution, funnel."""

from __future__ import annotations

import yaml

from illinstr.shards import attribution, read_index
from tests.support.pages import render
from tests.wikihow_scraper.test_cli import NETWORK, articles, how_to, run, saved, site, urls

__all__ = ["run", "saved", "site"]  # fixtures


def front_and_body(out) -> tuple[dict, str]:
    _, front, body = (out / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


def test_the_card_says_what_the_folder_holds(run, site, tmp_path):
    from tests.support.site import Answer

    site.answers["/Cook-Things"] = Answer(b"", 404)
    out = tmp_path / "x"
    assert run(*urls(site), *NETWORK, "--out", out)[0] == 3
    front, body = front_and_body(out)
    index = read_index(out)
    splits = {entry["split"]: entry["path"] for entry in front["configs"][0]["data_files"]}
    assert splits == {name: f"shards/{name}-*.tar" for name in index.splits}
    assert front["size_categories"] == ["n<1K"]
    assert "webdataset" in front["tags"]
    for name, info in index.splits.items():
        assert f"| {name} | {info.samples} | {info.images} |" in body
    assert "| pages | failed | 1 |" in body
    assert f"| articles | kept | {len(articles(out))} |" in body
    assert "| CC BY-NC-SA 3.0 | " in body or "| unknown | " in body
    assert attribution.NAME in body
    assert "takedown.txt" in body
    assert str(tmp_path) not in body


def test_the_attribution_file_has_a_line_an_article_over_all_tasks(run, saved, tmp_path):
    assert run("--from-html", saved, "--shard-pages", "1", "--out", tmp_path / "x")[0] == 0
    lines = (tmp_path / "x" / attribution.NAME).read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t") == list(attribution.COLUMNS)
    assert sorted(line.split("\t")[0] for line in lines[1:]) == [article.id for article in articles(tmp_path / "x")]
    assert run("--from-html", saved, "--out", tmp_path / "y")[0] == 0
    assert lines == (tmp_path / "y" / attribution.NAME).read_text(encoding="utf-8").splitlines()


def test_words_from_a_page_cannot_break_the_card(run, tmp_path):
    folder = tmp_path / "a|b`c"
    folder.mkdir()
    (folder / "a.html").write_text(render(how_to("Wash")), encoding="utf-8")
    assert run("--from-html", folder, "--out", tmp_path / "x")[0] == 0
    _, body = front_and_body(tmp_path / "x")
    row = next(line for line in body.splitlines() if line.startswith("| `folder` |"))
    assert row.replace("\\|", "").count("|") == 3


def test_the_funnel_is_a_table_at_the_end(run, saved, tmp_path):
    (saved / "broken.html").write_text("<h1>Nothing</h1>")
    code, _, errors = run("--from-html", saved, "--out", tmp_path / "x", "--min-steps", "3")
    assert code == 0
    rows = [" ".join(line.split()) for line in errors.splitlines()]
    table = rows[rows.index("pages 4 seen") :]
    assert table[:5] == ["pages 4 seen", "1 not an article", "3 parsed", "articles 3 seen", "3 kept"]
    assert table[5:9] == ["images 9 seen", "3 licence", "6 no file", "0 kept"]
    assert table[9].startswith("texts")
