"""What every room of the scraper passes on: a page to be read, with its images, or what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from illinstr.articles import Article

MAX_PAGE_BYTES = 16_000_000
MAX_IMAGE_BYTES = 25_000_000

ErrorKind = Literal["robots", "opted out", "failed"]
FindImage = Callable[[dict[str, Any]], bytes | None]


@dataclass(frozen=True, slots=True)
class Dropped:
    """An article that was left out, with the reason the funnel counts it under."""

    reason: str


def no_image(record: dict[str, Any]) -> bytes | None:
    """Finds nothing: for sources without images, and for ``--no-images``."""
    return None


@dataclass(frozen=True)
class Source:
    """One page to be read, the articles already read from it, or the reason it cannot be.

    ``find_image`` takes a record of ``extra["step_images"]`` and gives the image's bytes, None without any; ``lost``
    says why there are none, by the image's address, as far as that is known.
    """

    name: str
    url: str | None = None
    content: bytes = b""
    charset: str | None = None
    fetched: str | None = None
    reservations: tuple[str, ...] = ()
    articles: tuple[Article | Dropped, ...] | None = None
    error: tuple[ErrorKind, str] | None = None
    find_image: FindImage = no_image
    lost: Mapping[str, str] = field(default_factory=dict)
