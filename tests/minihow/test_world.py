"""The MiniHow world: goals, steps, splits and the planner."""

import random
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.articles import Article
from illinstr.errors import DataError, PlanError, UsageError
from illinstr.minihow import (
    SPLITS,
    all_goals,
    goals_of_split,
    held_out_goals,
    illustrate,
    make_article,
    nearest_goals,
    plan,
    recognise,
    steps_of,
)
from illinstr.minihow.families import all_families
from illinstr.minihow.families.base import expand
from illinstr.minihow.grammar import goals, meaning
from illinstr.minihow.palette import CROCKERY, SKINS, SLEEVES, TABLES, WALLS
from illinstr.minihow.wording import sides, wordings
from illinstr.minihow.world import join_clauses

FAMILIES = list(all_families())
GOALS = goals()
UNNAMED = {*WALLS, *TABLES, *SKINS, *SLEEVES, *CROCKERY}


def _texts(article: Article) -> list[str]:
    return [step.headline for step in article.steps]


def test_the_same_arguments_give_the_same_bytes_in_another_process() -> None:
    code = (
        "import hashlib; from illinstr.minihow import make_article;"
        "a = make_article(7, seed=3);"
        "print(hashlib.sha256((a.to_json() + ''.join(s.image.sha256 for s in a.steps)).encode()).hexdigest())"
    )
    run = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert run[0].stdout == run[1].stdout != ""


def test_index_seed_and_split_each_make_another_article() -> None:
    base = make_article(0, image=False)
    assert make_article(0, image=False) == base
    others = [
        make_article(1, image=False),
        make_article(0, seed=1, image=False),
        make_article(0, split="test", image=False),
    ]
    assert all(other.id != base.id for other in others)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_gives_every_number_of_steps_exactly(name: str) -> None:
    goal = next(goal for goal in GOALS if goal.family == name)
    fewest, most = steps_of(name)
    assert fewest == 2 and most >= 8
    order = [step.key for step in all_families()[name].steps]
    core = {step.key for step in all_families()[name].core}
    for count in range(fewest, most + 1):
        for seed in range(3):
            article = plan(goal.text, count, seed=seed)
            assert article.num_steps == count
            told = [key for step in article.steps if step.scene for key in step.scene["told"]]
            assert told == sorted(told, key=order.index) and len(set(told)) == len(told)
            assert told[-1] in core or order.index(told[-1]) > max(order.index(key) for key in core)
            if count >= len(core):
                assert core <= set(told)
                assert all(len(step.scene["told"]) == 1 for step in article.steps if step.scene)


@pytest.mark.parametrize("name", FAMILIES)
def test_numbers_outside_the_range_are_refused(name: str) -> None:
    goal = next(goal for goal in GOALS if goal.family == name)
    for count in (0, 1, steps_of(name)[1] + 1):
        with pytest.raises(UsageError, match="steps") as caught:
            plan(goal.text, count)
        assert caught.value.hint


def test_splits_share_neither_goals_nor_wordings() -> None:
    by_split = {split: set(goals_of_split(split)) for split in SPLITS}
    assert sum(map(len, by_split.values())) == len(set().union(*by_split.values())) == len(all_goals())
    spoken: dict[str, set[str]] = {split: set() for split in SPLITS}
    for family in all_families().values():
        for step in family.steps:
            for split in SPLITS:
                own = wordings(step, split)
                assert own, (family.name, step.key, split)
                spoken[split] |= set(own)
            assert len(wordings(step, "train")) >= 3, (family.name, step.key)
    assert not spoken["train"] & spoken["val"] | spoken["train"] & spoken["test"] | spoken["val"] & spoken["test"]
    assert set(sides().values()) == set(SPLITS)


@pytest.mark.parametrize("split", SPLITS)
def test_articles_keep_to_their_split(split: str) -> None:
    allowed = {text.lower() for text, side in sides().items() if side == split}
    for index in range(40):
        article = make_article(index, split=split, image=False)
        goal = recognise(article.goal)
        assert goal is not None and goal.split == split
        for step in article.steps:
            assert step.scene is not None
            if len(step.scene["told"]) == 1:
                assert step.headline.rstrip(".").lower() in allowed


