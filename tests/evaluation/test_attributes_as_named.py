"""What a goal of MiniHow names is a metric: 1 on the program's own images, less where one thing is wrong."""

from __future__ import annotations

import json

import pytest

from illinstr import minihow
from illinstr.minihow.ruler import shares_as_named
from tests.evaluation.test_cli import illinstr
from tests.support.eval_world import article, write_runs

GOAL = "make a red kite with blue corners and a yellow tail"


def drawn(goal, images_of=None):
    one = minihow.plan(goal, 4, seed=3)
    other = minihow.illustrate(minihow.plan(images_of or goal, 4, seed=3))
    return one.with_images({k: step.image.data for k, step in enumerate(other.steps)})


def test_each_image_says_which_share_is_as_named():
    assert {share for _, share in shares_as_named(drawn(GOAL))} == {1.0}
    wrong = shares_as_named(drawn(GOAL, GOAL.replace("yellow", "pink")))
    assert [step for step, _ in wrong] == sorted({step for step, _ in wrong})
    assert 0 < min(share for _, share in wrong) < 1
    assert shares_as_named(article("red")) == []  # a goal of no world
    lying = drawn(GOAL).model_copy(update={"extra": {"family": "nonsense", "attributes": 7}})
    assert shares_as_named(lying) == shares_as_named(drawn(GOAL))
    steps = tuple(s.model_copy(update={"scene": {"step": ["no", "key"]}}) for s in lying.steps)
    assert shares_as_named(lying.model_copy(update={"steps": steps})) == []


def test_eval_states_it_with_the_truth_beside(tmp_path):
    run = write_runs(
        tmp_path / "run", [drawn(GOAL, GOAL.replace("yellow", "pink")), drawn(GOAL.replace("red", "green"))]
    )
    done = illinstr(run, "--no-cache", "--bootstrap", "100", "--json")
    assert done.returncode == 0, done.stderr
    results = json.loads((run / "eval" / "results.json").read_text())
    own = {m["name"]: m for m in results["metrics"]}["attributes_as_named"]
    true = {m["name"]: m for m in results["side_metrics"]["truth"]}["attributes_as_named"]
    expected = [sum(s for _, s in shares_as_named(a)) / len(shares_as_named(a)) for a in
                (drawn(GOAL, GOAL.replace("yellow", "pink")), drawn(GOAL.replace("red", "green")))]  # fmt: skip
    assert own["value"] == pytest.approx(sum(expected) / 2) and own["value"] < true["value"] == 1
    assert own["encoder"] == "pixels"
