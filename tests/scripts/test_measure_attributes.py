"""The ruler of attributes and looks: right on the program's own images, and wrong where an image is made wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from illinstr import minihow
from illinstr.minihow.families import all_families
from illinstr.minihow.ruler import LOOKS, named, nearest, pixels, unnamed
from scripts.measure_attributes import agreement, page, right, truth_of
from tests.support import fork_server
from tests.support.eval_world import write_runs

ROOT = Path(__file__).resolve().parents[2]
GOALS = [
    "make a red kite with blue corners and a yellow tail",
    "clean a brown window with teal curtains using a purple sponge",
    "make apple juice with ice",
]


def _article(goal, seed=3, steps=6):
    return minihow.illustrate(minihow.plan(goal, steps, seed=seed), panel_px=128)


def _shown(article, images=None, ask=named):
    return list(ask(article, pixels(article) if images is None else images))


@pytest.mark.parametrize("goal", GOALS)
def test_the_programs_own_images_show_what_their_goal_names(goal):
    article = _article(goal)
    shown = _shown(article)
    assert {each.name for each in shown} == set(all_families()[article.extra["family"]].attributes)
    assert right(shown) == 1.0
    assert right(_shown(truth_of(article))) == 1.0


def test_another_goals_image_is_seen_to_be_another():
    """Images of a kite with a pink tail under the goal of a yellow one: the tail alone is wrong."""
    wanted, other = _article(GOALS[0]), _article(GOALS[0].replace("yellow", "pink"))
    shown = _shown(wanted, pixels(other))
    assert {each.seen for each in shown if each.name == "tail"} == {"pink"}
    assert right(each for each in shown if each.name == "tail") == 0.0
    assert right(each for each in shown if each.name != "tail") == 1.0


def test_looks_agree_within_an_article_and_not_across_articles():
    article = _article(GOALS[1])
    scene = next(step.scene for step in article.steps if any("skin" in thing for thing in step.scene["objects"]))
    hand = next(thing for thing in scene["objects"] if "skin" in thing)
    shown = _shown(article, ask=unnamed)
    assert {each.name for each in shown} >= {"wall", "skin", "sleeve"} and {each.name for each in shown} <= set(LOOKS)
    assert {each.seen for each in shown if each.name == "skin"} == {hand["skin"]}
    assert {each.seen for each in shown if each.name == "wall"} == {scene["wall"]}
    assert agreement(shown) == 1.0
    mixed = [pixels(_article(GOALS[1], seed=seed))[place] for place, seed in enumerate((3, 4, 5, 6, 7, 8))]
    assert agreement(_shown(article, mixed, unnamed)) < 0.8


def test_where_drawings_hardly_differ_nothing_is_said():
    grey = np.full((128, 128, 3), 100, dtype=np.float32)
    dot = grey.copy()
    dot[:4, :4] = 250
    assert nearest(grey, {"without": grey, "with": dot}) is None
    dot[:16, :16] = 250
    assert nearest(dot, {"without": grey, "with": dot}) == "with"
    assert nearest(grey, {"without": grey, "with": dot}) == "without"


def test_the_script_writes_what_it_saw(tmp_path):
    run = tmp_path / "run"
    write_runs(run, [_article(goal, seed=seed, steps=3) for seed, goal in enumerate(GOALS)])
    script = [sys.executable, str(ROOT / "scripts" / "measure_attributes.py"), str(run)]
    made = fork_server.run([*script, "--out", str(tmp_path / "a.md")], capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    written = (tmp_path / "a.md").read_text()
    assert made.stdout.strip() == written.strip()
    assert "| all | all | 100.0% | 100.0% |" in written and "| kite | tail | 100% | 100% |" in written
    assert all(f"| {name} | 100% | 100% |" in written for name in ("wall", "skin"))
    refused = fork_server.run([*script[:2], str(tmp_path / "none"), "--out", str(tmp_path / "b.md")], check=False)
    assert refused.returncode == 1 and not (tmp_path / "b.md").exists()


def test_the_page_ranks_from_the_worst_on():
    wanted, other = _article(GOALS[0]), _article(GOALS[0].replace("yellow", "pink"))
    looks = _shown(wanted, ask=unnamed)
    rows = page(_shown(wanted, pixels(other)), _shown(wanted), looks, looks).splitlines()
    assert rows[2].startswith("| kite | tail | 0% | 100% |")
