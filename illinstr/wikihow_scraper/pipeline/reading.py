"""A page as it was served or saved, read into articles by whichever site it is of."""

from __future__ import annotations

import re
from dataclasses import dataclass

from illinstr.articles import Article
from illinstr.wikihow_scraper.convert import articles_of
from illinstr.wikihow_scraper.fetching.opt_out import meta_directives
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import WebPage
from illinstr.wikihow_scraper.source import Dropped

_MAY_RESERVE = re.compile(r"robots|illinstr|tdm-reservation", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """What a page gave: its articles in order, what it says against their use, and its own address."""

    articles: list[Article | Dropped]
    opt_out: frozenset[str]
    canonical_url: str | None


def read(page: WebPage, *, site: str | None = None, fetched: str | None = None) -> Reading:
    """Read a page.

    Args:
        page: the page.
        site: the only site to ask; None for the one that knows the page best.
        fetched: ISO 8601 time of the fetch.

    Raises:
        NotAnArticle: it holds no how-to.
        DataError: it cannot be read.
    """
    found = registry.read(page, site)
    said = {name for one in found for name in one.opt_out}
    if _MAY_RESERVE.search(page.text):
        said |= {name for name, value in meta_directives(page.text).items() if value == "1"}
    articles = [
        article
        for number, one in enumerate(found)
        for article in articles_of(one, url=page.url, fetched=fetched, number=number)
    ]
    return Reading(articles, frozenset(said), next((one.canonical_url for one in found if one.canonical_url), None))
