"""What became of each address, on disk beside its answer, so that no run does a finished piece of work again.

A record is written once a page and all its images are settled: fetched, refused or failed. An address without one is
still open, whatever the reason: a killed run, a stopped one, a host that was closed before its turn.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from illinstr.files import canonical_json, write_text
from illinstr.wikihow_scraper.fetching.cache import Cache

Outcome = Literal["fetched", "robots", "opted out", "failed"]


class ImageVisit(BaseModel):
    """One image: the hash of its bytes, or why there are none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    sha256: str | None = None
    reason: str | None = None


class Visit(BaseModel):
    """One page.

    ``sha256`` is the hash of its body where it was fetched, ``asked`` what was asked in place of its address, ``wants``
    names the rules its images were chosen by, ``listed`` the day its sitemap gave, ``checked`` the time of the last
    look (seconds since 1970; no part of what the visit *is*).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    asked: str | None = Field(default=None, exclude_if=lambda asked: asked is None)
    outcome: Outcome
    reason: str | None = None
    sha256: str | None = None
    pictures: tuple[ImageVisit, ...] = ()
    wants: str = ""
    listed: str = ""
    checked: float = 0.0

    @property
    def place(self) -> str:
        """The address its answer is kept under."""
        return self.asked or self.url

    @property
    def identity(self) -> str:
        """A hash of everything that can change the data made from this page."""
        told = self.model_dump(mode="json", exclude={"listed", "checked", "wants"})
        return sha256(canonical_json(told).encode()).hexdigest()

    @property
    def incomplete(self) -> bool:
        """Whether asking again might bring more: the page or an image failed, or robots.txt refused."""
        lost = any(image.sha256 is None and not _settled(image.reason) for image in self.pictures)
        return self.outcome in ("failed", "robots") or lost


def _settled(reason: str | None) -> bool:
    return reason is not None and reason.startswith("reserved")


def read(cache: Cache, url: str) -> Visit | None:
    """The record of an address, None where it is still open."""
    try:
        visit = Visit.model_validate_json(cache.path(url, ".visit.json").read_bytes())
    except (OSError, ValidationError):
        return None
    return visit if visit.url == url else None


def write(cache: Cache, visit: Visit) -> None:
    """Record that an address is settled."""
    write_text(cache.path(visit.url, ".visit.json"), canonical_json(visit.model_dump(mode="json")))
