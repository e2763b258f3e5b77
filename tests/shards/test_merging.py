"""Data folders merged: duplicates, splits, licences, takedown lists."""

from __future__ import annotations

import json

import pytest

from illinstr.articles import Provenance, Step
from illinstr.errors import DataError, UsageError
from illinstr.shards import ShardWriter, iter_articles, read_index, validate
from illinstr.shards.duplicates import NEAR, NearTexts, similarity, sketch
from illinstr.shards.merging import merge
from tests.support.command_line import calling
from tests.support.shard_articles import article, folder_bytes, write_data

WORDS = [f"word{number}" for number in range(120)]


def told(number: int, words: list[str], **more) -> object:
    """An article that says these words, on a page of its own."""
    steps = (
        Step(headline="First of all.", body=" ".join(words[:60])),
        Step(headline="Then.", body=" ".join(words[60:])),
    )
    return article(number, images=False).model_copy(update={"steps": steps, **more})


def write_splits(out, articles):
    with ShardWriter(out, source_config={"test": str(out.name)}) as writer:
        for split, one in articles:
            writer.add(one, split=split)
    return out


def splits(out) -> dict[str, list[str]]:
    return {name: sorted(one.id for one in iter_articles(out, split=name)) for name in read_index(out).splits}


def test_what_two_folders_hold_is_there_once(tmp_path):
    first = write_data(tmp_path / "a", [article(1), article(2)])
    same_text = article(2).model_copy(update={"id": "other-id", "provenance": Provenance(source="x")})
    second = write_data(tmp_path / "b", [article(2), article(3), same_text])
    before = folder_bytes(first), folder_bytes(second)
    made = merge([first, second], tmp_path / "c")
    assert made.left_out == {"duplicate text": 1, "same article again": 1}
    assert [one.id for one in iter_articles(tmp_path / "c")] == ["test-00001", "test-00002", "test-00003"]
    assert next(iter(iter_articles(tmp_path / "c"))) == article(1)  # images, licence and all
    assert validate(tmp_path / "c").ok
    assert (folder_bytes(first), folder_bytes(second)) == before
    merge([first, second], tmp_path / "d")
    assert folder_bytes(tmp_path / "d") == folder_bytes(tmp_path / "c")


def test_an_article_keeps_its_split_and_a_goal_stands_on_one_side(tmp_path):
    tea, other_tea = (told(n, WORDS[n:], goal="How to Brew the Green Tea") for n in (1, 2))
    near_tea = told(3, WORDS[30:], goal="How to brew green tea leaves")
    first = write_splits(tmp_path / "a", [("test", tea), ("train", article(7))])
    second = write_splits(tmp_path / "b", [("train", other_tea), ("train", near_tea), ("val", article(8))])
    ids = {name: one.id for name, one in (("tea", tea), ("other", other_tea), ("near", near_tea))}
    assert merge([first, second], tmp_path / "c", near=0.7, near_texts=False).left_out == {}
    assert splits(tmp_path / "c") == {"test": sorted(ids.values()), "train": ["test-00007"], "val": ["test-00008"]}
    merge([first, second], tmp_path / "d", near=1.0, near_texts=False)
    assert splits(tmp_path / "d")["train"] == sorted([ids["near"], "test-00007"])
    made = merge([second, first], tmp_path / "e", near=0.7, near_texts=False)
    assert splits(tmp_path / "e") == splits(tmp_path / "c")  # held out, whichever folder comes first
    assert made.moved == 2


@pytest.mark.parametrize(("near_texts", "left"), [(True, {"near-duplicate text": 1}), (False, {})])
def test_near_duplicates_of_other_pages(tmp_path, near_texts, left):
    first = write_data(tmp_path / "a", [told(1, WORDS)])
    second = write_data(tmp_path / "b", [told(2, [*WORDS[:40], "changed", *WORDS[41:]]), told(3, WORDS[::-1])])
    assert merge([first, second], tmp_path / "c", near_texts=near_texts).left_out == left


