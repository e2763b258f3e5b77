"""Which image and which video belong to a step.

A step's image is found once, whatever shape it takes: a plain ``img``, a lazy one (``data-src``, ``data-srclarge``,
``data-src-nowebp``), a ``picture`` with sources, an AMP element, or only the ``noscript`` copy of one. Icons, logos,
photographs of experts inside reference pop-ups and remarks' images are not step images.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from bs4 import Tag

from illinstr.wikihow_scraper.addresses import absolute
from illinstr.wikihow_scraper.licences import kind_of
from illinstr.wikihow_scraper.page import Image, Video
from illinstr.wikihow_scraper.sentences import normalise
from illinstr.wikihow_scraper.sites.images import (
    SET_ATTRIBUTES,
    candidates,
    is_dot,
    is_placeholder,
    other_addresses,
)
from illinstr.wikihow_scraper.sites.wikihow import licences
from illinstr.wikihow_scraper.sites.wikihow.text import attribute, classes

VIDEO_ROOT = "https://www.wikihow.com/video"
_MIN_SIDE = 64
_FOREIGN_CLASSES = frozenset({"ts_popup", "techicon", "m-video-wm", "video-player", "video-container", "wh_ad_inner"})
_NOT_A_PHOTOGRAPH = re.compile(r"/skins/|/extensions/|\.svg(?:$|\?)|spacer|pixel\.gif", re.IGNORECASE)
_OWN_ATTRIBUTES = ("data-srclarge", "data-src-nowebp")
_URL_ATTRIBUTES = (*_OWN_ATTRIBUTES, "data-src", "data-original", "data-lazy-src", "data-lazy", "src")
_SAVED_FILES = re.compile(r"(?:^|/)[^/]*_files/|^\.\.?/")  # where browsers and wget put what belongs to a page


def step_images(item: Tag, tags: list[Tag], base: str) -> list[Image]:
    """The still images inside one step, those beside its text before those inside it, each counted once.

    ``tags`` are all the elements inside ``item``, in document order.
    """
    frames: dict[int, tuple[Tag, list[Tag]]] = {}
    for image in (tag for tag in tags if tag.name in ("img", "amp-img")):
        frame = _frame_of(image, item)
        if frame is not None:
            frames.setdefault(id(frame), (frame, []))[1].append(image)
    beside: list[Image] = []
    inside: list[Image] = []
    for frame, images in frames.values():
        picture = _image(frame, images, base)
        if picture is not None:
            (inside if _inside_text(frame, item) else beside).append(picture)
    return beside + inside


def step_video(item: Tag, tags: list[Tag], base: str) -> Video | None:
    """The step's video, its address made whole, with the still that stands for it; ``tags`` as above."""
    for player in (tag for tag in tags if tag.name in ("video", "amp-video")):
        if player.has_attr("data-summary") or _foreign(player, item, allow_player=True):
            continue
        source = attribute(player, "data-src") or attribute(player, "src")
        if not source:
            child = player.find("source")
            source = (attribute(child, "data-src") or attribute(child, "src")) if child is not None else ""
        poster_url = absolute(attribute(player, "data-poster") or attribute(player, "poster"), base)
        has_poster = bool(attribute(player, "data-poster") or attribute(player, "poster"))
        poster = Image(url=poster_url) if has_poster and poster_url else None
        url = video_url(source) if source else None
        if url is not None or poster is not None:
            return Video(url=url, poster=poster)
    return None


def video_url(source: str) -> str | None:
    """The address of a step video: the site gives a path under its video root, with bare spaces."""
    if source.startswith("//"):
        source = "https:" + source
    if not re.match(r"[a-z][a-z0-9+.-]*:", source, re.IGNORECASE):
        return VIDEO_ROOT + quote("/" + source.lstrip("/"), safe="/%()!,;@&=+$~*'")
    return absolute(source, VIDEO_ROOT)


def _foreign(tag: Tag, item: Tag, *, allow_player: bool = False) -> bool:
    for ancestor in tag.parents:
        if ancestor is item:
            return False
        names = classes(ancestor)
        if ancestor.name == "sup" and "reference" in names:
            return True
        for name in names:
            if name.startswith("green_box") or (name in _FOREIGN_CLASSES and not (allow_player and "video" in name)):
                return True
    return False


def _frame_of(image: Tag, item: Tag) -> Tag | None:
    if _foreign(image, item) or "techicon" in classes(image):
        return None
    link: Tag | None = None
    for ancestor in image.parents:
        if ancestor is item:
            break
        names = classes(ancestor)
        if "mwimg" in names:
            return ancestor
        if ancestor.name == "a" and "image" in names:
            link = ancestor
    if link is not None:
        return link
    return None if _in_noscript(image) else image


