"""2013 to today: one ``div.section.steps`` a method, desktop, mobile and responsive alike."""

from __future__ import annotations

from bs4 import Tag

from illinstr.wikihow_scraper.sites.wikihow.document import Document
from illinstr.wikihow_scraper.sites.wikihow.text import classes


def containers(document: Document) -> list[Tag]:
    """The method sections, attached sample documents left out."""
    found = [tag for tag in document.classed("steps", "div") if _is_method(tag)]
    outer = {id(tag) for tag in found}
    return [tag for tag in found if not any(id(parent) in outer for parent in tag.parents)]


def _is_method(tag: Tag) -> bool:
    names = classes(tag)
    return "section" in names and "sample" not in names


def name(document: Document) -> str:
    """A finer name for the record: which generation of the sectioned markup this is."""
    if document.named("amp-img"):
        return "amp"
    if document.classed("skin-minervawh") or document.id("section_0") is not None:
        images = document.classed("img-loading-alt")
        lazy = any("steps" in classes(parent) for image in images for parent in image.parents)
        return "responsive-2025" if lazy else "responsive-2020"
    return "desktop-2013"
