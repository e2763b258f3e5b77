"""A page's ``HowTo`` and ``Recipe`` objects as ``Page``s.

https://schema.org/HowTo, https://schema.org/Recipe. Steps come as strings, as one string, as ``HowToStep`` with
``HowToDirection`` and ``HowToTip`` in them, as ``ItemList``, in ``HowToSection`` or not, by reference or in place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from illinstr.articles import Material
from illinstr.wikihow_scraper.materials import material
from illinstr.wikihow_scraper.page import Image, Note, PageStep, Video
from illinstr.wikihow_scraper.sites import page_steps
from illinstr.wikihow_scraper.sites.cutting import (
    CutPart,
    Line,
    cut,
    holds_html,
    lines_of,
    parts_of,
    unescaped,
    unnumbered,
)
from illinstr.wikihow_scraper.sites.elements import fragment
from illinstr.wikihow_scraper.sites.images import images_in
from illinstr.wikihow_scraper.sites.instructions import is_heading_of_instructions
from illinstr.wikihow_scraper.sites.schema_org.json_ld import Graph, Node, in_order, listed, types, values_of_text
from illinstr.wikihow_scraper.sites.schema_org.values import ELEMENT_WORK, Values, is_image, is_video, names_video

WORKS = frozenset({"HowTo", "Recipe"})
MAX_DIRECTIONS = 100  # inside one step
MAX_LEVELS = 6  # of lists and sections in each other
MAX_WORKS = 50  # of one page
MAX_STEPS = 2000  # of one work; more is no instruction
_STEPS = ("recipeInstructions", "instructions", "step", "steps", "itemListElement")
_INSIDE = ("itemListElement", "steps", "step", "item", "itemList")


@dataclass
class Part:
    """Steps under one name, or under none."""

    name: str | None = None
    steps: list[PageStep] = field(default_factory=list)


@dataclass
class Steps:
    """What a work's instructions hold: parts, what stands between steps, and whether one text had to be cut."""

    parts: list[Part] = field(default_factory=lambda: [Part()])
    tips: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    cut: bool = False

    def add(self, made: PageStep | None) -> None:
        """A step to the last part."""
        if made is not None and self.count < MAX_STEPS:
            self.parts[-1].steps.append(made)

    @property
    def count(self) -> int:
        """Steps of all parts."""
        return sum(len(part.steps) for part in self.parts)


def works_of(graph: Graph) -> Iterator[Node]:
    """The objects that are works with instructions, each once."""
    seen: set[int] = set()
    for node in graph.nodes:
        name = node.get("@id")
        whole = (graph.named(name) if isinstance(name, str) else None) or node
        if types(whole) & WORKS and id(whole) not in seen and len(seen) < MAX_WORKS:
            seen.add(id(whole))
            yield whole


