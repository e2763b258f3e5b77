"""Category pages read for what they list: wikiHow's of 2009 and of 2020, and those of any MediaWiki."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from bs4 import BeautifulSoup, Tag
from bs4.exceptions import ParserRejectedMarkup

from illinstr.errors import FetchError
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.sites.site import Listing

MAX_PAGES = 500  # that a category's own numbers may count
_ARTICLES = ("#cat_all .responsive_thumb a[href]", "#cat_all a[href]", "#mw-pages li a[href]")
_SUBCATEGORIES = ("#subcats a[href]", ".subcategory a[href]", "#mw-subcategories li a[href]")
_FURTHER = ("#large_pagination a[href]", "#mw-pages > a[href]")
# "Category:X" and "User:Y" are no articles; "Bake-a-Cake:-Part-2" is one.
_NAMESPACE = re.compile(r"/(?:[^/:-]+|[^/:]*[Cc]ategor[^/:]*):[^-_ ]")


def read_category(content: bytes, url: str) -> Listing | None:
    """Read a category page; only addresses on its own host count. None where it lists no articles and no
    sub-categories."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            soup = BeautifulSoup(content, "lxml")
    except (ParserRejectedMarkup, AssertionError, RecursionError, ValueError):
        return None
    articles = [found for found in _links(soup, _ARTICLES, url) if not _NAMESPACE.match(urlsplit(found).path)]
    subcategories = [found for found in _links(soup, _SUBCATEGORIES, url) if _NAMESPACE.match(urlsplit(found).path)]
    if not articles and not subcategories:
        return None
    return Listing(tuple(articles), tuple(subcategories), tuple(_further(soup, url)))


def _links(soup: BeautifulSoup, selectors: Iterable[str], url: str) -> list[str]:
    """The addresses behind the first selector that finds any, each once, without fragments."""
    for selector in selectors:
        found = dict.fromkeys(_address(tag, url) for tag in soup.select(selector))
        kept = [address for address in found if address is not None]
        if kept:
            return kept
    return []


def _address(tag: Tag, url: str) -> str | None:
    try:
        address = urlunsplit(urlsplit(urljoin(url, str(tag["href"]).strip()))._replace(fragment=""))
        return address if check_url(address) == check_url(url) else None
    except (FetchError, ValueError):
        return None


def _further(soup: BeautifulSoup, url: str) -> Iterator[str]:
    """Further pages: wikiHow counts them (``?pg=2`` up to the highest number shown), MediaWiki links the next."""
    shown = [tag.get_text().strip() for tag in soup.select("#large_pagination li")]
    last = max((int(text) for text in shown if re.fullmatch(r"\d{1,4}", text)), default=1)
    parts = urlsplit(url)
    for number in range(2, min(last, MAX_PAGES) + 1):
        kept = [(name, value) for name, value in parse_qsl(parts.query) if name != "pg"]
        yield urlunsplit(parts._replace(query=urlencode([*kept, ("pg", str(number))]), fragment=""))
    for address in _links(soup, _FURTHER, url):
        names = {name for name, _ in parse_qsl(urlsplit(address).query)}
        if names & {"pagefrom", "from"} or ("pg" in names and last == 1):
            yield address
