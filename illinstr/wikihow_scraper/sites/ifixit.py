"""iFixit guides: the answer of the public API (``/api/2.0/guides/ID``) and the page; other Dozuki sites share both.

The API's form: https://www.ifixit.com/api/2.0/doc/Guides. A step is a list of lines with images; lines with a sign in
front (caution, note, reminder) are kept apart from what to do.
"""

from __future__ import annotations

import json
import re
from typing import Any

from illinstr.articles import Material
from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.materials import duration, material
from illinstr.wikihow_scraper.page import Image, Method, Note, NoteKind, Page, PageStep, Video
from illinstr.wikihow_scraper.permissions import Licence
from illinstr.wikihow_scraper.sites import elements, page_licence, page_steps
from illinstr.wikihow_scraper.sites.cutting import plain, unnumbered
from illinstr.wikihow_scraper.sites.elements import absolute, classes, text_of
from illinstr.wikihow_scraper.sites.images import images_in
from illinstr.wikihow_scraper.sites.site import NotAnArticle, Site, Trust, WebPage

PARSER = "ifixit/1"
LICENCE = "CC BY-NC-SA 3.0"
_GUIDE = re.compile(r"^(https?://[^/]+)/(?:Guide|Teardown)/[^/?#]+/(\d{1,9})", re.IGNORECASE)
_SIGNS: tuple[tuple[str, NoteKind], ...] = (("caution", "warning"), ("reminder", "note"), ("note", "note"))
_SIZES = ("original", "huge", "large", "medium", "standard", "thumbnail")


class IFixit(Site):
    """Repair guides of iFixit and of other sites on the same software."""

    name = "ifixit"
    parser = PARSER
    about = "iFixit guides, from its API or its pages (CC BY-NC-SA)"

    def owns_host(self, host: str) -> bool:
        """ifixit.com in every language."""
        return host == "ifixit.com" or host.endswith(".ifixit.com")

    def address(self, url: str, *, forced: bool = False) -> str:
        """The API's address of a guide."""
        match = _GUIDE.match(url)
        ours = forced or self.owns_host(elements.host_of(url))
        return f"{match[1]}/api/2.0/guides/{match[2]}" if match and ours else url

    def claim(self, page: WebPage) -> Trust | None:
        """By its host, by an answer of its API, or by the class its lines have."""
        answer = page.text.lstrip()[:1] == "{" and '"guideid"' in page.text and '"steps"' in page.text
        if self.owns_host(page.host.removeprefix("www.")) or answer:
            return Trust.OWN
        return Trust.MARKUP if "step-lines" in page.text else None

    def read(self, page: WebPage) -> list[Page]:
        """The guide."""
        if page.text.lstrip()[:1] == "{":
            return [_of_answer(page, _loaded(page.text))]
        return [_of_markup(page, self.owns_host(page.host.removeprefix("www.")))]


def _loaded(text: str) -> dict[str, Any]:
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError):
        loaded = None
    if not isinstance(loaded, dict) or not isinstance(loaded.get("steps"), list):
        raise NotAnArticle("an answer without a guide")
    return loaded


def _text(value: Any) -> str:
    return plain(value) if isinstance(value, str) else ""


def _of_answer(page: WebPage, guide: dict[str, Any]) -> Page:
    steps = [made for step in guide["steps"] if isinstance(step, dict) and (made := _step_of_answer(step))]
    title = _text(guide.get("title")) or _text(guide.get("subject"))
    if not steps or not title:
        raise NotAnArticle("a guide without steps or title")
    language = elements.primary_tag(guide.get("locale")) or "en"
    licence = Licence(LICENCE, "the terms of ifixit.com")
    author = guide.get("author")
    identity = guide.get("guideid")
    return Page(
        source="ifixit",
        parser=PARSER,
        layout="API answer",
        title=title,
        goal=goal_of(title, language),
        language=language,
        canonical_url=absolute(str(guide.get("url") or ""), page.url) or page.url,
        page_id=identity if isinstance(identity, int) and 0 < identity < 10**12 else None,
        authors=tuple(filter(None, [_text(author.get("username"))])) if isinstance(author, dict) else (),
        categories=tuple(filter(None, [_text(guide.get("category"))])),
        license=licence.name,
        license_found=licence.where,
        intro=_text(guide.get("introduction_rendered")) or _text(guide.get("introduction_raw")),
        methods=page_licence.inherited((Method(steps=tuple(steps)),), licence),
        tools=tuple(one.name for one in _things(guide.get("tools"))),
        materials=tuple(_things(guide.get("parts"))),
        total_time=duration(_text(guide.get("time_required"))),
    )


