"""One reader for every layout: headings, lists and loose text in document order become methods."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from bs4 import Tag
from bs4.element import NavigableString

from illinstr.wikihow_scraper.page import Method, PageStep
from illinstr.wikihow_scraper.sentences import normalise
from illinstr.wikihow_scraper.sites.wikihow.section_names import METHOD_WORDS, PART_WORDS
from illinstr.wikihow_scraper.sites.wikihow.steps import bullets, parse_step
from illinstr.wikihow_scraper.sites.wikihow.text import classes, is_noise, pieces, plain

_VISUALS = frozenset({"img", "video", "amp-img", "amp-video"})
_SKIPPED = frozenset({"h1", "h2"})
_LABEL_TEXT = re.compile(r"^(?:method|part)\s+\d+\s*(?:of\s+\d+)?\s*:?\s*", re.IGNORECASE)

Kind = Literal["heading", "steps", "bullets", "text"]


class _Block(NamedTuple):
    kind: Kind
    tag: Tag | None
    text: str = ""


@dataclass
class _Draft:
    heading: Tag | None = None
    text: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    steps: list[PageStep] = field(default_factory=list)

    def method(self) -> Method:
        name, label = _heading(self.heading) if self.heading is not None else (None, None)
        intro = normalise(" ".join(self.text))
        return Method(name=name, label=label, intro=intro, steps=tuple(self.steps), bullets=tuple(self.points))

    @property
    def is_empty(self) -> bool:
        return self.heading is None and not self.steps and not self.points


def read_methods(containers: list[Tag], base: str) -> list[Method]:
    """The methods in ``containers``: a heading opens one; so does a new container, or a list that has no heading."""
    marked = any("steps_list_2" in classes(tag) for container in containers for tag in container.find_all("ol"))
    drafts: list[_Draft] = []
    for container in containers:
        carried = drafts.pop().text if drafts and drafts[-1].is_empty else []
        drafts.append(_Draft(text=carried))
        for block in _blocks(container, marked):
            draft = drafts[-1]
            if block.kind == "heading":
                if draft.is_empty:
                    draft.heading = block.tag
                else:
                    drafts.append(_Draft(heading=block.tag))
            elif block.kind == "steps" and block.tag is not None:
                draft.steps.extend(parse_step(item, base) for item in _items(block.tag))
            elif block.kind == "bullets" and block.tag is not None:
                draft.points.extend(bullets(block.tag))
            elif not draft.steps:  # what stands after the steps is furniture
                draft.text.append(block.text)
    return [draft.method() for draft in drafts if not draft.is_empty]


def _blocks(container: Tag, marked: bool) -> Iterator[_Block]:
    stack: list[Iterator[object]] = [iter(container.children)]
    while stack:
        node = next(stack[-1], None)
        if node is None:
            stack.pop()
        elif isinstance(node, Tag):
            if node.name == "h3":
                yield _Block("heading", node)
            elif node.name in _SKIPPED or is_noise(node):
                continue
            elif node.name == "ol":
                is_steps = "steps_list_2" in classes(node) or (not marked and "references" not in classes(node))
                yield _Block("steps" if is_steps else "bullets", node)
            elif node.name == "ul":
                yield _Block("bullets", node)
            elif node.name == "p":
                yield _Block("text", None, plain(node))
            else:
                stack.append(iter(node.children))
        elif type(node) is NavigableString and node.strip():
            yield _Block("text", None, str(node))


def _items(steps: Tag) -> list[Tag]:
    direct = [child for child in steps.children if isinstance(child, Tag) and child.name == "li"]
    if direct:
        return [item for item in direct if _is_step(item)]
    # Damaged nesting: items whose nearest list is this one.
    return [item for item in steps.find_all("li") if item.find_parent(["ol", "ul"]) is steps and _is_step(item)]


def _is_step(item: Tag) -> bool:
    """An item with words or an image; adverts were sometimes given a list item of their own."""
    if any(_has_word(part.text) for part in pieces(item)):
        return True
    return any(tag.name in _VISUALS for tag in item.find_all(True))


def _has_word(text: str) -> bool:
    return bool(text.strip() and normalise(text))


def _heading(heading: Tag) -> tuple[str | None, Literal["method", "part"] | None]:
    inner: list[Tag] = heading.find_all(True)
    block = next((tag for tag in inner if "altblock" in classes(tag)), None)
    marker = normalise(block.get_text(" ")) if block is not None else ""
    headline = next((tag for tag in inner if "mw-headline" in classes(tag)), None)
    text = plain(headline if headline is not None else heading)
    if marker:
        return text or None, _label(marker)
    found = _LABEL_TEXT.match(text)  # old pages wrote it into the heading
    return text[found.end() if found else 0 :] or None, _label(found.group()) if found else None


def _label(marker: str) -> Literal["method", "part"] | None:
    """What "Method 1 of 3" or "Teil 2 von 2" calls it."""
    words = marker.casefold()
    if any(word in words for word in PART_WORDS):
        return "part"
    return "method" if any(word in words for word in METHOD_WORDS) else None