def _in_noscript(tag: Tag) -> bool:
    return any(ancestor.name == "noscript" for ancestor in tag.parents)


def _inside_text(frame: Tag, item: Tag) -> bool:
    for ancestor in frame.parents:
        if ancestor is item:
            return False
        if ancestor.name in ("ul", "ol") or "step" in classes(ancestor):
            return True
    return False


def _image(frame: Tag, images: list[Tag], base: str) -> Image | None:
    details = _details(frame)
    seen = [image for image in images if not _in_noscript(image)]
    hidden = [image for image in images if _in_noscript(image)]
    for image in seen + hidden:
        if not _is_dot(image) and 0 < _number(attribute(image, "data-width") or attribute(image, "width")) < _MIN_SIDE:
            return None
    url = local = None
    chosen: Tag | None = None
    for image in seen + hidden:
        candidate, saved = _address(image, base)
        local = local or saved
        if candidate is not None:
            url, chosen = candidate, image
            break
    big = absolute(str(details.get("bigUrl") or ""), base) if details.get("bigUrl") else None
    url = url or big
    if url is None and local is None:
        return None
    if _NOT_A_PHOTOGRAPH.search(url or local or ""):
        return None
    return _describe(chosen or images[0], url, local, details, base)


def _describe(image: Tag, url: str | None, local: str | None, details: Mapping[str, Any], base: str) -> Image:
    large = bool(attribute(image, "data-srclarge"))
    width = _number(attribute(image, "data-widthlarge")) if large else 0
    height = _number(attribute(image, "data-heightlarge")) if large else 0
    if large and not width:
        width, height = _number(details.get("bigWidth")), _number(details.get("bigHeight"))
    if not large:
        width = _number(attribute(image, "data-width") or attribute(image, "width"))
        height = _number(attribute(image, "data-height") or attribute(image, "height"))
    note = licences.note_text(str(details["licensing"])) if details.get("licensing") else None
    small = attribute(image, "data-src")
    return Image(
        url=url,
        small_url=absolute(small, base) if small else None,
        local_path=local,
        width=width or None,
        height=height or None,
        alt=normalise(attribute(image, "alt")) or None,
        license=note,
        license_kind=kind_of(note),
    )


def _address(image: Tag, base: str) -> tuple[str | None, str | None]:
    """The image's web address and, on a page a browser saved, its path beside the page.

    wikiHow's own attributes first, then the largest of the sets (its own, or those of ``source`` elements beside it),
    then other attributes, then ``src``; placeholders stand for nothing.
    """
    single = {
        name: value for name in _URL_ATTRIBUTES if (value := attribute(image, name)) and not is_placeholder(value)
    }
    shown = single.pop("src", None) if not _is_dot(image) else None
    single.pop("src", None)
    local = shown if shown is not None and _is_saved_path(shown) else None
    own = [single.pop(name, "") for name in _OWN_ATTRIBUTES]
    offered = [*own, _largest(image) or "", *single.values()]
    offered += [value for value, large in other_addresses(image.attrs) if large and not is_placeholder(value)]
    if shown is not None and not _SAVED_FILES.search(shown):
        offered.append(shown)
    offered += [value for value, large in other_addresses(image.attrs) if not large and not is_placeholder(value)]
    return next((url for value in offered if value and (url := absolute(value, base))), None), local


def _is_dot(image: Tag) -> bool:
    return is_dot(_number(attribute(image, "width")), _number(attribute(image, "height")))


def _largest(image: Tag) -> str | None:
    # libxml2 does not know that ``source`` is empty, and puts what follows it inside.
    holder = next((one for one in itertools.islice(image.parents, 6) if one.name != "source"), None)
    sources = holder.find_all("source") if holder is not None and holder.name == "picture" else []
    offered = [
        (size, address)
        for holder in (image, *sources)
        for name in SET_ATTRIBUTES
        for address, size in candidates(attribute(holder, name))
        if not is_placeholder(address) and not _is_saved_path(address)
    ]
    return max(offered, key=lambda one: one[0])[1] if offered else None


def _is_saved_path(value: str) -> bool:
    """Browsers rewrite ``src`` to "Title_files/name.jpg"; the site itself only ever writes rooted or full addresses."""
    return not value.startswith(("/", "#", "?")) and not re.match(r"[a-z][a-z0-9+.-]*:", value, re.IGNORECASE)


def _details(frame: Tag) -> dict[str, Any]:
    box = next((tag for tag in frame.find_all("div") if "image_details" in classes(tag)), None)
    if box is None:
        return {}
    holder = box.find("span") or box
    try:
        loaded = json.loads(holder.get_text())
    except (ValueError, RecursionError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _number(value: object) -> int:
    match = re.match(r"\s*(\d{1,6})", str(value or ""))
    return int(match.group(1)) if match else 0
