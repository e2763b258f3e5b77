"""MiniHow's drawing: a pure function of the scene, the same at every size."""

import copy
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from illinstr.errors import DataError, UsageError
from illinstr.minihow import draw_scene, make_article
from illinstr.minihow.canvas import SUPERSAMPLE, Canvas, Pen, spline
from illinstr.minihow.families import Look, all_families
from illinstr.minihow.grammar import goals
from illinstr.minihow.hands import POSES
from illinstr.minihow.palette import DECORS, rgb
from illinstr.minihow.scene import kinds

ROOM = {"wall": "wall-sky", "decor": "plain", "table": "table-oak"}


def _pixels(scene: dict, panel_px: int = 128) -> np.ndarray:
    return np.asarray(draw_scene(scene, panel_px), dtype=np.float32)


def _mug(**keys: object) -> dict:
    return {**ROOM, "objects": [{"kind": "mug", "x": 50, "y": 90, "size": 1.6, "colour": "clay", **keys}]}


def test_drawing_is_pure_and_leaves_the_scene_alone() -> None:
    scene = make_article(3, image=False).steps[0].scene
    assert scene is not None
    before = copy.deepcopy(scene)
    first = draw_scene(scene)
    assert first.size == (128, 128) and first.mode == "RGB"
    assert first.tobytes() == draw_scene(scene).tobytes() and scene == before


def test_every_step_of_every_family_draws_and_shows_something() -> None:
    import random

    for family in all_families().values():
        for attributes in family.combinations()[:: max(1, len(family.combinations()) // 3)]:
            look = Look.sample(attributes, random.Random(1))
            room = {"wall": look.wall, "decor": look.decor, "table": look.table, "ground": family.ground}
            empty = _pixels({**room, "objects": []}, 64)
            for step in family.steps:
                changed = np.abs(_pixels({**room, "objects": step.scene(look)}, 64) - empty).max(axis=2) > 24
                assert changed.mean() > 0.08, (family.name, step.key)  # objects are large in the frame
                assert changed[8:, 10:54].mean() > 0.08, (family.name, step.key)


def test_every_goal_attribute_changes_some_image() -> None:
    import random

    for family in all_families().values():
        base = family.combinations()[0]
        for name, values in family.attributes.items():
            for value in set(values) - {base[name]}:
                looks = [Look.sample(attributes, random.Random(1)) for attributes in (base, {**base, name: value})]
                assert any(step.scene(looks[0]) != step.scene(looks[1]) for step in family.steps), (family.name, value)


def test_a_colour_changes_the_pixels_of_its_object_only() -> None:
    difference = np.abs(_pixels(_mug()) - _pixels(_mug(colour="sky"))).max(axis=2)
    assert (difference > 30).mean() > 0.1
    assert difference[:20].max() == 0 and difference[:, :15].max() == 0


@pytest.mark.parametrize("key", ["wall", "table", "decor"])
def test_the_room_shows(key: str) -> None:
    other = {"wall": "wall-rose", "table": "table-slate", "decor": "window"}[key]
    scene = _mug()
    assert np.abs(_pixels(scene) - _pixels({**scene, key: other})).mean() > 1


def test_states_and_poses_differ() -> None:
    images = [
        draw_scene(
            {**ROOM, "objects": [{"kind": "produce", "produce": "apple", "x": 50, "y": 88, "state": state}]}
        ).tobytes()
        for state in ("whole", "half", "pieces")
    ]
    hands = [
        draw_scene(
            {**ROOM, "objects": [{"kind": "hand", "pose": pose, "x": 40, "y": 60, "skin": "skin-1", "sleeve": "denim"}]}
        ).tobytes()
        for pose in POSES
    ]
    assert len(set(images)) == 3 and len(set(hands)) == len(POSES)


@pytest.mark.parametrize("index", range(6))
def test_the_same_image_at_128_and_256_pixels(index: int) -> None:
    for step in make_article(index, image=False).steps:
        assert step.scene is not None
        small = _pixels(step.scene, 128)
        large = np.asarray(draw_scene(step.scene, 256).reduce(2), dtype=np.float32)
        assert np.abs(small - large).mean() < 6
        assert np.corrcoef(small.ravel(), large.ravel())[0, 1] > 0.98


def test_outlines_are_two_pixels_wide_at_128() -> None:
    """A dark outline must outlive an autoencoder: two pixels of it, not one."""
    canvas = Canvas(Image.new("RGB", (256, 256), (255, 255, 255)), 128)
    Pen.on(canvas).fill([(20, 20), (80, 20), (80, 80), (20, 80)], (255, 255, 255))
    row = np.asarray(canvas.finish().convert("L"), dtype=np.float32)[64]
    ink = (255 - row).sum() / (255 - 49)
    assert 3.4 <= ink <= 5  # two edges


def test_every_kind_that_families_use_is_known() -> None:
    import random

    used = {
        item["kind"]
        for family in all_families().values()
        for step in family.steps
        for item in step.scene(Look.sample(family.combinations()[0], random.Random(0)))
    }
    assert used <= set(kinds())


@pytest.mark.parametrize(
    "change",
    [
        {"wall": "wall-of-sound"},
        {"decor": "cathedral"},
        {"objects": [{"kind": "dragon", "x": 1, "y": 1}]},
        {"objects": [{"kind": "mug", "x": 1, "y": 1}]},
        {"objects": [{"kind": "mug", "x": 1, "y": 1, "colour": "#12"}]},
        {"objects": [{"kind": "produce", "x": 1, "y": 1, "produce": "gold"}]},
        {"objects": None},
    ],
)
def test_scenes_that_cannot_be_drawn_are_explained(change: dict) -> None:
    with pytest.raises(DataError):
        draw_scene({**_mug(), **change})


@pytest.mark.parametrize("size", [0, 31, 4096])
def test_sizes_out_of_range_are_refused(size: int) -> None:
    with pytest.raises(UsageError, match="panel size"):
        draw_scene(_mug(), size)


@given(
    st.floats(-50, 50),
    st.floats(-50, 50),
    st.floats(0.2, 3),
    st.floats(-180, 180),
    st.booleans(),
    st.floats(-20, 20),
    st.floats(-20, 20),
)
@settings(max_examples=100, deadline=None)
def test_pen_frames_compose_like_matrices(x, y, scale, angle, flip, px, py) -> None:
    canvas = Canvas(Image.new("RGB", (256, 256)), 128)
    outer = Pen.on(canvas).at(10, 20, 1.5, 30)
    got = outer.at(x, y, scale, angle, flip).pixels([(px, py)])[0]

    def frame(x: float, y: float, scale: float, angle: float, flip: bool) -> np.ndarray:
        turn = math.radians(angle)
        rotate = np.array([[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]])
        mirror = np.diag([-1.0 if flip else 1.0, 1, 1])
        move = np.array([[1, 0, x], [0, 1, y], [0, 0, 1]])
        return move @ mirror @ rotate @ np.diag([scale, scale, 1])

    k = 128 * SUPERSAMPLE / 100
    expected = (
        np.diag([k, k, 1]) @ frame(10, 20, 1.5, 30, False) @ frame(x, y, scale, angle, flip) @ np.array([px, py, 1])
    )
    assert np.allclose(got, expected[:2], atol=1e-6)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=3, max_size=8))
