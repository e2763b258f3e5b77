"""How-tos on any MediaWiki: the answer of its API (``action=parse``) and the page.

The API's form: https://www.mediawiki.org/wiki/API:Parsing_wikitext. Steps stand under a heading of instructions, as a
list, as numbered rows, or in elements a template makes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.materials import material
from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.permissions import Licence
from illinstr.wikihow_scraper.sites import elements, page_licence, page_steps
from illinstr.wikihow_scraper.sites.cutting import CutPart, CutStep, lines_of, parts_of, plain, unnumbered
from illinstr.wikihow_scraper.sites.elements import attribute, classes, text_of
from illinstr.wikihow_scraper.sites.images import images_in
from illinstr.wikihow_scraper.sites.instructions import Section, sections
from illinstr.wikihow_scraper.sites.site import NotAnArticle, Site, Trust, WebPage

PARSER = "mediawiki/1"
# Wikis that state one licence for all their texts. Their images have licences of their own, so none is inherited.
_WIKIS = {
    "wikibooks.org": "CC BY-SA 4.0",
    "wikiversity.org": "CC BY-SA 4.0",
    "wikivoyage.org": "CC BY-SA 4.0",
    "appropedia.org": "CC BY-SA 4.0",
}
_FURNITURE_WORDS = (
    "mw-editsection reference navbox toc noprint metadata catlinks printfooter mw-empty-elt sistersitebox ambox "
    "references thumbcaption gallerytext infobox"
)
_FURNITURE = frozenset(_FURNITURE_WORDS.split())
_STEP_CLASS = re.compile(r"^(?:[\w-]{0,40}[-_])?step(?:[-_]?(?:item|box|row|\d{1,3}))?$", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:cookbook|recipe|how to|howto|talk|[\w' ]{1,40}/)\s*:?\s*(?=\S)", re.IGNORECASE)


class MediaWiki(Site):
    """Any MediaWiki."""

    name = "mediawiki"
    parser = PARSER
    about = "how-tos on a MediaWiki (Wikibooks Cookbook, Appropedia, ...), from its API or its pages"

    def address(self, url: str, *, forced: bool = False) -> str:
        """The API's address of a page, on wikis whose addresses are known to have this form."""
        parts = urlsplit(url)
        title = parts.path.removeprefix("/wiki/")
        if not (forced or _known(elements.host_of(url))) or title == parts.path or not title or parts.query:
            return url
        asked = quote(unquote(title), safe="")
        fields = "text%7Cdisplaytitle%7Crevid%7Ccategories%7Clanglinks"
        api = f"{parts.scheme}://{parts.netloc}/w/api.php"
        return f"{api}?action=parse&format=json&formatversion=2&redirects=1&page={asked}&prop={fields}"

    def claim(self, page: WebPage) -> Trust | None:
        """By an answer of the API, or by what every MediaWiki page carries."""
        text = page.text
        if text.lstrip()[:1] == "{" and '"parse"' in text and '"text"' in text:
            return Trust.OWN
        return Trust.MARKUP if "mw-parser-output" in text or 'id="mw-content-text"' in text else None

    def read(self, page: WebPage) -> list[Page]:
        """The how-to."""
        if page.text.lstrip()[:1] == "{":
            return [_of_answer(page)]
        content = next((one for one in page.tree.iter("div") if "mw-parser-output" in classes(one)), None)
        if content is None:
            content = next(
                (one for one in page.tree.iter("div") if attribute(one, "id") == "mw-content-text"), page.tree
            )
        heading = next((one for one in page.tree.iter("h1") if attribute(one, "id") == "firstHeading"), None)
        title = text_of(heading) if heading is not None else elements.title_of(page)
        stated = page_licence.of_page(page)
        if stated.kind == "unknown":
            stated = _licence_of(page)
        numbers = {name: _number(page.text, name) for name in ("wgArticleId", "wgRevisionId")}
        return [_page(page, content, title, stated, numbers["wgArticleId"], numbers["wgRevisionId"])]


def _known(host: str) -> str | None:
    return next((name for wiki, name in _WIKIS.items() if host == wiki or host.endswith(f".{wiki}")), None)


def _licence_of(page: WebPage) -> Licence:
    host = elements.host_of(page.url or "")
    known = _known(host)
    return Licence(known, f"the terms of {host}") if known else Licence()


def _number(text: str, name: str) -> int | None:
    match = re.search(rf'"{name}"\s*:\s*(\d{{1,12}})', text)
    return int(match[1]) or None if match else None


