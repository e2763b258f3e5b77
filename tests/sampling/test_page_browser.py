"""The printed page in a real Chromium: it runs nothing, asks for nothing, and can be read everywhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from illinstr.articles import Article
from illinstr.runs import write_run
from illinstr.sampling.pages.page import Card, render_batch, render_html, render_pages
from tests.sampling.test_linked_data import whole_article
from tests.sampling.test_page import HOSTILE, hostile_article
from tests.support.browser import check_accessible, chromium, needs_chromium, page_of, refused
from tests.support.tiny_run import make_article, make_image, make_record

pytestmark = needs_chromium

WORSE = [
    "<svg onload=window.__ran=1><animate onbegin=window.__ran=1 attributeName=x>",
    "<iframe srcdoc='<script>parent.__ran=1</script>'></iframe>",
    "<link rel=stylesheet href=http://127.0.0.1:9/x.css><style>@import 'http://127.0.0.1:9/y.css'</style>",
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'>",
    "<base href=http://127.0.0.1:9/><form action=http://127.0.0.1:9/><input autofocus onfocus=window.__ran=1>",
    "</title></style></textarea></script><img src=http://127.0.0.1:9/p.png onerror=window.__ran=1>",
    '{"@type":"x"}</script><script>window.__ran=1</script>',
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running:
        yield running


def written(folder: Path, page: str, name: str = "index.html") -> str:
    path = folder / name
    path.write_text(page, encoding="utf-8")
    return path.as_uri()


def check_quiet(browser: Any, address: str) -> None:
    with page_of(browser) as (page, watch):
        page.goto(address)
        page.wait_for_load_state("networkidle")
        fetched = [url for url in watch.requests if not url.startswith("data:")]
        assert fetched == [address]
        assert page.evaluate("window.__ran") is None
        assert (watch.console, watch.errors, watch.dialogs, refused(page)) == ([], [], [], [])
        assert page.url == address


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """A real server that nobody should call: its address, and who called."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            calls.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", calls
    server.shutdown()
    thread.join()
    server.server_close()


def test_hostile_articles_run_nothing_and_request_nothing(
    browser: Any, tmp_path: Path, trap: tuple[str, list[str]]
) -> None:
    texts = [text.replace("http://127.0.0.1:9", trap[0]) for text in (*HOSTILE, *WORSE)]
    everything = " ".join(texts)
    steps = [hostile_article(text, 1).steps[0] for text in texts]
    article = hostile_article(everything).model_copy(
        update={"steps": tuple(steps), "method": everything, "license": everything, "language": everything}
    )
    record = make_record(goal=everything, model_id=everything, planner=everything, sampler=everything)
    check_quiet(browser, written(tmp_path, render_html(article, record)))
    cards = [Card(f"run-{i}", hostile_article(text), make_record()) for i, text in enumerate(texts)]
    check_quiet(browser, written(tmp_path, render_batch(everything, cards, 1)))
    assert trap[1] == []


def test_the_watch_and_the_trap_would_see_it(browser: Any, tmp_path: Path, trap: tuple[str, list[str]]) -> None:
    """The same checks on pages that do run and fetch: each of them must raise."""
    for body in ("<script>window.__ran=1</script>", f"<img src='{trap[0]}/p.png'>", "<script>alert(1)</script>"):
        with pytest.raises(AssertionError):
            check_quiet(browser, written(tmp_path, f"<!doctype html>{body}"))
    assert trap[1] == ["/p.png"]


def test_the_policy_stops_a_script_that_got_in(browser: Any, tmp_path: Path, trap: tuple[str, list[str]]) -> None:
    """Were escaping ever broken, the page's policy is the second wall."""
    page = render_html(make_article(), make_record())
    bad = f"<script>window.__ran=1</script><img src='{trap[0]}/p.png'><p style='color:red' onclick='1'>x</p>"
    with page_of(browser) as (opened, _):
        opened.goto(written(tmp_path, page.replace("</main>", f"{bad}</main>")))
        opened.wait_for_load_state("networkidle")
        assert opened.evaluate("window.__ran") is None
        assert {entry.split()[0] for entry in refused(opened)} >= {"script-src-elem", "img-src", "style-src-attr"}
        assert trap[1] == []


def shown_article() -> Article:
    """Six steps with words of every length, one of them longer than a phone is wide."""
    article = make_article(6)
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    steps = [
        step.model_copy(update={"headline": f"Do {long[: 20 * i]}", "body": "Word " * 30 * (i % 2)})
        for i, step in enumerate(article.steps)
    ]
    return article.model_copy(update={"steps": tuple(steps), "method": "By hand"})


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_screen(browser: Any, tmp_path: Path, width: int) -> None:
    with page_of(browser, viewport={"width": width, "height": 700}) as (page, _):
        page.goto(written(tmp_path, render_html(shown_article(), make_record())))
        assert page.evaluate("document.documentElement.scrollWidth") == width
        columns = page.evaluate("new Set([...document.querySelectorAll('.step')].map(e => e.offsetLeft)).size")
        assert columns == (3 if width == 1280 else 1)
        size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.words p')).fontSize)")
        assert size >= 16


