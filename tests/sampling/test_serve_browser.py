"""The page of ``illinstr serve`` in a real Chromium, from the empty field to a corrected article."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from illinstr.runs import read_article
from illinstr.sampling.serving.web import WebServer
from tests.support.browser import chromium, needs_chromium, page_of, refused
from tests.support.serving import serving
from tests.support.tiny_model import make_tiny_model

pytestmark = needs_chromium
WAIT = 90_000  # ms; a crowded machine draws slowly


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    model = make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")
    with serving(tmp_path_factory.mktemp("runs"), model) as running:
        yield running


RECORD = """new MutationObserver(() => {
    const say = document.getElementById('status').textContent, list = window.__seen ||= [];
    const n = document.querySelectorAll('#list li').length;
    const drawn = document.querySelectorAll('#list img:not([hidden])').length;
    list.push([say, n, drawn]);
}).observe(document.body, {subtree: true, childList: true, characterData: true, attributes: true})"""


def status_says(page: Any, text: str) -> None:
    page.wait_for_function(
        "text => document.getElementById('status').textContent.includes(text)", arg=text, timeout=WAIT
    )


def ask(page: Any, goal: str, steps: int) -> None:
    page.get_by_label("What would you like to know how to do?").fill(goal)
    page.get_by_label("steps", exact=False).first.fill(str(steps))
    page.get_by_role("button", name="Show me").click()


def change(page: Any, index: int) -> Any:
    """Open the forms under a step and return its item."""
    step = page.locator("#list li").nth(index)
    step.locator("summary").click()
    return step


def loaded(page: Any) -> list[bool]:
    return list(page.evaluate("[...document.querySelectorAll('#list img')].map(i => i.complete && i.naturalWidth > 0)"))


HOSTILE_GOAL = "How to </textarea><img src=x onerror=window.__ran=1><script>window.__ran=1</script>"


def test_make_edit_correct_and_open(browser: Any, server: WebServer) -> None:
    with page_of(browser, viewport={"width": 390, "height": 844}) as (page, watch):
        page.goto(server.url)
        page.evaluate(RECORD)
        ask(page, HOSTILE_GOAL, 3)
        status_says(page, "Done: 3 steps.")
        assert page.locator("#title").text_content() == HOSTILE_GOAL
        page.wait_for_function("() => [...document.querySelectorAll('#list img')].every(i => i.complete)", timeout=WAIT)
        assert loaded(page) == [True] * 3
        history = page.evaluate("window.__seen")
        assert [3, 0] in [entry[1:] for entry in history]  # the words stood there before the images
        assert any("of 3 sampling steps" in entry[0] for entry in history)
        name = page.evaluate("location.hash.slice(1)")
        folder = server.workshop.folder / name
        before = read_article(folder)

        step = change(page, 1)
        step.get_by_label("The step in other words").fill("<i>Stir</i> it | Gently.")
        step.get_by_role("button", name="Draw with these words").click()
        page.wait_for_function(
            "() => document.querySelectorAll('.headline')[1].textContent === '<i>Stir</i> it'", timeout=WAIT
        )
        status_says(page, "Done: 3 steps.")
        edited = read_article(folder)
        assert edited.steps[1].headline == "<i>Stir</i> it" and edited.steps[0] == before.steps[0]

        step = change(page, 1)
        step.get_by_role("button", name="Same words, another image").click()
        page.wait_for_function(
            "src => !document.querySelectorAll('#list img')[1].src.endsWith(src)",
            arg=edited.steps[1].image.sha256[:12],  # type: ignore[union-attr]
            timeout=WAIT,
        )
        status_says(page, "Done: 3 steps.")

        step = change(page, 0)
        step.get_by_label("After this step, what went wrong?").fill("the <b>dough</b> is wet")
        step.get_by_role("button", name="Write and draw the rest again").click()
        status_says(page, "Done: 4 steps.")
        assert page.locator(".headline").nth(1).text_content() == "Put right: the <b>dough</b> is wet"

        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("link", name="Open the page to print or share").click()
        page.wait_for_selector("ol.steps")
        assert page.locator("h1").text_content() == HOSTILE_GOAL
        assert page.locator("ol.steps > li").count() == 4
        page.goto(f"{server.url}#{name}")
        page.wait_for_function("() => document.querySelectorAll('#list li').length === 4", timeout=WAIT)
        assert page.evaluate("window.__ran") is None
        assert all(url.startswith((server.url, "data:")) for url in watch.requests)
        assert (watch.console, watch.errors, watch.dialogs, refused(page)) == ([], [], [], [])


def test_what_goes_wrong_is_said_and_the_page_goes_on(browser: Any, server: WebServer) -> None:
    with page_of(browser) as (page, watch):
        page.goto(server.url)
        ask(page, "How to do the impossible", 2)
        status_says(page, "nobody can do that — ask for something else")
        assert page.get_by_role("button", name="Show me").is_enabled()
        ask(page, "How to do the possible", 2)
        status_says(page, "Done: 2 steps.")
        page.reload()
        page.get_by_role("link", name="How to do the possible").first.click()
        page.wait_for_function("() => document.querySelectorAll('#list li').length === 2", timeout=WAIT)
        assert not watch.errors


def test_another_site_can_neither_read_nor_start_anything(browser: Any, server: WebServer, tmp_path: Path) -> None:
    """A page of another origin tries every way a browser offers."""
    (tmp_path / "evil.html").write_text("<!doctype html><title>evil</title>")
    before = server.workshop._made
    with page_of(browser) as (page, _):
        page.goto((tmp_path / "evil.html").as_uri())
        tried = page.evaluate(
            """async url => {
                const body = JSON.stringify({goal: 'How to get in', steps: 1});
                const post = more => fetch(url + 'tasks/generate', {method: 'POST', body, ...more})
                    .then(r => 'answered ' + r.type, e => 'refused');
                const frame = document.createElement('iframe');
                frame.src = url;
                document.body.append(frame);
                const image = new Image();
                const shown = new Promise(done => {
                    image.onload = () => done('shown');
                    image.onerror = () => done('refused');
                });
                image.src = url + 'serve.css';
                return [
                    await post({headers: {'Content-Type': 'application/json', 'X-Illinstr-Token': 'x'}}),
                    await post({mode: 'no-cors', headers: {'Content-Type': 'text/plain'}}),
                    await fetch(url).then(r => 'read', e => 'refused'),
                    await shown,
                ];
            }""",
            server.url,
        )
        assert tried[0] == "refused" and tried[2:] == ["refused", "refused"]
        page.wait_for_timeout(300)
        assert all(frame.url != server.url for frame in page.frames)
    assert server.workshop._made == before


def test_light_dark_and_labels(browser: Any, server: WebServer) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        with page_of(browser, color_scheme=scheme) as (page, _):
            page.goto(server.url)
            seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            unnamed = "[...document.querySelectorAll('input, textarea')].filter(e => !e.labels.length).length"
            assert page.evaluate(unnamed) == 0
    assert len(seen) == 2
