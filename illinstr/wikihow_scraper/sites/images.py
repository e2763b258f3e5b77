"""Which image an element stands for: the largest real one of all it offers.

Pages load images late: ``src`` holds a placeholder and the image stands in ``data-src``, ``data-srcset``,
``data-lazy-src`` or in a ``source`` beside it. Placeholders are known by what they are (``data:`` addresses, SVG, one
pixel, names such as "loading.gif") and by their likeness across the page: what three elements share is no step's image.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from illinstr.wikihow_scraper.page import Image
from illinstr.wikihow_scraper.sites.elements import absolute, attribute, classes, normalise

MAX_SOURCES = 20  # of one image
MIN_SIDE = 64  # pixels; below it is an icon
DOT = 2  # pixels; up to it a placeholder, whatever it is called
SET_ATTRIBUTES = ("data-srcset", "data-lazy-srcset", "data-original-set", "srcset", "data-src-set")
_SINGLES = (
    "data-srclarge", "data-large", "data-full-url", "data-orig-file", "data-large-file", "data-original", "data-src",
    "data-lazy-src", "data-lazy", "data-hi-res-src", "data-pin-media", "data-original-src", "src",
)  # fmt: skip
_PLACEHOLDER = re.compile(
    r"^(?:loading|loader|placeholder|spacer|blank|transparent|pixel|grey|gray|lazy(?:[_-]?load)?|1x1|empty|ajax-loader)"
    r"(?:[-_.]?(?:image|img|icon|small|large|big|bg|\d{1,4}(?:x\d{1,4})?)){0,3}\.\w{3,4}$|\.svg$",
    re.IGNORECASE,
)
_LIKE_AN_IMAGE = re.compile(r"\.(?:jpe?g|png|webp|avif|gif)(?:$|[?#])", re.IGNORECASE)
_LARGE = re.compile(r"hi-?res|full|large|big|zoom|orig|retina|max", re.IGNORECASE)
_CANDIDATE = re.compile(r"\s*+([^\s,]\S*[^\s,]|[^\s,])(?:\s++([\d.]{1,8})([wx]))?\s*+(?:,|$)|[^,]*+,?", re.ASCII)


def images_in(elements: Iterable[Any], base: str | None, seen: Counter[str] | None = None) -> list[Image]:
    """The images inside some elements in document order, each once.

    Args:
        elements: where to look, themselves included.
        base: what relative addresses are resolved against.
        seen: how often each address stands on the page (``addresses``); what stands there often is no step's image.
    """
    found: dict[str, Image] = {}
    for element in elements:
        for tag in element.iter("img", "amp-img"):
            image = image_of(tag, base)
            key = (image.url or image.local_path or "") if image is not None else ""
            if image is not None and (seen is None or seen[key] < 3):
                found.setdefault(key, image)
    return list(found.values())


def addresses(root: Any, base: str | None) -> Counter[str]:
    """How many elements of the page give each image."""
    made = (image_of(tag, base) for tag in root.iter("img", "amp-img") if not _in_noscript(tag))
    return Counter(one.url or one.local_path or "" for one in made if one is not None)


def image_of(tag: Any, base: str | None) -> Image | None:
    """The image an ``img`` stands for, None where it is an icon or a placeholder with nothing behind it."""
    width, height = _pixels(attribute(tag, "width")), _pixels(attribute(tag, "height"))
    dot = is_dot(width, height)
    if (not dot and (0 < width < MIN_SIDE or 0 < height < MIN_SIDE)) or "emoji" in classes(tag):
        return None
    best: tuple[float, str] | None = None
    for size, address in _candidates(tag, shown=not dot):
        if is_placeholder(address) or not (absolute(address, base) or local_path(address)):
            continue
        if best is None or size > best[0]:
            best = (size, address)
    if best is None:
        return None
    sized = attribute(tag, "src") == best[1]
    return Image(
        url=absolute(best[1], base),
        local_path=local_path(best[1]),
        width=(width or None) if sized else None,
        height=(height or None) if sized else None,
        alt=normalise(attribute(tag, "alt")) or None,
    )


def is_dot(width: int, height: int) -> bool:
    """Whether a size in pixels is that of a placeholder: what ``src`` then holds is none of the images offered."""
    return 0 < width <= DOT and 0 < height <= DOT


def other_addresses(attributes: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """What other ``data-`` attributes of an element hold that is like the address of an image, and whether the name of
    the attribute says that it is a large one."""
    for name, value in attributes.items():
        known = name in _SINGLES or name in SET_ATTRIBUTES
        if name.startswith("data-") and not known and isinstance(value, str) and len(value) < 2000:
            value = value.strip()
            if _LIKE_AN_IMAGE.search(value) and not re.search(r"[\s{}<>\"]", value):
                yield value, _LARGE.search(name) is not None


def _candidates(tag: Any, *, shown: bool = True) -> Iterator[tuple[float, str]]:
    """Sizes and addresses; a size in pixels wins over none, and of the unsized the first. What ``src`` holds comes
    last, and not at all where it is not ``shown``."""
    frame = tag.getparent()
    while frame is not None and frame.tag == "source":  # libxml2 does not know that a source has no end
        frame = frame.getparent()
    sources = list(frame.iter("source"))[:MAX_SOURCES] if frame is not None and frame.tag == "picture" else []
    for holder in (tag, *sources):
        for name in SET_ATTRIBUTES:
            for address, size in candidates(attribute(holder, name)):
                yield size, address
    for place, name in enumerate(_SINGLES):
        if (address := attribute(tag, name)) and (shown or name != "src"):
            size = _pixels(attribute(tag, "data-widthlarge" if "large" in name else "width"))
            yield float(size) if size and name != "src" else -1.0 - place, address
    for address, large in other_addresses(tag.attrib):
        yield -len(_SINGLES) - 0.5 + large, address  # a large one before what ``src`` holds, any other after that


def candidates(srcset: str) -> list[tuple[str, float]]:
    """The addresses of a ``srcset`` with their sizes: pixels of width, or densities (below one, so that widths win)."""
    found = []
    for match in _CANDIDATE.finditer(srcset):
        if match[1]:
            number = float(match[2]) if match[2] and re.fullmatch(r"\d+(?:\.\d+)?|\.\d+", match[2]) else 1.0
            found.append((match[1], number if match[3] == "w" else min(number, 99.0) / 100))
    return found


def local_path(address: str) -> str | None:
    """A relative address as a path beside the page, as pages saved with their images have; None for others."""
    address = address.strip()
    if not address or address.startswith(("/", "#", "?")) or re.match(r"[a-z][a-z0-9+.-]*:", address, re.IGNORECASE):
        return None
    return address


def is_placeholder(address: str) -> bool:
    """Whether an address stands for an image that comes later: ``data:`` addresses, SVG, "loading.gif"."""
    if address.startswith(("data:", "about:", "blob:")):
        return True
    try:
        path = urlsplit(address).path
    except ValueError:
        return True
    return _PLACEHOLDER.search(path.rsplit("/", 1)[-1]) is not None


def _in_noscript(tag: Any) -> bool:
    return any(True for _ in tag.iterancestors("noscript"))


def _pixels(value: str) -> int:
    match = re.match(r"\s*(\d{1,6})(?:\.\d*)?(?:px)?\s*$", value)
    return int(match[1]) if match else 0
