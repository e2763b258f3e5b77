"""Which licence an image or a text stands under, as the page and its dates tell it.

Images: each carries its own note, and most are *not* under the licence of the text. Text: wikiHow's was CC BY-NC-SA
(2.5, then 3.0) and the site announced in March 2025 that it leaves Creative Commons; licences already granted stay, so
the date of the revision decides. Where the page itself links a licence, that link wins.
"""

from __future__ import annotations

from functools import lru_cache

from bs4 import BeautifulSoup

from illinstr.wikihow_scraper.licences import named_in
from illinstr.wikihow_scraper.permissions import Licence
from illinstr.wikihow_scraper.sentences import normalise
from illinstr.wikihow_scraper.sites.wikihow.document import Document
from illinstr.wikihow_scraper.sites.wikihow.text import attribute, classes, plain

LEFT_CREATIVE_COMMONS = "2025-03-24"
TERMS_FACTS = (
    "wikiHow: text was CC BY-NC-SA 3.0 until March 2025 and is proprietary since; most images were never under CC.",
    "wikiHow has told data-set authors that it forbids use of its data for machine learning; read its terms first.",
)


@lru_cache(maxsize=256)  # a site has a handful of notes and repeats them on every image
def note_text(markup: str) -> str | None:
    """A licence note given as markup, as one plain line; None when it says nothing."""
    if "<" not in markup:
        return normalise(markup) or None
    return plain(BeautifulSoup(markup, "lxml")) or None


def linked_license(document: Document) -> str | None:
    """The Creative Commons licence the page links, for instance "CC BY-NC-SA 2.5"."""
    for link in document.named("link", "a"):
        named = named_in(attribute(link, "href"))
        if named is not None and not any("image_details" in classes(parent) for parent in link.parents):
            return named
    return None


def text_license(*, on_wikihow: bool, linked: str | None, modified: str | None) -> Licence:
    """The text's licence: the one the page links, else what held on wikiHow on the day of the revision."""
    if linked is not None:
        return Licence(linked, "linked on the page")
    if not on_wikihow or modified is None:
        return Licence()
    name = "CC BY-NC-SA 3.0" if modified < LEFT_CREATIVE_COMMONS else "proprietary"
    return Licence(name, "the terms of wikiHow on the day of the revision")
