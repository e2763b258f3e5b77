"""Asking sites for pages and pictures, the way a good guest does.

One connection and one request at a time a host, a pause between them (the site's Crawl-delay where it is longer), an
honest name with a way to reach whoever runs the crawl, robots.txt before anything else and again after every redirect,
longer and longer waits when a site is in trouble, and an end when it says no.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any, Literal, Self
from urllib.parse import urljoin, urlsplit

import httpx
from pydantic import Field, field_validator
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from illinstr import __version__
from illinstr.config import Config
from illinstr.errors import FetchError
from illinstr.progress import Reporter, SilentReporter
from illinstr.wikihow_scraper.cache import Cache, Entry
from illinstr.wikihow_scraper.metadata import PICTURES_ONLY, is_wikihow_host
from illinstr.wikihow_scraper.parse import MAX_PAGE_BYTES
from illinstr.wikihow_scraper.robots import PRODUCT_TOKEN, Robots, robots_url
from illinstr.wikihow_scraper.safety import GuardedTransport, check_url, read_body, reservations

Kind = Literal["page", "picture", "sitemap"]
_CONTACT = re.compile(r"[^@\s()<>\"\\]+@[^@\s()<>\"\\]+\.[^@\s()<>\"\\]+|https?://[^\s()<>\"\\]+\.[^\s()<>\"\\]+")
_TYPES: dict[Kind, tuple[str, ...]] = {
    "page": ("text/html", "application/xhtml+xml"),
    "picture": ("image/webp", "image/png", "image/jpeg"),
    "sitemap": ("application/xml", "text/xml", "application/gzip", "application/x-gzip", "text/plain"),
}
_BLOCK_PAGE = re.compile(
    rb"access denied|attention required!|just a moment\.\.\.|cf-challenge|verify (?:that )?you are (?:a )?human"
    rb"|unusual traffic|request blocked|are you a robot",
    re.IGNORECASE,
)
_ROBOTS_LIFE_S = 24 * 3600.0  # RFC 9309, section 2.4


class NotAllowed(FetchError):
    """robots.txt, or our failing to read it, forbids the request."""


class OptedOut(FetchError):
    """The answer reserves its content against use in data sets."""


class FetchConfig(Config):
    """How requests are made. Times are seconds, sizes bytes after decompression."""

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


class _TryAgain(FetchError):
    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass
class _Answer:
    url: str
    status: int
    headers: httpx.Headers
    body: bytes = b""


@dataclass
class _Host:
    """What we remember of one host: whose turn it is, when the next may be, and how often it refused us."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    ready_at: float = 0.0
    refusals: int = 0
    shut: str | None = None


