"""Which goals are near to a goal, and that a CLIP run learns from them."""

import random
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
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


def _full_search(goals, own):
    """Every goal against every other, as rows of a goals x words matrix."""
    goals = sorted(set(goals))
    words = [set(re.findall(r"\w+", goal.lower())) for goal in goals]
    column = {word: number for number, word in enumerate(sorted(set().union(*words)))}
    has_word = np.zeros((len(goals), len(column)), dtype=np.float32)
    for row, each in enumerate(words):
        has_word[row, [column[word] for word in each]] = 1.0
    place = goals.index(own)
    shared, sizes = has_word @ has_word[place], has_word.sum(axis=1)
    index = shared / np.maximum(sizes + sizes[place] - shared, 1.0)
    index[place] = -1.0
    return [goals[number] for number in np.argsort(-index, kind="stable")[: min(NEAREST, len(goals) - 1)]]


@settings(max_examples=60)
@given(st.integers(1, 400), st.integers(1, 60), st.integers(1, 7), st.integers(0, 2**32))
def test_the_index_finds_what_a_full_search_finds(count, vocabulary, length, seed):
    draw = random.Random(seed)
    words = [f"w{number}" for number in range(vocabulary)]
    common = [1 / (number + 3) for number in range(vocabulary)]
    goals = [" ".join(draw.choices(words, common, k=draw.randint(0, length))) for _ in range(count)]
    near = NearGoals(goals)
    for own in goals[:20]:
        assert near.nearest(own) == _full_search(goals, own)


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
            _train(config, data, tmp_path / name, "train.steps=1", "train.ema_decay=0", *chosen)
        ).state_dict()
        for name, chosen in (
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