class Reader:
    """Reads the instructions of works.

    Args:
        values: reads single values.
        root: the page's root element; where one text is all there is, its blocks tell where steps end.
    """

    def __init__(self, values: Values, root: Any) -> None:
        self.values = values
        self.graph = values.graph
        self._root = root

    @cached_property
    def blocks(self) -> list[Line]:
        """The page's own blocks of text."""
        return lines_of(self._root)

    def steps(self, work: Node) -> Steps:
        """The work's steps, part by part."""
        found = Steps()
        for key in _STEPS:
            given = self._opened(self.graph.all(work, key))
            if not given:
                continue
            self._entries(given, found, 0)
            if found.count == 1:
                self._try_cutting(given[0], found)
            if found.count:
                break
        self._take_numbers_off(found)
        return found

    def _opened(self, given: list[Any]) -> list[Any]:
        """Values, and in place of a text that is JSON what it holds."""
        if self.values.literal:
            return given
        found: list[Any] = []
        for value in given:
            held = values_of_text(value) if isinstance(value, str) else []
            found += listed(self.graph.taken(held)) if held else [value]
        return found

    def _entries(self, given: list[Any], found: Steps, level: int) -> None:
        if level > MAX_LEVELS:
            return
        for value in in_order(given):
            if isinstance(value, dict):
                self._entry(value, found, level)
            elif isinstance(value, str):
                found.add(self._of_string(value))
            elif not isinstance(value, int | float | bool):  # an element of microdata
                self._of_element(value, found)

    def _entry(self, value: Node, found: Steps, level: int) -> None:
        kinds = types(value)
        inside = self.graph.all(value, *_INSIDE)
        own = self.values.first(value, "text") or (
            "" if self.values.literal else self.values.first(value, "description")
        )
        if "HowToTip" in kinds:
            name = self.values.first(value, "name")
            told = found.warnings if name.casefold() == "warning" else found.tips
            told.extend(filter(None, [own or name]))
        elif "HowToSection" in kinds or (inside and not own and self._holds_steps(inside)):
            outer = found.parts[-1].name if level and not found.parts[-1].steps else None
            name = self.values.first(value, "name", "headline")
            if "HowToSection" in kinds or name:
                found.parts.append(Part(name=": ".join(filter(None, (outer, name))) or None))
            self._entries(inside or self.graph.all(value, "text"), found, level + 1)
            if level == 0 and "HowToSection" in kinds:
                found.parts.append(Part())
        elif is_image(value) or is_video(value):
            self._image_between(value, found)
        else:
            found.add(self._step(value, own, inside))

    def _holds_steps(self, inside: list[Any]) -> bool:
        """Whether a list is one of steps and not of the directions inside a step."""
        return not any(types(one) & {"HowToDirection", "HowToTip"} for one in inside if isinstance(one, dict))

    def _image_between(self, value: Node, found: Steps) -> None:
        """An image that stands between steps belongs to the one before it."""
        image = self.values.image(value) if is_image(value) else None
        steps = found.parts[-1].steps
        if image is not None and steps and steps[-1].image is None:
            steps[-1] = steps[-1].model_copy(update={"image": image})

    def _step(self, value: Node, text: str, inside: list[Any]) -> PageStep | None:
        name = self.values.first(value, "name", "headline")
        bullets, notes, images = self._directions(inside)
        joined = " ".join(bullets)
        if bullets and joined and text.endswith(joined):  # the text says once more what its parts say
            text = text[: len(text) - len(joined)].strip()
        if not text and not name and bullets:
            text, bullets = bullets[0], bullets[1:]
        if self.values.literal and (name or text):
            return self._literal(name or text, text, value, bullets)
        images = self.values.images(value) + images or self._images_in_text(value)
        video = self.values.video(value)
        if images and names_video(images[0].url):
            video = video or Video(url=images[0].url, poster=images[0])
            images = images[1:]
        return page_steps.step(name, text, bullets=tuple(bullets), images=images, video=video, notes=tuple(notes))

    def _literal(self, name: str, text: str, value: Node, bullets: list[str]) -> PageStep:
        """A step of a page that illinstr wrote: every field is what it says."""
        images = self.values.images(value)
        states = {
            self.values.first(one, "name"): self.values.first(one, "description")
            for one in self.graph.all(value, "about")[:MAX_DIRECTIONS]
            if isinstance(one, dict)
        }
        return PageStep(
            headline=name,
            body="" if text == name else text,
            bullets=tuple(bullets),
            image=images[0] if images else None,
            caption=self.values.first(value, "description") or None,
            states={thing: state for thing, state in states.items() if thing},
        )

    def _directions(self, inside: list[Any]) -> tuple[list[str], list[Note], list[Image]]:
        bullets: list[str] = []
        notes: list[Note] = []
        images: list[Image] = []
        for one in in_order(inside)[:MAX_DIRECTIONS]:
            words = self.values.words(one)
            if isinstance(one, dict):
                words = self.values.first(one, "text", "name", "description") or words
                images += self.values.images(one)
            if words and isinstance(one, dict) and "HowToTip" in types(one):
                notes.append(Note(kind="tip", text=words))
            elif words:
                bullets.append(words)
        return bullets, notes, images

    def _images_in_text(self, value: Node) -> list[Image]:
        """Images inside a text that is markup."""
        for text in (one for one in listed(value.get("text")) if isinstance(one, str) and "<" in unescaped(one)):
            root = fragment(unescaped(text))
            return images_in([root], self.values.base) if root is not None else []
        return []

    def _of_string(self, value: str) -> PageStep | None:
        root = fragment(unescaped(value)) if holds_html(unescaped(value)) else None
        images = images_in([root], self.values.base) if root is not None else []
        return page_steps.step("", self.values.words(value), images=images)

    def _of_element(self, element: Any, found: Steps) -> None:
        self.graph.charge(ELEMENT_WORK * sum(1 for _ in element.iter()))
        parts = parts_of(lines_of(element))
        if sum(len(part.steps) for part in parts) > 1:
            found.cut = True
            self.take(parts, found)
        else:
            images = images_in([element], self.values.base)
            found.add(page_steps.step("", self.values.words(element), images=images))

    def _try_cutting(self, only: Any, found: Steps) -> None:
        """One text that holds all the steps: cut where its words or the page's blocks say so."""
        text = only
        if isinstance(only, dict):
            inner = self.graph.all(only, "itemListElement", "text")
            text = next((one for one in inner if isinstance(one, str)), None)
            plain_step = "HowToStep" in types(only) and text is not None and not _has_marks(text)
            if plain_step or not isinstance(text, str):
                return
        if not isinstance(text, str):
            return
        parts = cut(text, self.blocks)
        if sum(len(part.steps) for part in parts) > 1:
            found.parts = [Part()]
            found.cut = True
            self.take(parts, found)

    def take(self, parts: list[CutPart], found: Steps) -> None:
        """Steps as cut, images of their elements included; a heading that only says "Instructions" names no part."""
        for part in parts:
            if part.name is not None and not (len(parts) == 1 and is_heading_of_instructions(part.name)):
                found.parts.append(Part(name=part.name))
            for one in part.steps:
                images = images_in(one.elements, self.values.base)
                found.add(page_steps.step(one.name, one.text, images=images))

    def _take_numbers_off(self, found: Steps) -> None:
        if self.values.literal:
            return
        for part in found.parts:
            shown = [step.headline for step in part.steps]
            numbered = [unnumbered(text) for text in shown]
            if len(shown) < 2 or [number for number, _ in numbered] != list(range(1, len(shown) + 1)):
                continue
            for index, (_, text) in enumerate(numbered):
                step = part.steps[index]
                headline, body = (text, step.body) if text else page_steps.headline_and_body("", step.body)
                if headline:
                    part.steps[index] = step.model_copy(update={"headline": headline, "body": body})

    def materials(self, work: Node) -> tuple[Material, ...]:
        """Ingredients and supplies, in order."""
        found = []
        for value in self.graph.all(work, "recipeIngredient", "ingredients", "ingredient", "supply"):
            if isinstance(value, dict):
                name, amount = self.values.first(value, "name", "text", "description"), self.values.amount(value)
                own = Material(name=name, amount=amount) if self.values.literal and name else None
                found.append(own or material(name, amount))
            elif isinstance(value, str) and re.search(r"[\r\n]|<(?:br|li|p)\b", unescaped(value), re.IGNORECASE):
                found += [material(line) for line in _lines(unescaped(value))]
            else:
                found.append(material(self.values.words(value)))
        return tuple(made for made in found if made is not None)


def _has_marks(text: str) -> bool:
    """Whether a text itself marks where its steps begin."""
    return holds_html(unescaped(text)) or re.search(r"[\r\n]\s*\S|(?:^|\s)2[.)]\s", text.strip()) is not None


def _lines(text: str) -> list[str]:
    root = fragment(text) if holds_html(text) else None
    if root is not None:
        return [line.text for line in lines_of(root)]
    return [" ".join(line.split()) for line in re.split(r"[\r\n]+", text)]
