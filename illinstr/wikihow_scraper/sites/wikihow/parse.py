"""A saved or fetched page to a ``Page``.

Beautiful Soup on lxml reads whatever markup comes; this module asks the layouts for the methods, the lists and the
metadata for the rest, checks the result against the page's own JSON-LD and names a reason for every empty field.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeVar

from bs4 import Tag

from illinstr.errors import DataError
from illinstr.wikihow_scraper.addresses import document_base
from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.page import Method, Page
from illinstr.wikihow_scraper.sites.site import NotAnArticle, page_text
from illinstr.wikihow_scraper.sites.wikihow import licences, lists, metadata
from illinstr.wikihow_scraper.sites.wikihow.crosscheck import disagreements
from illinstr.wikihow_scraper.sites.wikihow.document import Document
from illinstr.wikihow_scraper.sites.wikihow.layouts import find_methods
from illinstr.wikihow_scraper.sites.wikihow.steps import without_repeated
from illinstr.wikihow_scraper.sites.wikihow.text import LISTS, classes, is_noise, plain

T = TypeVar("T")
PARSER_VERSION = "wikihow/3"


def parse(content: bytes | str, *, url: str | None = None, charset: str | None = None) -> Page:
    """Read one how-to page.

    Args:
        content: the page's bytes, or its text.
        url: where it came from; used where the page does not name its own address.
        charset: the charset the server declared.

    Raises:
        NotAnArticle: the page is no how-to article (a category, the main page, no steps ...).
        DataError: too large, or markup no parser takes.
    """
    html = page_text(content, charset)
    if not html.strip():
        raise NotAnArticle("the page is empty")
    document = Document(html)
    reason = metadata.why_not_an_article(document)
    if reason is not None:
        raise NotAnArticle(reason, final=True)
    layout, methods = find_methods(document, _base(document, url))
    if not methods:
        raise NotAnArticle("no list of steps found on the page")
    return _assemble(document, layout, without_repeated(methods), url)


def _base(document: Document, url: str | None) -> str:
    """What the page's addresses are relative to. A page nobody knows the address of stands where it says it does, and
    one that says nothing is wikiHow's, whose markup it has."""
    declared = document_base(metadata.base_href(document), url)
    return declared or metadata.canonical(document, url) or metadata.WIKIHOW


def _assemble(document: Document, layout: str, methods: list[Method], url: str | None) -> Page:
    missing: dict[str, str] = {}
    title = _title(document, methods, missing)
    canonical = metadata.canonical(document, url) or url
    code = _or_reason("language", metadata.language(document, canonical), "neither the page nor its host says", missing)
    language = code or "en"
    blocks = metadata.json_ld(document)
    modified = _first_date(blocks, "dateModified") or metadata.modified_on_byline(document)
    crumbs, every = metadata.categories(document)
    host = re.sub(r"^https?://([^/:]+).*$", r"\1", canonical or metadata.WIKIHOW)
    licence = licences.text_license(
        on_wikihow=metadata.is_wikihow_host(host), linked=licences.linked_license(document), modified=modified
    )
    page = Page(
        source=metadata.source_of(host),
        parser=PARSER_VERSION,
        lists_in_extra=True,
        layout=layout,
        title=title,
        goal=goal_of(title, language),
        language=language,
        canonical_url=_or_reason("canonical_url", canonical, "no canonical link", missing),
        page_id=_or_reason("page_id", metadata.page_id(document), "not in the page", missing),
        revision_id=_or_reason(
            "revision_id", metadata.integer(document.html, "wgRevisionId"), "not in the page", missing
        ),
        published=_or_reason("published", _first_date(blocks, "datePublished"), "no JSON-LD date", missing),
        modified=_or_reason("modified", modified, "no JSON-LD date and no byline", missing),
        views=_or_reason("views", metadata.views(document), "no view counter", missing),
        authors=_or_reason("authors", metadata.authors(document), "no byline", missing),
        categories=_or_reason("categories", crumbs, "no breadcrumb", missing),
        all_categories=every,
        other_languages=metadata.other_languages(document, language, canonical or metadata.WIKIHOW),
        license=_or_reason("license", licence.name, "no licence link and no date of the revision", missing),
        license_found=licence.where,
        opt_out=metadata.opt_out(document),
        intro=_or_reason("intro", _intro(document), "no text before the steps", missing),
        methods=tuple(methods),
        ingredients=lists.groups(lists.section(document, "ingredients")),
        things_needed=lists.groups(lists.section(document, "thingsyoullneed")),
        tips=lists.remarks(lists.section(document, "tips")),
        warnings=lists.remarks(lists.section(document, "warnings")),
        references=lists.count_references(document),
        disagreements=tuple(disagreements(blocks, methods)),
    )
    for name in ("ingredients", "things_needed", "tips", "warnings"):
        _or_reason(name, getattr(page, name), "no such section", missing)
    _or_reason("references", page.references, "no list of sources", missing)
    _or_reason("other_languages", page.other_languages, "no link to another language", missing)
    _or_reason("all_categories", page.all_categories, "not in the page's scripts", missing)
    missing |= _missing_images(methods)
    return page.model_copy(update={"missing": dict(sorted(missing.items()))})


