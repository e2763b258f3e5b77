"""What an article says beside its steps: on the page, in Markdown, and as schema.org data by schema.org's own rules."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from illinstr.articles import Article, Material, Step, StepImage
from illinstr.sampling.pages.linked_data import licence_address
from illinstr.sampling.pages.needs import needs_of, spoken_duration
from illinstr.sampling.pages.page import render_html, render_markdown
from illinstr.sampling.pages.panels import MAX_REPEATED_BYTES, alt_of
from tests.support.image_bytes import encoded
from tests.support.tiny_run import make_article, make_record


def whole_article() -> Article:
    """Everything that an article may say."""
    article = make_article(3)
    first, second, third = article.steps
    steps = (
        first.model_copy(update={"caption": "a hand holds a red apple", "states": {"apple": "wet"}}),
        second.model_copy(update={"body": "Slowly.", "bullets": ("One half.", "The other.")}),
        third,
    )
    return article.model_copy(
        update={
            "steps": steps,
            "materials": (Material(name="red apples", amount="6"), Material(name="water")),
            "tools": ("a knife",),
            "total_time": "PT1H30M",
            "tips": ("Cold apples give more juice.",),
            "warnings": ("The knife is sharp.",),
            "license": "CC BY-SA 4.0",
        }
    )


def linked(article: Article) -> dict[str, Any]:
    script = BeautifulSoup(render_html(article, make_record()), "lxml").find("script")
    assert script is not None
    found: dict[str, Any] = json.loads(script.text)
    return found


TEXT = "Text"
# Properties of each type and what schema.org expects of their values (schema.org 29, the types' own pages): names of
# types, or Text, URL, Integer, Duration, Language. The inherited ones of Thing and CreativeWork that we use included.
THING = {"name": [TEXT], "description": [TEXT], "url": ["URL"]}
EXPECTED: dict[str, dict[str, list[str]]] = {
    "HowTo": THING
    | {
        "image": ["ImageObject", "URL"],
        "inLanguage": ["Language"],
        "license": ["CreativeWork", "URL"],
        "step": ["HowToSection", "HowToStep", "HowToTip", TEXT],
        "supply": ["HowToSupply", TEXT],
        "tool": ["HowToTool", TEXT],
        "totalTime": ["Duration"],
    },
    "HowToSection": THING | {"itemListElement": ["HowToStep", "ListItem", TEXT], "position": ["Integer"]},
    "HowToStep": THING
    | {
        "about": ["Thing"],
        "image": ["ImageObject", "URL"],
        "itemListElement": ["HowToDirection", "HowToTip", "ListItem", TEXT],
        "position": ["Integer"],
        "text": [TEXT],
    },
    "HowToDirection": THING | {"text": [TEXT]},
    "HowToTip": THING | {"text": [TEXT]},
    "HowToSupply": THING | {"requiredQuantity": [TEXT, "QuantitativeValue"]},
    "HowToTool": THING,
    "ImageObject": THING | {"caption": [TEXT], "contentUrl": ["URL"]},
    "CreativeWork": THING,
    "Thing": THING,
}
DURATION = re.compile(r"P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?")


def check_value(value: Any, expected: list[str], names: set[str], where: str) -> None:
    if isinstance(value, list):
        assert value, where
        for each in value:
            check_value(each, expected, names, where)
    elif isinstance(value, dict) and set(value) == {"@id"}:
        assert value["@id"] in names, where
    elif isinstance(value, dict):
        assert value["@type"] in expected, where
        check_object(value, names, where)
    elif isinstance(value, int):
        assert "Integer" in expected and value >= 1, where
    else:
        fits = {
            TEXT: bool(value.strip()),
            "URL": re.fullmatch(r"https?://\S+|data:image/(png|jpeg|webp);base64,[\w+/]+=*|#step-\d+", value),
            "Duration": DURATION.fullmatch(value),
            "Language": re.fullmatch(r"[A-Za-z]{2,8}(-\w{1,8})*", value),
        }
        assert any(fits.get(kind) for kind in expected), (where, value)


def check_object(node: dict[str, Any], names: set[str], where: str) -> None:
    rules = EXPECTED[node["@type"]]
    for key, value in node.items():
        if not key.startswith("@"):
            assert key in rules, f"{where}: {node['@type']} has no {key}"
            check_value(value, rules[key], names, f"{where}.{key}")


def named(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(named, node))
    if not isinstance(node, dict):
        return set()
    own = {node["@id"]} if len(node) > 1 and "@id" in node else set()
    return own.union(*map(named, node.values()))


@pytest.mark.parametrize(
    "article",
    [
        whole_article(),
        make_article(1),
        whole_article().model_copy(update={"method": "By hand", "license": "some note"}),
        make_article().model_copy(update={"steps": (Step(headline="Think"),), "language": "zh-Hans"}),
    ],
)
def test_linked_data_keeps_the_rules_of_schema_org(article: Article) -> None:
    data = linked(article)
    assert (data["@context"], data["@type"]) == ("https://schema.org", "HowTo")
    check_object(data, named(data), "HowTo")
    parts = [part["itemListElement"] if part["@type"] == "HowToSection" else [part] for part in data["step"]]
    steps = [each for part in parts for each in part if each["@type"] == "HowToStep"]
    assert len(steps) == article.num_steps and data["name"]
    for entry, step in zip(steps, article.steps, strict=True):
        assert entry["text"] and entry.get("name") != entry["text"]
        assert step.headline in (entry.get("name"), entry["text"])


def test_the_rules_would_see_it() -> None:
    good = linked(whole_article())
    for changes in (
        {"license": "CC-BY-4.0"},
        {"totalTime": "an hour"},
        {"image": "step-03.png"},
        {"image": {"@id": "#none"}},
        {"supply": [{"@type": "HowToTool", "name": "water"}]},
        {"steps": good["step"]},
        {"step": []},
    ):
        with pytest.raises(AssertionError):
            check_object(good | changes, named(good), "HowTo")


def test_all_is_on_the_page_and_in_markdown() -> None:
    article = whole_article()
    page = BeautifulSoup(render_html(article, make_record()), "lxml")
    shown = {
        section["class"][0]: [item.text for item in section.find_all("li")] for section in page.find_all("section")
    }
    assert shown == {need.key: list(need.items) for need in needs_of(article)}
    assert list(shown.items()) == [
        ("materials", ["6 red apples", "water"]),
        ("tools", ["a knife"]),
        ("tips", ["Cold apples give more juice."]),
        ("warnings", ["The knife is sharp."]),
    ]
    assert page.select_one(".lead").text == "3 steps. 1 h 30 min."  # type: ignore[union-attr]
    cover = page.select_one("header img")
    assert cover is not None and cover["alt"] == "a plain image"
    markdown = render_markdown(article, make_record())
    for line in (
        "Time: 1 h 30 min",
        "- 6 red apples",
        "- a knife",
        "## Tips",
        "- The knife is sharp.",
        "![a plain image](step-03.png)",
    ):
        assert f"\n{line}\n" in markdown
    assert "totalTime" in linked(article) and "supply" not in linked(make_article())


def test_alt_texts_say_what_is_drawn_and_not_the_heading_again() -> None:
    step = whole_article().steps[0]
    assert alt_of(step, 0) == "a hand holds a red apple"
    assert alt_of(step.model_copy(update={"caption": None}), 0) == "a plain image"
    assert step.image is not None
    for alt in (None, "Step 1: Do 0"):  # an image found alone says its heading, beside which it does not stand
        plain = step.model_copy(update={"caption": None, "image": step.image.model_copy(update={"alt": alt})})
        assert alt_of(plain, 0) == "Drawing of step 1"


def test_a_large_image_is_repeated_as_a_small_copy() -> None:
    noise = StepImage.from_bytes(encoded(Image.effect_noise((700, 700), 90).convert("RGB"), "PNG"))
    assert noise.data is not None and len(noise.data) > MAX_REPEATED_BYTES
    article = make_article(2)
    article = article.model_copy(update={"steps": (article.steps[0], Step(headline="Look", image=noise))})
    page = render_html(article, make_record())
    assert page.count(base64.b64encode(noise.data).decode()) == 1
    uri = linked(article)["step"][1]["image"]["contentUrl"]
    small = StepImage.from_bytes(base64.b64decode(uri.partition(",")[2]))
    assert (small.media_type, small.width, small.height) == ("image/jpeg", 512, 512)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/"),
        ("CC BY-NC-SA 3.0", "https://creativecommons.org/licenses/by-nc-sa/3.0/"),
        ("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("Apache-2.0", "https://spdx.org/licenses/Apache-2.0.html"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("javascript:alert(1)", None),
        ("ask the author", None),
    ],
)
def test_licences_are_addresses_where_they_have_one(name: str, address: str | None) -> None:
    assert licence_address(name) == address


@pytest.mark.parametrize(
    ("text", "spoken"),
    [("PT1H", "1 h"), ("P1DT45M", "1 day 45 min"), ("P2W", "2 weeks"), ("P1M", "1 month"), ("PT1.5H30S", "1.5 h 30 s")],
)
def test_durations_for_a_reader(text: str, spoken: str) -> None:
    assert spoken_duration(text) == spoken
