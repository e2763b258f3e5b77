"""The whole of ``illinstr scrape``: what was asked for, checked before anything starts, then done."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from illinstr.articles import Article
from illinstr.errors import DataError, FetchError, UsageError
from illinstr.progress import Advance, Reporter
from illinstr.wikihow_scraper.cleaning.funnel import Funnel
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.fetching.discover import Discovery
from illinstr.wikihow_scraper.fetching.fetch import FetchConfig
from illinstr.wikihow_scraper.fetching.interrupt import Stop
from illinstr.wikihow_scraper.fetching.safety import check_url
from illinstr.wikihow_scraper.fetching.settings import CLOSED_HINT
from illinstr.wikihow_scraper.fetching.visits import Visit
from illinstr.wikihow_scraper.imports.collection import Collection
from illinstr.wikihow_scraper.imports.json_lines import imported
from illinstr.wikihow_scraper.imports.saved_pages import Source, saved_files, saved_pages
from illinstr.wikihow_scraper.page import PARSER_VERSION
from illinstr.wikihow_scraper.pipeline import build
from illinstr.wikihow_scraper.pipeline.crawl import Order, crawl, source_of
from illinstr.wikihow_scraper.pipeline.plan import lines, plan
from illinstr.wikihow_scraper.pipeline.tasks import SETTINGS_NAME, Tasks
from illinstr.wikihow_scraper.pipeline.terms import check_terms
from illinstr.wikihow_scraper.takedown import Takedown

SHARD_PAGES = 1000
MAX_RUN_BYTES = 64_000_000


@dataclass(frozen=True)
class Request:
    """What the user asked for: pages to discover with ``fetch``, a ``folder``, ``jsonl`` with ``pictures``, or a
    ``collection``."""

    out: Path
    rules: CleanRules
    discovery: Discovery = field(default_factory=Discovery)
    folder: Path | None = None
    jsonl: Path | None = None
    collection: Collection | None = None
    pictures: Path | None = None
    takedown: Takedown = field(default_factory=Takedown)
    fetch: FetchConfig | None = None
    cache: Path | None = None
    limit: int | None = None
    images: bool = True
    refresh: bool = False
    retry_failed: bool = False
    shard_pages: int = SHARD_PAGES
    dry_run: bool = False
    overwrite: bool = False

    @property
    def cache_folder(self) -> Path:
        """Where fetched answers are kept: beside the data folder, so that replacing that one keeps them."""
        return self.cache if self.cache is not None else self.out.with_name(self.out.name + ".cache")


@dataclass(frozen=True)
class Result:
    """What came of it; ``splits`` counts articles, ``closed`` gives the hosts that were left, each with the reason."""

    out: Path | None
    funnel: Funnel
    splits: dict[str, int]
    closed: dict[str, str] = field(default_factory=dict)

    @property
    def failed_pages(self) -> int:
        """Pages that should have worked and did not."""
        return self.funnel.pages["failed"]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        made = {"out": str(self.out) if self.out else None, "splits": self.splits, "funnel": self.funnel.as_dict()}
        return made | ({"closed_hosts": self.closed} if self.closed else {})


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


def check_discovery(sitemap: str | None, since: str | None, categories: Iterable[str], depth: int) -> None:
    """Check the options that find pages.

    Raises:
        UsageError: no address, no day, a day without a sitemap, or a depth without a category.
    """
    for option, url in [("--sitemap", sitemap), *(("--category", category) for category in categories)]:
        try:
            if url is not None:
                check_url(url)
        except FetchError as error:
            raise UsageError(f"{option}: {error.message}") from error
    if depth and not list(categories):
        raise UsageError("--category-depth belongs to --category")
    if since is not None:
        if sitemap is None:
            raise UsageError("--since belongs to --sitemap")
        try:
            valid = date.fromisoformat(since).isoformat() == since
        except ValueError:
            valid = False
        if not valid:
            raise UsageError(f"--since {since!r} is no day", hint="for example --since 2026-01-31")


def scrape(request: Request, reporter: Reporter) -> Result:
    """Fetch or read the pages, and write the data folder (nothing is written on a dry run).

    Raises:
        UsageError: a folder is missing, terms are not accepted, the cache is in use, or data made with other settings
            is in the way.
        DataError: no page gave an article, or the disk is full or closed to us.
        FetchError: a list of pages cannot be had, or a host closed itself to us before any article was kept.
        KeyboardInterrupt: the user stopped the run; what is in hand is safe.
    """
    _check_out(request)
    cleaner = Cleaner(request.rules, request.takedown)
    try:
        if request.fetch is not None:
            return _from_the_web(request, cleaner, reporter)
        if request.dry_run:
            return _judged(request, cleaner, reporter)
        return _from_disk(request, cleaner, reporter)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise DataError(f"cannot write{where}: {error.strerror or error}", hint="what was fetched is kept") from error


def dry_run(request: Request, reporter: Reporter) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What a crawl would do, as plain values and as lines for a reader; asks and writes nothing.

    Raises:
        UsageError: terms are not accepted.
    """
    assert request.fetch is not None
    cache, interval_s = Cache(request.cache_folder), request.fetch.min_interval_s
    named, given = request.discovery.addresses, request.fetch.accept_terms
    check_terms(named, given, interval_s, cache.folder, reporter, keep=False)
    planned = plan(
        request.discovery,
        cache,
        request.fetch,
        limit=request.limit,
        refresh=request.refresh,
        retry_failed=request.retry_failed,
    )
    return planned, lines(planned)


