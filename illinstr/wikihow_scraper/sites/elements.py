"""What every site asks of a page's tree: its words, language, title and addresses.

All walks are iterative; the tree's size and depth were bounded when it was made, so no page can exhaust the stack or
take more than linear time.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

from illinstr.errors import DataError
from illinstr.wikihow_scraper import addresses, markup, sentences
from illinstr.wikihow_scraper.sites.site import WebPage

_UNFIT = re.compile("[\x00-\x08\x0b\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_SILENT_WORDS = (
    "script style template iframe object embed svg canvas video audio map input button select textarea head title nav "
    "noscript form figcaption"
)
_BLOCKS_WORDS = (
    "p div li ul ol dl dt dd table tr td th tbody thead h1 h2 h3 h4 h5 h6 section article blockquote pre center hr "
    "main header footer aside figure figcaption details summary address fieldset"
)
SILENT = frozenset(_SILENT_WORDS.split())
BLOCKS = frozenset(_BLOCKS_WORDS.split())
HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})


def fragment(html: str) -> Any | None:
    """A piece of HTML as an element that holds it, None where no parser takes it or it holds nothing."""
    try:
        return markup.tree_of(f"<div>{_UNFIT.sub('', html)}</div>")
    except DataError:
        return None


def language_of(page: WebPage) -> str | None:
    """The page's language as a lower-case primary tag, from its root element or its head."""
    root = page.tree
    metas = {attribute(tag, "http-equiv").lower(): attribute(tag, "content") for tag in root.iter("meta")}
    said = (
        attribute(root, "lang"),
        attribute(root, "xml:lang"),
        metas.get("content-language"),
        meta(page, "og:locale"),
    )
    return next((primary for tag in said if (primary := primary_tag(tag))), None)


def title_of(page: WebPage) -> str:
    """The page's first heading, else what its head calls it; empty where it names nothing."""
    headings = (text_of(heading) for heading in page.tree.iter("h1"))
    heads = (normalise(tag.text or "") for tag in page.tree.iter("title"))
    return next((text for text in (*headings, normalise(meta(page, "og:title")), *heads) if text), "")


def base_of(page: WebPage) -> str | None:
    """What relative addresses are resolved against (RFC 3986, 5.1): ``<base href>``, then the fetched address."""
    declared = next((attribute(tag, "href") for tag in page.tree.iter("base") if attribute(tag, "href")), "")
    return (absolute(declared, page.url) if declared else None) or page.url


def canonical_of(page: WebPage) -> str | None:
    """The page's own address: its canonical link where that stays on the host it was fetched from, else the fetched
    address."""
    links = [tag for tag in page.tree.iter("link") if "canonical" in attribute(tag, "rel").lower().split()]
    for address in (*(attribute(link, "href") for link in links), meta(page, "og:url")):
        if address and (found := addresses.own_address(address, page.url, base_of(page))):
            return found
    return page.url


def meta(page: WebPage, *names: str) -> str:
    """The content of the first ``meta`` of one of these names or properties, empty where there is none."""
    for tag in page.tree.iter("meta"):
        named = attribute(tag, "property").lower() in names or attribute(tag, "name").lower() in names
        if named and (content := attribute(tag, "content")):
            return content
    return ""


def attribute(element: Any, name: str) -> str:
    """An attribute as stripped text, empty when absent."""
    return (element.get(name) or "").strip()


def classes(element: Any) -> list[str]:
    """The element's class names."""
    return (element.get("class") or "").split()


def absolute(url: str, base: str | None) -> str | None:
    """As ``addresses.absolute``; white space of other kinds than a blank is escaped, too."""
    joined = addresses.absolute(url, base)
    return None if joined is None else re.sub(r"\s", "%20", joined)


def host_of(url: str) -> str:
    """The address's host without "www.", lower case; empty where it is no address."""
    try:
        return (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def primary_tag(tag: object) -> str | None:
    """The primary tag of a language tag ("pt-BR" is "pt"), None for anything else."""
    match = re.fullmatch(r"([A-Za-z]{2,3})(?:[-_][\w-]{0,40})?", tag.strip()) if isinstance(tag, str) else None
    return match.group(1).lower() if match else None


def pieces(root: Any, *, prune: frozenset[str] = frozenset()) -> Iterator[str]:
    """The visible text under ``root`` in document order, blocks apart; elements named in ``prune`` are left out."""
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        tag = element.tag
        if event == "start":
            if element is not root and (tag in SILENT or tag in prune):
                walk.skip_subtree()
            elif tag == "br":
                yield " "
            else:
                if tag in BLOCKS:
                    yield " "
                if element.text:
                    yield element.text
        elif element is not root:
            if tag in BLOCKS:
                yield " "
            if element.tail:
                yield element.tail


def text_of(root: Any, *, prune: frozenset[str] = frozenset()) -> str:
    """The visible text under ``root`` as one normalised line."""
    return normalise("".join(pieces(root, prune=prune)))


def fit(text: str) -> str:
    """A text as it is, without what no file of text may hold: control characters and lone surrogates."""
    return _UNFIT.sub("", text).strip()


def normalise(text: str) -> str:
    """A line: NFC, single spaces, no invisible characters or lone surrogates, plain slashes in fractions."""
    return sentences.normalise(_UNFIT.sub("", text))


def source_of(page: WebPage, site: str) -> str:
    """What records name as their source: the page's host, or the reader where nobody knows the address."""
    return host_of(canonical_of(page) or "") or site


def outermost(elements: Iterable[Any]) -> list[Any]:
    """Elements in document order without those that stand inside one before, so that no word is read twice."""
    kept: list[Any] = []
    known: set[Any] = set()
    for element in elements:
        if not any(ancestor in known for ancestor in element.iterancestors()):
            kept.append(element)
            known.add(element)
    return kept


def without(root: Any, names: frozenset[str]) -> Any:
    """A copy of an element without what is in elements of these classes."""
    whole = copy.deepcopy(root)
    for element in [one for one in whole.iterdescendants() if not names.isdisjoint(classes(one))]:
        parent = element.getparent()
        if parent is None:
            continue
        before, tail = element.getprevious(), element.tail or ""
        if before is not None:
            before.tail = (before.tail or "") + tail
        else:
            parent.text = (parent.text or "") + tail
        parent.remove(element)
    return whole
