"""What the page says about itself: ids, dates, views, categories, languages, authors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from bs4 import Tag

from illinstr.articles import clean_text
from illinstr.wikihow_scraper.addresses import absolute, document_base, own_address
from illinstr.wikihow_scraper.reservations import RESERVATIONS
from illinstr.wikihow_scraper.sentences import normalise
from illinstr.wikihow_scraper.sites.wikihow.document import Document
from illinstr.wikihow_scraper.sites.wikihow.text import attribute, classes, plain

WIKIHOW = "https://www.wikihow.com/"
_DOMAINS = ("wikihow.com", "wikihow.it", "wikihow.jp", "wikihow.cz", "wikihow.vn", "wikihow.com.tr", "whstatic.com")
_OTHER_DOMAINS_WORDS = (
    "wikihowfarsi.com wikihow-kr.com wikihow-fun.com howyougetfit.com howyoulivelife.com wikihow.tech "
    "wikihow.pet wikihow.mom wikihow.life wikihow.fitness wikihow.health wikihow.legal"
)
_OTHER_DOMAINS = frozenset(_OTHER_DOMAINS_WORDS.split())
_HOST_LANGUAGE = {
    "wikihowfarsi.com": "fa",
    "wikihow-kr.com": "ko",
    "wikihow.it": "it",
    "wikihow.jp": "ja",
    "wikihow.cz": "cs",
    "wikihow.vn": "vi",
    "wikihow.com.tr": "tr",
}
_NAMESPACES = {
    -1: "a special page",
    1: "a talk page",
    2: "a user page",
    3: "a user talk page",
    4: "a project page",
    6: "an image page",
    10: "a template",
    12: "a help page",
    14: "a category page",
}
_TITLE_TAIL = re.compile(
    r"\s*(?::\s*\d+\s+(?:steps|ways|methods|tips|easy|simple|expert)\b[^:]*)?\s*(?:[-–|]\s*wikihow.*)?$", re.IGNORECASE
)
_TITLE_CLASSES = frozenset({"firstHeading", "title_lg", "title_md", "title_sm"})
_VALUE = re.compile(r'"?\s*[:=]\s*("(?:[^"\\]|\\.){0,2000}"|-?\d{1,15}|true|false)')
_NAME_LIST = re.compile(r'\s*:\s*(\[(?:"(?:[^"\\]|\\.)*"|,|\s)*\])')
_MAX_JSON = 2_000_000
# What leads to all categories, and is none: "Special:CategoryListing", "Spezial:Kategorien", "wikiHow:Categories".
_LISTING = re.compile(
    r"CategoryListing|/[^/:]+:(?:All-?)?(?:Categories|Kategorien|Categor[ií]as|Cat[ée]gories|Categorie)/?$"
)
# Labels of links that lead to what is known of an author, and are no author.
_AUTHOR_LABELS = re.compile(
    r"(?:about (?:this|the) )?(?:(?:expert |staff )?(?:co-?)?authors?|experts?|contributors?)(?: info(?:rmation)?)?"
    r"|info(?:rmation)?|learn more.*|(?:expert )?(?:interview|review(?:ed)?|reviewers?|approved|verified|answers?)"
    r"|q ?& ?a|references?|sources|citations?|bio(?:graphy)?|profile|team|editors?|credits?|read more.*|see more.*|"
    r"(?:written|reviewed|co-?authored|edited|created) by|download article|explore this article"
    r"|autor(?:en|es|i)?(?: info)?|auteurs?|informationen?|über den autor|sobre (?:el|o) autor",
    re.IGNORECASE,
)


def is_wikihow_host(host: str) -> bool:
    """Whether a host name belongs to the site, in any language."""
    name = host.lower().rstrip(".")
    return any(name == domain or name.endswith("." + domain) for domain in (*_DOMAINS, *_OTHER_DOMAINS))


def source_of(host: str) -> str:
    """What records of a host's pages name as their source: "wikihow", or the host where it only uses the markup."""
    return "wikihow" if is_wikihow_host(host) else host.lower()


def variable(html: str, name: str) -> str | None:
    """A value the page's scripts set: ``"wgArticleId":5``, ``wgArticleId = "5"``."""
    at = html.find(name)
    while at >= 0:
        match = _VALUE.match(html, at + len(name))
        if match and not (at and (html[at - 1].isalnum() or html[at - 1] == "_")):
            return match.group(1).strip('"')
        at = html.find(name, at + 1)
    return None


