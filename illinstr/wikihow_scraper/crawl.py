"""The journey: every page asked for, host by host, and the pictures of the articles worth keeping.

Everything lands in the cache; building the data set from it is a second, offline step. So a run that dies, at whatever
moment, is finished by running it again: what is in the cache is not asked for twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from illinstr.articles import Article
from illinstr.errors import DataError, FetchError
from illinstr.progress import Advance, Reporter
from illinstr.wikihow_scraper.cache import Cache
from illinstr.wikihow_scraper.clean import Cleaner, CleanRules
from illinstr.wikihow_scraper.convert import articles_of
from illinstr.wikihow_scraper.discover import sitemap_pages
from illinstr.wikihow_scraper.fetch import FetchConfig, Fetcher, NotAllowed, OptedOut
from illinstr.wikihow_scraper.media import wanted_pictures
from illinstr.wikihow_scraper.metadata import PICTURES_ONLY, RESERVATIONS
from illinstr.wikihow_scraper.parse import parse
from illinstr.wikihow_scraper.sources import FindPicture, Source, Trouble, no_picture
from illinstr.wikihow_scraper.takedown import Takedown

MAX_HOSTS_AT_ONCE = 8


@dataclass(frozen=True)
class Visit:
    """What became of one address; ``trouble`` is None where its page is in the cache."""

    url: str
    trouble: tuple[Trouble, str] | None = None


async def crawl(
    urls: list[str],
    config: FetchConfig,
    cache: Cache,
    rules: CleanRules,
    reporter: Reporter,
    *,
    takedown: Takedown,
    images: bool = True,
    refresh: bool = False,
    sitemap: str | None = None,
    since: str | None = None,
    limit: int | None = None,
) -> list[Visit]:
    """Fetch pages (each once) and the pictures of their articles; a visit an address, in the order given.

    Args:
        urls: pages; those of ``sitemap``, modified ``since`` that day, come after them.
        config: how requests are made.
        cache: where answers go.
        rules: pictures are fetched for the articles these keep, and only where they allow the picture.
        reporter: hears of every page.
        takedown: what is not asked for.
        images: fetch pictures at all.
        refresh: ask again about what is kept.
        sitemap: address of a sitemap to take pages from.
        since: YYYY-MM-DD.
        limit: only the first so many pages.
    """
    async with Fetcher(config, cache, refresh=refresh, reporter=reporter) as fetcher:
        if sitemap is not None:
            urls = list(dict.fromkeys([*urls, *await sitemap_pages(fetcher, sitemap, since=since)]))
        urls = urls[:limit]
        visits: dict[str, Visit] = {}
        by_host: dict[str, list[str]] = {}
        for url in urls:
            by_host.setdefault(_host(url), []).append(url)
        gate = asyncio.Semaphore(MAX_HOSTS_AT_ONCE)
        with reporter.task("pages fetched", total=len(urls)) as advance:

            async def travel(host_urls: list[str]) -> None:
                async with gate:
                    for url in host_urls:
                        visits[url] = await _visit(url, fetcher, Cleaner(rules, takedown), images)
                        _tell(visits[url], advance)

            try:
                async with asyncio.TaskGroup() as group:
                    for host_urls in by_host.values():
                        group.create_task(travel(host_urls))
            except ExceptionGroup as errors:  # a full disk, say: one cause is what the user can act on
                raise errors.exceptions[0] from errors
        return [visits[url] for url in urls]


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _tell(visit: Visit, advance: Advance) -> None:
    advance(status=f"{visit.url}: {visit.trouble[1]}" if visit.trouble is not None else visit.url)


async def _visit(url: str, fetcher: Fetcher, cleaner: Cleaner, images: bool) -> Visit:
    if cleaner.takedown.names(url):
        return Visit(url, ("opted out", "on the takedown list"))
    try:
        entry, content = await fetcher.get(url)
    except NotAllowed as error:
        return Visit(url, ("robots", error.message))
    except OptedOut as error:
        return Visit(url, ("opted out", error.message))
    except FetchError as error:
        return Visit(url, ("failed", error.message))
    if images and not PICTURES_ONLY & set(entry.reservations):
        for picture_url in _pictures_of(content, entry.final_url, entry.charset, cleaner):
            try:
                await fetcher.get(picture_url, "picture")
            except FetchError:
                continue  # the article is good without it; the funnel counts it as having no file
    return Visit(url)


def _pictures_of(content: bytes, url: str, charset: str | None, cleaner: Cleaner) -> Iterator[str]:
    try:
        page = parse(content, url=url, charset=charset)
    except DataError:
        return
    if RESERVATIONS & set(page.opt_out):
        return
    for article in articles_of(page, url=url):
        if isinstance(article, Article) and isinstance(cleaner.judge(article), Article):
            wanted = (record.get("url") for record in wanted_pictures(article, cleaner.rules))
            yield from (picture for picture in wanted if picture and not cleaner.takedown.names(picture))


def fetched_pages(visits: list[Visit], cache: Cache, *, images: bool = True) -> Iterator[Source]:
    """What a crawl brought home, in the order it was asked for."""
    find = _cached_picture(cache) if images else no_picture
    for visit in visits:
        stored = cache.get(visit.url) if visit.trouble is None else None
        if stored is None:
            yield Source(visit.url, url=visit.url, trouble=visit.trouble or ("failed", "gone from the cache"))
            continue
        entry, content = stored
        yield Source(
            visit.url,
            url=entry.final_url,
            content=content,
            charset=entry.charset,
            fetched=entry.fetched,
            reservations=(*entry.reservations, "fetched"),
            find_picture=find,
        )


def _cached_picture(cache: Cache) -> FindPicture:
    def find(record: dict[str, Any]) -> bytes | None:
        url = record.get("url")
        stored = cache.get(url) if isinstance(url, str) else None
        return stored[1] if stored is not None else None

    return find
