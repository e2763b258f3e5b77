"""The crawl: every page asked for, host by host, and the images of the articles worth keeping.

Everything lands in the cache, with a record of each settled page; data is built from the cache, a run of pages at a
time, while the crawl goes on. So a run that dies, at whatever moment, is finished by running it again: what is
settled is neither asked for nor parsed again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from illinstr.articles import Article
from illinstr.errors import DataError, FetchError
from illinstr.files import canonical_json, write_text
from illinstr.progress import Advance, Reporter, SilentReporter
from illinstr.shards.takedown import Takedown
from illinstr.wikihow_scraper.cleaning.media import wanted_images
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.fetching import visits
from illinstr.wikihow_scraper.fetching.cache import Cache, Entry
from illinstr.wikihow_scraper.fetching.discover import Discovery, find_pages
from illinstr.wikihow_scraper.fetching.fetch import (
    FetchConfig,
    Fetcher,
    HostClosed,
    NotAllowed,
    OptedOut,
    RulesUnavailable,
    Stopped,
)
from illinstr.wikihow_scraper.fetching.interrupt import Stop
from illinstr.wikihow_scraper.fetching.sitemaps import Listed
from illinstr.wikihow_scraper.fetching.sniffing import sniff
from illinstr.wikihow_scraper.fetching.visits import ImageVisit, Outcome, Visit
from illinstr.wikihow_scraper.fetching.watch import Watch
from illinstr.wikihow_scraper.pipeline import reading
from illinstr.wikihow_scraper.pipeline.plan import duration
from illinstr.wikihow_scraper.reservations import IMAGES_ONLY
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import WebPage

MAX_HOSTS_AT_ONCE = 8
SHOWN_ETA_S = 10.0
BuildTask = Callable[[int, list[Visit]], None]


@dataclass(frozen=True)
class CrawlRequest:
    """What to fetch.

    ``images`` also brings images: those of articles that ``rules`` keep, where they allow the image. ``refresh``
    asks again about everything kept (but not about pages whose sitemap says they are unchanged), ``retry_failed`` about
    what failed. ``takedown`` is not asked for. ``limit``: only the first so many pages. ``site`` is the only one to
    read pages.
    """

    discovery: Discovery
    rules: CleanRules
    takedown: Takedown = field(default_factory=Takedown)
    images: bool = True
    refresh: bool = False
    retry_failed: bool = False
    limit: int | None = None
    site: str | None = None

    @property
    def wants(self) -> str:
        """Names everything that decides which images of a page are asked for."""
        told = [self.rules.model_dump(mode="json"), self.takedown.sha256, self.images, registry.parsers(self.site)]
        return sha256(canonical_json(told).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class CrawlResult:
    """How a crawl ended: pages in all, pages settled, the hosts that were closed, each with the reason, and what was
    asked of every host."""

    pages: int
    settled: int
    closed: dict[str, str]
    stopped: bool
    watch: Watch


async def crawl(
    request: CrawlRequest,
    config: FetchConfig,
    cache: Cache,
    reporter: Reporter,
    stop: Stop,
    *,
    task_pages: int,
    build: BuildTask,
) -> CrawlResult:
    """Fetch pages (each once) and the images of their articles; hand them over in runs of ``task_pages``.

    Args:
        request: what to fetch.
        config: how requests are made.
        cache: where answers and records go.
        reporter: receives every page.
        stop: once requested, what is in hand ends and nothing new begins.
        task_pages: pages a run.
        build: takes the number of a run, from 0 and in order, and its visits; called in a thread of its own, so that
            hosts do not wait for it.
    """
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()

    def wake() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is over already
            loop.call_soon_threadsafe(stopping.set)

    stop.on_request(wake)
    polite = Fetcher(
        config, cache, refresh=request.refresh, reporter=reporter, stop=stopping, terms_of=registry.terms_of
    )
    async with polite as fetcher:
        try:
            listed = await find_pages(fetcher, request.discovery, registry.listing)
        except Stopped:
            return CrawlResult(0, 0, fetcher.closed, stopped=True, watch=fetcher.watch)
        if request.discovery.sitemaps:
            _compare(
                " ".join(request.discovery.sitemaps), listed, cache, reporter if request.refresh else SilentReporter()
            )
        work = Crawl(request, fetcher, listed[: request.limit], cache, stop, reporter)
        with reporter.task("pages settled", total=len(work.listed)) as advance:
            try:
                async with asyncio.TaskGroup() as group:
                    building = group.create_task(work.build(task_pages, build))
                    async with asyncio.TaskGroup() as hosts:
                        for pages in work.by_host().values():
                            hosts.create_task(work.visit_host(pages, advance))
                    work.no_more_pages()
                    await building
            except BaseExceptionGroup as errors:  # a full disk, say: one cause is what the user can act on
                raise _first(errors) from errors
        stopped = len(work.visits) < len(work.listed) or work.left_unbuilt
        return CrawlResult(len(work.listed), len(work.visits), fetcher.closed, stopped, fetcher.watch)


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class Crawl:
    """The state of one crawl."""

    def __init__(
        self,
        request: CrawlRequest,
        fetcher: Fetcher,
        listed: list[Listed],
        cache: Cache,
        stop: Stop,
        reporter: Reporter,
    ) -> None:
        self.request = request
        self._reporter = reporter
        self.listed = listed
        self.visits: dict[str, Visit] = {}
        self.left_unbuilt = False
        self._fetcher = fetcher
        self._cache = cache
        self._stop = stop
        self._began = _began(cache) if request.refresh else 0.0
        self._gate = asyncio.Semaphore(MAX_HOSTS_AT_ONCE)
        self._settled = asyncio.Event()
        self._over = False
        self._counts: Counter[str] = Counter()

    def by_host(self) -> dict[str, list[Listed]]:
        """The pages of each host, in order."""
        found: dict[str, list[Listed]] = {}
        for page in self.listed:
            found.setdefault(_host(page.url), []).append(page)
        return found

    async def visit_host(self, pages: list[Listed], advance: Advance) -> None:
        """Visit one host's pages, one after the other."""
        watch = self._fetcher.watch
        watch.pages(_host(pages[0].url), len(pages))
        async with self._gate:
            for page in pages:
                if self._stop.requested:
                    return
                try:
                    visit = await self._visit(page)
                except Stopped:
                    return
                self.visits[page.url] = visit
                self._counts[visit.outcome] += 1
                counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._counts.items()))
                images = {image.url: image.reason for image in visit.pictures}
                watch.settled(_host(page.url), page.url, visit.outcome, visit.reason, images)
                left = watch.eta_s()
                counts += f" | about {duration(left)} left" if left is not None and left >= SHOWN_ETA_S else ""
                advance(status=f"{counts} | {page.url}" + (f": {visit.reason}" if visit.reason else ""))
                self._settled.set()
                await asyncio.sleep(0)  # settled pages need no waiting; let others have their turn

    def no_more_pages(self) -> None:
        """No further page will come."""
        self._over = True
        self._settled.set()

    async def build(self, task_pages: int, build: BuildTask) -> None:
        """Hand over each run of pages as soon as all of it, and all before it, is settled."""
        for number, start in enumerate(range(0, len(self.listed), task_pages)):
            run = self.listed[start : start + task_pages]
            while any(page.url not in self.visits for page in run):
                if self._over:
                    self.left_unbuilt = True
                    return
                self._settled.clear()
                await self._settled.wait()
            if self._stop.requested:
                self.left_unbuilt = True
                return
            await asyncio.to_thread(build, number, [self.visits[page.url] for page in run])
        if self.request.refresh:
            _ended(self._cache)

    async def _visit(self, page: Listed) -> Visit:
        if page.refusal is not None:
            return Visit(url=page.url, outcome="failed", reason=page.refusal)
        if self.request.takedown.names(page.url):
            for kept in {page.url, registry.address(page.url, self.request.site)}:
                self._cache.forget(kept)
            return Visit(url=page.url, outcome="opted out", reason="on the takedown list")
        former = visits.read(self._cache, page.url)
        ask = self._ask_again(page, former)
        if former is not None and not ask and former.wants == self.request.wants and self._holds(former):
            return former
        if former is not None and former.outcome != "fetched" and not ask:
            return former
        visit, whole = await self._fetch(page, former, ask)
        if whole:
            visits.write(self._cache, visit)
        return visit

    def _ask_again(self, page: Listed, former: Visit | None) -> bool:
        """Whether a page that has a record is asked for once more."""
        if former is None:
            return self.request.refresh
        if self.request.retry_failed and former.incomplete:
            return former.outcome != "fetched"
        if not self.request.refresh or former.checked >= self._began:
            return False
        return former.incomplete or not page.modified or page.modified != former.listed

    def _holds(self, former: Visit) -> bool:
        if former.outcome != "fetched":
            return True
        if self.request.retry_failed and former.incomplete:
            return False
        entry = self._cache.entry(former.place)
        return entry is not None and entry.sha256 == former.sha256

    async def _fetch(self, page: Listed, former: Visit | None, ask: bool) -> tuple[Visit, bool]:
        """The visit, and whether it is settled; one that is not stays open for the next run."""

        def visit(outcome: Outcome, reason: str | None = None, **more: Any) -> Visit:
            listed = {"listed": page.modified, "wants": self.request.wants, "checked": time.time()}
            return Visit(url=page.url, outcome=outcome, reason=reason, **listed, **more)

        try:
            entry, content = await self._answer(page.url, ask)
        except NotAllowed as error:
            passing = isinstance(error, RulesUnavailable)
            if passing and former is not None and former.outcome == "fetched":
                return former, False
            return visit("robots", error.message), not passing
        except OptedOut as error:
            return visit("opted out", error.message), True
        except Stopped:
            raise
        except FetchError as error:
            gone = error.message in ("HTTP 404", "HTTP 410")
            if former is not None and former.outcome == "fetched" and not gone:
                return former, False  # asked again in vain: the kept page stands until the site is well
            return visit("failed", error.message), not isinstance(error, HostClosed)
        pictures, whole = await self._images(entry, content, former, ask)
        asked = None if entry.url == page.url else entry.url
        return visit("fetched", sha256=entry.sha256, asked=asked, pictures=pictures), whole

    async def _answer(self, url: str, ask: bool) -> tuple[Entry, bytes]:
        """What a site's interface for programs says of a page, where it has one that answers; else the page."""
        asked = registry.address(url, self.request.site)
        if asked != url:
            try:
                entry, content = await self._fetcher.get(asked, again=ask)
                if sniff(content) == "json" and registry.claimed(
                    WebPage(content, entry.final_url, entry.charset), self.request.site
                ):
                    return entry, content
            except (HostClosed, RulesUnavailable, OptedOut, Stopped):
                raise
            except FetchError as error:
                self._reporter.log(f"{asked}: {error.message}; the page is asked instead")
        return await self._fetcher.get(url, again=ask)

    async def _images(
        self, entry: Entry, content: bytes, former: Visit | None, ask: bool
    ) -> tuple[tuple[ImageVisit, ...], bool]:
        if not self.request.images or IMAGES_ONLY & set(entry.reservations):
            return (), True
        known = {image.url: image for image in former.pictures} if former is not None else {}
        found: dict[str, ImageVisit] = {}
        whole = True
        for url in _images_of(content, entry, Cleaner(self.request.rules, self.request.takedown), self.request.site):
            lost = known.get(url)
            if self.request.takedown.names(url):
                self._cache.forget(url)
            elif lost is not None and lost.sha256 is None and not ask and not self.request.retry_failed:
                found[url] = lost
            elif url not in found:
                try:
                    got, _ = await self._fetcher.get(url, "picture", again=ask)
                    found[url] = ImageVisit(url=url, sha256=got.sha256)
                except Stopped:
                    raise
                except FetchError as error:  # the article is good without it; the funnel counts it
                    found[url] = ImageVisit(url=url, reason=error.message)
                    whole = whole and not isinstance(error, (HostClosed, RulesUnavailable))
        return tuple(found.values()), whole


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _compare(sitemap: str, listed: list[Listed], cache: Cache, reporter: Reporter) -> None:
    """Tell what the sitemap says since the last look: pages new, changed, and gone."""
    path = cache.path(sitemap, ".listed.json")
    now = {page.url: page.modified for page in listed}
    try:
        former = dict(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError):
        former = None
    if former is not None:
        new, gone = len(now.keys() - former.keys()), len(former.keys() - now.keys())
        changed = sum(url in former and former[url] != day for url, day in now.items())
        reporter.log(f"sitemap: {len(now)} pages; {new} new, {changed} changed, {gone} gone since the last look")
    if former != now:
        write_text(path, canonical_json(now))


def _began(cache: Cache) -> float:
    """When the refresh under way began, so that a killed one goes on where it was."""
    path = cache.folder / "refresh"
    try:
        return float(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        now = time.time()
        write_text(path, f"{now}\n")
        return now


def _ended(cache: Cache) -> None:
    (cache.folder / "refresh").unlink(missing_ok=True)


def _images_of(content: bytes, entry: Entry, cleaner: Cleaner, site: str | None) -> Iterator[str]:
    try:
        found = reading.read(WebPage(content, entry.final_url, entry.charset), site=site)
    except DataError:
        return
    if IMAGES_ONLY & found.opt_out:
        return
    for article in found.articles:
        if isinstance(article, Article) and isinstance(cleaner.judge(article), Article):
            wanted = (record.get("url") for record in wanted_images(article, cleaner.rules))
            yield from (image for image in wanted if image)
