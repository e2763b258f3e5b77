"""One bad record alone: it is counted, with its place, and the others are read."""

import json

import pytest

from illinstr.articles import Article
from illinstr.errors import UsageError
from illinstr.files import decode_text
from illinstr.shards.takedown import Takedown
from illinstr.wikihow_scraper.imports.json_lines import imported
from illinstr.wikihow_scraper.imports.tables import tables
from illinstr.workflows.scrape import read_urls

UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")


def steps(*headlines):
    return [{"headline": headline, "description": "More. And more.", "step_id": f"1_0_{n}"} for n, headline in
            enumerate(headlines)]  # fmt: skip


def vgsi(file_id, *methods):
    return {"file_id": file_id, "goal": f"How to Wash {file_id} Cups", "methods": list(methods)}


@pytest.mark.parametrize("encoding", UNICODE)
def test_null_fields_cost_a_step_or_a_name_and_no_page(tmp_path, encoding):
    file = tmp_path / "set.jsonl"
    lines = [
        vgsi("7", {"name": None, "steps": steps("Fill it.", None, "Dry it.")}),
        vgsi(8, {"name": 3, "steps": steps("Fill it.")}),
        vgsi(9, {"name": "", "steps": [*steps("Fill it."), {"headline": ["no"]}, None]}),
    ]
    file.write_bytes("\n".join(json.dumps(line) for line in lines).encode(encoding))
    first, second, third = imported(file, None)
    (article,) = first.articles
    assert [step.headline for step in article.steps] == ["Fill it.", "More.", "Dry it."]
    assert article.method is None
    assert second.error[0] == "failed"
    assert second.name == "set.jsonl:2"
    assert [step.headline for step in third.articles[0].steps] == ["Fill it."]


TITLES = ["Tie a Knot1", "Tie a Knot2", "Convert a CD to MP3", "Connect a PS4", "Install Windows 10", "Play GTA5",
          "Use a PS1", "Use a PS2", "Use a PS4"]  # fmt: skip


@pytest.mark.parametrize("encoding", UNICODE)
def test_a_number_is_taken_off_only_where_it_counts(tmp_path, encoding):
    file = tmp_path / "all.csv"
    rows = "".join(f'"One,\nTwo",How to {title},Text.\n' for title in TITLES)
    file.write_bytes(("headline,title,text\n" + rows).encode(encoding))
    found = [article for source in tables(file, None) for article in source.articles]
    assert all(isinstance(article, Article) for article in found)
    assert [article.goal.removeprefix("How to ") for article in found] == [
        "Tie a Knot", "Tie a Knot", *TITLES[2:6], "Use a PS", "Use a PS", "Use a PS4",
    ]  # fmt: skip
    assert len({article.id for article in found}) == len(TITLES)


@pytest.mark.parametrize("encoding", UNICODE)
def test_a_line_that_is_no_address_is_named_and_the_others_are_kept(tmp_path, encoding):
    file = tmp_path / "urls.txt"
    file.write_bytes(
        "https://a.example/1\nhttps://a.example/a b\n# no\n\nhttp://[::1/x\nhttps://a.example/2#top\n".encode(encoding)
    )
    urls, refused = read_urls([], file)
    assert urls == ("https://a.example/1", "https://a.example/a b", "http://[::1/x", "https://a.example/2")
    assert {url: reason.partition(": ")[0] for url, reason in refused.items()} == {
        "https://a.example/a b": "urls.txt:2",
        "http://[::1/x": "urls.txt:5",
    }


def test_a_file_without_any_address_is_refused(tmp_path):
    (tmp_path / "urls.txt").write_text("what?\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"urls\.txt:1: only http"):
        read_urls([], tmp_path / "urls.txt")


@pytest.mark.parametrize("encoding", UNICODE)
def test_a_takedown_list_in_any_unicode(tmp_path, encoding):
    (tmp_path / "list.txt").write_bytes("https://a.example/1\n".encode(encoding))
    assert Takedown.read(tmp_path / "list.txt").names("http://www.a.example/1")


def test_texts_without_a_mark_stay_what_they_are():
    assert decode_text(b"\x00\x00\x00\x00") == "\0\0\0\0"
    assert decode_text(b"") == ""
    assert decode_text("é".encode()) == "é"
