"""The page of ``illinstr serve`` in a real Chromium, from the empty field to a corrected article."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from illinstr.runs import read_article
from illinstr.sampling.serving.web import WebServer
from tests.support.browser import check_accessible, chromium, needs_chromium, page_of, refused
from tests.support.image_bytes import encoded
from tests.support.serving import killed, make, restarted, serving
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
    page.locator("#steps").fill(str(steps))
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
        name = page.url.removeprefix(f"{server.url}articles/")
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
        page.goto(f"{server.url}#{name}")  # the address that older versions gave
        page.wait_for_function("() => document.querySelectorAll('#list li').length === 4", timeout=WAIT)
        assert page.evaluate("window.__ran") is None
        assert all(url.startswith((server.url, "data:")) for url in watch.requests)
        assert (watch.console, watch.errors, watch.dialogs, refused(page)) == ([], [], [], [])


def test_what_goes_wrong_is_said_and_the_page_goes_on(browser: Any, server: WebServer) -> None:
    with page_of(browser) as (page, watch):
        page.goto(server.url)
        ask(page, "How to do the impossible", 2)
        status_says(page, "nobody can do that — ask for something else")
        assert page.get_by_label("What would you like to know how to do?").input_value() == "How to do the impossible"
        page.get_by_role("list", name="Goals to choose from").get_by_role(
            "button", name="How to do the possible"
        ).click()
        status_says(page, "Done: 2 steps.")
        page.goto(server.url)
        page.get_by_role("link", name="How to do the possible").first.click()
        page.wait_for_function("() => document.querySelectorAll('#list li').length === 2", timeout=WAIT)
        assert not watch.errors


def test_another_site_can_neither_read_nor_start_anything(browser: Any, server: WebServer, tmp_path: Path) -> None:
    """A page of another origin tries every way a browser offers."""
    (tmp_path / "evil.html").write_text("<!doctype html><title>evil</title>")
    before = server.workshop.accepted
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
    assert server.workshop.accepted == before


def test_a_drawing_outlives_reload_a_second_tab_back_and_the_server(browser: Any, tmp_path: Path) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    process, url = restarted(tmp_path / "runs", model, "0", sampling_steps=150)
    try:
        with page_of(browser) as (page, _):
            page.goto(url)
            ask(page, "How to make apple juice", 5)
            page.wait_for_url("**/tasks/1")
            page.wait_for_selector(".unfinished", timeout=WAIT)
            page.reload()
            page.wait_for_selector(".unfinished", timeout=WAIT)  # the words and what was drawn so far are back
            second = page.context.new_page()
            second.goto(url)
            second.locator("#queue").get_by_role("link", name="How to make apple juice").click()
            second.wait_for_url("**/tasks/1")
            second.wait_for_selector(".unfinished", timeout=WAIT)
            second.go_back()
            second.wait_for_url(url)
            second.go_forward()
            page.get_by_label("What would you like to know how to do?").fill("half a goal")
            killed(process)
            for each in (page, second):
                status_says(each, "Reconnecting")
            process, _ = restarted(tmp_path / "runs", model, url.rstrip("/").rpartition(":")[2], sampling_steps=150)
            for each in (page, second):
                status_says(each, "Done: 5 steps.")
                each.wait_for_url("**/articles/make-apple-juice-s0")
            assert page.get_by_label("What would you like to know how to do?").input_value() == "half a goal"
            # The token of the first server is of no use any more; the page fetches the new one by itself.
            change(page, 1).get_by_role("button", name="Same words, another image").click()
            page.wait_for_url("**/articles/make-apple-juice-s0")
            page.get_by_role("button", name="Cancel: How to make apple juice").click()
            status_says(page, "Cancelled.")
            assert page.locator("#list li").count() == 5 and loaded(page) == [True] * 5
    finally:
        killed(process)


def test_what_was_typed_stays_when_the_list_is_shown_again(browser: Any, server: WebServer) -> None:
    name = make(server, "How to type", 3)
    with page_of(browser) as (page, watch):
        page.goto(f"{server.url}articles/{name}")
        typed = change(page, 2).get_by_label("After this step, what went wrong?")
        typed.fill("it is too")
        step = change(page, 0)
        step.get_by_label("The step in other words").fill("Stir")
        step.get_by_role("button", name="Draw with these words").click()
        typed.focus()
        page.keyboard.press("End")
        page.wait_for_function("() => document.querySelector('.headline').textContent === 'Stir'", timeout=WAIT)
        status_says(page, "Done: 3 steps.")
        page.keyboard.type(" wet")
        assert typed.input_value() == "it is too wet" and step.get_by_label("other words").input_value().startswith(
            "Stir"
        )
        page.reload()
        page.wait_for_function("() => document.querySelectorAll('#list li').length === 3", timeout=WAIT)
        again = page.locator("#list li").nth(2).get_by_label("After this step, what went wrong?")
        assert again.input_value() == "it is too wet" and again.is_visible()
        assert not watch.errors


def test_own_steps_image_and_seed_then_delete(browser: Any, server: WebServer) -> None:
    with page_of(browser) as (page, watch):
        page.goto(server.url)
        page.get_by_text("More: your own steps").click()
        page.get_by_label("Your own steps").fill("Wash it | Well.\n\nCut it\n")
        page.get_by_label("Seed").fill("41")
        photo = encoded(Image.new("RGB", (40, 30), (200, 30, 20)), "PNG")
        page.get_by_label("Your own image of step 1").set_input_files(
            [{"name": "photo.png", "mimeType": "image/png", "buffer": photo}]
        )
        ask(page, "How to bring your own", 6)
        status_says(page, "Done: 2 steps.")
        assert page.url == f"{server.url}articles/bring-your-own-s41"
        run = server.workshop.article("bring-your-own-s41")
        assert run.record.given == (1,) and [step.headline for step in run.article.steps] == ["Wash it", "Cut it"]
        with page.expect_download() as download:
            page.get_by_role("link", name="PDF").click()
        assert download.value.suggested_filename == "bring-your-own-s41.pdf"
        button = page.locator("#delete")
        button.click()
        assert button.text_content() == "Delete for good?" and run.folder.is_dir()
        button.click()
        page.wait_for_url(server.url)
        assert not run.folder.exists()
        assert (watch.errors, watch.dialogs, refused(page)) == ([], [], [])


def test_nothing_is_wrong_with_it_for_axe(browser: Any, server: WebServer) -> None:
    name = make(server, "How to be read", 2)

    def opened(page: Any) -> None:
        page.wait_for_function("() => document.querySelectorAll('#list li').length === 2", timeout=WAIT)
        change(page, 0)
        page.get_by_text("More: your own steps").click()

    check_accessible(browser, f"{server.url}articles/{name}", opened)


def failed(page: Any) -> None:
    ask(page, "How to do the impossible", 2)
    status_says(page, "nobody can do that")


def test_nothing_is_wrong_with_suggestions_and_errors_for_axe(browser: Any, server: WebServer) -> None:
    check_accessible(browser, server.url, failed)


def test_light_dark_and_labels(browser: Any, server: WebServer) -> None:
    seen = set()
    for scheme in ("light", "dark"):
        with page_of(browser, color_scheme=scheme) as (page, _):
            page.goto(server.url)
            seen.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            unnamed = "[...document.querySelectorAll('input, textarea')].filter(e => !e.labels.length).length"
            assert page.evaluate(unnamed) == 0
    assert len(seen) == 2
