"""Any page that states its steps as schema.org data."""

from __future__ import annotations

import re
from typing import Any

from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.page import Page
from illinstr.wikihow_scraper.permissions import Licence
from illinstr.wikihow_scraper.sites import elements, page_licence, page_steps
from illinstr.wikihow_scraper.sites.instructions import headed_parts
from illinstr.wikihow_scraper.sites.schema_org import json_ld, microdata
from illinstr.wikihow_scraper.sites.schema_org.json_ld import Graph, Node, types
from illinstr.wikihow_scraper.sites.schema_org.values import Values
from illinstr.wikihow_scraper.sites.schema_org.works import Reader, Steps, works_of
from illinstr.wikihow_scraper.sites.site import NotAnArticle, Site, Trust, WebPage

_MARK = re.compile(r"HowTo\b|Recipe\b", re.ASCII)
_DATA = re.compile(r"ld\+json|itemtype|typeof", re.IGNORECASE)


class SchemaOrg(Site):
    """schema.org ``HowTo`` and ``Recipe`` in JSON-LD, microdata or RDFa, on any host."""

    name = "schema_org"
    parser = "schema_org/2"
    about = "any page with schema.org HowTo or Recipe data (JSON-LD, microdata, RDFa)"

    def claim(self, page: WebPage) -> Trust | None:
        """By the names of the types; whether there are steps shows when it is read."""
        text = page.text
        return Trust.STRUCTURED_DATA if _MARK.search(text) and _DATA.search(text) else None

    def read(self, page: WebPage) -> list[Page]:
        """A page of each work that has steps."""
        base = elements.base_of(page)
        literal = elements.meta(page, "generator").startswith("illinstr ")
        found: list[Page] = []
        for syntax, graph in _graphs(page, base):
            reader = Reader(Values(graph, base, literal=literal), page.tree)
            found = _distinct([made for work in works_of(graph) if (made := _page(page, reader, work, syntax))])
            if found:
                break
        if not found:
            raise NotAnArticle("its structured data holds no steps")
        return found


def _graphs(page: WebPage, base: str | None) -> Any:
    """The page's data in each syntax, the commonest first."""
    scripts = [one for one in page.tree.iter("script") if "ld+json" in elements.attribute(one, "type").lower()]
    yield "JSON-LD", Graph(value for script in scripts for value in json_ld.values(script.text or ""))
    yield "microdata", microdata.graph_of(page.tree, base)


def _distinct(pages: list[Page]) -> list[Page]:
    """Pages without those that say again what another says."""
    kept: dict[str, Page] = {}
    for one in pages:
        words = "\x1f".join(step.headline for method in one.methods for step in method.steps)
        known = kept.get(words)
        if known is None or (_images(one) > _images(known)):
            kept[words] = one
    return list(kept.values())


def _images(page: Page) -> int:
    return sum(step.visual is not None for method in page.methods for step in method.steps)


def _page(page: WebPage, reader: Reader, work: Node, syntax: str) -> Page | None:
    values, missing = reader.values, {}
    steps = reader.steps(work)
    if not steps.count and reader.materials(work):
        steps = _from_markup(reader)
        missing["steps"] = "not in the data; read under the page's heading for instructions"
    if not steps.count:
        return None
    if steps.cut:
        missing["steps"] = "one text in the data, cut into steps"
    title = values.first(work, "name", "headline") or elements.title_of(page)
    if not title:
        return None
    said = next(iter(values.every(work, "inLanguage")), None)
    language = (said if values.literal else elements.primary_tag(said)) or elements.language_of(page)
    if language is None:
        missing["language"] = "neither the data nor the page says"
    kind = "Recipe" if "Recipe" in types(work) else "HowTo"
    licence = _licence(page, values, work)
    methods = page_steps.methods(
        [(part.name, part.steps) for part in steps.parts], "part" if kind == "Recipe" else None
    )
    return Page(
        source=elements.source_of(page, "schema_org"),
        parser=SchemaOrg.parser,
        layout=f"{kind} in {syntax}",
        title=title,
        goal=title if values.literal else goal_of(title, language or "en"),
        language=language or "en",
        canonical_url=elements.canonical_of(page),
        published=_date(values.first(work, "datePublished")),
        modified=_date(values.first(work, "dateModified")),
        authors=values.people(work),
        categories=tuple(values.every(work, "recipeCategory"))[:20],
        license=licence.name,
        license_found=licence.where,
        intro=values.first(work, "description"),
        methods=page_licence.inherited(methods, licence),
        materials=reader.materials(work),
        tools=tuple(values.every(work, "tool")),
        total_time=values.time(work, "totalTime"),
        times={key: found for key in ("prepTime", "cookTime", "performTime") if (found := values.time(work, key))},
        servings=max(values.every(work, "recipeYield", "yield"), key=len, default=None),
        tips=tuple(steps.tips),
        warnings=tuple(steps.warnings),
        missing=missing,
    )


def _from_markup(reader: Reader) -> Steps:
    """Steps the data leaves out, under the page's own heading for them."""
    found = Steps()
    reader.take(headed_parts(reader.blocks), found)
    return found


def _licence(page: WebPage, values: Values, work: Node) -> Licence:
    """The licence of the work, else of what it is part of, else of the page."""
    for node, where in ((work, "its data"), *((one, "the data of its page") for one in _around(values.graph, work))):
        named = values.address(node, "license") or values.first(node, "license")
        if named:
            return page_licence.found(named, f"license in {where}")
    stated = page_licence.of_page(page)
    for key in ("usageInfo", "copyrightNotice"):  # they may say other things than a licence
        found = page_licence.found(values.address(work, key) or values.first(work, key), f"{key} in its data")
        if stated.name is None and found.kind != "unknown":
            return found
    return stated


def _around(graph: Graph, work: Node) -> list[Node]:
    return [one for one in graph.all(work, "isPartOf", "mainEntityOfPage") if isinstance(one, dict)]


def _date(text: str) -> str | None:
    match = re.match(r"\d{4}-\d{2}-\d{2}", text)
    return match[0] if match else None
