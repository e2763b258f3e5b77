"""``illinstr data``: list, count, look at, check and assign again. Every option changes what comes out."""

from __future__ import annotations

import itertools
import json
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.articles import Article, Provenance, Step, StepImage
from illinstr.engine.executor import Placement
from illinstr.errors import ConfigError
from illinstr.shards import ShardWriter, goal_signature, iter_articles, read_index, split_of, validate
from illinstr.shards.preview import render_preview, sample
from illinstr.shards.resplit import leaders
from illinstr.shards.statistics import describe
from tests.support.command_line import calling
from tests.support.shard_articles import article, folder_bytes, make_image, write_data


@pytest.fixture
def run(monkeypatch, capsys):
    return calling(monkeypatch, capsys, "data")


def asked(run, *arguments) -> dict:
    code, lines, _ = run(*arguments, "--json")
    assert code == 0
    return json.loads("\n".join(lines))


@pytest.fixture
def data(tmp_path):
    """Twelve articles of 2 to 4 steps in two splits, two failures; one article without images."""
    out = tmp_path / "set"
    with ShardWriter(out, source_config={"source": "test"}, max_samples=5) as writer:
        for number in range(12):
            split = "val" if number % 4 == 0 else "train"
            writer.add(article(number, steps=2 + number % 3, images=number != 7), split=split)
        writer.add_failure("page-1", reason="failed: 500", url="https://example.org/a")
        writer.add_failure("page-2", reason="failed: 404", url="https://example.org/b")
    return out


def test_ls_finds_data_folders_and_nothing_else(run, data, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "index.json").write_text("{}")
    write_data(tmp_path / "deep" / "er" / "one", [article(1)])
    found = asked(run, "ls", tmp_path)["data"]
    assert [entry["data"] for entry in found] == [str(tmp_path / "deep" / "er" / "one"), str(data)]
    assert found[1]["splits"] == {"train": 9, "val": 3}
    assert found[1]["images"] == sum(2 + number % 3 for number in range(12) if number != 7)
    (data / "index.json").write_text("{")
    code, lines, _ = run("ls", tmp_path)
    assert code == 0
    assert any("damaged" in line for line in lines)
    assert run("ls", tmp_path / "other")[1] == ["no data folder"]
    assert run("ls", tmp_path / "none")[0] == 2


def test_ls_looks_where_it_is_told(run, data, monkeypatch):
    monkeypatch.chdir(data.parent)
    assert run("ls")[1] == run("ls", ".")[1]
    assert len(run("ls")[1]) == 1
    noisy, quiet = run("ls")[2], run("ls", "--quiet")[2]
    assert noisy
    assert quiet == ""


def test_stats_count_what_is_there(run, data):
    found = asked(run, "stats", data)
    every = list(iter_articles(data))
    assert (found["articles"], found["goals"], found["failed"]) == (12, 12, 2)
    assert found["steps"] == sum(len(one.steps) for one in every)
    assert found["steps_per_article"] == {"2": 4, "3": 4, "4": 4}
    assert found["images"] == sum(step.image is not None for one in every for step in one.steps)
    assert found["pictures_of_all"] == 11
    assert found["languages"] == {"en": 12}
    assert found["licenses"] == {"CC0-1.0": 12}
    assert found["image_types"] == {"image/png": found["images"]}
    assert found["image_width"] == {"least": 12.0, "median": 12.0, "most": 12.0}
    assert found["failures"] == {"failed": 2}
    assert found["texts_over_77_tokens"] is None
    only = asked(run, "stats", data, "--split", "val")
    assert (only["articles"], only["splits"]) == (3, {"val": 3})
    assert run("stats", data, "--split", "none")[0] == 1
    code, lines, errors = run("stats", data)
    assert code == 0
    assert "articles: 12" in lines
    assert errors
    assert run("stats", data, "--quiet")[2] == ""


def test_stats_count_texts_that_are_cut(tmp_path):
    made = [
        article(number).model_copy(update={"extra": {"tokens": {"goal": 9, "steps": [number, 78]}}})
        for number in (77, 90)
    ]
    assert describe(write_data(tmp_path / "set", made)).texts_over_77_tokens == 3


def test_preview_is_a_page_of_random_articles(run, data, tmp_path):
    code, lines, errors = run("preview", data)
    assert (code, lines[-1]) == (0, str(data / "preview.html"))
    assert errors
    assert run("preview", data, "--quiet")[2] == ""
    page = (data / "preview.html").read_text("utf-8")
    assert page.count("<article>") == 12
    assert page.count("<img ") == read_index(data).splits["train"].images + read_index(data).splits["val"].images
    three = asked(run, "preview", data, "--count", 3, "--out", tmp_path / "p.html")["articles"]
    assert len(three) == 3
    assert (tmp_path / "p.html").read_text("utf-8").count("<article>") == 3
    again = asked(run, "preview", data, "--count", 3, "--out", tmp_path / "p.html")["articles"]
    assert again == three
    seeds = {tuple(asked(run, "preview", data, "--count", 3, "--seed", seed)["articles"]) for seed in range(4)}
    assert len(seeds) > 1
    only = asked(run, "preview", data, "--split", "val")["articles"]
    assert only == ["test-00000", "test-00004", "test-00008"]
    assert run("preview", data, "--count", 0)[0] == 2


