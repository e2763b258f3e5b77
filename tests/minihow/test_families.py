"""How large MiniHow is, its categories, and keeping to some of its families."""

import difflib
import importlib.util
import io
import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from illinstr.errors import PlanError, UsageError
from illinstr.minihow import (
    CATEGORIES,
    SPLITS,
    all_goals,
    family_categories,
    goals_of_split,
    make_article,
    nearest_goals,
    plan,
    recognise,
    write_dataset,
)
from illinstr.minihow.families import Look, all_families
from illinstr.minihow.grammar import goals, meaning
from illinstr.minihow.scene import draw_scene
from illinstr.shards import iter_articles
from tests.support import fork_server

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = list(all_families())


def _command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", "from illinstr.cli.app import main; main()", "minihow"]
    return fork_server.run([*program, *map(str, arguments)], capture_output=True, text=True)


def test_the_world_is_as_large_as_the_documentation_says() -> None:
    assert len(all_goals()) == len(set(all_goals())) == 3250
    assert len(FAMILIES) == 28
    shares = Counter(goal.split for goal in goals())
    assert 0.09 < shares["test"] / 3250 < 0.11 and 0.04 < shares["val"] / 3250 < 0.06
    for page in ("minihow.md", "minihow-gallery.md"):
        text = (ROOT / "docs" / page).read_text()
        assert "3,250 goals" in text and "28 families" in text, page


def test_every_category_has_families_and_every_article_says_its_own() -> None:
    categories = family_categories()
    assert list(categories) == FAMILIES and set(categories.values()) == set(CATEGORIES)
    for index in range(30):
        article = make_article(index, image=False)
        assert article.extra["categories"] == [categories[article.extra["family"]]]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_step_has_sixteen_wordings_and_articles_reach_ten_steps(name: str) -> None:
    family = all_families()[name]
    assert family.max_steps >= 10
    for step in family.steps:
        assert len(step.readings()) >= 16, step.key


def test_no_two_goals_share_a_wording() -> None:
    """Across families too: brute force over every phrase of every goal."""
    table: dict[tuple[str, ...], str] = {}
    for goal in goals():
        for phrase in goal.phrasings:
            assert table.setdefault(meaning(phrase), goal.text) == goal.text, phrase
    for words, text in random.Random(0).sample(sorted(table.items()), 200):
        found = recognise(text)
        assert found is not None and found.text == text and words


@given(
    st.sampled_from(all_goals(["gift", "kite"])),
    st.sampled_from(["", " today", " with a rocket", " carefully"]),
    st.integers(1, 4),
)
@settings(max_examples=12, deadline=None)
def test_nearest_goals_are_those_of_an_exhaustive_search(goal: str, tail: str, k: int) -> None:
    few = ["gift", "boat", "tea"]
    wanted = meaning(goal + tail)
    joined = " ".join(sorted(set(wanted)))
    best: dict[str, float] = {}
    for known in goals(None, few):
        for phrase in known.phrasings:
            words = meaning(phrase)
            shared = len(set(words) & set(wanted)) / max(1, len(set(words) | set(wanted)))
            alike = difflib.SequenceMatcher(None, " ".join(words), joined, autojunk=False).ratio()
            best[known.text] = max(best.get(known.text, 0.0), 2 * shared + alike)
    expected = sorted(best, key=lambda text: (-best[text], text))[:k]
    assert [best[text] for text in nearest_goals(goal + tail, k, few)] == [best[text] for text in expected]


def test_the_world_can_be_kept_to_some_families() -> None:
    assert recognise("apple juice", ["juice", "kite"]) == recognise("apple juice") is not None
    assert recognise("apple juice", ["kite"]) is None and recognise("apple juice", []) is None
    assert {recognise(text).family for text in nearest_goals("apple juice", 5, {"tea", "soup"})} <= {"tea", "soup"}  # type: ignore[union-attr]
    assert {goal.family for goal in goals("test", ["lamp"])} == {"lamp"}
    assert len(all_goals(["gift", "boat"])) == 35 + 28
    assert sum(len(goals_of_split(split, ["gift"])) for split in SPLITS) == 35
    with pytest.raises(PlanError) as caught:
        plan("apple juice", 4, families=["tea"])
    assert " tea" in (caught.value.hint or "") and "juice" not in (caught.value.hint or "")
    assert plan("apple juice", 4, families=["juice"]) == plan("apple juice", 4)
    articles = [make_article(index, image=False, families=["kite", "tree"]) for index in range(20)]
    assert {article.extra["family"] for article in articles} == {"kite", "tree"}


