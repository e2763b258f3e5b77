"""Where the methods and their steps stand on the page, by the age of its markup.

Each layout module offers ``containers(soup)``: the elements whose content, read in document order, is a run of
headings, lists of steps and loose text. One reader (``blocks``) turns that run into methods for all of them. The
language of the page plays no part: only class names and structure do.
"""

from __future__ import annotations

from bs4 import BeautifulSoup

from illinstr.wikihow_scraper.layouts import classic, sections
from illinstr.wikihow_scraper.layouts.blocks import read_methods
from illinstr.wikihow_scraper.page import Method

_LAYOUTS = (sections, classic)


def find_methods(soup: BeautifulSoup, base: str) -> tuple[str, list[Method]]:
    """The layout's name and the page's methods; ``("none", [])`` where no layout finds a step."""
    for layout in _LAYOUTS:
        containers = layout.containers(soup)
        methods = read_methods(containers, base)
        if any(method.steps for method in methods):
            return layout.name(soup), methods
    return "none", []
