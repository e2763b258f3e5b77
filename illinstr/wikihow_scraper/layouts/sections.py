"""2013 to today: one ``div.section.steps`` a method, desktop, mobile and responsive alike."""

from __future__ import annotations

from bs4 import BeautifulSoup, Tag

from illinstr.wikihow_scraper.text import classes


def containers(soup: BeautifulSoup) -> list[Tag]:
    """The method sections, attached sample documents left out."""
    found = [tag for tag in soup.find_all("div", class_="steps") if _is_method(tag)]
    inner = {id(tag) for outer in found for tag in outer.find_all("div", class_="steps")}
    return [tag for tag in found if id(tag) not in inner]


def _is_method(tag: Tag) -> bool:
    names = classes(tag)
    return "section" in names and "sample" not in names


def name(soup: BeautifulSoup) -> str:
    """A finer name for the record: which generation of the sectioned markup this is."""
    if soup.find("amp-img") is not None:
        return "amp"
    if soup.find(class_="skin-minervawh") is not None or soup.find(id="section_0") is not None:
        lazy = soup.select_one("div.steps img.img-loading-alt, div.steps img[data-src-nowebp]")
        return "responsive-2025" if lazy is not None else "responsive-2020"
    return "desktop-2013"