def integer(html: str, name: str) -> int | None:
    """A whole number the page's scripts set; 0 stands for none."""
    value = variable(html, name)
    return int(value) or None if value is not None and re.fullmatch(r"\d{1,15}", value) else None


def why_not_an_article(document: Document) -> str | None:
    """The plain reason a page is no how-to article, or None while nothing speaks against it."""
    space = variable(document.html, "wgNamespaceNumber")
    if space is not None and re.fullmatch(r"-?\d{1,4}", space) and int(space) != 0:
        return _NAMESPACES.get(int(space), f"a page of namespace {int(space)}")
    if variable(document.html, "wgIsMainPage") == "true" or document.classed("page-Main_Page"):
        return "the main page"
    if variable(document.html, "wgIsRestricted") == "true":
        return "an article still in review"
    return None


def title(document: Document) -> tuple[str | None, str | None]:
    """The page's title and, where its heading does not give it, where it was taken from."""
    headings = document.named("h1")
    known = [tag for tag in headings if attribute(tag, "id") == "section_0" or _TITLE_CLASSES & set(classes(tag))]
    for heading in known + headings:
        prefix = heading.find(id="hdr_prefix")
        own = plain(heading)
        if isinstance(prefix, Tag):
            own = own.removeprefix(plain(prefix)).strip()
        if own:
            return own, None
    for name in ("og:title", "twitter:title"):
        if text := _trim_title(_meta(document, name)):
            return text, f"no heading; taken from {name}"
    for tag in document.named("title"):
        if text := _trim_title(tag.get_text()):
            return text, "no heading; taken from the title element"
    return None, None


def _meta(document: Document, name: str) -> str:
    found = (tag for tag in document.named("meta") if name in (attribute(tag, "property"), attribute(tag, "name")))
    return next((attribute(tag, "content") for tag in found), "")


def _trim_title(text: str) -> str:
    return _TITLE_TAIL.sub("", normalise(text)).strip()


def title_from_image(alts_and_urls: Iterator[str]) -> str | None:
    """A fragment's title from an image's name, "Make-Apple-Juice-Step-1.jpg"."""
    for name in alts_and_urls:
        last = unquote(urlsplit(name).path.rsplit("/", 1)[-1]) if "://" in name else name
        last = re.sub(
            r"^(?:image titled\s+|(?:aid\d+-)?(?:v\d-)?\d+px-(?:nowatermark-)?)", "", last, flags=re.IGNORECASE
        )
        match = re.match(r"(.{3,200}?)[\s_-]+step[\s_-]+\d", last, re.IGNORECASE)
        if match:
            return clean_text(match.group(1).replace("-", " ").replace("_", " "))
    return None


def canonical(document: Document, url: str | None) -> str | None:
    """The address the page gives as its own, where it may: see ``own_address``."""
    base = document_base(base_href(document), url)
    links = (tag for tag in document.named("link") if "canonical" in attribute(tag, "rel").lower().split())
    for address in (*(attribute(link, "href") for link in links), _meta(document, "og:url")):
        if address and (own := own_address(address, url, base)):
            return own
    return None


def base_href(document: Document) -> str:
    """What the page's ``base`` element says, empty without one."""
    return next((href for tag in document.named("base") if (href := attribute(tag, "href"))), "")


def language(document: Document, url: str | None) -> str | None:
    """The page's language, a lower-case primary tag, from its root element or its host."""
    root = next(iter(document.named("html")), None)
    tag = attribute(root, "lang") or attribute(root, "xml:lang") if root is not None else ""
    if re.fullmatch(r"[A-Za-z]{2,3}(?:[-_].*)?", tag):
        return re.split(r"[-_]", tag)[0].lower()
    return _host_language(url)


def _host_language(url: str | None) -> str | None:
    try:
        host = (urlsplit(url).hostname or "") if url else ""
    except ValueError:
        return None
    for domain, code in _HOST_LANGUAGE.items():
        if host == domain or host.endswith("." + domain):
            return code
    match = re.fullmatch(r"([a-z]{2})\.(?:m\.)?wikihow\.com", host)
    return match.group(1) if match else None


def other_languages(document: Document, own: str, base: str) -> dict[str, str]:
    """The same article in other languages, language tag to address."""
    found: dict[str, str] = {}
    for link in document.named("link"):
        code = attribute(link, "hreflang").lower()
        if code and code not in (own, "x-default") and "alternate" in attribute(link, "rel").lower():
            url = absolute(attribute(link, "href"), base)
            if url:
                found[code] = url
    for box in document.classed("language_link"):  # the list a reader sees, where the head has none
        url = next((absolute(attribute(link, "href"), base) for link in box.find_all("a")), None)
        code = _host_language(url) or ""
        if url and code and code != own:
            found.setdefault(code, url)
    return dict(sorted(found.items()))