class Tags(HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{ 7*7 }}"


def test_nothing_of_the_data_becomes_markup(tmp_path):
    image = StepImage.from_bytes(make_image(), alt=HOSTILE, license=HOSTILE)
    made = Article(
        id="test-1",
        goal=HOSTILE,
        method=HOSTILE,
        language=HOSTILE,
        steps=(Step(headline=HOSTILE, body=HOSTILE, bullets=(HOSTILE,), image=image),),
        provenance=Provenance(source=HOSTILE, url="javascript:alert(1)", parser=HOSTILE),
        license=HOSTILE,
        extra={"tokens": {"goal": HOSTILE, "steps": HOSTILE}},
    )
    data = write_data(tmp_path / "<b>set", [made])
    page = render_preview(data, sample(data, 5))
    tags = Tags()
    tags.feed(page)
    names = {name for name, _ in tags.found}
    assert not names & {"script", "iframe", "object", "a", "b", "form", "svg"}
    assert [a["src"][:23] for name, a in tags.found if name == "img"] == ["data:image/jpeg;base64,"]
    assert not [key for _, attributes in tags.found for key in attributes if key.startswith("on")]
    policy = next(a["content"] for name, a in tags.found if a.get("http-equiv") == "Content-Security-Policy")
    style = r"style-src 'sha256-[A-Za-z0-9+/=]{44}'"
    assert re.fullmatch(f"default-src 'none'; img-src data:; {style}; base-uri 'none'; form-action 'none'", policy)
    assert "{{ 7*7 }}" in page.split("<main>")[1]


def test_the_policy_names_the_style_that_is_there(data):
    import base64
    import hashlib

    page = render_preview(data, sample(data, 1))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    assert f"sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}" in page


def test_a_image_that_cannot_be_decoded_is_named_not_shown(tmp_path):
    whole = StepImage.from_bytes(make_image())
    broken = make_image()[:60]
    import hashlib

    image = whole.model_copy(update={"data": broken, "sha256": hashlib.sha256(broken).hexdigest()})
    made = article(1, steps=1).model_copy(update={"steps": (Step(headline="Go.", image=image),)})
    data = write_data(tmp_path / "set", [made])
    page = render_preview(data, sample(data, 1))
    assert "cannot be decoded" in page
    assert "<img" not in page


def test_validate(run, data):
    assert asked(run, "validate", data)["ok"] is True
    code, lines, errors = run("validate", data)
    assert (code, lines[0]) == (0, f"12 articles, {describe(data).images} images, 2 failed")
    assert errors
    assert run("validate", data, "--quiet")[2] == ""
    tar = data / "shards" / "train-000000.tar"
    content = bytearray(tar.read_bytes())
    content[700] ^= 1
    tar.write_bytes(content)
    code, lines, errors = run("validate", data)
    assert code == 1
    assert any(line.startswith("problem: ") for line in lines)
    assert errors.splitlines()[-1].startswith("error: ")
    assert run("validate", data.parent)[0] == 1


NEAR = [
    "How to make fresh apple juice at home",
    "How to Make Fresh Apple Juice at Home Quickly",
    "Make your own fresh apple juice, at home",
    "How to fold a paper boat",
]


def assigned(out) -> dict[str, str]:
    index = read_index(out)
    return {one.goal: split for split in index.splits for one in iter_articles(out, split=split)}


def test_split_deals_anew_and_keeps_everything(run, data, tmp_path):
    before = folder_bytes(data)
    out = tmp_path / "dealt"
    code, lines, errors = run("split", data, "--out", out, "--fractions", "train=0.5,val=0.5")
    assert (code, lines[-1]) == (0, str(out))
    assert errors
    assert folder_bytes(data) == before
    assert {one.id: one for one in iter_articles(out)} == {one.id: one for one in iter_articles(data)}
    assert sum(info.failed for info in read_index(out).splits.values()) == 2
    assert asked(run, "validate", out)["ok"] is True
    assert run("split", data, "--out", out)[0] == 1  # in the way
    assert run("split", data, "--out", out, "--overwrite", "--quiet")[2] == ""
    assert run("split", data, "--out", data / "inside")[0] == 2
    assert run("split", data, "--out", data)[0] == 2


def test_the_seed_and_the_shares_decide(run, data, tmp_path):
    found = {}
    for name, options in {
        "a": (), "b": ("--seed", 1), "c": ("--fractions", "train=0,held=1"), "d": (),
    }.items():  # fmt: skip
        rules = ("--fractions", "train=0.5,val=0.5") if name in "abd" else ()
        assert run("split", data, "--out", tmp_path / name, *rules, *options)[0] == 0
        found[name] = assigned(tmp_path / name)
    assert found["a"] != found["b"]
    assert found["a"] == found["d"]
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "d")
    assert set(found["c"].values()) == {"held"}