def _from_the_web(request: Request, cleaner: Cleaner, reporter: Reporter) -> Result:
    assert request.fetch is not None
    interval_s, cache = request.fetch.min_interval_s, Cache(request.cache_folder)
    with Stop() as stop, cache.locked():
        named, given = request.discovery.addresses, request.fetch.accept_terms
        accepted = check_terms(named, given, interval_s, cache.folder, reporter)
        config = request.fetch.model_copy(update={"accept_terms": accepted})
        order = Order(
            discovery=request.discovery,
            rules=request.rules,
            takedown=request.takedown,
            images=request.images,
            refresh=request.refresh,
            retry_failed=request.retry_failed,
            limit=request.limit,
        )
        with Tasks(request.out, _settings(request), cleaner, reporter) as tasks:

            def build(number: int, visits: list[Visit]) -> None:
                pages = "\n".join(f"{visit.url} {visit.identity}" for visit in visits)
                tasks.run(pages, (source_of(visit, cache, images=request.images) for visit in visits))

            journey = crawl(order, config, cache, reporter, stop, task_pages=request.shard_pages, build=build)
            home = asyncio.run(journey)
            if home.stopped:
                reporter.log(f"stopped: {home.settled} of {home.pages or 'an unknown number of'} pages are settled")
                reporter.log("hint: run the same command again to go on")
                raise KeyboardInterrupt
            _tell_funnel(tasks.funnel, reporter)
            if home.closed and not tasks.funnel.articles["kept"]:
                tasks.discard()
                raise FetchError("; ".join(home.closed.values()), hint=CLOSED_HINT)
            return Result(request.out, tasks.funnel, tasks.finish(), home.closed)


def _from_disk(request: Request, cleaner: Cleaner, reporter: Reporter) -> Result:
    # A finished folder is made anew, since pictures beside the pages may have changed; an unfinished one is taken up.
    anew = (request.out / "index.json").exists()
    with Stop() as stop, Tasks(request.out, _settings(request), cleaner, reporter, anew=anew) as tasks:
        with _sources(request, reporter) as sources:
            for run in _runs(sources, request.shard_pages):
                tasks.run("\n".join(_identity(source) for source in run), run)
                if stop.requested:
                    reporter.log(f"stopped: {tasks.done} shard tasks are done")
                    reporter.log("hint: run the same command again to go on")
                    raise KeyboardInterrupt
        _tell_funnel(tasks.funnel, reporter)
        return Result(request.out, tasks.funnel, tasks.finish())


def _judged(request: Request, cleaner: Cleaner, reporter: Reporter) -> Result:
    """What a run from disk would keep."""
    funnel, spool = Funnel(), build.Spool()
    try:
        with _sources(request, reporter) as sources:
            build.judge(sources, cleaner, funnel, spool)
        _tell_funnel(funnel, reporter)
        if spool.kept == 0:
            raise DataError("no page gave an article that could be kept", hint="the funnel above says where they went")
        return Result(None, funnel, {})
    finally:
        spool.close()


@contextlib.contextmanager
def _sources(request: Request, reporter: Reporter) -> Iterator[Iterable[Source]]:
    """The pages on disk, counted for the reporter as they are read."""
    if request.jsonl is not None:
        read = imported(request.jsonl, request.pictures if request.images else None, request.limit)
        with reporter.task("lines read") as advance:
            yield _counted(read, advance)
    elif request.collection is not None:
        with reporter.task("pages read") as advance:
            yield _counted(request.collection.sources(images=request.images, limit=request.limit), advance)
    elif request.folder is not None:
        files = saved_files(request.folder, request.limit)
        with reporter.task("pages read", total=len(files)) as advance:
            yield _counted(saved_pages(request.folder, files, images=request.images), advance)
    else:
        raise UsageError("fetching needs --contact", hint="give an e-mail address or a web address of yours")


def _counted(sources: Iterable[Source], advance: Advance) -> Iterable[Source]:
    for source in sources:
        yield source
        advance(status=source.name)


def _runs(sources: Iterable[Source], pages: int) -> Iterator[list[Source]]:
    """Sources in runs of so many pages, or fewer where they are large: a run is held in memory."""
    run: list[Source] = []
    held = 0
    for source in sources:
        run.append(source)
        held += len(source.content)
        if len(run) == pages or held > MAX_RUN_BYTES:
            yield run
            run, held = [], 0
    if run:
        yield run


def _identity(source: Source) -> str:
    digest = sha256(source.content)
    for article in source.articles or ():
        digest.update(article.to_json().encode() if isinstance(article, Article) else article.reason.encode())
    return f"{source.name} {source.url} {source.trouble} {digest.hexdigest()}"


def _tell_funnel(funnel: Funnel, reporter: Reporter) -> None:
    for line in funnel.lines():
        reporter.log(line)


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
        asked = request.discovery
        listed = "\n".join(asked.urls)
        origin = {"kind": "web", "pages": len(asked.urls), "urls_sha256": sha256(listed.encode()).hexdigest()}
        origin |= {"sitemap": asked.sitemap, "since": asked.since} if asked.sitemap is not None else {}
        if asked.categories:
            origin |= {"categories": list(asked.categories), "category_depth": asked.category_depth}
    return {
        "command": "scrape",
        "origin": origin,
        "rules": request.rules.model_dump(mode="json"),
        "images": request.images,
        "takedown_sha256": request.takedown.sha256,
        "limit": request.limit,
        "shard_pages": request.shard_pages,
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
        former = json.loads((out / SETTINGS_NAME).read_bytes())
    except (OSError, ValueError):
        former = None
    if former != _settings(request):
        raise UsageError(
            f"{out} already holds data made in another way",
            hint="choose another --out, or add --overwrite to replace it",
        )
