"""The lists around the steps: ingredients, things needed, tips, warnings, references."""

from __future__ import annotations

from collections.abc import Iterator

from bs4 import Tag

from illinstr.wikihow_scraper.page import Group
from illinstr.wikihow_scraper.sites.wikihow.document import Document
from illinstr.wikihow_scraper.sites.wikihow.section_names import NAMES, canonical
from illinstr.wikihow_scraper.sites.wikihow.text import LISTS, classes, in_noise, plain


def section(document: Document, name: str) -> Tag | None:
    """A section of the page, by its English id or class, its localised one, or its heading in any language."""
    sections = [tag for tag in document.classed("section") if tag.name == "div"]
    direct = document.id(name) or next((tag for tag in sections if name in classes(tag)), None)
    if direct is not None or name not in NAMES:
        return direct
    wanted = NAMES[name]
    for place in document.ids():
        if canonical(place) in wanted and (found := document.id(place)) is not None and found.name == "div":
            return found
    for tag in sections:
        if any(canonical(one) in wanted for one in classes(tag)):
            return tag
    for heading in document.named("h2"):
        holder = heading.parent
        if canonical(plain(heading)) in wanted and holder is not None and holder.name == "div":
            return holder
    return None


def groups(root: Tag | None) -> tuple[Group, ...]:
    """A list of things under its sub-headings."""
    if root is None:
        return ()
    found: list[tuple[str | None, list[str]]] = [(None, [])]
    for tag in root.find_all(["h3", "h4", "li"]):
        if in_noise(tag, root):
            continue
        text = plain(tag, prune=LISTS)
        if tag.name == "li":
            if text:
                found[-1][1].append(text)
        elif text:
            found.append((text, []))
    return tuple(Group(name=name, items=tuple(items)) for name, items in found if items)


def remarks(root: Tag | None) -> tuple[str, ...]:
    """Tips or warnings: the words of each item, without the vote counters that follow them."""
    if root is None:
        return ()
    return tuple(text for text in _remarks(root) if text)


def _remarks(root: Tag) -> Iterator[str]:
    for item in root.find_all("li"):
        if in_noise(item, root):
            continue
        children = [child for child in item.children if isinstance(child, Tag)]
        voted = any("wh_vote_container" in classes(child) for child in children)
        first = next((child for child in children if child.name == "div"), None)
        yield plain(first if voted and first is not None else item, prune=LISTS)


def count_references(document: Document) -> int:
    """How many sources the page lists, over all the blocks it spreads them on."""
    listed = [item for found in document.classed("references", "ol") for item in found.find_all("li")]
    if listed:
        return len(listed)
    for name in ("sourcesandcitations", "references", "sources"):
        block = section(document, name)
        if block is not None:
            return len(block.find_all("li"))
    return 0