@pytest.mark.parametrize("name", FAMILIES)
def test_held_out_are_combinations_never_values(name: str) -> None:
    family = all_families()[name]
    mine = [goal for goal in GOALS if goal.family == name]
    trained = {pair for goal in mine if goal.split == "train" for pair in goal.attributes}
    assert trained == {(key, value) for key, values in family.attributes.items() for value in values}
    held = {split: sum(goal.split == split for goal in mine) / len(mine) for split in ("val", "test")}
    assert 0 < held["val"] <= 0.12 and 0 < held["test"] <= 0.2


# Words that say nothing about the step.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an the it its in into on onto of for to and or with from your you is are be at by up out off down over as "
        "that this them they until when what all some so then there one",
    )
)


@pytest.mark.parametrize("name", FAMILIES)
def test_held_out_wordings_are_new_sentences_of_known_words(name: str) -> None:
    def words(texts: tuple[str, ...]) -> set[str]:
        return {word for text in texts for word in re.findall(r"[a-z']+", text.lower())} - _FUNCTION_WORDS

    for step in all_families()[name].steps:
        known = words(wordings(step, "train"))
        for split in ("val", "test"):
            assert words(wordings(step, split)) <= known, (step.key, split, words(wordings(step, split)) - known)


@given(
    st.sampled_from(GOALS),
    st.integers(0, 3),
    st.sampled_from(
        ["How to {}", "how to {}?", "{}", "{}!", "How do I {}", "please {}", "I want to {} at home", "HOW TO {}"]
    ),
    st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_every_phrasing_is_recognised(goal, which, frame, capital) -> None:
    text = frame.format(goal.phrasings[which])
    assert recognise(text.title() if capital else text) == goal


@pytest.mark.parametrize(
    "text", ["how to make apple juice", "Make some apple juice!", "apple juice", "  Apple-juice ", "making apple juice"]
)
def test_free_variants_mean_one_goal(text: str) -> None:
    goal = recognise(text)
    assert goal is not None and goal.family == "juice" and goal.values == {"fruit": "apple", "style": ""}


def test_colours_stay_with_their_nouns() -> None:
    first = recognise("wrap a gift in blue paper with a green ribbon")
    second = recognise("wrap a gift in green paper with a blue ribbon")
    assert first and second and first != second
    assert recognise("a green ribbon for a gift in blue paper, how to wrap") == first


@given(st.text(max_size=60))
@settings(max_examples=15, deadline=None)
def test_any_text_is_recognised_or_has_neighbours(text: str) -> None:
    goal = recognise(text)
    if goal is None:
        near = nearest_goals(text, 3)
        assert len(set(near)) == 3 and set(near) <= set(all_goals())
    else:
        assert meaning(text)


def test_unknown_goals_name_their_neighbours() -> None:
    with pytest.raises(PlanError, match="build a rocket") as caught:
        plan("How to build a rocket", 4)
    assert "near" in (caught.value.hint or "")
    assert nearest_goals("banana juice", 3)[0].endswith(" juice") or "banana" in nearest_goals("banana juice", 1)[0]
    assert nearest_goals("mango smoothie with milk", 1) == ["How to make a mango smoothie with milk"]


def test_the_plan_keeps_the_users_words_and_the_seed_changes_it() -> None:
    article = plan("Make some apple juice!", 6)
    assert article.goal == "Make some apple juice!" and article.license == "CC0-1.0"
    assert article.provenance.source == "minihow" and article.steps[0].image is None
    assert article == plan("Make some apple juice!", 6)
    assert article.id != plan("Make some apple juice!", 6, seed=1).id
    assert _texts(plan("apple juice", 6, split="test")) != _texts(plan("apple juice", 6, split="train"))


@pytest.mark.parametrize("name", FAMILIES)
def test_named_attributes_are_in_the_goal_only(name: str) -> None:
    family = all_families()[name]
    values = {value for options in family.attributes.values() for value in options if value}
    for step in family.steps:
        for text in step.readings():
            assert not [value for value in values if re.search(rf"\b{re.escape(value)}s?\b", text, re.IGNORECASE)], text
            assert "," not in text and not text.endswith(".") and "[" not in text
    for goal in (goal for goal in GOALS if goal.family == name):
        assert all(value in goal.text for value in goal.values.values())


def test_unnamed_looks_are_equal_over_the_panels_and_told_nowhere() -> None:
    for index in range(60):
        article = make_article(index, image=False)
        scenes = [step.scene for step in article.steps if step.scene]
        for key in ("wall", "decor", "table", "ground"):
            assert len({scene[key] for scene in scenes}) == 1
        hands = [thing for scene in scenes for thing in scene["objects"] if thing["kind"] == "hand"]
        assert len({(hand["skin"], hand["sleeve"]) for hand in hands}) <= 1
        told = set(re.findall(r"[a-z-]+", " ".join([article.goal, *_texts(article)]).lower()))
        assert not {scene["wall"] for scene in scenes} & told
        assert not {hand["sleeve"] for hand in hands} - {"tomato", "snow"} & told


def test_looks_vary_between_articles() -> None:
    scenes = [make_article(index, image=False).steps[0].scene for index in range(60)]
    for key in ("wall", "decor", "table"):
        assert len({scene[key] for scene in scenes if scene}) >= 4


def test_some_steps_read_alike_and_differ_by_place() -> None:
    birdhouse = all_families()["birdhouse"]
    waits = [step for step in birdhouse.steps if step.key.startswith("dry")]
    assert len(waits) == 2 and waits[0].readings() == waits[1].readings()
    look = plan("paint a red birdhouse with a brown roof", 12).steps
    illustrated = {step.scene["step"]: step.scene["objects"] for step in look if step.scene}
    assert illustrated["dry1"] != illustrated["dry2"]


def test_make_article_refuses_what_it_cannot_make() -> None:
    for bad in ({"split": "dev"}, {"num_steps": 1}, {"num_steps": 99}, {"step_range": (5, 4)}):
        with pytest.raises(UsageError):
            make_article(0, image=False, **bad)
    with pytest.raises(UsageError, match="negative"):
        make_article(-1)


@given(st.integers(0, 10_000), st.integers(2, 10), st.sampled_from(SPLITS))
@settings(max_examples=80, deadline=None)
def test_articles_have_the_steps_asked_for_and_survive_json(index, count, split) -> None:
    article = make_article(index, split=split, num_steps=count, image=False)
    assert article.num_steps == count
    assert Article.from_json(article.to_json()) == article


def test_illustrate_draws_every_step_and_refuses_articles_without_scenes() -> None:
    article = illustrate(plan("wrap a gift in red paper with a gold ribbon", 3), panel_px=64)
    assert [(step.image.width, step.image.media_type) for step in article.steps if step.image] == [
        (64, "image/jpeg")
    ] * 3
    bare = article.model_copy(update={"steps": (article.steps[0].model_copy(update={"scene": None}),)})
    with pytest.raises(DataError, match="no scene"):
        illustrate(bare)


def test_clauses_join_into_one_sentence() -> None:
    assert join_clauses(["Wash it"]) == "Wash it."
    assert join_clauses(["Wash it", "Cut it"]) == "Wash it and cut it."
    assert join_clauses(["Wash it", "Cut it", "Pour it in"]) == "Wash it, cut it and pour it in."


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=3, unique=True), min_size=1, max_size=3)
)
def test_expand_gives_every_reading_once(choices) -> None:
    readings = expand(" ".join(f"x [{'|'.join(options)}]" for options in choices))
    product = 1
    for options in choices:
        product *= len(options)
    assert len(set(readings)) == len(readings) == product


def test_importing_the_world_loads_neither_torch_nor_pillow() -> None:
    code = "import sys, illinstr.minihow; print([m for m in ('torch', 'PIL', 'pyarrow', 'numpy') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_looks_are_a_function_of_the_seed_alone() -> None:
    random.seed(1)
    first = plan("apple juice", 5, seed=9)
    random.seed(2)
    assert plan("apple juice", 5, seed=9) == first


def test_held_out_goals_are_held_out_spread_evenly_and_can_be_told() -> None:
    chosen = held_out_goals(12, 6)
    assert len(set(chosen)) == 12 and set(chosen) <= set(goals_of_split("test"))
    assert len({recognise(goal).family for goal in chosen}) > 8
    for goal in chosen:
        assert plan(goal, 6).num_steps == 6

    def able(goal: str, num_steps: int) -> bool:
        fewest, most = steps_of(recognise(goal).family)
        return fewest <= num_steps <= most

    assert held_out_goals(10_000, 6) == [goal for goal in goals_of_split("test") if able(goal, 6)]
    for count, num_steps in ((3, 90), (0, 6)):
        with pytest.raises(UsageError, match="goal"):
            held_out_goals(count, num_steps)
