"""Planted faults: each spoils what it says and nothing else, and each metric moves the way it claims to."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image, ImageColor

from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.evaluate import Source, prepare
from illinstr.evaluation.perturbations import (
    NOISE_STRENGTHS,
    Fault,
    add_noise,
    plant,
    recolour,
    shuffle_steps,
    swap_goals,
)
from illinstr.evaluation.reports.perturbation_table import NEAR, fault_table, markdown, write_faults
from illinstr.evaluation.results import Settings
from illinstr.evaluation.subjects import open_panel
from illinstr.progress import SilentReporter
from tests.support.eval_world import (
    COLOURS,
    GOAL_COLOURS,
    STEP_COLOURS,
    ColourEncoder,
    article,
    good_run,
    make_image,
    twice,
)
from tests.support.image_bytes import encoded


def data_of(one):
    return [step.image.data for step in one.steps]


def draw(scene, size):
    """A frame and a middle, as ``eval_world`` has them, from a scene."""
    frame, middle = (ImageColor.getrgb(item.get("fill") or item["colour"]) for item in scene["objects"])
    image = Image.new("RGB", (size, size), frame)
    image.paste(middle, (size // 4, size // 4, size - size // 4, size - size // 4))
    return encoded(image)


def scenic(goal_colour):
    """An article whose frame has the goal's colour and says so in its scenes."""
    plain = article(goal_colour)
    frame = {"kind": "frame", "fill": COLOURS[goal_colour]}
    scenes = [{"objects": [frame, {"kind": "hand", "colour": COLOURS[step]}]} for step in STEP_COLOURS]
    steps = tuple(s.model_copy(update={"scene": scene}) for s, scene in zip(plain.steps, scenes, strict=True))
    return plain.model_copy(update={"steps": steps})


@pytest.mark.parametrize("count", range(2, 6))
@pytest.mark.parametrize("seed", range(8))
def test_shuffling_moves_every_image_and_loses_none(count, seed):
    one = article("red", tuple(STEP_COLOURS)[:count])
    before, after = data_of(one), data_of(shuffle_steps(one, seed))
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert sorted(before) == sorted(after)


def test_swapped_goals_show_another_goal_step_for_step():
    run = good_run()
    by_image = {
        data: (goal, step) for goal in GOAL_COLOURS for step in STEP_COLOURS for data in [make_image(goal, step)]
    }
    for one, swapped in zip(run, swap_goals(run, 0), strict=True):
        shown = [by_image[data] for data in data_of(swapped)]
        assert len({goal for goal, _ in shown}) == 1
        assert shown[0][0] not in one.goal
        assert [step for _, step in shown] == list(STEP_COLOURS)
        assert [step.headline for step in swapped.steps] == [step.headline for step in one.steps]
    assert swap_goals(run[:1], 0) == []


@pytest.mark.parametrize("strength", NOISE_STRENGTHS)
def test_noise_has_its_strength(strength):
    grey = article("red", ("gray",))
    grey = grey.with_images({0: make_image("red", "gray", 64)})
    plain, noisy = (np.asarray(open_panel(data_of(a)[0], "x"), float) for a in (grey, add_noise(grey, strength, 0)))
    middle = (noisy - plain)[16:48, 16:48]
    assert abs(middle.mean()) < strength / 10
    expected = np.clip(128 + np.random.default_rng(0).normal(scale=strength, size=200_000), 0, 255).std()
    assert middle.std() == pytest.approx(expected, rel=0.05)
    assert data_of(add_noise(grey, strength, 0)) != data_of(add_noise(grey, strength, 1))


def test_recolouring_changes_one_object_in_the_images_it_should():
    one = scenic("red")
    for every, changed in ((1, [0, 1, 2, 3, 4]), (2, [0, 2, 4])):
        spoilt = recolour(one, draw, every=every)
        for place in range(5):
            before, after = (np.asarray(open_panel(data_of(a)[place], "x")) for a in (one, spoilt))
            frame_moved = (before[0, 0] != after[0, 0]).any()
            assert frame_moved == (place in changed)
            assert (before[8, 8] == after[8, 8]).all()
    assert recolour(article("red"), draw) == article("red")  # no scenes, nothing to recolour


@pytest.fixture(scope="module")
def table():
    run = twice([scenic(colour) for colour in GOAL_COLOURS])
    truth = Source("truth", run)

    def prepare_one(source, settings):
        return prepare(source, settings, others=[truth], truth=truth)

    settings = Settings(bootstrap=200, num_distractors=4)
    faults = [Fault("the truth", "", run), *plant(run, draw=draw)]
    return fault_table(
        "colours", faults, prepare_one, settings, ColourEncoder(), None, SilentReporter(), FeatureStore()
    )


def test_every_metric_moves_the_way_it_claims(table):
    rows = {row.name: {name: metric.value for name, metric in row.metrics.items()} for row in table.rows}
    settled = {row.name: {name for name, each in row.comparisons.items() if each.settled} for row in table.rows}
    truth = rows["the truth"]
    assert truth["goal_faithfulness"] == truth["step_faithfulness"] == truth["diversity"] == 1
    assert truth["consistency_gap"] == 0 and settled["the truth"] == set()

    steps = rows["shuffled between steps"]
    assert steps["step_faithfulness"] == 0 and steps["goal_faithfulness"] == 1
    assert steps["consistency"] == pytest.approx(truth["consistency"]) and steps["kid"] == pytest.approx(truth["kid"])
    assert "step_faithfulness" in settled["shuffled between steps"]

    goals = rows["shuffled between goals"]
    assert goals["goal_faithfulness"] == 0 and goals["step_faithfulness"] == 1
    assert {"goal_faithfulness", NEAR} <= settled["shuffled between goals"]

    assert rows["one object recoloured"]["goal_faithfulness"] < 0.5
    assert rows["one object recoloured"]["consistency"] == pytest.approx(truth["consistency"])
    assert rows["one object recoloured, every second image"]["consistency"] > 1.1 * truth["consistency"]
    assert rows["one object recoloured, every second image"]["consistency_gap"] > 0

    same = rows["one image repeated"]
    assert same["consistency"] == same["diversity"] == 0
    assert same["step_faithfulness"] == pytest.approx(1 / 5)
    assert same["consistency_gap"] == pytest.approx(truth["consistency"])

    noise = [rows[f"noise of {strength} of 255"] for strength in NOISE_STRENGTHS]
    for earlier, later in zip([truth, *noise], noise, strict=False):
        assert later["clip_score"] <= earlier["clip_score"] + 1e-9
        assert later["cmmd"] >= earlier["cmmd"] - 1e-9
    assert noise[-1]["clip_score"] < noise[0]["clip_score"] and noise[-1]["cmmd"] > noise[0]["cmmd"]


def test_the_table_is_written_whole_and_says_who_looked(table, tmp_path):
    path = write_faults(tmp_path, table)
    assert path == tmp_path / "eval-faults" / "faults.md"
    text = path.read_text()
    assert text == markdown(table)
    assert text.count("\n| ") == len(table.rows) + 1
    assert "encoder colours" in text and "[" in text
    loaded = json.loads((tmp_path / "eval-faults" / "faults.json").read_text())
    assert [row["name"] for row in loaded["rows"]] == [row.name for row in table.rows]
    assert loaded["rows"][1]["comparisons"]["step_faithfulness"]["p_holm"] < 0.05


def test_faults_need_what_they_spoil():
    names = [fault.name for fault in plant(good_run(), draw=draw)]
    assert "one object recoloured" not in names and "shuffled between goals" in names
    assert "shuffled between goals" not in [fault.name for fault in plant(good_run()[:1])]
