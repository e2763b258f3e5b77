"""What the page says about itself: ids, dates, views, categories, languages, authors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from illinstr.articles import clean_text
from illinstr.wikihow_scraper.pictures import absolute
from illinstr.wikihow_scraper.text import attribute, normalise, plain

WIKIHOW = "https://www.wikihow.com/"
_DOMAINS = ("wikihow.com", "wikihow.it", "wikihow.jp", "wikihow.cz", "wikihow.vn", "wikihow.com.tr", "whstatic.com")
_OTHER_DOMAINS_WORDS = (
    "wikihowfarsi.com wikihow-kr.com wikihow-fun.com howyougetfit.com howyoulivelife.com wikihow.tech "
    "wikihow.pet wikihow.mom wikihow.life wikihow.fitness wikihow.health wikihow.legal"
)
_OTHER_DOMAINS = frozenset(_OTHER_DOMAINS_WORDS.split())
_HOST_LANGUAGE = {
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
    6: "a picture page",
    10: "a template",
    12: "a help page",
    14: "a category page",
}
_TITLE_TAIL = re.compile(
    r"\s*(?::\s*\d+\s+(?:steps|ways|methods|tips|easy|simple|expert)\b[^:]*)?\s*(?:[-–|]\s*wikihow.*)?$", re.IGNORECASE
)
_MAX_JSON = 2_000_000

# What a page or a server can say against its use in data sets. The index directives speak to search engines, but many
# sites have nothing else to say it with; they bind when a page is fetched, not when its owner hands in a saved copy.
_RESERVED_WORDS = "noai noimageai noml noimageml tdm-reservation noindex noimageindex none"
RESERVATIONS = frozenset(_RESERVED_WORDS.split())
INDEX_ONLY = frozenset({"noindex", "noimageindex", "none"})
PICTURES_ONLY = frozenset({"noimageai", "noimageml", "noimageindex"})


def is_wikihow_host(host: str) -> bool:
    """Whether a host name belongs to the site, in any language."""
    name = host.lower().rstrip(".")
    return any(name == domain or name.endswith("." + domain) for domain in (*_DOMAINS, *_OTHER_DOMAINS))


def variable(html: str, name: str) -> str | None:
    """A value the page's scripts set: ``"wgArticleId":5``, ``wgArticleId = "5"``."""
    match = re.search(rf'"?\b{name}"?\s*[:=]\s*("(?:[^"\\]|\\.){{0,2000}}"|-?\d{{1,15}}|true|false)', html)
    return match.group(1).strip('"') if match else None


def integer(html: str, name: str) -> int | None:
    """A whole number the page's scripts set; 0 stands for none."""
    value = variable(html, name)
    return int(value) or None if value is not None and re.fullmatch(r"\d{1,15}", value) else None


def why_not_an_article(html: str, soup: BeautifulSoup) -> str | None:
    """The plain reason a page is no how-to article, or None while nothing speaks against it."""
    space = variable(html, "wgNamespaceNumber")
    if space is not None and re.fullmatch(r"-?\d{1,4}", space) and int(space) != 0:
        return _NAMESPACES.get(int(space), f"a page of namespace {int(space)}")
    body = soup.body.get("class") if soup.body is not None else None
    if variable(html, "wgIsMainPage") == "true" or (body and "page-Main_Page" in body):
        return "the main page"
    if variable(html, "wgIsRestricted") == "true":
        return "an article still in review"
    return None


def title(soup: BeautifulSoup) -> tuple[str | None, str | None]:
    """The page's title and, where its heading does not give it, where it was taken from."""
    for heading in soup.select("h1#section_0, h1.firstHeading, h1.title_lg, h1.title_md, h1.title_sm, h1"):
        prefix = heading.find(id="hdr_prefix")
        own = plain(heading)
        if isinstance(prefix, Tag):
            own = own.removeprefix(plain(prefix)).strip()
        if own:
            return own, None
    for name in ("og:title", "twitter:title"):
        found = soup.find("meta", attrs={"property": name}) or soup.find("meta", attrs={"name": name})
        if isinstance(found, Tag) and (text := _trim_title(attribute(found, "content"))):
            return text, f"no heading; taken from {name}"
    if soup.title is not None and (text := _trim_title(soup.title.get_text())):
        return text, "no heading; taken from the title element"
    return None, None


def _trim_title(text: str) -> str:
    return _TITLE_TAIL.sub("", normalise(text)).strip()


def title_from_picture(alts_and_urls: Iterator[str]) -> str | None:
    """A fragment's title from a picture's name, "Make-Apple-Juice-Step-1.jpg"."""
    for name in alts_and_urls:
        last = unquote(urlsplit(name).path.rsplit("/", 1)[-1]) if "://" in name else name
        last = re.sub(
            r"^(?:image titled\s+|(?:aid\d+-)?(?:v\d-)?\d+px-(?:nowatermark-)?)", "", last, flags=re.IGNORECASE
        )
        match = re.match(r"(.{3,200}?)[\s_-]+step[\s_-]+\d", last, re.IGNORECASE)
        if match:
            return clean_text(match.group(1).replace("-", " ").replace("_", " "))
    return None


