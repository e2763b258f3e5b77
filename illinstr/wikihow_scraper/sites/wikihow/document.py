"""A page read once: its text, its tree, and an index of the tree by id, class and name.

A how-to page has some five thousand elements and we ask it some thirty questions; walking the tree for each would cost
more than parsing it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from bs4 import BeautifulSoup, Tag
from bs4.exceptions import ParserRejectedMarkup

from illinstr.errors import DataError
from illinstr.wikihow_scraper.sites.wikihow.text import attribute, classes
from illinstr.wikihow_scraper.sites.wikihow.tree import soup_of


class Document:
    """The parsed page.

    Args:
        html: the page's text.
        whole: keep the page's furniture (menus, adverts, pop-ups); slower, and no reader wants it.

    Raises:
        DataError: markup no parser takes, or nested absurdly deep.
    """

    def __init__(self, html: str, *, whole: bool = False) -> None:
        self.html = html
        self._ids: dict[str, Tag] = {}
        self._classes: dict[str, list[Tag]] = {}
        self._names: dict[str, list[Tag]] = {}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore"
                )  # markup that looks like a file name or XML is none of the caller's trouble
                self._index(soup_of(html, whole=whole))
        except (ParserRejectedMarkup, AssertionError, RecursionError, ValueError) as error:
            raise DataError(f"the page's markup cannot be read: {type(error).__name__}") from error

    def _index(self, soup: BeautifulSoup) -> None:
        for tag in soup.find_all(True):
            self._names.setdefault(tag.name, []).append(tag)
            if tag.attrs:
                self._ids.setdefault(attribute(tag, "id"), tag)
                for name in classes(tag):
                    self._classes.setdefault(name, []).append(tag)

    def id(self, name: str) -> Tag | None:
        """The first element of this id."""
        return self._ids.get(name)

    def ids(self) -> Iterable[str]:
        """Every id on the page, in document order."""
        return self._ids

    def classed(self, name: str, tag: str | None = None) -> list[Tag]:
        """The elements of this class in document order, of one tag name or of any."""
        found = self._classes.get(name, [])
        return found if tag is None else [one for one in found if one.name == tag]

    def named(self, *names: str) -> list[Tag]:
        """The elements of these tag names, name by name, each in document order."""
        return [tag for name in names for tag in self._names.get(name, [])]