def _of_answer(page: WebPage) -> Page:
    try:
        loaded = json.loads(page.text)
    except (ValueError, RecursionError):
        loaded = None
    parse = loaded.get("parse") if isinstance(loaded, dict) else None
    if not isinstance(parse, dict):
        raise NotAnArticle("an answer without a page")
    html = parse["text"].get("*") if isinstance(parse.get("text"), dict) else parse.get("text")
    content = elements.fragment(html) if isinstance(html, str) else None
    if content is None:
        raise NotAnArticle("an answer without text")
    title = plain(str(parse.get("displaytitle") or parse.get("title") or ""))
    listed = parse.get("categories")
    named = (
        [one.get("category") or one.get("*") for one in listed if isinstance(one, dict)]
        if isinstance(listed, list)
        else []
    )
    made = _page(page, content, title, _licence_of(page), _whole(parse.get("pageid")), _whole(parse.get("revid")))
    categories = tuple(plain(name).replace("_", " ") for name in named if isinstance(name, str))
    return made.model_copy(
        update={"layout": "API answer", "categories": categories, "canonical_url": _own(page, parse)}
    )


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**12 else None


def _own(page: WebPage, parse: Mapping[str, Any]) -> str | None:
    """The page's address, which the answer does not give: the wiki's, and the title."""
    title = parse.get("title")
    if page.url is None or not isinstance(title, str):
        return page.url
    parts = urlsplit(page.url)
    return f"{parts.scheme}://{parts.netloc}/wiki/{quote(title.replace(' ', '_'), safe=':/()!,')}"


def _page(page: WebPage, content: Any, title: str, licence: Licence, page_id: int | None, revision: int | None) -> Page:
    content = elements.without(content, _FURNITURE)
    found = sections(lines_of(content))
    parts = _steps_by_class(content) or _parts(found)
    base = elements.base_of(page)
    named = []
    for part in parts:
        steps = [page_steps.step(one.name, one.text, images=images_in(one.elements, base)) for one in part.steps]
        named.append((part.name, [step for step in steps if step is not None]))
    methods = page_steps.methods(named, "part")
    if not methods or sum(len(method.steps) for method in methods) < 2 or not title:
        raise NotAnArticle("no list of steps under a heading of instructions")
    language = elements.language_of(page) or _language_of_host(page) or "en"
    short = _PREFIX.sub("", title) or title
    materials = (material(line) for one in found if one.role == "materials" for line in one.words())
    return Page(
        source=elements.source_of(page, "mediawiki"),
        parser=PARSER,
        layout="page",
        title=short,
        goal=goal_of(short, language),
        language=language,
        canonical_url=elements.canonical_of(page),
        page_id=page_id,
        revision_id=revision,
        license=licence.name,
        license_found=licence.where,
        intro=" ".join(line.text for line in found[0].lines if line.kind == "text"),
        methods=methods,
        materials=tuple(one for one in materials if one is not None),
        tools=_words(found, "tools"),
        tips=_words(found, "tips"),
        warnings=_words(found, "warnings"),
    )


def _language_of_host(page: WebPage) -> str | None:
    match = re.match(r"([a-z]{2,3})\.(?:m\.)?wiki\w+\.org$", page.host)
    return match[1] if match else None


def _words(found: list[Section], role: str) -> tuple[str, ...]:
    return tuple(line for one in found if one.role == role for line in one.words())


def _parts(found: list[Section]) -> list[CutPart]:
    """The steps of every section of instructions; of several, each is named by its heading."""
    told = [(one, parts_of(one.lines)) for one in found if one.role == "instructions"]
    told = [(one, parts) for one, parts in told if any(part.steps for part in parts)]
    if len(told) > 1:
        for one, parts in told:
            for part in parts:
                part.name = part.name or one.heading
    return [part for _, parts in told for part in parts]


def _steps_by_class(content: Any) -> list[CutPart]:
    """Steps in elements of a class that says so, as templates write them."""
    part = CutPart()
    told = content.iterdescendants("div", "section", "li", "table", "tr")
    for element in elements.outermost(one for one in told if any(map(_STEP_CLASS.match, classes(one)))):
        lines = lines_of(element)
        heading = next((line for line in lines if line.kind == "heading"), None)
        name = unnumbered(heading.text)[1] if heading is not None else ""
        text = unnumbered(" ".join(line.text for line in lines if line is not heading))[1]
        text = text.removeprefix(f"{len(part.steps) + 1} ")  # a number in an element of its own
        if name or text:
            part.steps.append(CutStep(text, name, [element]))
    return [part] if len(part.steps) > 1 else []