def _things(given: Any) -> list[Material]:
    found = []
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and (name := _text(one.get("text"))):
            quantity = one.get("quantity")
            found.append(material(name, f"{quantity}" if isinstance(quantity, int) and quantity > 1 else None))
    return [one for one in found if one is not None]


def _step_of_answer(step: dict[str, Any]) -> PageStep | None:
    told: list[tuple[str, str]] = []
    given = step.get("lines")
    for line in given if isinstance(given, list) else []:
        if isinstance(line, dict):
            words = _text(line.get("text_rendered")) or _text(line.get("text_raw"))
            told.append((str(line.get("bullet") or ""), words))
    media = step.get("media")
    kind, data = (media.get("type"), media.get("data")) if isinstance(media, dict) else (None, None)
    images = [one for item in data if (one := _image(item))] if kind == "image" and isinstance(data, list) else []
    video = _video(data) if kind == "video" and isinstance(data, dict) else None
    return _step(_text(step.get("title")), told, images, video)


def _image(item: Any) -> Image | None:
    if not isinstance(item, dict):
        return None
    item = item["image"] if isinstance(item.get("image"), dict) else item
    url = next((found for size in _SIZES if (found := absolute(str(item.get(size) or ""), None))), None)
    return Image(url=url, small_url=absolute(str(item.get("thumbnail") or ""), None)) if url else None


def _video(data: dict[str, Any]) -> Video | None:
    files = data.get("encodings")
    first = files[0] if isinstance(files, list) and files and isinstance(files[0], dict) else {}
    url, poster = absolute(str(first.get("url") or ""), None), _image(data.get("image"))
    return Video(url=url, poster=poster) if url or poster else None


def _step(name: str, told: list[tuple[str, str]], images: list[Image], video: Video | None) -> PageStep | None:
    """A step of lines with their signs; without a name of its own, its first line stands for it."""
    notes, lines = [], []
    for sign, words in told:
        kind = next((kind for mark, kind in _SIGNS if mark in sign), None)
        if words and kind is not None:
            notes.append(Note(kind=kind, text=words))
        elif words:
            lines.append(words)
    if not name and not lines and notes:
        lines, notes = [notes[0].text], notes[1:]
    text, bullets = ("", lines) if name else (lines[0] if lines else "", lines[1:])
    return page_steps.step(name, text, bullets=tuple(bullets), images=images, video=video, notes=tuple(notes))


def _of_markup(page: WebPage, own: bool) -> Page:
    base = elements.base_of(page)
    steps = []
    named = (one for one in page.tree.iter("li", "div", "section") if "step" in classes(one))
    for element in elements.outermost(named):
        lists = elements.outermost(one for one in element.iterdescendants() if "step-lines" in classes(one))
        if lists:
            steps.append(_step_of_markup(element, lists, base))
    kept = [step for step in steps if step is not None]
    title = elements.title_of(page)
    if not kept or not title:
        raise NotAnArticle("no steps of a guide on the page")
    language = elements.language_of(page) or "en"
    licence = page_licence.linked(page, "linked on the page")
    if licence.name is None and own:
        licence = Licence(LICENCE, "the terms of ifixit.com")
    return Page(
        source="ifixit" if own else elements.source_of(page, "ifixit"),
        parser=PARSER,
        layout="page",
        title=title,
        goal=goal_of(title, language),
        language=language,
        canonical_url=elements.canonical_of(page),
        license=licence.name,
        license_found=licence.where,
        methods=page_licence.inherited((Method(steps=tuple(kept)),), licence),
    )


def _step_of_markup(element: Any, lists: list[Any], base: str | None) -> PageStep | None:
    heading = next((one for one in element.iterdescendants("h2", "h3", "h4")), None)
    name = text_of(heading) if heading is not None else ""
    told = []
    for line in (item for one in lists for item in one.iterchildren("li", "div")):
        told.append((" ".join([*classes(line), *(name for inner in line.iterdescendants() for name in classes(inner))]),
                     text_of(line)))  # fmt: skip
    frames = [one for one in element.iterdescendants() if "step-images" in classes(one) or "step-image" in classes(one)]
    images = images_in(frames or [element], base)
    return _step(unnumbered(name)[1] if name else "", told, images, None)
