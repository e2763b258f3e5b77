"""Where the methods and their steps stand on the page, by the age of its markup.

Each layout module offers ``containers(document)``: the elements whose content, read in document order, is a run of
headings, lists of steps and loose text. One reader (``blocks``) turns that run into methods for all of them. The
language of the page plays no part: only class names and structure do.
"""

from __future__ import annotations

from illinstr.wikihow_scraper.page import Method
from illinstr.wikihow_scraper.sites.wikihow.document import Document
from illinstr.wikihow_scraper.sites.wikihow.layouts import classic, sections
from illinstr.wikihow_scraper.sites.wikihow.layouts.blocks import read_methods

_LAYOUTS = (sections, classic)


def find_methods(document: Document, base: str) -> tuple[str, list[Method]]:
    """The layout's name and the page's methods; ``("none", [])`` where no layout finds a step."""
    for layout in _LAYOUTS:
        containers = layout.containers(document)
        methods = read_methods(containers, base)
        if any(method.steps for method in methods):
            return layout.name(document), methods
    return "none", []