def canonical(soup: BeautifulSoup) -> str | None:
    """The page's own address."""
    link = soup.find("link", rel="canonical")
    meta = soup.find("meta", attrs={"property": "og:url"})
    for tag, name in ((link, "href"), (meta, "content")):
        if isinstance(tag, Tag) and (url := absolute(attribute(tag, name), WIKIHOW)) and attribute(tag, name):
            return url
    return None


def language(soup: BeautifulSoup, url: str | None) -> str | None:
    """The page's language, a lower-case primary tag, from its root element or its host."""
    root = soup.find("html")
    tag = attribute(root, "lang") or attribute(root, "xml:lang") if isinstance(root, Tag) else ""
    if re.fullmatch(r"[A-Za-z]{2,3}(?:[-_].*)?", tag):
        return re.split(r"[-_]", tag)[0].lower()
    host = (urlsplit(url).hostname or "") if url else ""
    for domain, code in _HOST_LANGUAGE.items():
        if host == domain or host.endswith("." + domain):
            return code
    match = re.fullmatch(r"([a-z]{2})\.(?:m\.)?wikihow\.com", host)
    return match.group(1) if match else None


def other_languages(soup: BeautifulSoup, own: str) -> dict[str, str]:
    """The same article in other languages, language tag to address."""
    found: dict[str, str] = {}
    for link in soup.find_all("link", rel="alternate", hreflang=True):
        code, url = attribute(link, "hreflang").lower(), absolute(attribute(link, "href"), WIKIHOW)
        if url and code not in (own, "x-default"):
            found[code] = url
    return dict(sorted(found.items()))


def categories(soup: BeautifulSoup, html: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The breadcrumb, outermost first, and every category the page's scripts name (each once)."""
    crumbs = []
    for link in soup.select("#breadcrumb a, ul.breadcrumbs a, #breadcrumbs a, ul.Breadcrumbs a"):
        target = attribute(link, "href")
        text = plain(link)
        if text and text not in crumbs and "CategoryListing" not in target and re.search(r"/[^/]+:", target):
            crumbs.append(text)
    match = re.search(r'"wgCategories"\s*:\s*(\[(?:"(?:[^"\\]|\\.)*"|,|\s)*\])', html)
    try:
        listed = json.loads(match.group(1)) if match else []
    except (ValueError, RecursionError):
        listed = []
    every = tuple(dict.fromkeys(clean_text(name) for name in listed if isinstance(name, str)))
    return tuple(crumbs), every


def views(soup: BeautifulSoup) -> int | None:
    """How often the page says it has been read."""
    for box in soup.select(".sp_text, .page_stats, #sp_stats, .viewcount, #footer-info-viewcount"):
        text = plain(box)
        match = re.search(r"(?:views:|read|accessed)\s*([\d,.\u202f ]*\d)", text, re.IGNORECASE)
        if match:
            digits = re.sub(r"\D", "", match.group(1))
            return int(digits[:12]) if digits else None
    return None


def authors(soup: BeautifulSoup) -> tuple[str, ...]:
    """The people the page names as its authors."""
    found: list[str] = []
    for tag in soup.select("#byline_info a.coauthor_link, #sp_expert_name"):
        name = plain(tag)
        if name and not any(name.startswith(known) for known in found):  # the second box repeats the name with a role
            found.append(name)
    return tuple(found)


def modified_on_byline(soup: BeautifulSoup) -> str | None:
    """The date under the heading ("Last Updated: August 12, 2020") as YYYY-MM-DD."""
    for box in soup.select("#byline_info, #sp_modified, .byline_info, .sp_text"):
        match = re.search(r"updated:?\s*([A-Z][a-z]+ \d{1,2}, \d{4})", plain(box), re.IGNORECASE)
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


def json_ld(soup: BeautifulSoup) -> list[dict[str, Any]]:
    """The page's JSON-LD objects, ``@graph`` opened, damaged blocks left out."""
    found: list[dict[str, Any]] = []
    for script in soup.find_all("script", type="application/ld+json"):
        text = script.get_text()
        if len(text) > _MAX_JSON:
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


def page_id(html: str, soup: BeautifulSoup) -> int | None:
    """The page's number: from its scripts, its app link, or the names of its pictures."""
    number = integer(html, "wgArticleId")
    if number is not None:
        return number
    for pattern in (r"wikihow://article\?id=(\d{1,12})", r"/aid(\d{1,12})-", r"[?&;]aid=(\d{1,12})"):
        match = re.search(pattern, html)
        if match:
            return int(match.group(1)) or None
    return None


def opt_out(soup: BeautifulSoup) -> tuple[str, ...]:
    """The directives of the page's robots and TDM meta elements that reserve it against data sets, sorted."""
    found: set[str] = set()
    for meta in soup.find_all("meta"):
        name, content = attribute(meta, "name").lower(), attribute(meta, "content").lower()
        if name in ("robots", "illinstr"):
            found.update(part.strip() for part in content.split(","))
        elif name == "tdm-reservation" and content == "1":
            found.add("tdm-reservation")
    return tuple(sorted(found & RESERVATIONS))