def test_splines_are_catmull_rom(points) -> None:
    steps = 5
    curve = spline(points, steps=steps)
    basis = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]])
    for i in range(len(points)):
        corners = np.array([points[(i + offset) % len(points)] for offset in (-1, 0, 1, 2)])
        for j in range(steps):
            t = j / steps
            assert np.allclose(curve[i * steps + j], np.array([1, t, t * t, t**3]) @ basis @ corners, atol=1e-9)


def test_all_decors_and_colours_exist() -> None:
    for decor in DECORS:
        draw_scene({**_mug(), "decor": decor}, 32)
    with pytest.raises(DataError, match="unknown colour"):
        rgb("octarine")
    assert rgb("#010203") == (1, 2, 3)


def test_goal_colours_reach_the_canvas() -> None:
    """A red birdhouse is drawn with red walls: the named value is in the scene of the last step."""
    for goal in [goal for goal in goals() if goal.family == "birdhouse"][:6]:
        family = all_families()["birdhouse"]
        import random

        scene = family.steps[-1].scene(Look.sample(goal.values, random.Random(0)))
        house = next(item for item in scene if item["kind"] == "birdhouse")
        assert (house["walls"], house["roof"]) == (goal.values["walls"], goal.values["roof"])
        image = _pixels({**ROOM, "objects": scene})
        distance = np.abs(image - np.array(rgb(goal.values["walls"]))).max(axis=2)
        assert (distance < 12).mean() > 0.04
