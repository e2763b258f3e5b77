"""wikiHow as a site: its hosts, its markup, its terms."""

from __future__ import annotations

import re

from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.sites.site import DataSets, Listing, Site, Terms, Trust, WebPage
from illinstr.wikihow_scraper.sites.wikihow import csv_sets, vgsi
from illinstr.wikihow_scraper.sites.wikihow.category import read_category
from illinstr.wikihow_scraper.sites.wikihow.licences import TERMS_FACTS
from illinstr.wikihow_scraper.sites.wikihow.metadata import is_wikihow_host
from illinstr.wikihow_scraper.sites.wikihow.parse import PARSER_VERSION, parse

_MARKS = ("steps_list_2", "skin-minervawh", "skin-wikihow")  # written by no other site
_OLD_MARKS = ('id="steps"', "id='steps'", "section steps")  # of pages before 2009, and of pieces of pages
_TITLE = re.compile(r"<title>[^<]{0,300}wikihow", re.IGNORECASE)


class WikiHow(Site):
    """wikiHow in all its languages and in every layout since 2005; other hosts that use its markup are read, too."""

    name = "wikihow"
    parser = PARSER_VERSION
    about = "wikiHow, any language and layout since 2005"
    terms = Terms(
        name="wikiHow",
        facts=TERMS_FACTS,
        url="https://www.wikihow.com/wikiHow:Terms-of-Use",
        min_interval_s=3.0,  # its robots.txt asks for it in words
    )

    data_sets = DataSets(vgsi.articles, csv_sets.TABLES)

    def claim(self, page: WebPage) -> Trust | None:
        """By its host, or by markup that only wikiHow writes."""
        if self.owns_host(page.host) or any(mark in page.text for mark in _MARKS) or _TITLE.search(page.text):
            return Trust.OWN
        return Trust.MARKUP if any(mark in page.text for mark in _OLD_MARKS) else None

    def read(self, page: WebPage) -> list[Page]:
        """One page, its methods in order."""
        return [parse(page.content, url=page.url, charset=page.charset)]

    def listing(self, content: bytes, url: str) -> Listing | None:
        """Category pages of 2009 and of 2020, and those of any MediaWiki."""
        return read_category(content, url)

    def owns_host(self, host: str) -> bool:
        """Its domains in every language."""
        return is_wikihow_host(host)