class Fetcher:
    """Fetches into a cache, politely. Use as an async context manager.

    Args:
        config: names, waits and limits.
        cache: where answers are kept; a kept one is returned without asking, unless ``refresh``.
        refresh: ask again about kept answers, with their validators, so that an unchanged one costs the site nothing.
        reporter: is told when a site asks us to pause.
    """

    def __init__(
        self, config: FetchConfig, cache: Cache, *, refresh: bool = False, reporter: Reporter | None = None
    ) -> None:
        self.config = config
        self.cache = cache
        self.refresh = refresh
        self._reporter = reporter or SilentReporter()
        self._hosts: dict[str, _Host] = {}
        self._robots: dict[str, tuple[float, Robots]] = {}
        self._robots_locks: dict[str, asyncio.Lock] = {}
        self._paused_until = 0.0

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            transport=GuardedTransport(self.config.allowed_private_hosts),
            headers={"User-Agent": self.config.user_agent, "Accept-Encoding": "gzip, deflate"},
            timeout=self.config.timeout_s,
            follow_redirects=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.aclose()

    async def get(self, url: str, kind: Kind = "page") -> tuple[Entry, bytes]:
        """A page or picture, from the cache or from its site.

        Raises:
            NotAllowed: robots.txt forbids it.
            OptedOut: its headers reserve it.
            FetchError: anything else that kept us from it.
        """
        check_url(url)
        stored = self.cache.get(url)
        if stored is not None and not self.refresh:
            return stored
        headers = {"Accept": ",".join(_TYPES[kind])}
        if stored is not None:
            entry = stored[0]
            validators = {"If-None-Match": entry.etag, "If-Modified-Since": entry.last_modified}
            headers |= {name: value for name, value in validators.items() if value}
        answer = await self._follow(url, headers, self._limit(kind))
        if answer.status == 304 and stored is not None:
            return stored
        entry = self._accept(url, answer, kind)
        self.cache.put(entry, answer.body)
        return entry, answer.body

    def _limit(self, kind: Kind) -> int:
        limits = {"page": self.config.max_page_bytes, "picture": self.config.max_picture_bytes}
        return limits.get(kind, self.config.max_sitemap_bytes)

    async def _follow(self, url: str, headers: dict[str, str], limit: int) -> _Answer:
        seen = {url}
        for _ in range(self.config.max_redirects + 1):
            await self._check_allowed(url)
            answer = await self._ask(url, headers, limit)
            if answer.status not in (301, 302, 303, 307, 308):
                return answer
            url = self._redirect_target(answer)
            if url in seen:
                raise FetchError("redirect loop")
            seen.add(url)
        raise FetchError(f"more than {self.config.max_redirects} redirects")

    def _redirect_target(self, answer: _Answer) -> str:
        location = answer.headers.get("location", "")
        try:
            target = str(urljoin(answer.url, location))
        except ValueError as error:
            raise FetchError(f"redirect to no address: {location[:100]!r}") from error
        if not location:
            raise FetchError("redirect without an address")
        check_url(target)
        if urlsplit(answer.url).scheme == "https" and urlsplit(target).scheme == "http":
            raise FetchError("redirect from https down to http")
        return target

    async def _check_allowed(self, url: str) -> None:
        host = check_url(url)
        if is_wikihow_host(host) and not self.config.accept_terms:
            raise FetchError(f"{host} needs --accept-terms")
        reason = (await self._robots_of(url)).why_not(url)
        if reason is not None:
            raise NotAllowed(reason)

    async def _robots_of(self, url: str) -> Robots:
        where = robots_url(url)
        async with self._robots_locks.setdefault(where, asyncio.Lock()):
            known = self._robots.get(where)
            if known is not None and time.monotonic() - known[0] < _ROBOTS_LIFE_S:
                return known[1]
            rules = await self._ask_robots(where)
            self._robots[where] = (time.monotonic(), rules)
            return rules

    async def _ask_robots(self, where: str) -> Robots:
        try:
            for _ in range(self.config.max_redirects + 1):
                answer = await self._ask(where, {"Accept": "text/plain"}, 4_000_000, retry_statuses=False)
                if answer.status not in (301, 302, 303, 307, 308):
                    return Robots.from_answer(answer.status, answer.body)
                where = self._redirect_target(answer)
        except FetchError as error:
            return Robots(refusal=f"robots.txt cannot be read: {error.message}")
        return Robots(refusal="robots.txt redirects without end")

    async def _ask(self, url: str, headers: dict[str, str], limit: int, *, retry_statuses: bool = True) -> _Answer:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.config.attempts),
            wait=self._wait_s,
            retry=retry_if_exception_type(_TryAgain),
            reraise=True,
        )
        async for attempt in retrying:
            with attempt:
                answer = await self._ask_once(url, headers, limit)
                if retry_statuses:
                    self._judge_status(answer)
        return answer

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after_s if isinstance(error, _TryAgain) else 0.0
        grown = self.config.backoff_s * 2.0 ** (state.attempt_number - 1) * random.uniform(1.0, 1.25)
        return max(asked, min(grown, self.config.longest_wait_s))

    async def _ask_once(self, url: str, headers: dict[str, str], limit: int) -> _Answer:
        host = self._hosts.setdefault(check_url(url), _Host())
        async with self._turn(host, url):
            if host.shut is not None:
                raise FetchError(host.shut)
            try:
                async with (
                    asyncio.timeout(self.config.deadline_s),
                    self._client.stream("GET", url, headers=headers) as got,
                ):
                    body = await read_body(got, limit) if got.status_code == 200 else b""
                    return _Answer(url, got.status_code, got.headers, body)
            except TimeoutError as error:
                raise FetchError(f"answer took longer than {self.config.deadline_s:.0f} s") from error
            except httpx.TransportError as error:
                raise _TryAgain(f"{type(error).__name__}: {error}".rstrip(": ")) from error
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                raise FetchError(f"{type(error).__name__}: {error}") from error

    @contextlib.asynccontextmanager
    async def _turn(self, host: _Host, url: str) -> AsyncIterator[None]:
        async with host.lock:
            while (wait := max(host.ready_at, self._paused_until) - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            try:
                yield
            finally:
                known = self._robots.get(robots_url(url))
                pause = max(self.config.min_interval_s, known[1].crawl_delay() if known else 0.0)
                host.ready_at = time.monotonic() + pause * random.uniform(1.0, 1.25)

    def _judge_status(self, answer: _Answer) -> None:
        """Raise what a status means; return for an answer to work with (200, 304, redirects)."""
        host = self._hosts[check_url(answer.url)]
        blocked = answer.status == 200 and len(answer.body) < 200_000 and _is_block_page(answer.body)
        if answer.status in (401, 403) or blocked:
            host.refusals += 1
            if host.refusals >= self.config.max_refusals:
                host.shut = f"host refused {host.refusals} times in a row; no more requests to it in this run"
            raise FetchError("block page" if blocked else f"HTTP {answer.status}")
        if answer.status in (429, 503):
            raise self._pause(host, answer)
        if answer.status in (408, 425) or answer.status >= 500:
            raise _TryAgain(f"HTTP {answer.status}")
        if answer.status not in (200, 301, 302, 303, 304, 307, 308):
            raise FetchError(f"HTTP {answer.status}")
        host.refusals = 0

    def _pause(self, host: _Host, answer: _Answer) -> FetchError:
        asked = retry_after_s(answer.headers.get("retry-after"))
        if asked > self.config.longest_wait_s:
            host.shut = f"host asked for a pause of {asked:.0f} s; run again later, what is fetched is kept"
            return FetchError(host.shut)
        pause = max(asked, self.config.backoff_s)
        self._paused_until = max(self._paused_until, time.monotonic() + pause)
        self._reporter.log(f"{urlsplit(answer.url).hostname} answered {answer.status}: everything pauses {pause:.0f} s")
        return _TryAgain(f"HTTP {answer.status}", asked)

    def _accept(self, url: str, answer: _Answer, kind: Kind) -> Entry:
        content_type = answer.headers.get("content-type", "").split(";")[0].strip().lower()
        if answer.status != 200:
            raise FetchError(f"HTTP {answer.status}")
        if content_type not in _TYPES[kind] and not (kind == "page" and not content_type):
            raise FetchError(f"answer is {content_type[:60]!r}, not a {kind}")
        reserved = reservations(answer.headers.multi_items())
        against = {"page": reserved - PICTURES_ONLY, "picture": reserved, "sitemap": frozenset[str]()}[kind]
        if against:
            raise OptedOut(f"reserved by its headers: {', '.join(sorted(against))}")
        return Entry(
            url=url,
            final_url=answer.url,
            fetched=datetime.now(UTC).isoformat(timespec="seconds"),
            content_type=content_type,
            charset=_charset(answer.headers.get("content-type", "")),
            etag=answer.headers.get("etag"),
            last_modified=answer.headers.get("last-modified"),
            reservations=tuple(sorted(reserved)),
            sha256=sha256(answer.body).hexdigest(),
        )


def _is_block_page(body: bytes) -> bool:
    head = body[:20_000]
    return _BLOCK_PAGE.search(head) is not None and b"steps" not in body


def _charset(content_type: str) -> str | None:
    match = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:-]{1,40})", content_type, re.IGNORECASE)
    return match.group(1) if match else None


def retry_after_s(value: Any) -> float:
    """Seconds a ``Retry-After`` header asks for (RFC 9110, section 10.2.3: a number or a date); 0 where it is absent
    or unreadable."""
    text = str(value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return 0.0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
