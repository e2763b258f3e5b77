"""Our reading of the steps against the page's own JSON-LD.

The JSON-LD is a check, not a source: it leaves out sections of fewer than two steps and loses fractions. A disagreement
is recorded, never acted on.
"""

from __future__ import annotations

import re
from typing import Any

from bs4 import BeautifulSoup

from illinstr.wikihow_scraper.page import Method, PageStep

_NOT_A_LETTER = re.compile(r"[\W\d_]+")


def disagreements(blocks: list[dict[str, Any]], methods: list[Method]) -> list[str]:
    """Where the ``HowTo`` block and the markup differ, one line each; empty without such a block."""
    howto = next((block for block in blocks if _type(block) == "HowTo"), None)
    if howto is None:
        return []
    sections = _sections(howto)
    ours = [method for method in methods if len(method.steps) >= 2]
    if len(ours) != len(sections):
        ours = [method for method in methods if method.steps]
    if len(sections) != len(ours):
        return [f"JSON-LD has {len(sections)} methods with steps, the markup {len(ours)}"]
    found: list[str] = []
    for number, (section, method) in enumerate(zip(sections, ours, strict=True), start=1):
        if len(section) != len(method.steps):
            found.append(f"method {number}: JSON-LD has {len(section)} steps, the markup {len(method.steps)}")
            continue
        for index, (theirs, step) in enumerate(zip(section, method.steps, strict=True), start=1):
            found.extend(f"method {number} step {index}: {what}" for what in _differences(theirs, step))
    return found


def _type(block: dict[str, Any]) -> object:
    kind = block.get("@type")
    return kind[0] if isinstance(kind, list) and kind else kind


def _sections(howto: dict[str, Any]) -> list[list[dict[str, Any]]]:
    listed = howto.get("step")
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    if any(_type(entry) == "HowToSection" for entry in entries):
        inner = [entry.get("itemListElement") for entry in entries if _type(entry) == "HowToSection"]
        return [[step for step in items if isinstance(step, dict)] for items in inner if isinstance(items, list)]
    return [entries] if entries else []


def _differences(theirs: dict[str, Any], step: PageStep) -> list[str]:
    found = []
    text = theirs.get("text")
    if isinstance(text, str):
        # Plain text by the standard, markup on some pages: either reading may agree.
        readings = (text, BeautifulSoup(text, "lxml").get_text()) if "<" in text else (text,)
        headline = _letters(step.headline)
        if not any(_letters(reading).startswith(headline) for reading in readings):
            found.append("the words differ")
    image = theirs.get("image")
    if isinstance(image, dict):
        image = image.get("url")
    visual = step.visual
    if isinstance(image, str) and image:
        if visual is None or visual.url is None:
            found.append("JSON-LD has an image, the markup none")
        elif _file(image) != _file(visual.url):
            found.append("the images differ")
    return found


def _letters(text: str) -> str:
    return _NOT_A_LETTER.sub("", text.casefold())


def _file(url: str) -> str:
    return re.sub(r"^(?:aid\d+-)?(?:v\d+-)?(?:q\d+-)?\d+px-(?:nowatermark-)?", "", url.rsplit("/", 1)[-1])
