"""The sites there are, and which of them reads a page.

Another package adds one under the entry point group ``illinstr.sites`` (an object that makes a ``Site`` when called), a
program by ``register``. No other file changes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from functools import cache
from importlib.metadata import entry_points
from typing import Any

from illinstr.articles import Article
from illinstr.errors import DataError, FetchError, UsageError
from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.sites.ifixit import IFixit
from illinstr.wikihow_scraper.sites.instructables import Instructables
from illinstr.wikihow_scraper.sites.mediawiki import MediaWiki
from illinstr.wikihow_scraper.sites.ordered_list import OrderedList
from illinstr.wikihow_scraper.sites.schema_org.site import SchemaOrg
from illinstr.wikihow_scraper.sites.site import Listing, NotAnArticle, Site, Table, Terms, WebPage
from illinstr.wikihow_scraper.sites.wikihow.site import WikiHow
from illinstr.wikihow_scraper.source import Dropped

ENTRY_POINTS = "illinstr.sites"
NO_STEPS = "no list of steps found on the page"

_sites: dict[str, Site] = {}
_added: set[str] = set()


def register(site: Site) -> None:
    """Add a site for the life of this process.

    Raises:
        ValueError: another site has this name.
    """
    if _all().setdefault(site.name, site) is not site:
        raise ValueError(f"there is a site {site.name!r} already")
    _added.add(site.name)


@contextlib.contextmanager
def registered(site: Site) -> Iterator[Site]:
    """A site that is there for the time of a ``with``."""
    register(site)
    try:
        yield site
    finally:
        del _sites[site.name]
        _added.discard(site.name)


def sites() -> list[Site]:
    """Every site, by name."""
    return [site for _, site in sorted(_all().items())]


def added() -> tuple[Site, ...]:
    """The sites this process was given by ``register``; other processes must be given them, too."""
    return tuple(site for site in sites() if site.name in _added)


def site_named(name: str) -> Site:
    """The site of this name.

    Raises:
        UsageError: there is none.
    """
    if name not in _all():
        known = ", ".join(site.name for site in sites())
        raise UsageError(f"there is no site {name!r}", hint=f"--site takes one of: {known}")
    return _all()[name]


def read(page: WebPage, site: str | None = None) -> list[Page]:
    """The how-tos on a page, read by the site that is surest of it and finds one.

    Args:
        page: the page.
        site: ask this site alone, whether it claims the page or not.

    Raises:
        NotAnArticle: no site finds a how-to; the reason is that of the surest one.
        DataError: the page cannot be read.
    """
    if site is not None:
        return _read_by(site_named(site), page)
    first: DataError | None = None
    claims = [(trust, one.name, one) for one in sites() if (trust := one.claim(page)) is not None]
    for _, _, candidate in sorted(claims, key=lambda claim: claim[:2]):
        try:
            return _read_by(candidate, page)
        except NotAnArticle as error:
            first = first or error
            if error.final:
                break
        except DataError as error:
            first = first or error
    raise first or NotAnArticle(NO_STEPS if page.text.strip() else "the page is empty")


def _read_by(site: Site, page: WebPage) -> list[Page]:
    """What a site reads; whatever else it raises is this page's failure alone.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return site.read(page)
    except DataError:
        raise
    except Exception as error:  # a site may come from outside, and pages hold anything
        raise DataError(f"{site.parser} cannot read the page: {type(error).__name__}: {error}") from error


def address(url: str, site: str | None = None) -> str:
    """What to ask in place of a page's address: that of an interface for programs, where a site has one for it.

    Args:
        url: the page's address.
        site: the only site to read pages, whoever's host it is.

    Raises:
        UsageError: there is no such site.
    """
    asked = sites() if site is None else [site_named(site)]
    others = (one.address(url, forced=site is not None) for one in asked)
    return next((other for other in others if other != url), url)


def claimed(page: WebPage, site: str | None = None) -> bool:
    """Whether any site, or this one, can read the page as far as a first look tells."""
    asked = sites() if site is None else [site_named(site)]
    return any(one.claim(page) is not None for one in asked)


def parsers(site: str | None = None) -> str:
    """Name and version of every parser that may read a page: what data made from pages depends on."""
    asked = sites() if site is None else [site_named(site)]
    return ", ".join(sorted(one.parser for one in asked))


def json_readers() -> list[Callable[[dict[str, Any]], list[Article | Dropped] | None]]:
    """Readers of the JSON records of every site's data sets."""
    return [site.data_sets.json_record for site in sites()]


def tables() -> list[Table]:
    """The CSV forms of every site's data sets."""
    return [table for site in sites() for table in site.data_sets.tables]


def terms_of(host: str) -> Terms | None:
    """What the owner of a host asks of whoever fetches from it; None where no site knows of terms."""
    return next((site.terms for site in sites() if site.terms is not None and site.owns_host(host)), None)


def listing(content: bytes, url: str) -> Listing:
    """What a category page lists.

    Raises:
        FetchError: no site takes it for a category page.
    """
    for site in sites():
        found = site.listing(content, url)
        if found is not None:
            return found
    raise FetchError("not a category page: it lists no articles and no sub-categories")


@cache
def _built_in() -> None:
    for site in (WikiHow(), SchemaOrg(), IFixit(), Instructables(), MediaWiki(), OrderedList()):
        _sites[site.name] = site
    for entry in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        made: Site = entry.load()()
        _sites.setdefault(made.name, made)


def _all() -> dict[str, Site]:
    _built_in()
    return _sites
