"""Distractors: never the goal itself, never twice, the same for runs that are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.articles import clean_text
from illinstr.evaluation.metrics.choices import goal_choices, goal_pool, item_generator, step_choices
from illinstr.evaluation.subjects import goal_identity

words = st.text(alphabet="abAB ,.é", min_size=1, max_size=6).filter(lambda text: text.strip())


@given(st.lists(words, min_size=1, max_size=12), st.integers(1, 4), st.integers(0, 5), st.integers(0, 6))
def test_goal_distractors_differ_from_the_goal_and_from_each_other(goals, distractors, seed, near_count):
    pool = goal_pool(goals)
    near = sorted(pool)[:near_count]  # the goal itself may be among its neighbours
    goal, identity = goals[0], goal_identity(goals[0])
    if len(pool) <= distractors:
        with pytest.raises(ValueError, match="distractor goals"):
            goal_choices(goal, identity, pool, distractors, item_generator(seed, "x"), near)
        return
    found = goal_choices(goal, identity, pool, distractors, item_generator(seed, "x"), near)
    assert found[0] == goal
    drawn = [goal_identity(text) for text in found]
    assert len(set(drawn)) == len(found) == distractors + 1
    assert set(found) <= set(goals)
    assert sum(each in near for each in drawn[1:]) >= min(distractors, len(set(near) - {identity}))


@given(st.lists(words, min_size=1, max_size=9), st.data())
def test_step_distractors_come_from_the_article_and_never_read_alike(texts, data):
    step = data.draw(st.integers(1, len(texts)))
    distractors = data.draw(st.integers(1, 4))
    found = step_choices(step, texts, distractors, item_generator(0, step))
    readings = [clean_text(text).casefold() for text in found]
    assert found[0] == texts[step - 1]
    assert set(found) <= set(texts)
    assert len(set(readings)) == len(readings)
    others = {clean_text(text).casefold() for text in texts} - {readings[0]}
    assert len(found) == 1 + min(distractors, len(others))


def test_every_other_goal_and_step_comes_up_as_a_distractor():
    goals = [f"goal {i}" for i in range(8)]
    pool = goal_pool(goals)
    drawn = [goal_choices("goal 0", "goal 0", pool, 3, item_generator(seed))[1:] for seed in range(60)]
    assert {text for texts in drawn for text in texts} == set(goals[1:])
    steps = [step_choices(1, goals, 3, item_generator(seed))[1:] for seed in range(60)]
    assert {text for texts in steps for text in texts} == set(goals[1:])


def test_draws_depend_on_the_item_not_on_the_order_of_goals():
    goals = [f"goal {i}" for i in range(20)]
    forward, backward = goal_pool(goals), goal_pool(goals[::-1])
    choose = [goal_choices("goal 3", "goal 3", pool, 3, item_generator(1, "k", 2)) for pool in (forward, backward)]
    assert choose[0] == choose[1]
    other_item = goal_choices("goal 3", "goal 3", forward, 3, item_generator(1, "k", 3))
    other_seed = goal_choices("goal 3", "goal 3", forward, 3, item_generator(2, "k", 2))
    assert len({choose[0], other_item, other_seed}) == 3


def test_wordings_of_one_goal_are_one_goal():
    assert list(goal_pool(["How to make tea", "make tea!", "Make  TEA", "make coffee"])) == ["make coffee", "make tea"]
    pool = goal_pool(["make tea", "brew tea", "juice", "soup"], identify=lambda goal: goal.replace("brew", "make"))
    assert set(goal_choices("brew tea", "make tea", pool, 2, item_generator(0))) == {"brew tea", "juice", "soup"}
