"""Leaving furniture out before reading must change nothing that is read."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from illinstr.errors import DataError
from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.sites.wikihow import parse as parsing
from illinstr.wikihow_scraper.sites.wikihow.document import Document
from illinstr.wikihow_scraper.sites.wikihow.tree import _WholeTree, soup_of
from tests.support.pages import LAYOUTS, render
from tests.wikihow_scraper.test_parse_fuzz import TAGS, whole
from tests.wikihow_scraper.test_parse_layouts import howtos
from tests.wikihow_scraper.test_parse_real import ARTICLES, ROOT


def both(content: bytes | str, monkeypatch: pytest.MonkeyPatch) -> tuple[Page, Page]:
    lean = parsing.parse(content)
    with monkeypatch.context() as patch:
        patch.setattr(parsing, "Document", partial(Document, whole=True))
        return lean, parsing.parse(content)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(data=st.data())
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_synthetic_pages_read_the_same_with_and_without_their_furniture(layout, monkeypatch, data):
    lean, full = both(render(data.draw(howtos(layout)), layout), monkeypatch)
    assert lean == full
    assert lean.num_steps > 0


@pytest.mark.skipif(not ARTICLES, reason="no folder of real pages; set ILLINSTR_REAL_PAGES")
def test_real_pages_read_the_same_with_and_without_their_furniture(monkeypatch):
    for row in ARTICLES:
        lean, full = both((Path(ROOT) / row["file"]).read_bytes(), monkeypatch)
        assert lean == full, row["file"]


def test_most_of_a_page_is_left_out():
    html = whole("2020").decode()
    assert len(soup_of(html).find_all(True)) < 0.7 * len(soup_of(html, whole=True).find_all(True))


@given(st.lists(st.sampled_from(TAGS), max_size=40))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_soup_keeps_every_step_that_has_words(parts):
    html = "<h1>How to X</h1>" + "".join(parts)
    pages = []
    with pytest.MonkeyPatch.context() as patch:
        for kind in (Document, partial(Document, whole=True)):
            patch.setattr(parsing, "Document", kind)
            try:
                steps = [step for way in parsing.parse(html).methods for step in way.steps]
                pages.append([step.headline for step in steps if step.headline])
            except DataError:
                pages.append([])
    assert pages[0] == pages[1]


def test_an_advert_nobody_closed_does_not_swallow_the_steps():
    steps = "<li><b class='whb'>Wash.</b></li><li><b class='whb'>Dry.</b></li>"
    html = f"<h1>How to X</h1><div class='wh_ad_inner'><div class='section steps'><ol class='steps_list_2'>{steps}</ol>"
    page = parsing.parse(html)
    assert [step.headline for step in page.methods[0].steps] == ["Wash.", "Dry."]


def test_what_follows_the_end_of_the_page_is_still_read():
    html = "<h1>How to X</h1></body></html><ol class='steps_list_2'><li><b class='whb'>Wash.</b></li></ol>"
    assert parsing.parse(html).num_steps == 1


ONE_STEP = "<h1>How to X</h1><ol class='steps_list_2'><li>Go.</li></ol>"


@pytest.mark.parametrize(
    "attributes",
    [
        " ".join(f"a{number}=1" for number in range(20_000)),
        " ".join(f"a{number}='<'" for number in range(20_000)),
        "title='>' x=\">\" " + " ".join(f"a{number}" for number in range(20_000)),
        " ".join(f"<a{number}" for number in range(20_000)),
    ],
)
def test_a_tag_of_very_many_attributes_is_refused(attributes):
    with pytest.raises(DataError, match="attributes"):
        parsing.parse(f"{ONE_STEP}<p {attributes}>")


def test_many_tags_of_many_attributes_are_refused():
    one = "<p " + " ".join(f"a{number}=1" for number in range(1500)) + ">"
    with pytest.raises(DataError, match="attributes"):
        parsing.parse(ONE_STEP + one * 60)


def test_very_many_tags_are_refused_and_many_are_read():
    with pytest.raises(DataError, match="tags"):
        parsing.parse(ONE_STEP + "<b>" * 120_000)
    assert parsing.parse(ONE_STEP + "<i></i>" * 5_000).num_steps == 1


def test_long_attributes_and_scripts_are_no_reason_to_refuse():
    script = "<script>if (a<b && c='" + "x = y; " * 10_000 + "') {}</script>"
    assert parsing.parse(f"{ONE_STEP}{script}<p title='{'word ' * 9_000}'>").num_steps == 1


class _ByItsOwnMethods(_WholeTree):
    """Grows the tree as Beautiful Soup's builders do: by its start tags, data and end tags."""

    def _hand_over(self, root):
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if event == "start":
                self.soup.handle_starttag(element.tag, None, None, dict(element.attrib))
                if element.text:
                    self.soup.handle_data(element.text)
                continue
            self.soup.handle_endtag(element.tag)
            if element.tail and element is not root:
                self.soup.handle_data(element.tail)


def told(soup: BeautifulSoup) -> list[tuple[object, ...]]:
    """Every element and text of a tree with all that hangs on it."""
    every = [soup, *soup.descendants]
    places = {id(one): place for place, one in enumerate(every)}
    links = ("parent", "next_element", "previous_element", "next_sibling", "previous_sibling")
    found: list[tuple[object, ...]] = []
    for one in every:
        around = [places.get(id(getattr(one, name))) for name in links]
        own = (one.name, type(one.attrs), dict(one.attrs)) if isinstance(one, Tag) else (str(one),)
        found.append((type(one).__name__, *own, *around))
    return found


MARKUP = [
    "<p>a  \n <b> b</b>\n\n<i></i> c",
    "<pre>  \n  x</pre> \n ",
    "<script type='application/ld+json'> {} </script>",
    "<ruby>字<rt>ji</rt>",
    "<textarea> \n </textarea>",
    '<meta charset="latin-1">',
    "<ul><li class='a b'>1<li>2</ul>",
    "text",
    "\n",
    "<style> a </style>",
    "<template>  <p>t</p></template>",
    '<meta http-equiv="content-type" content="text/html; charset=utf-8">',
    "<br>",
]


@given(st.lists(st.sampled_from([*MARKUP, *TAGS]), max_size=12))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_tree_is_the_one_beautiful_soup_grows_itself(parts):
    html = "<html><body>" + "".join(parts)
    ours = soup_of(html, whole=True)
    theirs = BeautifulSoup(html, builder=_ByItsOwnMethods(multi_valued_attributes=None))
    assert told(ours) == told(theirs)
    assert str(ours) == str(theirs)
