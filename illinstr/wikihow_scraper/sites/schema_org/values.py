"""Single values of schema.org objects: words, images, videos, people, quantities, licences."""

from __future__ import annotations

import re
from typing import Any

from illinstr.wikihow_scraper.materials import duration
from illinstr.wikihow_scraper.page import Image, Video
from illinstr.wikihow_scraper.permissions import kind_of as kind_of_licence
from illinstr.wikihow_scraper.permissions import name_of
from illinstr.wikihow_scraper.sites.cutting import plain
from illinstr.wikihow_scraper.sites.elements import absolute, attribute, fit, text_of
from illinstr.wikihow_scraper.sites.images import local_path
from illinstr.wikihow_scraper.sites.schema_org.json_ld import Graph, Node, types

ELEMENT_WORK = 100  # what reading an element of markup costs, in values
MAX_IMAGES = 20  # of one step
_IMAGES = frozenset({"ImageObject", "Photograph", "ImageGallery", "MediaObject"})
_VIDEOS = frozenset({"VideoObject", "Clip"})
_VIDEO_FILE = re.compile(r"\.(?:mp4|webm|mov|m4v|m3u8|ogv)(?:$|[?#])", re.IGNORECASE)


class Values:
    """Reads values of a page's objects.

    Args:
        graph: the objects.
        base: what relative addresses are resolved against.
        literal: strings are plain text, whatever they look like.
    """

    def __init__(self, graph: Graph, base: str | None, *, literal: bool = False) -> None:
        self.graph = graph
        self.base = base
        self.literal = literal

    def words(self, value: Any) -> str:
        """A value as one line: a string, a number, or an object's text or name."""
        for _ in range(4):
            if isinstance(value, str):
                self.graph.charge(len(value) // 10)
                return fit(value) if self.literal else plain(value)
            if isinstance(value, bool) or value is None:
                return ""
            if isinstance(value, int | float):
                return f"{value:g}" if abs(value) < 1e9 else ""
            if isinstance(value, dict):
                value = next(iter(self.graph.all(value, "text", "name", "value", "description")), None)
            elif isinstance(value, list):
                value = self.graph.followed(value[0]) if value else None
            else:  # an element of microdata
                self.graph.charge(ELEMENT_WORK * sum(1 for _ in value.iter()))
                return text_of(value)
        return ""

    def first(self, node: Node, *keys: str) -> str:
        """The words of the first property that has some."""
        for key in keys:
            for value in self.graph.all(node, key):
                if words := self.words(value):
                    return words
        return ""

    def every(self, node: Node, *keys: str) -> list[str]:
        """The words of all values of the first property that says something."""
        return [words for value in self.graph.all(node, *keys) if (words := self.words(value))]

    def images(self, node: Node) -> list[Image]:
        """The object's images, each once."""
        found: dict[str, Image] = {}
        for value in self.graph.all(node, "image", "photo")[:MAX_IMAGES]:
            image = self.image(value)
            if image is not None:
                found.setdefault(image.url or image.local_path or "", image)
        return list(found.values())

    def image(self, value: Any) -> Image | None:
        """An image given as address, as object, or as the ``@id`` of one."""
        if isinstance(value, str):
            known = self.graph.named(value)
            if known is None or not known.keys() - {"@id", "@type"}:
                return self._image(value)
            value = known
        if not isinstance(value, dict):
            return None
        if self.literal and (beside := local_path(self.first(value, "name"))):
            return self._described(Image(local_path=beside), value)  # the page holds a small copy of it alone
        for key in ("contentUrl", "url", "@id", "thumbnailUrl", "thumbnail", "image"):
            for address in self.graph.all(value, key):
                if isinstance(address, dict):
                    address = next(iter(self.graph.all(address, "contentUrl", "url", "@id")), None)
                made = self._image(address) if isinstance(address, str) else None
                if made is not None:
                    return self._described(made, value)
        return None

    def _image(self, address: str) -> Image | None:
        if address[:5].lower() == "data:":
            return None
        address = plain(address)
        url, local = absolute(address, self.base), local_path(address)
        return Image(url=url, local_path=local) if url or local else None

    def _described(self, image: Image, node: Node) -> Image:
        named = self.first(node, "license", "copyrightNotice")
        licence = name_of(self.address(node, "license") or named)
        return image.model_copy(
            update={
                "width": self._pixels(node, "width"),
                "height": self._pixels(node, "height"),
                "alt": self.first(node, "caption", "name", "alternateName") or None,
                "license": licence,
                "license_kind": kind_of_licence(licence),
            }
        )

    def _pixels(self, node: Node, key: str) -> int | None:
        match = re.match(r"(\d{1,6})(?:\.\d+)?\s*(?:px)?$", self.first(node, key))
        return int(match[1]) or None if match else None

    def video(self, node: Node) -> Video | None:
        """The object's video, or piece of one, and the still that stands for it."""
        for value in self.graph.all(node, "video")[:1]:
            if isinstance(value, str):
                url = absolute(plain(value), self.base)
                return Video(url=url) if url else None
            if isinstance(value, dict):
                url = self.address(value, "contentUrl") or self.address(value, "embedUrl") or self.address(value, "url")
                stills = (self.image(still) for still in self.graph.all(value, "thumbnailUrl", "thumbnail", "image"))
                poster = next((still for still in stills if still is not None), None)
                return Video(url=url, poster=poster) if url or poster else None
        return None

    def address(self, node: Node, *keys: str) -> str | None:
        """The first property that is, or has, an http address."""
        for value in (value for key in keys for value in self.graph.all(node, key)):
            if isinstance(value, dict):
                value = next(iter(self.graph.all(value, "url", "@id")), None)
            elif value is not None and not isinstance(value, str | int | float):
                value = attribute(value, "href")
            if isinstance(value, str) and (found := absolute(plain(value), self.base)):
                return found
        return None

    def people(self, node: Node) -> tuple[str, ...]:
        """The names of the object's authors."""
        found = []
        for value in self.graph.all(node, "author", "creator"):
            name = self.first(value, "name", "alternateName") if isinstance(value, dict) else self.words(value)
            if name and not name.startswith(("http://", "https://")):
                found.append(name)
        return tuple(dict.fromkeys(found))

    def amount(self, node: Node) -> str | None:
        """A supply's quantity in words, with its unit."""
        for value in self.graph.all(node, "requiredQuantity", "amount"):
            if isinstance(value, dict):
                parts = (self.first(value, "value", "minValue"), self.first(value, "unitText", "unitCode"))
                return " ".join(part for part in parts if part) or self.words(value) or None
            return self.words(value) or None
        return None

    def time(self, node: Node, *keys: str) -> str | None:
        """A duration in ISO 8601."""
        for key in keys:
            for value in self.graph.all(node, key):
                if isinstance(value, dict):
                    value = next(iter(self.graph.all(value, "value", "maxValue", "minValue")), None)
                if found := duration(self.words(value)):
                    return found
        return None


def is_image(value: Any) -> bool:
    """Whether an object is an image."""
    return isinstance(value, dict) and bool(types(value) & _IMAGES)


def is_video(value: Any) -> bool:
    """Whether an object is a video or a piece of one."""
    return isinstance(value, dict) and bool(types(value) & _VIDEOS)


def names_video(url: str | None) -> bool:
    """Whether an address that is given for an image names a video file."""
    return url is not None and _VIDEO_FILE.search(url) is not None