@pytest.mark.parametrize("ask", [recognise, nearest_goals, all_goals])
def test_unknown_families_are_refused_with_the_known_ones(ask) -> None:
    with pytest.raises(UsageError, match="rocketry") as caught:
        ask(**({} if ask is all_goals else {"goal" if ask is recognise else "text": "x"}), families=["rocketry"])
    assert "sandcastle" in (caught.value.hint or "")


def test_a_data_folder_of_some_families(tmp_path: Path) -> None:
    write_dataset(tmp_path / "d", count=6, val_share=0, test_share=0, panel_px=32, families=["lamp"])
    assert {article.extra["family"] for article in iter_articles(tmp_path / "d", split="train")} == {"lamp"}


def test_the_command_keeps_to_families_and_lists_goals(tmp_path: Path) -> None:
    made = _command("--count", 4, "--panel-px", 32, "--out", tmp_path / "d", "--families", "kite, tree", "--json")
    assert made.returncode == 0 and json.loads(made.stdout)["families"] == ["kite", "tree"]
    assert {article.extra["family"] for article in iter_articles(tmp_path / "d", split="train")} <= {"kite", "tree"}
    refused = _command("--out", tmp_path / "e", "--families", "kite,rocketry")
    assert refused.returncode == 2 and "rocketry" in refused.stderr and "hint:" in refused.stderr
    assert not (tmp_path / "e").exists()
    listed = _command("--list-goals", "--families", "boat", "--out", tmp_path / "e")
    rows = [line.split("\t") for line in listed.stdout.splitlines()]
    assert sorted(row[3] for row in rows) == sorted(all_goals(["boat"])) and not (tmp_path / "e").exists()
    assert {tuple(row[1:3]) for row in rows} == {("play", "boat")} and {row[0] for row in rows} == set(SPLITS)
    assert len(json.loads(_command("--list-goals", "--json").stdout)["goals"]) == 3250


def test_attributes_that_must_differ_do() -> None:
    for name in ("button", "kite"):
        family = all_families()[name]
        assert family.differ and family.combinations()
        for each in family.combinations():
            assert len({each[attribute] for attribute in family.differ}) == len(family.differ)


def _last(name: str, **attributes: str) -> np.ndarray:
    family = all_families()[name]
    look = Look.sample({**family.combinations()[0], **attributes}, random.Random(3))
    room = {"wall": look.wall, "decor": look.decor, "table": look.table, "ground": family.ground}
    return np.asarray(draw_scene({**room, "objects": family.steps[-1].scene(look)}), dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "attribute"),
    [("car-wash", "colour"), ("car-wash", "vehicle"), ("car-wash", "bucket"), ("button", "shirt"), ("button", "button"),
     ("button", "shape"), ("lamp", "shade"), ("lamp", "pattern"), ("lamp", "foot"), ("dog-bath", "coat"),
     ("dog-bath", "towel"), ("teeth", "brush"), ("teeth", "paste"), ("teeth", "mug"), ("kite", "kite"),
     ("kite", "corners"), ("kite", "tail"), ("sandcastle", "bucket"), ("sandcastle", "flag"), ("sandcastle", "with"),
     ("painting", "colour"), ("painting", "subject"), ("painting", "background"), ("tree", "fruit"), ("tree", "spade"),
     ("tree", "can"), ("cake", "flavour"), ("cake", "icing"), ("cake", "topping"), ("window", "frame"),
     ("window", "curtains"), ("window", "sponge")],
)  # fmt: skip
def test_the_last_image_shows_the_attribute_large_enough_to_see(name: str, attribute: str) -> None:
    """Any two values differ in the last panel by a hundredth of its pixels, or a third of that for small things."""
    values = all_families()[name].attributes[attribute]
    images = [_last(name, **{attribute: value}) for value in values]
    for i, first in enumerate(images):
        for second in images[:i]:
            assert (np.abs(first - second).max(axis=2) > 24).mean() > 0.0033, (name, attribute)


def test_the_gallery_page_is_what_the_script_writes() -> None:
    spec = importlib.util.spec_from_file_location("draw_gallery", ROOT / "scripts" / "draw_gallery.py")
    assert spec and spec.loader
    gallery = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(gallery)
    page = (ROOT / "docs" / "minihow-gallery.md").read_text()
    assert page == gallery.page()
    assert all(re.search(rf"^\| {name} \|", page, re.MULTILINE) for name in FAMILIES)
    drawn = np.asarray(Image.open(io.BytesIO(gallery.image(["button", "lamp"]))).convert("RGB"), dtype=np.float32)
    with Image.open(ROOT / "docs" / "images" / "minihow-repair.png") as committed:
        assert np.abs(np.asarray(committed.convert("RGB"), dtype=np.float32) - drawn).mean() < 8
