"""The study's page in a real Chromium: a person answers, closes it, goes on, saves, and the votes can be scored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from illinstr.cli.app import app
from illinstr.evaluation.study.page import QUESTIONS, Made, make_study
from tests.evaluation.test_study import make_system, without_images
from tests.support.browser import check_accessible, chromium, needs_chromium, page_of, refused

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("study")
    systems = {
        "alpha": make_system(folder / "alpha", "secret-model-a", 0),
        "beta": make_system(folder / "beta", "secret-model-b", 60),
    }
    return make_study(systems, folder / "study", seed=0, checks=1)


def answer(page: Any, made: Made, prefer: str) -> tuple[str, str]:
    """Answer the pair on the page as somebody who likes ``prefer``; returns the names on the left and on the right."""
    tokens = [page.locator(f"input[name=goal] >> nth={place}").get_attribute("value") for place in (0, 2)]
    pair = next(pair for pair in made.key.pairs if set(pair.sides) == set(tokens))
    right_one = pair.check or next(token for token, name in pair.sides.items() if name == prefer)
    place = "Left" if tokens[0] == right_one else "Right"
    for question in QUESTIONS:
        label = "No difference" if question == "consistency" and pair.check is None else place
        page.locator(f"fieldset:has(input[name={question}])").get_by_label(label, exact=True).check()
    page.get_by_role("button", name="Next pair").click()
    return pair.sides[tokens[0]], pair.sides[tokens[1]]


def save(page: Any, folder: Path) -> Path:
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save my votes").click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_a_rater_answers_stops_goes_on_and_saves(
    browser: Any, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = (made.folder / "index.html").as_uri()
    with page_of(browser, viewport={"width": 390, "height": 844}) as (page, watch):
        page.goto(address)
        page.get_by_role("button", name="Start").click()
        assert page.locator("#where").text_content() == "Pair 1 of 4"
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("button", name="Next pair").click()  # unanswered: the browser asks for an answer
        assert page.locator("#where").text_content() == "Pair 1 of 4"
        answer(page, made, "beta")
        answer(page, made, "beta")
        page.reload()
        page.get_by_role("button", name="Go on").click()
        assert page.locator("#where").text_content() == "Pair 3 of 4"
        answer(page, made, "beta")
        answer(page, made, "beta")
        path = save(page, tmp_path)
        assert page.locator("#text").input_value() == path.read_text()
        assert [url for url in watch.requests if not url.startswith(("data:", "blob:"))] == [address] * 2
        assert (watch.console, watch.errors, watch.dialogs, refused(page)) == ([], [], [], [])
    app(["study", "score", str(path), "--study", str(made.folder), "--json", "--quiet"], standalone_mode=False)
    result = json.loads(capsys.readouterr().out)
    assert result["excluded"] == {}
    goal, steps, consistency = result["questions"]
    for one, wins in ((goal, (0, 3, 0)), (steps, (0, 3, 0)), (consistency, (0, 0, 3))):
        rate = one["win_rates"][0]
        assert (rate["wins"], rate["losses"], rate["ties"]) == wins


def test_sides_and_order_differ_between_raters_and_nothing_names_a_system(browser: Any, made: Made) -> None:
    lefts, orders = set(), set()
    for _ in range(6):
        with page_of(browser) as (page, _):
            page.goto((made.folder / "index.html").as_uri())
            page.get_by_role("button", name="Start").click()
            seen = []
            for _ in range(4):
                text = without_images(page.content())
                assert "alpha" not in text and "beta" not in text and "secret" not in text
                seen.append(page.locator("#goal").text_content())
                left, right = answer(page, made, "alpha")
                if "" not in (left, right):
                    lefts.add(left)
            orders.add(tuple(seen))
    assert lefts == {"alpha", "beta"}  # by chance alone once in 2**17
    assert len(orders) > 1


def test_it_can_be_read_in_both_schemes_and_by_ear(browser: Any, made: Made) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        with page_of(browser, color_scheme=scheme) as (page, _):
            page.goto((made.folder / "index.html").as_uri())
            seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            page.get_by_role("button", name="Start").click()
            assert page.get_by_role("group").count() == len(QUESTIONS)
            assert page.evaluate("[...document.images].every(image => image.alt)")
            assert page.evaluate("document.activeElement.id") == "goal"
    assert len(seen) == 2


def test_nothing_is_wrong_with_it_for_axe(browser: Any, made: Made) -> None:
    address = (made.folder / "index.html").as_uri()
    check_accessible(browser, address)
    check_accessible(browser, address, lambda page: page.get_by_role("button", name="Start").click())
