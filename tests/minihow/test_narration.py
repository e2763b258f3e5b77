"""The reader's edition of the world's articles: sentences that name the thing, captions read off the scenes."""

from __future__ import annotations

import re

import pytest

from illinstr.articles import Article
from illinstr.minihow import illustrate, narrate, plan, steps_of
from illinstr.minihow.captions import gerund, things
from illinstr.minihow.families import all_families
from illinstr.minihow.grammar import goals
from illinstr.minihow.narration import clause, duration, narration

FIRST = {goal.family: goal for goal in reversed(goals())}
GENERAL = {"gather", "hands", "wipe"}
# Words that stand for a thing without naming it.
POINTING = re.compile(r"\b(?:it|them|its|one|ones|your friend|your pet|the thing)\b", re.IGNORECASE)


@pytest.mark.parametrize("name", FIRST)
def test_every_step_is_told_in_words_that_name_the_thing(name: str) -> None:
    family, told = all_families()[name], narration()[name]
    keys = [step.key for step in family.steps]
    assert set(told["steps"]) == set(keys) - GENERAL
    words = {key: family.words.get(value, value) for key, value in FIRST[name].values.items()}
    for key in keys:
        said = clause(name, key, words)
        assert said[0].isupper() and not re.search(r"[.,{}]|  | $", said), said
        # A pronoun may only point back at what the same sentence names.
        pointing = POINTING.search(said)
        assert pointing is None or pointing.start() > len(said.split()[0]) + 8, said
        assert not re.search(r"\ba [aeiou]|\ban [^aeiou]", said), said


@pytest.mark.parametrize("name", FIRST)
def test_an_article_is_worth_following(name: str) -> None:
    article = narrate(plan(FIRST[name].text, min(6, steps_of(name)[1]), seed=3))
    assert article.materials and all(each.amount for each in article.materials)
    assert article.tools and article.tips and article.total_time
    assert Article.from_json(article.to_json()) == article
    texts = [*(step.headline for step in article.steps), *(step.caption or "" for step in article.steps)]
    texts += [each.name for each in article.materials] + [*article.tools, *article.tips, *article.warnings]
    assert not any("{" in text or "}" in text or "  " in text for text in texts)


@pytest.mark.parametrize("name", FIRST)
def test_the_words_that_the_model_reads_and_the_scenes_stay(name: str) -> None:
    bare = plan(FIRST[name].text, 5, seed=1)
    told = narrate(bare)
    assert [step.prompt for step in told.steps] == [step.headline for step in bare.steps]
    assert [step.scene for step in told.steps] == [step.scene for step in bare.steps]
    assert told.id == bare.id and told.goal == bare.goal


@pytest.mark.parametrize("name", FIRST)
def test_captions_say_what_the_scene_holds_complete_in_themselves(name: str) -> None:
    article = narrate(plan(FIRST[name].text, steps_of(name)[1], seed=2))
    place = article.objects["place"]
    for index, step in enumerate(article.steps):
        assert step.caption is not None and step.scene is not None
        assert step.caption.endswith(f", {place}.")
        assert not re.search(r"\b(?:it|them|they)\b", step.caption, re.IGNORECASE), step.caption
        hands = sum(item["kind"] == "hand" for item in step.scene["objects"])
        assert ("hand" in step.caption.partition(": ")[2].replace("handle", "")) == (hands > 0)
        shown = {each.noun: each for each in things(step.scene, "x")}
        assert all(noun in step.caption for noun in shown)
        assert set(step.states) <= set(shown)
        assert not set(step.unseen) & set(shown)
        later = {each.noun for after in article.steps[index + 1 :] for each in things(after.scene or {}, "x")}
        assert set(step.unseen) <= later
    for noun, looks in article.objects.items():
        if noun != "place":
            bare = looks.removeprefix("a ").removeprefix("an ")
            naming = [step for step in article.steps if any(each.noun == noun for each in things(step.scene or {}, ""))]
            assert len(naming) > 1 and any(bare in (step.caption or "") for step in naming)


def test_a_known_article_word_for_word() -> None:
    article = narrate(plan("How to make strawberry juice", 8, seed=0))
    assert [each.name for each in article.materials] == ["strawberries", "cold water"]
    cut = next(step for step in article.steps if step.scene and step.scene["step"] == "cut")
    assert cut.headline == "Cut the strawberry in half on a cutting board."
    assert cut.caption is not None and cut.caption.startswith(
        "Cutting the strawberry in half on a cutting board: a cutting board, a strawberry cut in half, "
    )
    assert cut.states["strawberry"] == "cut in half" and "glass" in cut.unseen
    assert narrate(illustrate(article, panel_px=32)).steps[0].image is not None


@pytest.mark.parametrize(
    ("clause_", "said"),
    [
        ("Rinse it", "Rinsing it"),
        ("Cut it", "Cutting it"),
        ("Tie it", "Tying it"),
        ("Dry it", "Drying it"),
        ("Beat it", "Beating it"),
        ("Fix it", "Fixing it"),
        ("Scrub", "Scrubbing"),
    ],
)
def test_gerunds(clause_: str, said: str) -> None:
    assert gerund(clause_) == said


@pytest.mark.parametrize(("minutes", "said"), [(5, "PT5M"), (60, "PT1H"), (75, "PT1H15M"), (0, "PT0M")])
def test_durations(minutes: int, said: str) -> None:
    assert duration(minutes) == said