def test_light_dark_and_paper_differ(browser: Any, tmp_path: Path) -> None:
    address = written(tmp_path, render_html(make_article(), make_record()))
    seen = {}
    for scheme in ("light", "dark"):
        with page_of(browser, color_scheme=scheme) as (page, _):
            page.goto(address)
            look = "getComputedStyle(document.body).backgroundColor"
            seen[scheme] = page.evaluate(look)
            page.emulate_media(media="print")
            seen[f"{scheme} printed"] = page.evaluate(look)
    white = "rgb(255, 255, 255)"
    assert seen["light printed"] == seen["dark printed"] == white
    assert len({seen["light"], seen["dark"], white}) == 3


def test_a_screen_reader_finds_its_way(browser: Any, tmp_path: Path) -> None:
    """What Chromium tells assistive technology: one h1, an h2 a step, a list of N, every image named."""
    article = make_article(3)
    with page_of(browser) as (page, _):
        page.goto(written(tmp_path, render_html(article, make_record())))
        session = page.context.new_cdp_session(page)
        nodes = session.send("Accessibility.getFullAXTree")["nodes"]
        roles: dict[str, list[str]] = {}
        for node in nodes:
            if not node["ignored"]:
                roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        levels = [
            next(p["value"]["value"] for p in node["properties"] if p["name"] == "level")
            for node in nodes
            if not node["ignored"] and node["role"]["value"] == "heading"
        ]
        assert levels == [1, 2, 2, 2]
        assert roles["heading"] == ["How to test", "Step 1: Do 0", "Step 2: Do 1", "Step 3: Do 2"]
        assert roles["image"] == ["a plain image"] * 4  # the cover and one a step
        assert len(roles["list"]) == 1 and len(roles["listitem"]) == 3
        assert {"main", "contentinfo"} <= roles.keys()


def test_language_and_direction_of_the_parts(browser: Any, tmp_path: Path) -> None:
    article = make_article().model_copy(update={"language": "ar", "goal": "كيفية صنع الشاي"})
    with page_of(browser) as (page, _):
        page.goto(written(tmp_path, render_html(article, make_record())))
        assert page.evaluate("getComputedStyle(document.querySelector('.step')).direction") == "rtl"
        assert page.evaluate("document.querySelector('footer').closest('[lang]').lang") == "en"
        assert page.evaluate("document.querySelector('h1').closest('[lang]').lang") == "ar"


def pages_of(browser: Any, address: str, **paper: Any) -> int:
    with page_of(browser) as (page, _):
        page.goto(address)
        return page.pdf(**paper).count(b"/Type /Page\n")


def test_six_steps_print_on_one_sheet_and_no_step_is_cut(browser: Any, tmp_path: Path) -> None:
    square = make_image((200, 10, 10), size=(128, 128))
    steps = [step.model_copy(update={"image": square}) for step in make_article(6).steps]
    article = make_article(6).model_copy(update={"steps": tuple(steps)})
    address = written(tmp_path, render_html(article, make_record()))
    for paper in ("A4", "Letter"):
        assert pages_of(browser, address, format=paper) == 1
    more = article.model_copy(update={"steps": tuple(steps * 4)})
    assert pages_of(browser, written(tmp_path, render_html(more, make_record())), format="A4") == 3
    with page_of(browser) as (page, _):
        page.goto(address)
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.querySelector('.step')).breakInside") == "avoid"


def test_linked_data_is_read_where_the_page_is_opened(browser: Any, tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", make_article(3), make_record(), render_pages(make_article(3), make_record()))
    with page_of(browser) as (page, _):
        page.goto((folder / "index.html").as_uri())
        data = json.loads(page.locator("script[type='application/ld+json']").text_content())
        assert [page.locator(step["url"]).locator("h2").text_content() for step in data["step"]] == [
            "Step 1: Do 0",
            "Step 2: Do 1",
            "Step 3: Do 2",
        ]
        assert all((folder / step["image"]["name"]).is_file() for step in data["step"])


def test_nothing_is_wrong_with_article_and_batch_for_axe(browser: Any, tmp_path: Path) -> None:
    article = whole_article()
    check_accessible(browser, written(tmp_path, render_html(article, make_record())))
    cards = [Card(f"make-{number}-s0", article, make_record()) for number in range(3)]
    check_accessible(browser, written(tmp_path, render_batch("Three articles", cards, 1)))