def test_licences_are_credited_and_takedown_lists_kept(tmp_path):
    first = write_data(tmp_path / "a", [article(1), article(2)])
    second = write_data(tmp_path / "b", [article(3), article(4)])
    (first / "takedown.txt").write_text("https://example.org/4 # asked for\n")
    (second / "takedown.txt").write_text("test-00002\n")
    assert merge([first, second], tmp_path / "c").left_out == {"taken down": 2}
    lines = (tmp_path / "c" / "attribution.tsv").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in lines[1:]] == ["test-00001", "test-00003"]
    assert all("CC0-1.0" in line for line in lines[1:])
    kept = (tmp_path / "c" / "takedown.txt").read_text(encoding="utf-8").splitlines()
    assert kept == ["https://example.org/4 # asked for", "test-00002"]


def test_what_cannot_be_merged_is_said_before_anything_is_written(tmp_path):
    first = write_data(tmp_path / "a", [article(1)])
    for inputs in ([first], [first, first], [first, tmp_path / "a" / ".." / "a"]):
        with pytest.raises(UsageError, match="two data folders"):
            merge(inputs, tmp_path / "c")
    second = write_data(tmp_path / "b", [article(2)])
    with pytest.raises(UsageError):
        merge([first, second], first)
    with pytest.raises(DataError, match="not a finished data folder"):
        merge([first, tmp_path / "none"], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_the_command(monkeypatch, capsys, tmp_path):
    command = calling(monkeypatch, capsys, "data")

    def run(*arguments):
        return command("merge", *arguments)

    first, second = write_data(tmp_path / "a", [told(1, WORDS)]), write_data(tmp_path / "b", [told(2, WORDS[1:])])
    code, lines, _ = run(first, second, "--out", tmp_path / "c", "--json")
    assert (code, json.loads(lines[-1])["left_out"]) == (0, {"near-duplicate text": 1})
    assert run(first, second, "--out", tmp_path / "c")[0] == 1  # in the way
    code, lines, _ = run(first, second, "--out", tmp_path / "c", "--overwrite", "--text-duplicates", "exact")
    assert (code, lines[0], lines[-1]) == (0, "train: 2 articles", str(tmp_path / "c"))
    assert run(first, second, "--out", tmp_path / "d", "--text-duplicates", "some")[0] == 2
    assert run(first, second, "--out", tmp_path / "d", "--near", "2")[0] != 0


def jaccard(one: list[str], other: list[str]) -> float:
    """The measure itself, over runs of three words."""
    first, second = ({tuple(words[at : at + 3]) for at in range(len(words) - 2)} for words in (one, other))
    return len(first & second) / len(first | second)


@pytest.mark.parametrize("changed", [0, 1, 3, 8, 30, 120])
def test_a_sketch_estimates_how_much_two_texts_share(changed):
    other = [f"new{at}" if at % 4 == 0 and at < 4 * changed else word for at, word in enumerate(WORDS)]
    first, second = told(1, WORDS), told(2, other)
    words = [["first", "of", "all", *said[:60], "then", *said[60:]] for said in (WORDS, other)]
    estimated = similarity(*(bytes.fromhex(sketch(one)) for one in (first, second)))
    exact = jaccard(*words)
    assert abs(estimated - exact) < 0.16  # three standard errors of 64 hashes
    found = NearTexts()
    found.learn([f"{sketch(first)} page"])
    assert found.elsewhere(sketch(second), "other") == (estimated >= NEAR)
    assert not found.elsewhere(sketch(second), "page")


def test_short_texts_are_like_nothing():
    assert sketch(told(1, ["wash", "it"])) is None
    assert sketch(told(1, ["洗う前に野菜の皮をむいて、薄く切ってから水にさらします。次に鍋で煮ます。"])) is not None


def test_many_texts_are_found_again_however_the_tables_grow():
    found = NearTexts()
    sketches = [sketch(told(1, [f"{word}-{number}" for word in WORDS])) for number in range(1500)]
    found.learn(f"{one} page-{number}" for number, one in enumerate(sketches))
    assert len(found) == 1500
    assert all(found.elsewhere(one, "another") for one in sketches[::100])
    assert not found.elsewhere(sketch(told(1, [f"{word}-x" for word in WORDS])), "another")
