"""The page's tree: lxml reads it, Beautiful Soup holds it, and furniture is left out on the way from one to the other.

Half of a how-to page is scripts, adverts, pop-ups of sources, menus and forms, and a Beautiful Soup element costs ten
times what lxml's costs. What is left out here is only what no field can come from: every reader skips it anyway, which
a test holds by parsing with and without. A piece that holds a numbered list is never left out, for a tag somebody
forgot to close may have swallowed the steps.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from bs4 import BeautifulSoup
from bs4.builder._lxml import LXMLTreeBuilder
from bs4.exceptions import ParserRejectedMarkup
from lxml import etree

from illinstr.errors import DataError
from illinstr.wikihow_scraper.markup import MAX_DEPTH, check_size, without_ends
from illinstr.wikihow_scraper.sites.wikihow.planting import Planter

_TAGS_WORDS = (
    "style template iframe object embed svg canvas audio map input button select textarea amp-ad amp-analytics "
    "amp-iframe"
)
_TAGS = frozenset(_TAGS_WORDS.split())
_IDS_WORDS = (
    "header_container mw-mf-page-left qa side_related_articles relatedwikihows userreviews userreviews_mobile "
    "method_toc"
)
_IDS = frozenset(_IDS_WORDS.split())
_CLASSES = re.compile(
    r"(?:^|\s)(?:ts_popup|al_method|editsection1?|mw-editsection|addTipElement|addtip|relatedwikihows|pswp|"
    r"related_articles|m-video-controls|m-video-wm|clearall|adclear|qy_cta|step_num|stepanchor|sliderbox|"
    r"wh_ad\S*|adsbygoogle\S*|trvote\S*)(?:\s|$)"
)
_REFERENCE = re.compile(r"(?:^|\s)(?:reference|ts_\S*)(?:\s|$)")
_META = frozenset({"robots", "illinstr", "tdm-reservation", "og:url", "og:title", "twitter:title"})
# That these are there counts, not what they say.
_VOTES = re.compile(r"(?:^|\s)wh_vote_container(?:\s|$)")
_SOURCES = re.compile(r"(?:^|\s)references(?:\s|$)")
# What stands around the article: of it, only the elements that some field is read from.
_SURROUNDINGS = etree.XPath("//*[@id='aboutthisarticle' or @id='sidebar' or @id='footer']")
_TELLING_IDS = frozenset({"sp_expert_name", "sp_modified", "byline_info", "footer-info-viewcount"})
_TELLING_CLASSES = re.compile(
    r"(?:^|\s)(?:sp_text|page_stats|viewcount|coauthor_link|breadcrumbs|language_link)(?:\s|$)"
)
_BLOCKS = frozenset({"div", "p", "ul", "ol", "li", "table", "section"})


def soup_of(html: str, *, whole: bool = False) -> BeautifulSoup:
    """The page as Beautiful Soup on lxml, without its furniture.

    Args:
        html: the page's text.
        whole: keep everything but what is neither element nor text.

    Raises:
        DataError: absurdly many tags, attributes of one tag, or levels of nesting: time and memory stay bounded.
        ParserRejectedMarkup: markup no parser takes.
    """
    check_size(html)
    kind = _WholeTree if whole else _ArticleTree
    return BeautifulSoup(html, builder=kind(multi_valued_attributes=None))


class _WholeTree(LXMLTreeBuilder):
    """Reads with lxml's own tree, which libxml2 builds, and hands the elements over one by one."""

    def feed(self, markup: Any) -> None:
        # Without huge_tree, libxml2 cuts a deep page off in silence; size and depth have limits of our own.
        parser = etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True)
        try:
            parser.feed(without_ends(markup) if isinstance(markup, str) else markup)
            root = parser.close()
        except (etree.LxmlError, UnicodeError) as error:
            raise ParserRejectedMarkup(str(error)) from error
        if root is not None:
            self.prepare(root)
            self._hand_over(root)

    def _hand_over(self, root: Any) -> None:
        soup = self.soup
        assert soup is not None  # set before feed is called
        left_out: Any = None
        depth = 0
        planter = Planter(soup)
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                depth += 1
                if depth > MAX_DEPTH:
                    raise DataError(f"the page's markup is nested more than {MAX_DEPTH} deep")
                if self.is_furniture(element):
                    left_out = element
                    walk.skip_subtree()
                    continue
                planter.begin(element.tag, dict(element.attrib))
                if self.is_hollow(element):
                    walk.skip_subtree()
                elif element.text:
                    planter.text(element.text)
                continue
            depth -= 1
            if element is not left_out:
                planter.end()
            elif element.tag in _BLOCKS:  # what stands on either side is still apart
                planter.text(" ")
            if element.tail and element is not root:
                planter.text(element.tail)
        planter.end_of_page()

    def prepare(self, root: Any) -> None:
        """Look over the page, and change it, before it is handed over."""

    def is_furniture(self, element: Any) -> bool:
        """Whether the element and all inside it is left out."""
        return False

    def is_hollow(self, element: Any) -> bool:
        """Whether what is inside the element is left out."""
        return False


class _ArticleTree(_WholeTree):
    """Leaves out what no field comes from."""

    _holders: Collection[Any] = ()

    def prepare(self, root: Any) -> None:
        holders: set[Any] = set()
        for numbered in root.iter("ol"):
            for ancestor in numbered.iterancestors():
                if ancestor in holders:
                    break
                holders.add(ancestor)
        self._holders = holders
        for place in _SURROUNDINGS(root):
            if place not in holders:
                _sift(place)

    def is_furniture(self, element: Any) -> bool:
        tag = element.tag
        if tag == "script":
            return bool(element.get("type") != "application/ld+json")
        if tag == "meta":
            return (element.get("property") or element.get("name", "").lower()) not in _META
        names = element.get("class")
        found = (
            tag in _TAGS
            or (names is not None and (_CLASSES.search(names) or (tag == "sup" and _REFERENCE.search(names))))
            or element.get("id") in _IDS
        )
        return bool(found) and element not in self._holders

    def is_hollow(self, element: Any) -> bool:
        names = element.get("class")
        if names is not None and _VOTES.search(names):
            return element not in self._holders
        if element.tag == "li":
            parent = element.getparent()
            listed = parent.get("class") if parent is not None else None
            return bool(listed and _SOURCES.search(listed)) and element not in self._holders
        return False


def _sift(place: Any) -> None:
    """Leave in ``place`` only the outermost elements that tell something."""
    telling: list[Any] = []
    seen: set[Any] = set()
    for inner in place.iterdescendants():
        parent = inner.getparent()
        if parent in seen or _tells(inner):
            if parent not in seen:
                telling.append(inner)
            seen.add(inner)
    place.text = None
    place[:] = telling
    for inner in telling:
        inner.tail = " "


def _tells(element: Any) -> bool:
    names = element.get("class")
    return bool(
        element.get("id") in _TELLING_IDS
        or (names and _TELLING_CLASSES.search(names))
        or (element.tag == "a" and "creativecommons.org" in element.get("href", ""))
    )
