"""The last resort: a numbered list or numbered headings on a page that nothing else explains. A guess, and marked so.

A list alone proves nothing: contents, references, rankings and terms of use are lists, too. So the page must say that
it instructs (its title in the words of a dozen languages, or headings of materials and of instructions), and the list
must hold sentences and not links.
"""

from __future__ import annotations

import re
from typing import Any

from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.materials import material
from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.sites import elements, page_licence, page_steps
from illinstr.wikihow_scraper.sites.cutting import CutPart, CutStep, Line, lines_of, parts_of, unnumbered
from illinstr.wikihow_scraper.sites.elements import attribute, classes, meta, text_of
from illinstr.wikihow_scraper.sites.images import addresses, images_in
from illinstr.wikihow_scraper.sites.instructions import Section, sections
from illinstr.wikihow_scraper.sites.site import NotAnArticle, Site, Trust, WebPage

PARSER = "ordered_list/1"
NO_STEPS = "no list of steps found on the page"  # also where nothing says that a list is one of steps
MIN_WORDS = 3  # of a step
_TITLE = re.compile(
    r"\b(?:how to|how do (?:i|you)|how i (?:make|made|built?)|step[- ]by[- ]step|tutorial|diy|instructions for|"
    r"recipe|wie man|wie du|anleitung|rezept|cómo|como (?:fazer|montar|preparar)|paso a paso|passo a passo|"
    r"receta|receita|comment|tutoriel|recette|come (?:fare|si fa|preparare)|ricetta|hoe (?:maak|je|kun)|recept|"
    r"så (?:gör|här)|slik|sådan|jak|как|инструкция|рецепт|nasıl|cara|cách)\b|"
    r"作り方|やり方|方法|怎么|如何|做法|만드는|하는 법",
    re.IGNORECASE,
)
_ELSEWHERE = re.compile(
    r"(?:^|[-_\s])(?:toc|nav\w*|menu|breadcrumbs?|footer|header|sidebar|comments?|references?|footnotes?|related|"
    r"pagination|share|social|widget|cookie|banner|advert\w*|search|faqs?|ingredients?)(?:[-_\s]|$)",
    re.IGNORECASE,
)
_ASIDE = frozenset({"nav", "footer", "aside", "header", "form", "table"})
_OTHER_KINDS = re.compile(r'"@type"\s*:\s*\[?\s*"(?:QAPage|FAQPage|Product|ItemList|CollectionPage|SearchResultsPage|'
                          r'DiscussionForumPosting|JobPosting|ProfilePage)"')  # fmt: skip
_RANKED = re.compile(r"\b(?:best|top|worst|most)\b[^.]{0,40}\b(?:of|in|for|ever)?\b", re.IGNORECASE)


class OrderedList(Site):
    """Any page: its numbered list or numbered headings."""

    name = "ordered_list"
    parser = PARSER
    about = "a guess: a numbered list or numbered headings on a page that says it instructs"

    def claim(self, page: WebPage) -> Trust | None:
        """Where there is anything that counts."""
        text = page.text
        return Trust.GUESS if text.lstrip()[:1] != "{" and re.search(r"<ol\b|<h[1-4]\b", text, re.IGNORECASE) else None

    def read(self, page: WebPage) -> list[Page]:
        """The how-to, if the page seems to hold one."""
        title = elements.title_of(page)
        if not title:
            raise NotAnArticle(NO_STEPS)
        if _OTHER_KINDS.search(page.text):
            raise NotAnArticle("its data says that the page is something else")
        content = _content(page.tree)
        known: dict[Any, bool] = {}
        lines = [line for line in lines_of(content) if not _elsewhere(line.element, known)]
        found = sections(lines)
        roles = {one.role for one in found}
        said = _TITLE.search(title) or _TITLE.search(meta(page, "og:title"))
        if not (said and not _RANKED.search(title)) and not {"materials", "instructions"} <= roles:
            raise NotAnArticle(NO_STEPS)
        parts = _steps(found, lines)
        if not parts:
            raise NotAnArticle(NO_STEPS)
        return [_page(page, content, title, found, parts)]


def _content(root: Any) -> Any:
    for name in ("article", "main"):
        holders = list(root.iter(name))
        if len(holders) == 1:
            return holders[0]
    return next(root.iter("body"), root)


