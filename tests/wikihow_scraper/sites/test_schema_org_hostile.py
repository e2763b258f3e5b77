# ruff: noqa: E501 (markup and texts that are data stay on their lines)
"""Whatever data and markup a page carries, reading it ends in pages or in a known error, within bounded work."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.wikihow_scraper.convert import articles_of
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.schema_org import json_ld
from illinstr.wikihow_scraper.sites.site import WebPage

RELAXED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
SITES = ("schema_org", "ifixit", "instructables", "mediawiki", "ordered_list", None)
URL = "https://any.example.org/page"


def survives(content: bytes) -> None:
    for site in SITES:
        page = WebPage(content, URL)
        try:
            found = registry.read(page, site)
        except DataError as error:
            assert error.message
            continue
        for number, one in enumerate(found):
            for made in articles_of(one, url=URL, number=number):
                if isinstance(made, Article):
                    assert Article.from_json(made.to_json()) == made


_KEYS_WORDS = (
    "@type @id @value @list @graph @context name text step steps recipeInstructions itemListElement image url contentUrl "
    "thumbnailUrl video author license supply tool totalTime recipeIngredient requiredQuantity inLanguage description "
    "width item isPartOf recipeYield 0 1"
)
KEYS = _KEYS_WORDS.split()
LEAVES = ["HowTo", "Recipe", "HowToStep", "HowToSection", "HowToDirection", "HowToTip", "ImageObject", "#a", "#b", "PT5M",
          "Water it. Wait.", "1. One 2. Two", "<ol><li>a<li>b</ol>", "&amp;lt;p&amp;gt;x", "\ud800", "\x00", "http://[", "//x",
          "data:,", "", " ", "en", "9" * 40]  # fmt: skip
leaves = st.sampled_from(LEAVES) | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9)
data = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)


@given(data)
@example(
    {"@type": "HowTo", "name": "a", "step": {"@id": "#a", "@type": "HowToSection", "itemListElement": {"@id": "#a"}}}
)
@RELAXED
def test_any_data(value):
    work = value if isinstance(value, dict) else {"step": value}
    work = {"@type": "HowTo", "name": "Go"} | work
    survives(f'<h1>How to</h1><script type="application/ld+json">{json.dumps(work)}</script>'.encode())


@given(st.text(st.sampled_from('{}[],:"\\/*\n\t <!->CDAT1nu&;@') | st.characters(), max_size=60))
@RELAXED
def test_any_text_in_place_of_data(text):
    json_ld.Graph(json_ld.values(text))
    survives(f'<script type="application/ld+json">{text}</script>'.encode("utf-8", "replace"))


@given(data)
@RELAXED
def test_any_answer_of_an_interface(value):
    for frame in (
        {"guideid": 1, "title": "a", "steps": value},
        {"parse": {"title": "a", "text": value}},
        {"parse": value},
    ):
        survives(json.dumps(frame).encode())
    step = {"title": value, "lines": value if isinstance(value, list) else [value], "media": value}
    survives(json.dumps({"guideid": 1, "title": "a", "steps": [step, {"lines": [{"text_raw": value}]}]}).encode())


TAGS = """<div itemscope itemtype='http://schema.org/Recipe'>|</div>|<p itemprop=recipeInstructions>|</p>|<ol>|</ol>|<li>
|</li>|<h2>Step 1|<h2>Step 2|</h2>|<h1>How to go|</h1>|<h2>Instructions</h2>|<h2>Ingredients</h2>|Go there now. |<br>
|<img src=a.jpg srcset='b.jpg 2x, c.jpg'>|<div class=mw-parser-output>|<li class=step id=step1>|<ul class=step-lines>|</ul>
|<section class=step id=step2>|<h2 class=step-title>|<tr><td>1</td><td>Do</td></tr>|<table>|</table>|<dl><dt>Step 1<dd>
|<span property=step typeof=HowToStep>|</span>|<noscript>|</noscript>|<a href='x'>|</a>|<figure>|</figure>|<base href='//['>
|<link rel=canonical href='http://[x'>|<link rel=license href='?'>""".replace("\n", "").split("|")


@given(st.lists(st.sampled_from(TAGS), max_size=40))
@RELAXED
def test_any_soup_of_known_tags(parts):
    survives("".join(parts).encode())


def block(value: object) -> bytes:
    return (
        f'<script type="application/ld+json">{value if isinstance(value, str) else json.dumps(value)}</script>'.encode()
    )


def test_deep_data_is_read_as_far_as_its_depth_allows():
    survives(block('{"@type":"HowTo","name":"x","step":' + "[" * 100_000))
    survives(block('{"a":' * 3000 + "1" + "}" * 3000))
    sections = '{"@type":"HowToSection","itemListElement":[' * 400 + '"Go."' + "]}" * 400
    survives(block('{"@type":"HowTo","name":"x","step":' + sections + "}"))


def test_references_cannot_make_little_data_say_endlessly_much(monkeypatch):
    monkeypatch.setattr(json_ld, "MAX_WORK", json_ld.MAX_WORK // 10)  # the whole of it takes seconds
    layers = [
        {"@id": f"#{n}", "@type": "HowToSection", "itemListElement": [{"@id": f"#{n + 1}"}] * 300} for n in range(30)
    ]
    with pytest.raises(DataError, match="too often"):
        registry.read(WebPage(block({"@graph": [{"@type": "HowTo", "name": "x", "step": {"@id": "#0"}}, *layers]})))
    text = {"@id": "#t", "@type": "HowToStep", "text": "Go on. " * 20_000}
    with pytest.raises(DataError, match="too often"):
        registry.read(
            WebPage(block({"@graph": [{"@type": "HowTo", "name": "x", "step": [{"@id": "#t"}] * 1900}, text]}))
        )


@pytest.mark.parametrize(
    "html",
    [
        "<p>1. a" * 6_000,
        "<h2>Instructions</h2><p>Go on there.</p>" * 3_000,
        "<li class=step><ul class=step-lines>" * 200,
        "<div class=mw-parser-output>" + "<div class=step>a" * 400,
        "<h1>How to go</h1><ol>" + "<li>Go there now " * 9_000,
        "<h1>How to go</h1>" + "<br>Go there now <img src=a.jpg>" * 5_000,
        "<div itemscope itemtype=http://schema.org/Recipe>"
        + "<div itemprop=recipeInstructions>" * 400
        + "<p>a</p>" * 6_000,
        f"<img srcset='{'a ' * 100_000}'><h1>How to go</h1><ol><li>a b c<img srcset='{'a,' * 100_000}'><li>d e f</ol>",
    ],
    ids=lambda html: html[:40],
)
def test_long_pages_take_work_in_proportion(html):
    survives(html.encode())
