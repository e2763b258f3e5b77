"""Planted faults: each spoils what it says and nothing else, and each metric moves the way it claims to."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from PIL import Image, ImageColor

from illinstr.evaluation.claims import CLAIMS, NEAR
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.evaluate import Source, prepare
from illinstr.evaluation.perturbations import (
    NOISE_STRENGTHS,
    Fault,
    add_noise,
    blur,
    change_lighting,
    make_grey,
    mirror,
    plant,
    recolour,
    shuffle_steps,
    swap_goals,
    turn_over,
)
from illinstr.evaluation.redrawing import change_look, change_shape, change_state
from illinstr.evaluation.reports.perturbation_table import fault_table, markdown, write_faults
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

STEPS = tuple(STEP_COLOURS)


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
    faults = [Fault("the truth", run), *plant(run, draw=draw)]
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
    assert steps["consistency"] == pytest.approx(truth["consistency"])
    assert steps["feature_distance"] == pytest.approx(truth["feature_distance"]) and steps["kid"] == pytest.approx(
        truth["kid"]
    )
    assert "step_faithfulness" in settled["shuffled between steps"]

    goals = rows["shuffled between goals"]
    assert goals["goal_faithfulness"] == 0 and goals["step_faithfulness"] == 1
    assert {"goal_faithfulness", NEAR} <= settled["shuffled between goals"]

    assert rows["one object recoloured"]["goal_faithfulness"] < 0.5
    assert rows["one object recoloured"]["feature_distance"] == pytest.approx(truth["feature_distance"])
    assert rows["one object recoloured, every second image"]["feature_distance"] > 1.1 * truth["feature_distance"]

    same = rows["one image repeated"]
    assert same["consistency"] == same["diversity"] == 0
    assert same["step_faithfulness"] == rows["last image repeated"]["step_faithfulness"] == pytest.approx(1 / 5)
    assert rows["order reversed"]["step_faithfulness"] == pytest.approx(1 / 5)  # the middle one of five stays
    assert rows["two neighbouring steps swapped"]["step_faithfulness"] == pytest.approx(3 / 5)
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
    assert f"of {len(table.claims)} claims hold" in text
    assert "encoder colours" in text and "[" in text
    loaded = json.loads((tmp_path / "eval-faults" / "faults.json").read_text())
    assert [row["name"] for row in loaded["rows"]] == [row.name for row in table.rows]
    assert loaded["rows"][1]["comparisons"]["step_faithfulness"]["p_holm"] < 0.05


def test_a_claim_holds_where_the_metric_sees_its_row_and_is_a_blind_spot_elsewhere(table):
    held = {(each.metric, each.row, each.claim): each.held for each in table.claims}
    assert held["step_faithfulness", "shuffled between steps", "sees"]
    assert held["step_faithfulness", "order reversed", "sees"] and held["diversity", "last image repeated", "sees"]
    assert held["goal_faithfulness", "shuffled between steps", "minds_not"]
    # This encoder counts colours, so that it cannot see an image turned over: a claim that it does is not held.
    assert not held["kid", "upside down", "sees"]
    assert "upside down" in table.blind_spots()["kid"]["sees"] and "`kid` does not see" in markdown(table)
    assert {(metric, row) for metric, row, _ in held} <= {
        (metric, row) for metric, claims in CLAIMS.items() for row in (*claims.sees, *claims.minds_not)
    }


def test_what_images_become():
    left = np.zeros((4, 4, 3), np.uint8)
    left[:, 0] = (200, 10, 30)
    assert (mirror(left)[:, 3] == (200, 10, 30)).all() and (mirror(left)[:, 0] == 0).all()
    left[0, 1] = 255
    assert (turn_over(left)[3, 2] == 255).all()
    assert make_grey(left)[1, 0].tolist() == [69, 69, 69]  # 0.299 x 200 + 0.587 x 10 + 0.114 x 30
    dot = np.zeros((101, 101, 3), np.uint8)
    dot[50, 50] = 255
    wide = blur(dot)
    assert 0 < wide[50, 50, 0] < 20 and wide[50, 52, 0] > 0
    assert (blur(np.full((20, 20, 3), 77, np.uint8)) == 77).all()


def test_lighting_is_one_gain_for_each_channel_of_an_image():
    one = article("red", ("gray", "olive"), images=[make_image("yellow", "gray", 32), make_image("aqua", "olive", 32)])
    for before, after in zip(data_of(one), data_of(change_lighting(one, 0)), strict=True):
        old, new = (np.asarray(open_panel(data, "x"), float)[16, 16] for data in (before, after))
        shown = old > 0
        assert ((new[shown] / old[shown] > 0.8) & (new[shown] / old[shown] < 1.22)).all() and (new != old).any()


def test_scenes_are_redrawn_with_what_other_articles_show():
    drawn = []

    def note(scene, size):
        drawn.append(scene)
        return make_image("red", "gray")

    def made(number, wall, sleeve, mug, star):
        objects = [{"kind": "hand", "sleeve": sleeve, "skin": "s"}, {"kind": "mug", "colour": mug},
                   {"kind": "button", "shape": star, "colour": "c"}]  # fmt: skip
        one = article("red", STEPS, id=number)
        steps = tuple(
            step.model_copy(update={"scene": {"wall": wall, "table": "t", "ground": "grass", "objects": objects}})
            for step in one.steps
        )
        return one.model_copy(update={"steps": steps})

    pair = [made(0, "w0", "l0", "m0", "star"), made(1, "w1", "l1", "m1", "round")]
    for look, place, key in (("wall", None, "wall"), ("sleeve", 0, "sleeve"), ("vessel", 1, "colour")):
        drawn.clear()
        assert len(change_look(pair, note, look, 0)) == 2
        shown = [scene[key] if place is None else scene["objects"][place][key] for scene in drawn]
        assert len(drawn) == 10 and all(a != b for a, b in itertools.pairwise(shown[:5]))
        assert {scene["objects"][2]["colour"] for scene in drawn} == {"c"}  # what no look is stays
    assert change_look(pair, note, "table", 0) == []  # out of doors there is none
    drawn.clear()
    change_shape(pair, note, 0)
    assert [scene["objects"][2]["shape"] for scene in drawn] == ["round"] * 5 + ["star"] * 5
    drawn.clear()
    assert len(change_state(pair, note, ["new"], 0)) == 2
    assert [scene["objects"][2]["colour"] for scene in drawn] == ["new"] * 6


def test_faults_need_what_they_spoil():
    names = [fault.name for fault in plant(good_run(), draw=draw)]
    assert "one object recoloured" not in names and "shuffled between goals" in names
    assert "shuffled between goals" not in [fault.name for fault in plant(good_run()[:1])]
