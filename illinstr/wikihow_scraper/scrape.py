"""The whole of ``illinstr scrape``: what was asked for, checked before anything starts, then done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from illinstr.errors import DataError, FetchError, UsageError
from illinstr.progress import Reporter
from illinstr.wikihow_scraper import build
from illinstr.wikihow_scraper.cache import Cache
from illinstr.wikihow_scraper.clean import Cleaner, CleanRules
from illinstr.wikihow_scraper.collection import Collection
from illinstr.wikihow_scraper.crawl import crawl, fetched_pages
from illinstr.wikihow_scraper.fetch import FetchConfig
from illinstr.wikihow_scraper.funnel import Funnel
from illinstr.wikihow_scraper.importers import imported
from illinstr.wikihow_scraper.licences import TERMS_FACTS
from illinstr.wikihow_scraper.metadata import is_wikihow_host
from illinstr.wikihow_scraper.page import PARSER_VERSION
from illinstr.wikihow_scraper.safety import check_url
from illinstr.wikihow_scraper.sources import Source, saved_files, saved_pages
from illinstr.wikihow_scraper.takedown import Takedown


@dataclass(frozen=True)
class Request:
    """What the user asked for: ``urls`` with ``fetch``, a ``folder``, ``jsonl`` with ``pictures``, a ``collection``."""

    out: Path
    rules: CleanRules
    urls: tuple[str, ...] = ()
    folder: Path | None = None
    jsonl: Path | None = None
    collection: Collection | None = None
    pictures: Path | None = None
    takedown: Takedown = field(default_factory=Takedown)
    sitemap: str | None = None
    since: str | None = None
    fetch: FetchConfig | None = None
    cache: Path | None = None
    limit: int | None = None
    images: bool = True
    refresh: bool = False
    dry_run: bool = False
    overwrite: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every address the user named."""
        return (*self.urls, self.sitemap) if self.sitemap is not None else self.urls

    @property
    def cache_folder(self) -> Path:
        """Where fetched answers are kept: beside the data folder, so that replacing that one keeps them."""
        return self.cache if self.cache is not None else self.out.with_name(self.out.name + ".cache")


@dataclass(frozen=True)
class Result:
    """What came of it; ``splits`` counts articles."""

    out: Path | None
    funnel: Funnel
    splits: dict[str, int]

    @property
    def failed_pages(self) -> int:
        """Pages that should have worked and did not."""
        return self.funnel.pages["failed"]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"out": str(self.out) if self.out else None, "splits": self.splits, "funnel": self.funnel.as_dict()}


def read_urls(arguments: Iterable[str], file: Path | None) -> tuple[str, ...]:
    """Addresses from the command line and from a file of one a line (blank lines and ``#`` comments skipped), each once
    and without its fragment, in order.

    Raises:
        UsageError: the file cannot be read, or a line is no address.
    """
    lines = list(arguments)
    if file is not None:
        try:
            lines += file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}: {error}") from error
    found: dict[str, None] = {}
    for line in (line.strip() for line in lines):
        if line and not line.startswith("#"):
            try:
                check_url(line)
            except FetchError as error:
                raise UsageError(error.message, hint="addresses look like https://example.org/Page") from error
            found[urlunsplit(urlsplit(line)._replace(fragment=""))] = None
    return tuple(found)


def check_discovery(sitemap: str | None, since: str | None) -> None:
    """Check the options that find pages.

    Raises:
        UsageError: no address, no day, or a day without a sitemap.
    """
    if sitemap is not None:
        try:
            check_url(sitemap)
        except FetchError as error:
            raise UsageError(f"--sitemap: {error.message}") from error
    if since is not None:
        if sitemap is None:
            raise UsageError("--since belongs to --sitemap")
        try:
            valid = date.fromisoformat(since).isoformat() == since
        except ValueError:
            valid = False
        if not valid:
            raise UsageError(f"--since {since!r} is no day", hint="for example --since 2026-01-31")


def check_terms(urls: Iterable[str], accepted: bool, reporter: Reporter) -> None:
    """Ask for the user's word before the first request to wikiHow, and tell them what they agree to.

    Raises:
        UsageError: an address lies on wikiHow and the terms are not accepted.
    """
    if not any(is_wikihow_host(check_url(url)) for url in urls):
        return
    for fact in TERMS_FACTS:
        reporter.log(fact)
    if not accepted:
        raise UsageError(
            f"pages of wikiHow need --accept-terms. {TERMS_FACTS[0]} {TERMS_FACTS[1]}",
            hint="read https://www.wikihow.com/wikiHow:Terms-of-Use; add --accept-terms if your use is within them",
        )