def _elsewhere(element: Any, known: dict[Any, bool]) -> bool:
    """Whether an element stands in what surrounds an article; ``known`` remembers, so that each is looked at once."""
    chain = []
    found = False
    for one in (element, *element.iterancestors()):
        if one in known:
            found = known[one]
            break
        chain.append(one)
        if one.tag in ("article", "main", "body"):
            break
    for one in reversed(chain):
        if one.tag in ("article", "main", "body"):
            found = False
        elif not found:
            named = (*classes(one), attribute(one, "id"))
            found = one.tag in _ASIDE or any(_ELSEWHERE.search(name) for name in named if name)
        known[one] = found
    return found


def _steps(found: list[Section], lines: list[Line]) -> list[CutPart]:
    """Numbered headings first, then numbered lists, those under headings of instructions alone where there are some."""
    headed = [line for line in lines if line.kind == "heading" and unnumbered(line.text)[0] is not None]
    if len(headed) > 1:
        parts = parts_of(lines)
        if all(one.name or one.text for part in parts for one in part.steps) and _good(parts):
            return parts
    told = [one for one in found if one.role == "instructions"] or [one for one in found if one.role is None]
    parts = []
    for section in told:
        kept = [line for line in section.lines if line.kind != "ul"]
        if sum(line.kind == "ol" for line in kept) > 1:
            made = parts_of(kept)
            parts += [part for part in made if _good([part])]
    return parts


def _good(parts: list[CutPart]) -> bool:
    """Whether the steps are words to follow and not links, names or numbers."""
    steps = [one for part in parts for one in part.steps]
    if len(steps) < 2:
        return False
    long = sum(len(_words(one)) >= MIN_WORDS for one in steps)
    linked = sum(_links(one) > 0.5 for one in steps)
    return long >= 0.75 * len(steps) and linked <= 0.25 * len(steps)


def _words(step: CutStep) -> list[str]:
    text = f"{step.name} {step.text}"
    return text.split() if text.isascii() or " " in text.strip() else list(text)


def _links(step: CutStep) -> float:
    """The share of a step's characters that stand in links."""
    inside = sum(len(text_of(link)) for element in step.elements for link in element.iter("a"))
    return inside / max(1, len(step.name) + len(step.text))


def _page(page: WebPage, content: Any, title: str, found: list[Section], parts: list[CutPart]) -> Page:
    base = elements.base_of(page)
    seen = addresses(content, base)
    named = []
    for part in parts:
        steps = [page_steps.step(*_named(one), images=images_in(one.elements, base, seen)) for one in part.steps]
        name = None if part.name == title else part.name
        named.append((name, [step for step in steps if step is not None]))
    language = elements.language_of(page)
    licence = page_licence.of_page(page)
    methods = page_licence.inherited(page_steps.methods(named), licence)
    if not methods:
        raise NotAnArticle(NO_STEPS)
    materials = (material(line) for one in found if one.role == "materials" for line in one.words())
    missing = {"steps": "a guess: read from a numbered list or numbered headings"}
    return Page(
        source=elements.source_of(page, "ordered_list"),
        parser=PARSER,
        layout="guess",
        title=title,
        goal=goal_of(title, language or "en"),
        language=language or "en",
        canonical_url=elements.canonical_of(page),
        license=licence.name,
        license_found=licence.where,
        methods=methods,
        materials=tuple(one for one in materials if one is not None),
        tools=tuple(line for one in found if one.role == "tools" for line in one.words()),
        missing=missing if language else missing | {"language": "the page does not say"},
    )


def _named(step: CutStep) -> tuple[str, str]:
    """A step's name and words: words in bold at its beginning name it."""
    if step.name or len(step.elements) != 1:
        return step.name, step.text
    first = next((one for one in step.elements[0].iter("b", "strong")), None)
    bold = text_of(first) if first is not None else ""
    if bold and step.text.startswith(bold) and len(bold) < len(step.text) and len(bold) > 3:
        rest = step.text[len(bold) :]
        stop = re.match(r"\s*[.!?:。：]", rest)
        return bold + (stop.group().strip() if stop else ""), rest[stop.end() if stop else 0 :].strip()
    return "", step.text
