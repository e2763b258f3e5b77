"""The socket of a site: what a newcomer writes to have its pages read, in a file of its own.

A site says which pages are its, how one becomes a ``Page``, and what its owner asks of whoever fetches from it.
Everything else (asking politely, opting out, cleaning, importing, writing) knows no site. ``registry`` holds them.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import urlsplit

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.wikihow_scraper import markup
from illinstr.wikihow_scraper.encoding import decode
from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.source import MAX_PAGE_BYTES, Dropped

_NUL_AND_FRIENDS = re.compile("[\x00-\x08\x0b\x0e-\x1f\ufffe\uffff\ud800-\udfff]")

_CONTROLS = bytes((*range(0x09), 0x0B, *range(0x0E, 0x20)))


class Trust(IntEnum):
    """How sure a site is that it reads a page rightly; the surest is asked first."""

    OWN = 0  # the page stands on the site's host, or carries markup that only the site writes
    STRUCTURED_DATA = 1  # the page states its steps as data
    MARKUP = 2  # the page's markup is that of software the site's parser knows
    GUESS = 3  # nothing but the shape of the page


class NotAnArticle(DataError):
    """The page is readable but holds no how-to article; ``why`` says what it is instead.

    ``final``: no other site is to try, for this one knows what the page is.
    """

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(f"not a how-to article: {why}")
        self.why = why
        self.final = final


@dataclass(frozen=True)
class WebPage:
    """One page as it was served or saved.

    ``url`` is its address after redirects, None where nobody knows it; ``charset`` the one the server declared.
    ``text`` and ``tree`` are made when they are asked for first, and shared by all the sites that look at the page.
    """

    content: bytes
    url: str | None = None
    charset: str | None = None

    @cached_property
    def text(self) -> str:
        """The page as text, without control characters.

        Raises:
            DataError: too large.
        """
        return page_text(self.content, self.charset)

    @cached_property
    def tree(self) -> Any:
        """The root of the page as lxml reads it (comments left out). Whoever changes it works on a copy.

        Raises:
            DataError: too large, too deep, or markup no parser takes.
        """
        return markup.tree_of(self.text)

    @property
    def host(self) -> str:
        """The host of its address in lower case, empty where it has none."""
        try:
            return (urlsplit(self.url or "").hostname or "").lower().rstrip(".")
        except ValueError:
            return ""


def page_text(content: bytes | str, charset: str | None = None) -> str:
    """A page as text, without control characters.

    Raises:
        DataError: too large.
    """
    if len(content) > MAX_PAGE_BYTES:
        raise DataError(f"page of {len(content)} bytes is over the limit of {MAX_PAGE_BYTES}")
    text = decode(content, charset) if isinstance(content, bytes) else content
    return text if _is_clean(text) else _NUL_AND_FRIENDS.sub("", text)


def _is_clean(text: str) -> bool:
    """Whether there is nothing to take out; by its bytes, which takes a tenth of the time."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:  # halves of characters
        return False
    controls = len(encoded) - len(encoded.translate(None, _CONTROLS))
    return not controls and b"\xef\xbf\xbe" not in encoded and b"\xef\xbf\xbf" not in encoded


@dataclass(frozen=True)
class Terms:
    """What the owner of a site asks of whoever fetches from it, beyond robots.txt.

    ``facts`` are told to the user, who must accept them (``--accept-terms``); ``url`` is where they are written.
    """

    name: str
    facts: tuple[str, ...]
    url: str
    min_interval_s: float = 0.0


@dataclass(frozen=True)
class Listing:
    """One page of a category: addresses of articles, of sub-categories, and of its further pages."""

    articles: tuple[str, ...]
    subcategories: tuple[str, ...] = ()
    further: tuple[str, ...] = ()


Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """A CSV form that somebody published.

    ``columns`` a file must have to be of this form; ``key`` names the article a row belongs to (None: a row is an
    article); ``make`` turns the neighbouring rows of one key into an article. ``numbered`` is a column whose values may
    end in a number that only counts ("Tie a Knot1", "Tie a Knot2"); ``unnumbered`` gives them without it.
    """

    columns: frozenset[str]
    key: Callable[[Row], str | None]
    make: Callable[[list[Row]], Article | Dropped]
    numbered: str | None = None


_UNNUMBERED = " without its number"


def unnumbered(row: Row, column: str) -> str:
    """A value without the number at its end, where the file shows that the number only counts: it holds the same value
    with every number from 1 on, 2 at least. "MP3" keeps its 3."""
    return row.get(column + _UNNUMBERED, row[column])


def with_unnumbered(row: Row, column: str, value: str) -> Row:
    """The row, knowing a column's value without its number."""
    return {**row, column + _UNNUMBERED: value}


@dataclass(frozen=True)
class DataSets:
    """Published data sets made from a site's pages: ``json_record`` turns one JSON object into articles, and gives None
    for an object of another form."""

    json_record: Callable[[dict[str, Any]], list[Article | Dropped] | None] = lambda record: None
    tables: tuple[Table, ...] = ()


class Site(ABC):
    """One site, or one way of writing how-to pages that many sites share.

    ``name`` is what ``--site`` takes and, unless a ``Page`` names its host, what records give as their source.
    ``parser`` is the name and version of the reader; a change in what it reads raises the version. ``about`` is a line
    for ``--list-sites``.
    """

    name: ClassVar[str]
    parser: ClassVar[str]
    about: ClassVar[str]
    terms: ClassVar[Terms | None] = None
    data_sets: ClassVar[DataSets] = DataSets()

    @abstractmethod
    def claim(self, page: WebPage) -> Trust | None:
        """How sure the site is that it can read the page, None where it cannot; cheap, for it is asked of every page.

        Raises:
            DataError: the page is too large or too deep to look at.
        """

    @abstractmethod
    def read(self, page: WebPage) -> list[Page]:
        """The how-tos on the page, mostly one.

        Raises:
            NotAnArticle: it holds none. Other sites that claim the page are asked then, unless it is ``final``.
            DataError: it cannot be read.
        """

    def owns_host(self, host: str) -> bool:
        """Whether a host name (lower case) is this site's own, so that its ``terms`` hold there."""
        return False

    def address(self, url: str, *, forced: bool = False) -> str:
        """What to ask in place of a page's address, where the site has an interface for programs: on the site's own
        hosts, and on any host where the user says that pages are this site's (``forced``)."""
        return url

    def listing(self, content: bytes, url: str) -> Listing | None:
        """What a category page lists, None where it is no category page of this site."""
        return None
