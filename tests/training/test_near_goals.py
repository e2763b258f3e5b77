"""Which goals are near to a goal, and that a CLIP run learns from them."""

import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from illinstr.training.tasks.near_goals import NEAREST, NearGoals
from tests.support.tiny_data import make_tiny_data
from tests.support.training_configs import CLIP, write_config

WORDS = st.lists(
    st.sampled_from(["red", "blue", "green", "kite", "boat", "with", "a", "tail"]), min_size=1, max_size=6
).map(" ".join)


def _jaccard(first, second):
    one, two = (set(re.findall(r"\w+", text.lower())) for text in (first, second))
    return len(one & two) / len(one | two)


@given(st.lists(WORDS, min_size=1, max_size=40))
def test_the_nearest_share_most_words_and_are_never_the_goal_itself(goals):
    near = NearGoals(goals)
    own = goals[0]
    found = near.nearest(own)
    others = set(goals) - {own}
    assert set(found) <= others and len(found) == len(set(found)) == min(NEAREST, len(others))
    left_out = others - set(found)
    indices = [_jaccard(own, goal) for goal in found]
    assert indices == pytest.approx(sorted(indices, reverse=True))
    assert not left_out or max(_jaccard(own, goal) for goal in left_out) <= min(indices) + 1e-6


def test_a_draw_repeats_by_seed_and_never_repeats_a_goal():
    goals = [f"paint a {colour} house" for colour in ["red", "blue", "green", "grey", "pink", "teal"]]
    near = NearGoals(goals)
    first, again, other = (near.draw(goals[0], 3, torch.Generator().manual_seed(seed)) for seed in (1, 1, 5))
    assert first == again != other and len(set(first)) == 3 and goals[0] not in first
    assert near.draw(goals[0], 8, torch.Generator())[5:] == [goals[0]] * 3  # no more others
    assert near.draw(goals[0], 0, torch.Generator()) == []


def test_near_goals_change_what_is_learnt(tmp_path):
    from transformers import CLIPModel

    from tests.training.test_clip import _train

    data = make_tiny_data(tmp_path / "data")
    config = write_config(tmp_path / "clip.yaml", CLIP)
    runs = {
        name: CLIPModel.from_pretrained(
            _train(config, data, tmp_path / name, "train.steps=1", "train.ema_decay=0", *settings)
        ).state_dict()
        for name, settings in (
            ("plain", ()), ("near", ("loss.near=2",)), ("fewer", ("loss.near=2", "loss.near_goals=1")),
        )
    }  # fmt: skip
    for one, two in (("plain", "near"), ("near", "fewer")):
        assert any(not torch.equal(runs[one][key], runs[two][key]) for key in runs[one])
    assert "val_near" in (tmp_path / "plain" / "log.csv").read_text()
    log = (tmp_path / "near" / "log.csv").read_text()
    assert "val_near" in log and ",loss_near" in log


def test_validation_asks_among_the_goals_of_training_too(tmp_path):
    from illinstr.training.presets import load_config
    from illinstr.training.tasks.clip import ClipTask

    data = make_tiny_data(tmp_path / "data")
    near = {}
    for weight in (0.0, 2.0):
        config = load_config(str(write_config(tmp_path / "clip.yaml", CLIP, loss={"near": weight})), [])
        task = ClipTask(config, data, "cpu")
        near[weight] = [task.near.nearest(article.goal) for article in task.val_articles]
        assert {goal for goals in near[weight] for goal in goals} & {article.goal for article in task.articles}
    assert near[0.0] == near[2.0]  # or the figures of such runs could not be compared