def plan(request: Request) -> dict[str, Any]:
    """What a crawl would do, worked out without a single request."""
    urls = request.urls[: request.limit]
    hosts: dict[str, int] = {}
    cached = 0
    cache = Cache(request.cache_folder)
    for url in urls:
        if cache.entry(url) is not None and not request.refresh:
            cached += 1
        else:
            hosts[check_url(url)] = hosts.get(check_url(url), 0) + 1
    interval = request.fetch.min_interval_s if request.fetch is not None else 0.0
    # Hosts are visited side by side, and each starts with its robots.txt; pictures come on top.
    seconds = max(((count + 1) * interval for count in hosts.values()), default=0.0)
    found = {"pages": len(urls), "cached": cached, "to_fetch": dict(sorted(hosts.items())), "least_seconds": seconds}
    # How many pages a sitemap names is known only once it has been asked.
    return found | ({"sitemap": request.sitemap} if request.sitemap is not None else {})


def scrape(request: Request, reporter: Reporter) -> Result:
    """Fetch or read the pages, and write the data folder (nothing is written on a dry run).

    Raises:
        UsageError: a folder is missing, terms are not accepted, the cache is in use, or data made with other settings
            is in the way.
        DataError: no page gave an article, or the disk is full or closed to us.
    """
    _check_out(request)
    funnel, spool = Funnel(), build.Spool()
    cleaner = Cleaner(request.rules, request.takedown)
    try:
        if request.jsonl is not None:
            with reporter.task("lines read") as advance:
                lines = imported(request.jsonl, request.pictures if request.images else None, request.limit)
                build.judge(_counted(lines, advance), cleaner, funnel, spool)
            return _finish(request, funnel, spool, reporter)
        if request.collection is not None:
            with reporter.task("pages read") as advance:
                pages = request.collection.sources(images=request.images, limit=request.limit)
                build.judge(_counted(pages, advance), cleaner, funnel, spool)
            return _finish(request, funnel, spool, reporter)
        if request.folder is not None:
            files = saved_files(request.folder, request.limit)
            with reporter.task("pages read", total=len(files)) as advance:
                sources = _counted(saved_pages(request.folder, files, images=request.images), advance)
                build.judge(sources, cleaner, funnel, spool)
            return _finish(request, funnel, spool, reporter)
        cache = Cache(request.cache_folder)
        with cache.locked():
            build.judge(_fetched(request, cache, reporter), cleaner, funnel, spool)
            return _finish(request, funnel, spool, reporter)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise DataError(f"cannot write{where}: {error.strerror or error}", hint="what was fetched is kept") from error
    finally:
        spool.close()


def _fetched(request: Request, cache: Cache, reporter: Reporter) -> Iterable[Source]:
    if request.fetch is None:
        raise UsageError("fetching needs --contact", hint="give an e-mail address or a web address of yours")
    check_terms(request.addresses, request.fetch.accept_terms, reporter)
    journey = crawl(
        list(request.urls),
        request.fetch,
        cache,
        request.rules,
        reporter,
        takedown=request.takedown,
        images=request.images,
        refresh=request.refresh,
        sitemap=request.sitemap,
        since=request.since,
        limit=request.limit,
    )
    visits = asyncio.run(journey)
    return fetched_pages(visits, cache, images=request.images)


def _counted(sources: Iterable[Source], advance: Any) -> Iterable[Source]:
    for source in sources:
        yield source
        advance(status=source.name)


def _finish(request: Request, funnel: Funnel, spool: build.Spool, reporter: Reporter) -> Result:
    for line in funnel.lines():
        reporter.log(line)
    if spool.kept == 0:
        raise DataError("no page gave an article that could be kept", hint="the funnel above says where they went")
    if request.dry_run:
        return Result(None, funnel, {})
    splits = build.write(request.out, spool, funnel, _settings(request), reporter)
    return Result(request.out, funnel, splits)


def _settings(request: Request) -> dict[str, Any]:
    """What decides the data, and nothing that does not (waits, contacts, places on this machine)."""
    origin: dict[str, Any]
    if request.folder is not None:
        origin = {"kind": "saved pages", "folder": request.folder.resolve().name}
    elif request.collection is not None:
        origin = dict(request.collection.describe())
    elif request.jsonl is not None:
        origin = {"kind": "JSON lines", "file": request.jsonl.name}
    else:
        listed = "\n".join(request.urls)
        origin = {"kind": "web", "pages": len(request.urls), "urls_sha256": sha256(listed.encode()).hexdigest()}
        origin |= {"sitemap": request.sitemap, "since": request.since} if request.sitemap is not None else {}
    return {
        "command": "scrape",
        "origin": origin,
        "rules": request.rules.model_dump(mode="json"),
        "images": request.images,
        "takedown_sha256": request.takedown.sha256,
        "limit": request.limit,
        "parser": PARSER_VERSION,
    }


def _check_out(request: Request) -> None:
    """Data of this very command may be made anew (a killed or partial run is finished that way); other data may not."""
    out = request.out
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder")
    shards = out / "shards"
    occupied = (out / "index.json").exists() or (shards.is_dir() and any(shards.iterdir()))
    if not occupied or request.overwrite or request.dry_run:
        return
    try:
        former = json.loads((out / build.MARKER).read_bytes())
    except (OSError, ValueError):
        former = None
    if former != _settings(request):
        raise UsageError(
            f"{out} already holds data made in another way",
            hint="choose another --out, or add --overwrite to replace it",
        )