def test_near_goals_stand_on_one_side(run, tmp_path):
    made = [article(number).model_copy(update={"goal": goal}) for number, goal in enumerate(NEAR)]
    data = write_data(tmp_path / "set", made)
    apart = 0
    for seed in range(12):
        for near in (0.8, 1):
            options = ("--fractions", "train=0.5,val=0.5", "--seed", seed, "--near", near, "--overwrite")
            assert run("split", data, "--out", tmp_path / "out", *options)[0] == 0
            found = assigned(tmp_path / "out")
            if near == 0.8:
                assert found[NEAR[0]] == found[NEAR[1]] == found[NEAR[2]]
            else:
                assert found[NEAR[0]] == found[NEAR[2]]
                assert all(
                    found[goal] == split_of(goal, seed=seed, fractions={"train": 0.5, "val": 0.5}) for goal in NEAR
                )
                apart += found[NEAR[0]] != found[NEAR[1]]
    assert apart > 0


@pytest.mark.parametrize(
    "wrong",
    [("--fractions", "train"), ("--fractions", "train=2"), ("--fractions", "train=0.5,train=0.5"), ("--near", 0),
     ("--fractions", "train=0.5"), ("--near", 1.5), ("--fractions", "Train=1")],
)  # fmt: skip
def test_wrong_options_are_usage_errors(run, data, tmp_path, wrong):
    code, _, errors = run("split", data, "--out", tmp_path / "out", *wrong)
    assert code == 2
    assert errors.startswith("error: ")
    assert not (tmp_path / "out").exists()


def jaccard_groups(signatures: list[str], near: float) -> set[frozenset[str]]:
    """Second implementation: every pair compared, groups by flooding."""
    words = {one: set(one.split()) for one in signatures}
    joined = {one: {one} for one in words}
    for one, other in itertools.combinations(words, 2):
        if len(words[one] & words[other]) / len(words[one] | words[other]) >= near - 1e-12:
            joined[one].add(other)
            joined[other].add(one)
    groups: set[frozenset[str]] = set()
    for one in words:
        group, edge = {one}, [one]
        while edge:
            new = joined[edge.pop()] - group
            group |= new
            edge += new
        groups.add(frozenset(group))
    return groups


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=7), max_size=14),
    st.sampled_from([0.2, 0.5, 0.6, 0.75, 0.8, 1.0]),
)
@settings(deadline=None, max_examples=150)
def test_groups_are_those_a_full_comparison_finds(goals, near):
    signatures = [goal_signature(" ".join(words)) for words in goals]
    found: dict[str, set[str]] = {}
    for signature, leader in leaders(signatures, near).items():
        found.setdefault(leader, set()).add(signature)
    assert set(map(frozenset, found.values())) == jaccard_groups(sorted(set(signatures)), near)
    assert all(leader == min(group) for leader, group in found.items())


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ConfigError):
        leaders(["a"], 0)


def test_near_goals_of_a_hundred_words_are_found_as_well():
    """Too many subsets to be keys: the way for long sets, beside a short one."""
    words = [f"w{number:03}" for number in range(100)]
    sets = [words, words[5:], words[60:], ["a", "b", "c", "d", "e"], ["a", "b", "c", "d", "e", "f"]]
    signatures = [" ".join(held) for held in sets]
    found = leaders(signatures, 0.8)
    assert found[signatures[0]] == found[signatures[1]] == signatures[0]
    assert found[signatures[2]] == signatures[2]
    assert found[signatures[4]] == found[signatures[3]] == signatures[3]


@pytest.mark.parametrize("command", ["stats", "validate"])
def test_numbers_and_findings_do_not_depend_on_who_reads(run, data, command):
    first = sorted((data / "shards").glob("*.tar"))[0]
    content = bytearray(first.read_bytes())
    content[600] ^= 255
    first.write_bytes(bytes(content))
    alone, together = run(command, str(data), "--json"), run(command, str(data), "--json", "--processes", "2")
    assert alone[:2] == together[:2]
    assert alone[0] != 0


def test_a_key_in_two_shards_is_a_problem_however_many_read(tmp_path):
    data = write_data(tmp_path / "set", [article(number) for number in range(4)], max_samples=2)
    one, other = read_index(data).shards
    for path, source in ((other.tar(data), one.tar(data)), (other.parquet(data), one.parquet(data))):
        path.write_bytes(source.read_bytes())
    index = json.loads((data / "index.json").read_text())
    index["shards"][1] = index["shards"][0] | {"name": other.name}
    (data / "index.json").write_text(json.dumps(index))
    reports = [validate(data, placement=Placement(workers=number)) for number in (1, 2)]
    assert reports[0] == reports[1]
    assert any("is in an earlier shard too" in problem for problem in reports[0].problems)


@pytest.mark.parametrize("options", [("--executor", "slurm"), ("--address", "here"), ("--workers", "2")])
def test_places_that_are_none_for_data_are_refused(run, data, options):
    assert run("stats", str(data), *options)[0] == 2
