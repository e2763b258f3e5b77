"""2013 to today: one ``div.section.steps`` a method, desktop, mobile and responsive alike."""

from __future__ import annotations

from bs4 import Tag

from illinstr.wikihow_scraper.document import Document
from illinstr.wikihow_scraper.text import classes


def containers(document: Document) -> list[Tag]:
    """The method sections, attached sample documents left out."""
    found = [tag for tag in document.classed("steps", "div") if _is_method(tag)]
    inner = {id(tag) for outer in found for tag in outer.find_all("div", class_="steps")}
    return [tag for tag in found if id(tag) not in inner]


def _is_method(tag: Tag) -> bool:
    names = classes(tag)
    return "section" in names and "sample" not in names


def name(document: Document) -> str:
    """A finer name for the record: which generation of the sectioned markup this is."""
    if document.named("amp-img"):
        return "amp"
    if document.classed("skin-minervawh") or document.id("section_0") is not None:
        lazy = any(image.find_parent("div", class_="steps") for image in document.classed("img-loading-alt"))
        return "responsive-2025" if lazy else "responsive-2020"
    return "desktop-2013"
