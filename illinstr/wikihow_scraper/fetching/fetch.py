"""Asking sites for pages and images, the way a good guest does.

One connection and one request at a time a host, a pause between them (the site's Crawl-delay where it is longer), an
honest name with a way to reach whoever runs the crawl, robots.txt and the site's TDM file before anything else and
again after every redirect, longer and longer waits when a site is in trouble, and an end when it says no.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Self
from urllib.parse import urljoin, urlsplit

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt

from illinstr.errors import FetchError
from illinstr.progress import Reporter, SilentReporter
from illinstr.wikihow_scraper.fetching.cache import Cache, Entry
from illinstr.wikihow_scraper.fetching.kinds import TYPES, Kind, charset_of, is_kind
from illinstr.wikihow_scraper.fetching.opt_out import MAX_TDM_BYTES, TDM, TdmRules, binding, meta_directives, tdm_url
from illinstr.wikihow_scraper.fetching.pace import Pace, retry_after_s
from illinstr.wikihow_scraper.fetching.robots import MAX_ROBOTS_BYTES, Robots, robots_url
from illinstr.wikihow_scraper.fetching.safety import GuardedTransport, check_url, read_body, reservations
from illinstr.wikihow_scraper.fetching.settings import (
    FetchConfig,
    HostClosed,
    NotAllowed,
    OptedOut,
    RulesUnavailable,
    Stopped,
)
from illinstr.wikihow_scraper.fetching.sniffing import is_block_page, media_type, sniff
from illinstr.wikihow_scraper.fetching.watch import Watch
from illinstr.wikihow_scraper.reservations import IMAGES_ONLY
from illinstr.wikihow_scraper.sites.site import Terms

__all__ = [
    "FetchConfig",
    "Fetcher",
    "HostClosed",
    "NotAllowed",
    "OptedOut",
    "RulesUnavailable",
    "Stopped",
    "retry_after_s",
]

_ANSWERED = (200, 203)  # 203: changed by a proxy on the way
_REDIRECTS = (301, 302, 303, 307, 308)
TermsOf = Callable[[str], Terms | None]
_SITE_FILE_LIFE_S = 24 * 3600.0  # RFC 9309, section 2.4


class _TryAgain(FetchError):
    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass
class _Answer:
    url: str
    status: int
    headers: httpx.Headers
    body: bytes = b""

    @property
    def host(self) -> str:
        return check_url(self.url)


@dataclass(frozen=True)
class _SiteRules:
    """What a site asks of crawlers, and when we heard it."""

    heard: float
    robots: Robots
    tdm: TdmRules


class Fetcher:
    """Fetches into a cache, politely. Use as an async context manager.

    Args:
        config: names, waits and limits.
        cache: where answers are kept; a kept one is returned without asking, unless ``refresh``.
        terms_of: what the owner of a host asks of whoever fetches from it, beyond robots.txt.
        refresh: ask again about kept answers, with their validators, so that an unchanged one costs the site nothing.
        reporter: is told when a site asks us to pause.
        stop: once set, requests in flight end as usual and no other is made.
    """

    def __init__(
        self,
        config: FetchConfig,
        cache: Cache,
        *,
        terms_of: TermsOf,
        refresh: bool = False,
        reporter: Reporter | None = None,
        stop: asyncio.Event | None = None,
    ) -> None:
        self._terms_of = terms_of
        self.config = config
        self.cache = cache
        self.refresh = refresh
        self.watch = Watch(reporter or SilentReporter())
        self.pace = Pace(config, reporter or SilentReporter(), stop or asyncio.Event(), self.watch)
        self._rules: dict[str, _SiteRules] = {}
        self._unavailable: dict[str, str] = {}
        self._rules_locks: dict[str, asyncio.Lock] = {}
        self._delays: dict[str, float] = {}

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

    @property
    def closed(self) -> dict[str, str]:
        """The hosts that are not asked any more in this run, each with the reason."""
        return {**{urlsplit(site).netloc: why for site, why in self._unavailable.items()}, **self.pace.closed}

    async def get(self, url: str, kind: Kind = "page", *, again: bool | None = None) -> tuple[Entry, bytes]:
        """A page, image or list of pages, from the cache or from its site.

        Args:
            url: its address.
            kind: what is expected there; an answer of another kind is an error.
            again: ask even where an answer is kept; None: as the fetcher's ``refresh`` says.

        Raises:
            NotAllowed: robots.txt forbids it.
            OptedOut: its site, its headers or its meta elements reserve it; nothing of it is kept, not even an
                answer kept earlier.
            HostClosed, Stopped: it was not asked for.
            FetchError: anything else that kept us from it.
        """
        host = check_url(url)
        try:
            return await self._get(url, kind, again)
        except (HostClosed, Stopped):
            raise
        except FetchError as error:
            self.watch.refused_or_failed(host, url, error)
            raise

    async def _get(self, url: str, kind: Kind, again: bool | None) -> tuple[Entry, bytes]:
        stored = self.cache.get(url)
        if stored is not None and not (self.refresh if again is None else again):
            return stored
        headers = {"Accept": ",".join(TYPES[kind])}
        if stored is not None:
            validators = {"If-None-Match": stored[0].etag, "If-Modified-Since": stored[0].last_modified}
            headers |= {name: value for name, value in validators.items() if value}
        answer = await self._follow(url, headers, self._limit(kind))
        unchanged = stored if answer.status == 304 else None
        try:
            reserved = self._reserved(answer, kind, unchanged[1] if unchanged is not None else answer.body)
        except OptedOut:
            self.cache.forget(url)
            raise
        if unchanged is not None:
            self.watch.kept(answer.host, url, kind, 0)
            return unchanged
        entry = self._accept(url, answer, kind, reserved)
        self.cache.put(entry, answer.body)
        self.watch.kept(answer.host, url, kind, len(answer.body))
        return entry, answer.body

    async def sitemaps(self, url: str) -> list[str]:
        """The sitemaps that the robots.txt of an address's site names, absolute, each once.

        Raises:
            NotAllowed: it cannot be read at this time.
        """
        return (await self._site_rules(url)).robots.sitemaps(url)

    def _limit(self, kind: Kind) -> int:
        limits = {"sitemap": self.config.max_sitemap_bytes, "picture": self.config.max_picture_bytes}
        return limits.get(kind, self.config.max_page_bytes)

    async def _follow(self, url: str, headers: dict[str, str], limit: int) -> _Answer:
        seen = {url}
        for _ in range(self.config.max_redirects + 1):
            await self._check_allowed(url)
            answer = await self._ask(url, headers, limit)
            if answer.status not in _REDIRECTS:
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
        if self._terms_of(host) is not None and not self.config.accept_terms:
            raise FetchError(f"{host} needs --accept-terms")
        rules = await self._site_rules(url)
        reason = rules.robots.why_not(url)
        if reason is not None:
            raise NotAllowed(reason)

    async def _site_rules(self, url: str) -> _SiteRules:
        site = robots_url(url)
        async with self._rules_locks.setdefault(site, asyncio.Lock()):
            known = self._rules.get(site)
            if known is not None and time.monotonic() - known.heard < _SITE_FILE_LIFE_S:
                return known
            if site in self._unavailable:
                raise RulesUnavailable(self._unavailable[site])
            status, body = await self._site_file(site, MAX_ROBOTS_BYTES)
            said = f"robots.txt {body.decode(errors='replace')}" if not status else None
            robots = Robots.from_answer(status, body) if said is None else Robots(refusal=said, passing=True)
            if robots.passing:
                raise self._not_available(site, robots.refusal)
            rules = _SiteRules(time.monotonic(), robots, TdmRules())
            # Where robots.txt closes the site there is nothing more to ask.
            if robots.refusal is None and robots.why_not(tdm_url(url)) is None:
                rules = _SiteRules(rules.heard, robots, await self._tdm_rules(tdm_url(url), robots))
            if rules.tdm.refusal is not None:
                raise self._not_available(site, rules.tdm.refusal)
            self._rules[site] = rules
            return rules

    def _not_available(self, site: str, why: str | None) -> RulesUnavailable:
        """Closes a site until the next run: what it asks of crawlers is not known while this lasts."""
        self._unavailable[site] = f"{urlsplit(site).netloc}: {why}; it is not asked in this run"
        return RulesUnavailable(self._unavailable[site])

    async def _tdm_rules(self, where: str, robots: Robots) -> TdmRules:
        self._delays[robots_url(where)] = robots.crawl_delay()  # holds from the next request on
        status, body = await self._site_file(where, MAX_TDM_BYTES)
        return TdmRules.from_answer(status, body) if status else TdmRules(refusal=f"{TDM} file {body.decode()}")

    async def _site_file(self, where: str, limit: int) -> tuple[int, bytes]:
        """Status and body of robots.txt or the TDM file; status 0 and a reason where there was no answer."""
        try:
            for _ in range(self.config.max_redirects + 1):
                answer = await self._ask(where, {"Accept": "*/*"}, limit, judge=False)
                if answer.status not in _REDIRECTS:
                    return answer.status, answer.body
                where = self._redirect_target(answer)
        except (HostClosed, Stopped):
            raise
        except FetchError as error:
            return 0, f"cannot be read: {error.message}".encode()
        return 0, b"redirects without end"

    async def _ask(self, url: str, headers: dict[str, str], limit: int, *, judge: bool = True) -> _Answer:
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self.config.attempts),
            wait=self._wait_s,
            retry=retry_if_exception_type(_TryAgain),
            sleep=self.pace.sleep,
            reraise=True,
        )
        try:
            async for attempt in retrying:
                with attempt:
                    answer = await self._ask_once(url, headers, limit, cut=not judge)
                    if judge:
                        self._judge_status(answer)
                    elif answer.status in (429, 503):
                        raise _TryAgain(f"answered {answer.status}", self._asked_wait_s(answer))
        except _TryAgain as error:
            if not judge and error.message.startswith("answered "):
                return answer
            self.pace.silent(check_url(url), error.message)
            raise
        return answer

    def _asked_wait_s(self, answer: _Answer) -> float:
        """Seconds to leave before robots.txt is asked for again; 0 where the site asks for more than we wait."""
        return asked if (asked := retry_after_s(answer.headers.get("retry-after"))) <= self.config.longest_wait_s else 0

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.wait_s if isinstance(error, _TryAgain) else 0.0
        grown = self.config.backoff_s * 2.0 ** (state.attempt_number - 1) * random.uniform(1.0, 1.25)
        return max(asked, min(grown, self.config.longest_wait_s))

    async def _ask_once(self, url: str, headers: dict[str, str], limit: int, *, cut: bool = False) -> _Answer:
        async with self.pace.turn(check_url(url), lambda: self._delay_s(url)):
            try:
                async with (
                    asyncio.timeout(self.config.deadline_s),
                    self._client.stream("GET", url, headers=headers) as got,
                ):
                    self.watch.asked(check_url(url))
                    body = await read_body(got, limit, cut=cut) if got.status_code in _ANSWERED else b""
                    return _Answer(url, got.status_code, got.headers, body)
            except TimeoutError as error:
                self.pace.silent(check_url(url), "too slow")
                raise FetchError(f"answer took longer than {self.config.deadline_s:.0f} s") from error
            except httpx.TransportError as error:
                raise _TryAgain(f"{type(error).__name__}: {error}".rstrip(": ")) from error
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                raise FetchError(f"{type(error).__name__}: {error}") from error

    def _delay_s(self, url: str) -> float:
        """What the site asks for between two requests: its Crawl-delay, or what its terms say in words."""
        asked, terms = self._delays.get(robots_url(url), 0.0), self._terms_of(check_url(url))
        return max(asked, terms.min_interval_s) if terms is not None else asked

    def _judge_status(self, answer: _Answer) -> None:
        """Raise what a status means; return for an answer to work with (200, 304, redirects)."""
        blocked = answer.status in _ANSWERED and len(answer.body) < 200_000 and is_block_page(answer.body)
        if answer.status in (401, 403) or blocked:
            what = "block page" if blocked else f"HTTP {answer.status}"
            self.pace.refused(answer.host, what)
            raise FetchError(what)
        if answer.status in (429, 503):
            asked = retry_after_s(answer.headers.get("retry-after"))
            raise _TryAgain(f"HTTP {answer.status}", self.pace.slowed(answer.host, answer.status, asked))
        if answer.status in (408, 425) or answer.status >= 500:
            raise _TryAgain(f"HTTP {answer.status}")
        if answer.status not in (*_ANSWERED, 304, *_REDIRECTS):
            raise FetchError(f"HTTP {answer.status}")
        self.pace.welcomed(answer.host)

    def _reserved(self, answer: _Answer, kind: Kind, body: bytes) -> frozenset[str]:
        """The directives that bind this answer; raises OptedOut where they forbid keeping it."""
        if kind in ("sitemap", "list"):  # read for their addresses; nothing of them enters the data
            return frozenset()
        known = self._rules.get(robots_url(answer.url))
        reserved = binding(
            reservations(answer.headers.multi_items()),
            TDM in answer.headers,
            meta_directives(body) if kind == "page" else {},
            known is not None and known.tdm.reserves(answer.url),
        )
        against = reserved - IMAGES_ONLY if kind == "page" else reserved
        if against and answer.status in (*_ANSWERED, 304):
            raise OptedOut(f"reserved by its site: {', '.join(sorted(against))}")
        return reserved

    def _accept(self, url: str, answer: _Answer, kind: Kind, reserved: frozenset[str]) -> Entry:
        label = answer.headers.get("content-type", "")
        content_type = media_type(label)
        if answer.status not in _ANSWERED:
            raise FetchError(f"HTTP {answer.status}")
        if not is_kind(answer.body, label, kind):
            holds = f"answer is {content_type[:60]!r} and holds {sniff(answer.body)}"
            raise FetchError(f"{holds}, not {'an image' if kind == 'picture' else f'a {kind}'}")
        return Entry(
            url=url,
            final_url=answer.url,
            fetched=clock().isoformat(timespec="seconds"),
            content_type=content_type,
            charset=charset_of(answer.headers.get("content-type", "")),
            etag=answer.headers.get("etag"),
            last_modified=answer.headers.get("last-modified"),
            reservations=tuple(sorted(reserved)),
            sha256=sha256(answer.body).hexdigest(),
        )


def clock() -> datetime:
    """The time records carry: now, or SOURCE_DATE_EPOCH (seconds; reproducible-builds.org) where it is set."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(fixed), UTC) if fixed.isascii() and fixed.isdigit() else datetime.now(UTC)
