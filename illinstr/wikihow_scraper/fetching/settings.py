"""How requests are made, and the ways one can end without an answer."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from illinstr.config import Config
from illinstr.errors import FetchError
from illinstr.version import __version__
from illinstr.wikihow_scraper.fetching.robots import PRODUCT_TOKEN
from illinstr.wikihow_scraper.source import MAX_PAGE_BYTES

_CONTACT = re.compile(r"[^@\s()<>\"\\]+@[^@\s()<>\"\\]+\.[^@\s()<>\"\\]+|https?://[^\s()<>\"\\]+\.[^\s()<>\"\\]+")


CLOSED_HINT = "do not work around it: ask the site, or run the same command again much later; what is fetched is kept"


class NotAllowed(FetchError):
    """robots.txt, or our failing to read it, forbids the request."""


class RulesUnavailable(NotAllowed):
    """What the site asks of crawlers cannot be read at this time, so it is not asked; what was to be asked is open."""


class OptedOut(FetchError):
    """The answer, or its site, reserves the content against use in data sets."""


class HostClosed(FetchError):
    """The host is not asked any more in this run; what was to be asked of it is still open."""

    def __init__(self, message: str) -> None:
        super().__init__(message, hint=CLOSED_HINT)


class Stopped(FetchError):
    """The user asked to stop before the request was made."""


class FetchConfig(Config):
    """How requests are made. Times are seconds, sizes bytes after decompression.

    ``max_refusals`` counts 401, 403 and block pages in a row, ``max_slowdowns`` 429 and 503, ``max_silences`` requests
    that got no usable answer after all their attempts; each closes the host for the run.
    """

    contact: str
    min_interval_s: float = Field(default=3.0, ge=0.0, le=3600.0)
    accept_terms: bool = False
    allowed_private_hosts: tuple[str, ...] = ()
    attempts: int = Field(default=4, ge=1)
    backoff_s: float = Field(default=2.0, ge=0.0)
    longest_wait_s: float = Field(default=900.0, ge=0.0)
    timeout_s: float = Field(default=30.0, gt=0.0)
    deadline_s: float = Field(default=180.0, gt=0.0)
    max_redirects: int = Field(default=5, ge=0)
    max_refusals: int = Field(default=3, ge=1)
    max_slowdowns: int = Field(default=10, ge=1)
    max_silences: int = Field(default=5, ge=1)
    max_page_bytes: int = Field(default=MAX_PAGE_BYTES, gt=0)
    max_picture_bytes: int = Field(default=25_000_000, gt=0)
    max_sitemap_bytes: int = Field(default=60_000_000, gt=0)

    @field_validator("contact")
    @classmethod
    def _contact_reaches_someone(cls, value: str) -> str:
        if not _CONTACT.fullmatch(value) or not value.isascii() or len(value) > 200:
            raise ValueError("must be an e-mail address or a web address by which a site's operator can reach you")
        return value

    @property
    def user_agent(self) -> str:
        """The name every request carries."""
        return f"{PRODUCT_TOKEN}/{__version__} (+{self.contact})"