def categories(document: Document) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The breadcrumb, outermost first, and every category the page's scripts name (each once)."""
    crumbs: list[str] = []
    trails = [document.id("breadcrumb"), document.id("breadcrumbs"), *document.classed("breadcrumbs")]
    for link in (link for trail in trails if trail is not None for link in trail.find_all("a")):
        target, text = attribute(link, "href"), plain(link)
        if text and text not in crumbs and not _LISTING.search(unquote(target)) and re.search(r"/[^/]+:", target):
            crumbs.append(text)
    at = document.html.find('"wgCategories"')
    match = _NAME_LIST.match(document.html, at + len('"wgCategories"')) if at >= 0 else None
    try:
        listed = json.loads(match.group(1)) if match else []
    except (ValueError, RecursionError):
        listed = []
    every = tuple(dict.fromkeys(clean_text(name) for name in listed if isinstance(name, str)))
    return tuple(crumbs), every


def views(document: Document) -> int | None:
    """How often the page says it has been read."""
    boxes = [tag for name in ("sp_text", "page_stats", "viewcount") for tag in document.classed(name)]
    for box in (*boxes, document.id("footer-info-viewcount")):
        match = re.search(r"(?:views:|read|accessed)\s*([\d,. ]*\d)", plain(box), re.IGNORECASE) if box else None
        if match:
            digits = re.sub(r"\D", "", match.group(1))
            return int(digits[:12]) if digits else None
    return None


def authors(document: Document) -> tuple[str, ...]:
    """The people the page names as its authors."""
    found: list[str] = []
    for tag in (*document.classed("coauthor_link", "a"), document.id("sp_expert_name")):
        name = plain(tag) if tag is not None else ""
        if _AUTHOR_LABELS.fullmatch(name):
            continue
        if name and not any(name.startswith(known) for known in found):  # the second box repeats the name with a role
            found.append(name)
    return tuple(found)


def modified_on_byline(document: Document) -> str | None:
    """The date under the heading ("Last Updated: August 12, 2020") as YYYY-MM-DD."""
    for box in (document.id("byline_info"), document.id("sp_modified"), *document.classed("sp_text")):
        text = plain(box) if box is not None else ""
        match = re.search(r"updated:?\s*([A-Z][a-z]+ \d{1,2}, \d{4})", text, re.IGNORECASE)
        if match:
            try:
                return datetime.strptime(match.group(1), "%B %d, %Y").date().isoformat()
            except ValueError:
                continue
    return None


def iso_date(value: object) -> str | None:
    """The day of an ISO 8601 date or time, None for anything else."""
    if isinstance(value, str):
        try:
            return date.fromisoformat(value[:10]).isoformat()
        except ValueError:
            return None
    return None


def json_ld(document: Document) -> list[dict[str, Any]]:
    """The page's JSON-LD objects, ``@graph`` opened, damaged blocks left out."""
    found: list[dict[str, Any]] = []
    for script in document.named("script"):
        text = script.get_text() if attribute(script, "type") == "application/ld+json" else ""
        if not text or len(text) > _MAX_JSON:
            continue
        try:
            loaded = json.loads(text)
        except (ValueError, RecursionError):
            continue
        for entry in loaded if isinstance(loaded, list) else [loaded]:
            if isinstance(entry, dict):
                graph = entry.get("@graph")
                found.extend(part for part in (graph if isinstance(graph, list) else [entry]) if isinstance(part, dict))
    return found


def page_id(document: Document) -> int | None:
    """The page's number: from its scripts, its app link, or the names of its images."""
    number = integer(document.html, "wgArticleId")
    if number is not None:
        return number
    for pattern in (r"wikihow://article\?id=(\d{1,12})", r"/aid(\d{1,12})-", r"aid=(\d{1,12})"):
        match = re.search(pattern, document.html)
        if match:
            return int(match.group(1)) or None
    return None


def opt_out(document: Document) -> tuple[str, ...]:
    """The directives of the page's robots and TDM meta elements that reserve it against data sets, sorted."""
    found: set[str] = set()
    for meta in document.named("meta"):
        name, content = attribute(meta, "name").lower(), attribute(meta, "content").lower()
        if name in ("robots", "illinstr"):
            found.update(part.strip() for part in content.split(","))
        elif name == "tdm-reservation" and content == "1":
            found.add("tdm-reservation")
    return tuple(sorted(found & RESERVATIONS))
