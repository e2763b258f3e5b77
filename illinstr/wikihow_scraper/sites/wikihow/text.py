"""Words out of markup: what a reader would see, and nothing a script, an advert or a pop-up put there.

The walk is iterative, so no depth of nesting can exhaust the stack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from bs4 import Tag
from bs4.element import NavigableString

from illinstr.articles import clean_text
from illinstr.wikihow_scraper.sentences import normalise

LISTS = frozenset({"ul", "ol"})
_NOISE_TAGS_WORDS = (
    "script style noscript template iframe object embed svg canvas video audio picture img map input "
    "button select textarea head title amp-img amp-video amp-ad amp-analytics amp-iframe"
)
_NOISE_TAGS = frozenset(_NOISE_TAGS_WORDS.split())
_NOISE_CLASSES_WORDS = (
    "ts_popup al_method wh_vote_container image_details editsection editsection1 mw-editsection mwimg "
    "caption step_num stepanchor addTipElement qy_cta checkmark altblock wm-edit relatedwikihows addtip "
    "m-video-controls m-video-wm video-player whvid_cont summarysection expert_advice_label adclear"
)
_NOISE_CLASSES = frozenset(_NOISE_CLASSES_WORDS.split())
_NOISE_PREFIXES = ("wh_ad", "green_box", "qz_container", "adsbygoogle", "trvote")
_BLOCKS_WORDS = "p div li ul ol dl dt dd table tr td th h1 h2 h3 h4 h5 h6 section article blockquote pre center hr"
_BLOCKS = frozenset(_BLOCKS_WORDS.split())
_SUPERSCRIPT = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_SUBSCRIPT = str.maketrans("0123456789+-−", "₀₁₂₃₄₅₆₇₈₉₊₋₋")


class Piece(NamedTuple):
    """A run of text, and whether it stands inside the markup that marks a headline; or where an element is left out."""

    text: str
    strong: bool
    left_out: Tag | None = None


def classes(tag: Tag) -> list[str]:
    """The tag's class names; an absent or odd attribute counts as none."""
    value = tag.get("class")
    if isinstance(value, str):
        return value.split()
    return [str(name) for name in value] if value else []


def attribute(tag: Tag, name: str) -> str:
    """An attribute as stripped text, empty when absent."""
    value = tag.get(name)
    if isinstance(value, str):
        return value.strip()
    return " ".join(value).strip() if value else ""


def is_noise(tag: Tag) -> bool:
    """Whether nothing inside ``tag`` belongs to the article's words."""
    if tag.name in _NOISE_TAGS:
        return True
    names = classes(tag)
    if tag.name == "sup" and ("reference" in names or any(name.startswith("ts_") for name in names)):
        return True
    return any(name in _NOISE_CLASSES or name.startswith(_NOISE_PREFIXES) for name in names)


def in_noise(tag: Tag, root: Tag) -> bool:
    """Whether something between ``tag`` and ``root``, both left out, is noise."""
    for ancestor in tag.parents:
        if ancestor is root:
            return False
        if is_noise(ancestor):
            return True
    return False


def is_headline(tag: Tag) -> bool:
    """The site's own headline markup, ``b.whb``."""
    return tag.name in ("b", "strong") and "whb" in classes(tag)


def is_bold(tag: Tag) -> bool:
    """Any bold text: what marks a headline on pages that have no ``b.whb``."""
    return tag.name in ("b", "strong")


def pieces(
    root: Tag, *, prune: frozenset[str] = frozenset(), strong_if: Callable[[Tag], bool] = is_headline
) -> Iterator[Piece]:
    """The visible text under ``root`` in document order; elements named in ``prune`` are left out whole."""
    stack: list[tuple[Iterator[object], bool, bool]] = [(iter(root.children), False, False)]
    while stack:
        children, strong, block = stack[-1]
        node = next(children, None)
        if node is None:
            stack.pop()
            if block:
                yield Piece(" ", strong)
        elif isinstance(node, Tag):
            if node.name in prune or is_noise(node):
                if node.name in _BLOCKS:  # what stands on either side is still apart
                    yield Piece(" ", strong, node if node.name in prune else None)
                continue
            short = _short_form(node)
            if short is not None:
                yield Piece(short, strong or strong_if(node))
                continue
            opens_block = node.name in _BLOCKS
            if opens_block:
                yield Piece(" ", strong)
            stack.append((iter(node.children), strong or strong_if(node), opens_block))
        elif type(node) is NavigableString:  # comments, doctypes and script text are its subclasses
            yield Piece(str(node), strong)


def _short_form(tag: Tag) -> str | None:
    if tag.name == "br":
        return " "
    if "frac" in classes(tag):
        before = tag.previous_sibling
        glued = isinstance(before, NavigableString) and str(before)[-1:].isdigit()
        return (" " if glued else "") + fraction(tag)
    if tag.name in ("sup", "sub") and tag.find(True) is None:
        text = tag.get_text().strip()
        if _beside_slash(tag):
            return text
        if text and all(character in "0123456789+-−" for character in text):
            return text.translate(_SUPERSCRIPT if tag.name == "sup" else _SUBSCRIPT)
    return None


def _beside_slash(tag: Tag) -> bool:
    neighbour = tag.next_sibling if tag.name == "sup" else tag.previous_sibling
    if not isinstance(neighbour, NavigableString):
        return False
    text = str(neighbour).strip()
    return text[:1] == "⁄" if tag.name == "sup" else text[-1:] == "⁄"


def fraction(tag: Tag) -> str:
    """``<sup>1</sup>⁄<sub>4</sub>`` as "1/4", with a whole number in front as "2 1/4"."""
    parts = []
    for child in tag.children:
        if isinstance(child, Tag) and is_noise(child):
            continue
        text = child.get_text()
        parts.append(f" {text}" if isinstance(child, Tag) and child.name == "sup" else text)
    joined = re.sub(r"\s*[⁄/]\s*", "/", "".join(parts))
    return clean_text(joined)


def join(parts: Iterable[Piece]) -> str:
    """Pieces as one normalised line."""
    return normalise("".join(part.text for part in parts))


def plain(root: Tag, *, prune: frozenset[str] = frozenset()) -> str:
    """The visible text under ``root`` as one normalised line."""
    return join(pieces(root, prune=prune))


def split_headline(parts: list[Piece]) -> tuple[str, str] | None:
    """Headline and body, where the headline is the leading run of strong pieces; None when there is no such run.

    Sites cut a bold sentence where a link begins, so one headline is often several neighbouring bold elements; only
    white space and punctuation may stand between them.
    """
    start = next((i for i, part in enumerate(parts) if part.strong and _has_word(part.text)), None)
    if start is None:
        return None
    before = normalise("".join(part.text for part in parts[:start]))
    if len(before) > 60 or re.search(r"[.!?:。！？]", before):
        return None
    end = start
    for index in range(start + 1, len(parts)):
        if parts[index].strong:
            end = index
        elif _has_word(parts[index].text):
            break
    headline, body = join(parts[: end + 1]), join(parts[end + 1 :])
    stray = re.match(r"[.!?:;,…。！？：]+(?=\s|$)", body)
    if stray:  # the full stop of a headline often stands just outside its bold
        headline, body = headline + stray.group(), body[stray.end() :].strip()
    return (headline, body) if headline else None


def _has_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
