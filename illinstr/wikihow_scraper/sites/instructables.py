"""Instructables: one section a step, photographs in front of the words, the licence the author chose."""

from __future__ import annotations

import re
from typing import Any

from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.materials import material
from illinstr.wikihow_scraper.page import Method, Page, PageStep
from illinstr.wikihow_scraper.sites import elements, page_licence, page_steps
from illinstr.wikihow_scraper.sites.cutting import lines_of, unnumbered
from illinstr.wikihow_scraper.sites.elements import attribute, classes, text_of
from illinstr.wikihow_scraper.sites.images import images_in
from illinstr.wikihow_scraper.sites.instructions import sections
from illinstr.wikihow_scraper.sites.site import NotAnArticle, Site, Trust, WebPage

PARSER = "instructables/1"
_STEP_ID = re.compile(r"^(?:step|intro)[-_]?(\d{0,3})$")


class Instructables(Site):
    """Projects of instructables.com."""

    name = "instructables"
    parser = PARSER
    about = "Instructables projects (the licence is the author's choice)"

    def owns_host(self, host: str) -> bool:
        """instructables.com."""
        return host == "instructables.com" or host.endswith(".instructables.com")

    def claim(self, page: WebPage) -> Trust | None:
        """By its host, or by the attributes only its steps have."""
        if self.owns_host(page.host):
            return Trust.OWN
        return Trust.MARKUP if "data-stepid" in page.text or 'class="step-title"' in page.text else None

    def read(self, page: WebPage) -> list[Page]:
        """The project."""
        base = elements.base_of(page)
        intro, steps = None, []
        named = (one for one in page.tree.iter("section", "div") if "step" in classes(one))
        for element in elements.outermost(one for one in named if _STEP_ID.match(attribute(one, "id"))):
            if attribute(element, "id").startswith("intro") or attribute(element, "id") in ("step0", "step-0"):
                intro = element
            else:
                steps.append(_step(element, base))
        kept = [step for step in steps if step is not None]
        title = elements.title_of(page)
        if not kept or not title:
            raise NotAnArticle("no steps of a project on the page")
        language = elements.language_of(page) or "en"
        licence = page_licence.of_page(page)
        if licence.kind == "unknown":
            licence = page_licence.linked(page, "linked on the page, as the author chose it")
        told = sections(lines_of(_body(intro))) if intro is not None else []
        by = [
            one
            for one in page.tree.iter("a")
            if {"author", "author-name"} & set(classes(one)) or one.get("rel") == "author"
        ]
        supplies = (material(line) for one in told if one.role == "materials" for line in one.words())
        return [
            Page(
                source="instructables" if self.owns_host(page.host) else elements.source_of(page, "instructables"),
                parser=PARSER,
                layout="page",
                title=title,
                goal=goal_of(title, language),
                language=language,
                canonical_url=elements.canonical_of(page),
                authors=tuple(dict.fromkeys(filter(None, map(text_of, by))))[:3],
                license=licence.name,
                license_found=licence.where,
                intro=" ".join(line for one in told if one.role is None for line in one.words()),
                methods=page_licence.inherited((Method(steps=tuple(kept)),), licence),
                materials=tuple(one for one in supplies if one is not None),
                tools=tuple(line for one in told if one.role == "tools" for line in one.words()),
            )
        ]


def _body(element: Any) -> Any:
    return next((one for one in element.iterdescendants() if "step-body" in classes(one)), element)


def _step(element: Any, base: str | None) -> PageStep | None:
    heading = next((one for one in element.iterdescendants("h2", "h3") if "step-title" in classes(one)), None)
    name = unnumbered(text_of(heading))[1] if heading is not None else ""
    lines = [line for line in lines_of(_body(element)) if line.element is not heading]
    bullets = tuple(line.text for line in lines if line.kind in ("ul", "ol"))
    text = " ".join(line.text for line in lines if line.kind not in ("ul", "ol"))
    return page_steps.step(name, text, bullets=bullets, images=images_in([element], base))
