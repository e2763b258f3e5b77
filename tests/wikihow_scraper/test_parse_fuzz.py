"""Whatever the page, the parser answers with a Page or with a known error, and in bounded depth."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.convert import articles_of
from illinstr.wikihow_scraper.page import Method, Page, PageStep
from illinstr.wikihow_scraper.sites.wikihow.parse import parse
from illinstr.wikihow_scraper.source import MAX_PAGE_BYTES, Dropped
from tests.support.pages import LAYOUTS, HowTo, make_image, render, video

RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def survives(content: bytes) -> None:
    """Parse, convert and judge; only known errors may come out."""
    try:
        page = parse(content)
    except DataError as error:
        assert error.message
        return
    assert isinstance(page, Page)
    cleaner = Cleaner(CleanRules(min_steps=1))
    for made in articles_of(page):
        if isinstance(made, Article):
            assert Article.from_json(made.to_json()) == made
            assert isinstance(cleaner.judge(made), Article | Dropped)


def whole(layout: str) -> bytes:
    steps = (
        PageStep(headline="Wash it.", body="Well.", bullets=("Dry it.",), image=make_image("One")),
        PageStep(headline="Eat it.", video=video("Two") if layout.startswith("202") else None),
    )
    howto = HowTo("How to Eat", (Method(name="A", steps=steps), Method(name="B", steps=steps)), tips=("Rest.",))
    return render(howto, layout).encode()


@given(st.binary(max_size=400))
@example(b"<")
@example(b"<ol class=steps_list_2><li>")
@example(b"\xff\xfe<\x00")
@example(b"<![CDATA[<h1>")
@example(b"<h1>a</h1><div id=steps><ol><li>" + b"\x00" * 9)
@RELAXED
def test_random_bytes(content):
    survives(content)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_damaged_pages(layout, data):
    content = whole(layout)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, max(0, len(content) - 1)))
        end = data.draw(st.integers(start, min(len(content), start + 300)))
        patch = data.draw(
            st.sampled_from(
                [b"", b"<", b">", b'"', b"</div>", b"</li>", b"<ol>", b"<li>", b"<b>", b"\x00", b"\xff\xfe"]
            )
        )
        content = content[:start] + patch + content[end:]
    survives(content)


TAGS = """<ol class='steps_list_2'>|</ol>|<li>|</li>|<div id='steps'>|<div class='section steps'>|</div>|<h3>|</h3>
|<b class='whb'>|</b>|<ul>|</ul>|Go.| now|<div class='step'>|<sup class='reference'>|</sup>|<noscript>|</noscript>
|<img src='/a.jpg'>|<h1>How to X</h1>|<div class='mwimg'>|<video data-src='/v.mp4'>|<a class='image'>|<p>|<table>|<svg>
|<div class='green_box'>|<script>|</script>|<span class='frac'>|<sub>|<template>""".replace("\n", "").split("|")


@given(st.lists(st.sampled_from(TAGS), max_size=40))
@RELAXED
def test_any_soup_of_known_tags(parts):
    survives("".join(parts).encode())


@given(
    st.sampled_from(["utf-8", "utf-16", "shift_jis", "koi8-r", "latin-1", "utf-7", "idna", "rot13", "undefined"]),
    st.data(),
)
@RELAXED
def test_wrong_encodings(named, data):
    real = data.draw(st.sampled_from(["utf-8", "utf-16-le", "cp1252", "shift_jis"]))
    html = f"<meta charset='{named}'><h1>How to é 混</h1><ol class='steps_list_2'><li>Gö.</li></ol>"
    survives(html.encode(real, errors="replace"))


def test_absurdly_deep_pages_are_refused():
    deep = "<div>" * 50_000 + "Go." + "</div>" * 50_000
    lists = "<ul><li>" * 5_000
    for inside in (deep, lists):
        with pytest.raises(DataError, match="deep"):
            parse(f"<h1>How to Sink</h1><ol class='steps_list_2'><li>Go.{inside}</li></ol>")


def test_deep_nesting_under_the_limit_is_read():
    inside = "<ul><li>Deeper." * 200
    page = parse(f"<h1>How to Sink</h1><ol class='steps_list_2'><li>Go.{inside}</li></ol>")
    assert page.methods[0].steps[0].bullets == ("Deeper.",) * 200


def test_a_page_of_many_steps_is_judged_not_stored():
    items = "<li><b class='whb'>Go.</b></li>" * 500
    page = parse(f"<h1>How to Go</h1><ol class='steps_list_2'>{items}</ol>")
    assert page.num_steps == 500
    assert articles_of(page) == [Dropped("too many steps")]


def test_too_large_a_page_is_refused_unread():
    with pytest.raises(DataError, match="over the limit"):
        parse(b" " * (MAX_PAGE_BYTES + 1))
