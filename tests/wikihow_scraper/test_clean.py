"""What is kept, what is dropped, and that the counts always add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.articles import Article, Provenance, Step
from illinstr.config import validate
from illinstr.errors import ConfigError
from illinstr.shards.duplicates import fingerprint
from illinstr.wikihow_scraper.cleaning.funnel import PAGE_OUTCOMES, Funnel
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.convert import articles_of
from illinstr.wikihow_scraper.page import Method, PageStep
from illinstr.wikihow_scraper.sites.wikihow.parse import parse
from illinstr.wikihow_scraper.source import Dropped
from tests.support.pages import OPEN, HowTo, make_image, render, video


def article(key: str = "a", goal: str = "How to Make Juice", steps: int = 3, word: str = "Stir", **more) -> Article:
    made = tuple(Step(headline=f"{word} {number}.") for number in range(steps))
    return Article(id=key, goal=goal, steps=made, provenance=Provenance(source="test"), **more)


def said(judged: Article | Dropped) -> Article:
    """A kept article without what the cleaner measured."""
    assert isinstance(judged, Article)
    measured = {"tokens", "detected_language"}
    return judged.model_copy(update={"extra": {k: v for k, v in judged.extra.items() if k not in measured}})


@pytest.mark.parametrize(
    ("rules", "made", "reason"),
    [
        ({}, article(steps=1), "too few steps"),
        ({"min_steps": 4}, article(), "too few steps"),
        ({"max_steps": 2}, article(), "too many steps"),
        ({"language": "de"}, article(), "other language"),
        ({"max_goal_chars": 10}, article(), "goal too long"),
        ({}, article(goal="How to"), "goal too short"),
        ({"max_headline_chars": 5}, article(), "headline too long"),
        ({"max_step_chars": 5}, article(), "step too long"),
    ],
)
def test_reasons(rules, made, reason):
    assert Cleaner(CleanRules(**rules)).judge(made) == Dropped(reason)
    assert said(Cleaner(CleanRules(min_steps=1, min_goal_chars=1)).judge(made)) == made


def test_repeats_are_kept_once():
    cleaner = Cleaner(CleanRules())
    assert said(cleaner.judge(article("a"))) == article("a")
    assert cleaner.judge(article("a", word="Shake")) == Dropped("same page again")
    assert cleaner.judge(article("b", goal="HOW TO  make juice!")) == Dropped("duplicate text")
    assert isinstance(cleaner.judge(article("c", word="Shake")), Article)
    assert isinstance(cleaner.judge(article("d", language="nl")), Article)


def test_a_dropped_article_does_not_shadow_a_good_one():
    cleaner = Cleaner(CleanRules(min_steps=2))
    cleaner.judge(article("a", steps=1))
    assert isinstance(cleaner.judge(article("a")), Article)


def test_the_fingerprint_hears_every_word():
    base = article()
    assert fingerprint(base) == fingerprint(article("z"))
    for other in (article(word="Shake"), article(goal="How to Make Tea"), article(steps=4), article(language="de")):
        assert fingerprint(other) != fingerprint(base)


@pytest.mark.parametrize("wrong", [{"min_steps": 0}, {"min_steps": 9, "max_steps": 3}, {"image_license": "free"}])
def test_wrong_rules_are_usage_errors(wrong):
    with pytest.raises(ConfigError):
        validate(CleanRules, wrong)


@pytest.mark.parametrize("kind", ["cc", "public-domain", "fair-use", "reserved", "unknown"])
def test_image_licences(kind):
    assert CleanRules().allows_image(kind) == (kind in ("cc", "public-domain"))
    assert CleanRules(image_license="any").allows_image(kind)


@given(st.lists(st.sampled_from(PAGE_OUTCOMES)), st.lists(st.one_of(st.none(), st.sampled_from(["x", "y"]))))
def test_the_funnel_adds_up(pages, articles):
    funnel = Funnel()
    for outcome in pages:
        funnel.page(outcome)
    for reason in articles:
        funnel.article(reason)
        funnel.image(reason)
    counts = funnel.as_dict()
    assert counts["pages"]["seen"] == len(pages) == sum(counts["pages"][name] for name in PAGE_OUTCOMES)
    for level in ("articles", "pictures"):
        found = counts[level]
        assert found["seen"] == len(articles) == found["kept"] + sum(found["filtered"].values())
    told = [line for line in funnel.lines() if not line.startswith(" ")]
    assert [line.split()[0] for line in told] == ["pages", "articles", "images", "texts"]
    assert all(line.split()[2] == "seen" for line in told)


def test_a_page_becomes_one_article_a_method():
    steps = (
        PageStep(headline="Wash.", body="Well.", bullets=("Dry.",), image=make_image("One", license=OPEN)),
        PageStep(headline="Eat.", video=video("Two")),
        PageStep(headline="Rest."),
    )
    methods = (Method(name="A", label="method", steps=steps), Method(name="B", label="method", bullets=("Just do.",)))
    howto = HowTo("How to Eat", methods, tips=("Rest.",), ingredients=((None, ("Salt",)),))
    made = articles_of(parse(render(howto)), fetched="2026-01-01T00:00:00+00:00")
    assert made[1] == Dropped("no numbered steps")
    first = made[0]
    assert isinstance(first, Article)
    assert (first.goal, first.method, first.license) == ("How to Eat", "A", "CC BY-NC-SA 3.0")
    assert [step.headline for step in first.steps] == ["Wash.", "Eat.", "Rest."]
    assert first.steps[0].bullets == ("Dry.",)
    assert all(step.image is None for step in first.steps)
    assert first.steps[1].video_url == steps[1].video.url
    records = first.extra["step_images"]
    assert [record and record["kind"] for record in records] == ["image", "video-still", None]
    assert (records[0]["url"], records[0]["license"], records[0]["license_kind"]) == (steps[0].image.url, OPEN, "cc")
    assert records[1]["url"] == steps[1].video.poster.url
    assert first.extra["tips"] == ["Rest."]
    assert first.extra["ingredients"] == [{"name": None, "items": ["Salt"]}]
    assert (first.provenance.page_id, first.provenance.revision_id) == (howto.page_id, howto.revision_id)
    assert first.provenance.fetched == "2026-01-01T00:00:00+00:00"
    assert Article.from_json(first.to_json()) == first


def test_ids_hang_on_the_page_not_on_its_words():
    steps = (PageStep(headline="Go."), PageStep(headline="Stop."))
    old = articles_of(parse(render(HowTo("How to Go", (Method(steps=steps),)))))[0]
    new = articles_of(parse(render(HowTo("How to Go Fast", (Method(steps=steps[::-1]),)))))[0]
    other = articles_of(parse(render(HowTo("How to Go", (Method(steps=steps),), page_id=9))))[0]
    assert old.id == new.id != other.id


def test_a_step_of_bullets_only_takes_its_first_as_headline():
    items = "<li><ul><li>One.</li><li>Two.</li></ul></li><li><b>Go.</b></li>"
    html = f"<h1>How to Go</h1><ol class='steps_list_2'>{items}</ol>"
    made = articles_of(parse(html))[0]
    assert [(step.headline, step.bullets) for step in made.steps] == [("One.", ("Two.",)), ("Go.", ())]


def test_a_step_without_words_is_counted_and_images_stay_with_their_steps():
    image = '<div class="mwimg"><img src="/images/a/ab/%s.jpg"></div>'
    html = (
        "<h1>How to Go</h1><ol class='steps_list_2'>"
        f"<li>{image % 'One'}</li><li>{image % 'Two'}<b class='whb'>Go.</b></li></ol>"
    )
    made = articles_of(parse(html))[0]
    assert made.extra["steps_without_words"] == 1
    assert [record["url"][-7:] for record in made.extra["step_images"]] == ["Two.jpg"]