def _missing_images(methods: list[Method]) -> dict[str, str]:
    """Which steps have nothing to look at, and which images say nothing of their licence."""
    steps = [(f"{m}.{s}", step) for m, method in enumerate(methods, 1) for s, step in enumerate(method.steps, 1)]
    bare = [place for place, step in steps if step.visual is None]
    silent = [place for place, step in steps if step.visual is not None and step.visual.license is None]
    found = {}
    if bare:
        found["step_images"] = f"neither image nor video at {_some(bare, len(steps))}"
    if silent:
        found["step_image_licenses"] = f"no licence note beside the image at {_some(silent, len(steps))}"
    return found


def _some(places: list[str], of: int) -> str:
    """The steps by method and number, the first few of them."""
    shown = ", ".join(places[:10]) + (", ..." if len(places) > 10 else "")
    return f"{len(places)} of {of} steps: {shown}"


def _or_reason(name: str, value: T, reason: str, missing: dict[str, str]) -> T:
    if not value:
        missing[name] = reason
    return value


def _title(document: Document, methods: list[Method], missing: dict[str, str]) -> str:
    found, origin = metadata.title(document)
    if found is None:
        found = metadata.title_from_image(_image_names(methods))
        origin = "no heading; taken from an image's name"
    if found is None:
        raise DataError("the page names no goal: it has no heading and no title")
    if origin is not None:
        missing["title"] = origin
    return found


def _image_names(methods: list[Method]) -> Iterator[str]:
    for method in methods:
        for step in method.steps:
            if step.visual is not None:
                yield from (name for name in (step.visual.alt, step.visual.url) if name)


def _first_date(blocks: list[dict[str, object]], name: str) -> str | None:
    for block in blocks:
        found = metadata.iso_date(block.get(name))
        if found is not None:
            return found
    return None


def _intro(document: Document) -> str:
    """The paragraphs before the steps, wherever the layout keeps them."""
    for holder in (document.id("mf-section-0"), document.id("intro")):
        if holder is not None:
            texts = [plain(p) for p in holder.find_all("p") if _is_intro(p, holder)]
            if any(texts):
                return " ".join(text for text in texts if text)
    heading = next((tag for tag in document.named("h1") if "firstHeading" in classes(tag)), None)
    texts = []
    for sibling in heading.find_next_siblings() if heading is not None else []:
        if sibling.get("id") == "steps" or "steps" in classes(sibling) or sibling.name in ("h2", "h3", "ol"):
            break
        if sibling.name == "p" and sibling.get("id") not in _NOT_INTRO:
            texts.append(plain(sibling, prune=LISTS))
    if not any(texts):
        texts = list(_body_intro(document))
    return " ".join(text for text in texts if text)


def _body_intro(document: Document) -> Iterator[str]:
    """The paragraphs of the page's body (c. 2007) that stand before its steps."""
    body = document.id("bodycontents")
    for tag in body.find_all(["p", "h2", "h3", "ol", "div"]) if body is not None else []:
        if tag.name in ("h2", "h3", "ol") or tag.get("id") == "steps" or "steps" in classes(tag):
            return
        if tag.name == "p" and body is not None and _is_intro(tag, body):
            yield plain(tag, prune=LISTS)


_NOT_INTRO = frozenset(
    {"method_toc", "coauthor_byline", "byline_hover", "summary_wrapper", "other_languages", "sp_box", "originators"}
)


def _is_intro(paragraph: Tag, holder: Tag) -> bool:
    if paragraph.get("id") in _NOT_INTRO:
        return False
    for ancestor in paragraph.parents:
        if ancestor is holder:
            return True
        names = classes(ancestor)
        if ancestor.get("id") in _NOT_INTRO or is_noise(ancestor) or any("byline" in name for name in names):
            return False
    return False
