"""A checked scrape, carried out: from the web, from disk, or only judged."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from illinstr.articles import Article
from illinstr.errors import DataError, FetchError, PartialError, UsageError
from illinstr.ownership import CACHE, DATA, check_apart, check_folder
from illinstr.progress import Advance, Reporter
from illinstr.shards.takedown import Takedown
from illinstr.wikihow_scraper.cleaning.funnel import Funnel
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules
from illinstr.wikihow_scraper.fetching.cache import Cache
from illinstr.wikihow_scraper.fetching.discover import Discovery
from illinstr.wikihow_scraper.fetching.fetch import FetchConfig
from illinstr.wikihow_scraper.fetching.interrupt import Stop
from illinstr.wikihow_scraper.fetching.settings import CLOSED_HINT
from illinstr.wikihow_scraper.fetching.visits import Visit
from illinstr.wikihow_scraper.imports.collection import Collection, describe, sources_of
from illinstr.wikihow_scraper.pipeline import build
from illinstr.wikihow_scraper.pipeline.crawl import CrawlRequest, crawl
from illinstr.wikihow_scraper.pipeline.kept import source_of
from illinstr.wikihow_scraper.pipeline.plan import lines, plan
from illinstr.wikihow_scraper.pipeline.tasks import SETTINGS_NAME, Tasks
from illinstr.wikihow_scraper.pipeline.terms import check_terms
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.source import Source

MAX_RUN_BYTES = 64_000_000


@dataclass(frozen=True)
class ScrapeJob:
    """Pages to discover with ``fetch``, or those of ``collections``."""

    out: Path
    rules: CleanRules
    shard_pages: int
    discovery: Discovery | None = None
    collections: tuple[Collection, ...] = ()
    takedown: Takedown = field(default_factory=Takedown)
    fetch: FetchConfig | None = None
    cache: Path | None = None
    limit: int | None = None
    images: bool = True
    refresh: bool = False
    retry_failed: bool = False
    dry_run: bool = False
    overwrite: bool = False
    site: str | None = None
    workers: int = 1

    @property
    def addresses(self) -> tuple[str, ...]:
        """Addresses that were named, lists of pages included."""
        return () if self.discovery is None else self.discovery.addresses

    @property
    def cache_folder(self) -> Path:
        """Where fetched answers are kept: beside the data folder, so that replacing that one keeps them."""
        return self.cache if self.cache is not None else self.out.with_name(self.out.name + ".cache")


@dataclass(frozen=True)
class ScrapeResult:
    """What came of it.

    Attributes:
        out: the data folder; None on a dry run.
        funnel: what became of every page, article and image; None where a dry run would have to fetch.
        splits: split to number of articles.
        closed: hosts that were left, each with the reason.
        fetched: pages were asked for on the web.
        hosts: what was asked of each host, and what came of it.
        plan: what a crawl would do, on a dry run of one.
        plan_lines: the same for a reader.
    """

    out: Path | None
    funnel: Funnel | None
    splits: dict[str, int]
    closed: dict[str, str] = field(default_factory=dict)
    fetched: bool = False
    hosts: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] | None = None
    plan_lines: tuple[str, ...] = ()

    @property
    def failed_pages(self) -> int:
        """Pages that should have worked and did not."""
        return self.funnel.pages["failed"] if self.funnel else 0

    @property
    def error(self) -> PartialError | None:
        """What was left undone, if anything was."""
        if self.closed:
            return PartialError("; ".join(self.closed.values()), hint=CLOSED_HINT)
        if not self.failed_pages or self.funnel is None:
            return None
        return PartialError(
            f"{self.failed_pages} of {self.funnel.pages.total()} pages failed; the others are in the data folder",
            hint="add --retry-failed to the same command to ask for those again; what worked is kept"
            if self.fetched
            else "each is a row with its reason in the .parquet files; mend the input, then run the same command again",
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        if self.funnel is None:
            return self.plan or {}
        made = {"out": str(self.out) if self.out else None, "splits": self.splits, "funnel": self.funnel.as_dict()}
        made |= {"hosts": self.hosts} if self.hosts else {}
        return made | ({"closed_hosts": self.closed} if self.closed else {})


def run_scrape(job: ScrapeJob, reporter: Reporter) -> ScrapeResult:
    """Carry a job out; see ``illinstr.workflows.scrape.scrape_pages`` for what is raised."""
    if job.dry_run and job.fetch is not None:
        return _planned(job, job.fetch, reporter)
    _check_out(job)
    cleaner = Cleaner(job.rules, job.takedown)
    try:
        if job.fetch is not None:
            return _from_the_web(job, job.fetch, cleaner, reporter)
        if job.dry_run:
            return _judged(job, cleaner, reporter)
        return _from_disk(job, cleaner, reporter)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise DataError(f"cannot write{where}: {error.strerror or error}", hint="what was fetched is kept") from error


def _planned(job: ScrapeJob, fetch: FetchConfig, reporter: Reporter) -> ScrapeResult:
    """What a crawl would do; asks and writes nothing."""
    cache = Cache(job.cache_folder)
    check_terms(job.addresses, fetch.accept_terms, fetch.min_interval_s, cache.folder, reporter, keep=False)
    planned = plan(
        job.discovery or Discovery(),
        cache,
        fetch,
        limit=job.limit,
        refresh=job.refresh,
        retry_failed=job.retry_failed,
        site=job.site,
    )
    return ScrapeResult(None, None, {}, plan=planned, plan_lines=lines(planned))


def _from_the_web(job: ScrapeJob, fetch: FetchConfig, cleaner: Cleaner, reporter: Reporter) -> ScrapeResult:
    interval_s, cache = fetch.min_interval_s, Cache(job.cache_folder)
    with Stop() as stop, cache.locked():
        named, given = job.addresses, fetch.accept_terms
        accepted = check_terms(named, given, interval_s, cache.folder, reporter)
        config = fetch.model_copy(update={"accept_terms": accepted})
        asked = CrawlRequest(
            discovery=job.discovery or Discovery(),
            rules=job.rules,
            takedown=job.takedown,
            images=job.images,
            refresh=job.refresh,
            retry_failed=job.retry_failed,
            limit=job.limit,
            site=job.site,
        )
        with Tasks(job.out, _settings(job), cleaner, reporter, site=job.site, workers=job.workers) as tasks:

            def build(number: int, visits: list[Visit]) -> None:
                pages = "\n".join(f"{visit.url} {visit.identity}" for visit in visits)
                tasks.run(pages, (source_of(visit, cache, images=job.images) for visit in visits))

            crawling = crawl(asked, config, cache, reporter, stop, task_pages=job.shard_pages, build=build)
            done = asyncio.run(crawling)
            if done.stopped:
                reporter.log(f"stopped: {done.settled} of {done.pages or 'an unknown number of'} pages are settled")
                reporter.log("hint: run the same command again to go on")
                raise KeyboardInterrupt
            for line in done.watch.lines():
                reporter.log(line)
            _tell_funnel(tasks.funnel, reporter)
            if done.closed and not tasks.funnel.articles["kept"]:
                tasks.discard()
                raise FetchError("; ".join(done.closed.values()), hint=CLOSED_HINT)
            return ScrapeResult(
                job.out, tasks.funnel, tasks.finish(), done.closed, fetched=True, hosts=done.watch.as_dict()
            )


def _from_disk(job: ScrapeJob, cleaner: Cleaner, reporter: Reporter) -> ScrapeResult:
    # A finished folder is made again, since images beside the pages may have changed; an unfinished one is taken up.
    rebuild = (job.out / "index.json").exists()
    with (
        Stop() as stop,
        Tasks(job.out, _settings(job), cleaner, reporter, rebuild=rebuild, site=job.site, workers=job.workers) as tasks,
    ):
        with _sources(job, reporter) as sources:
            for run in _runs(sources, job.shard_pages):
                tasks.run("\n".join(_identity(source) for source in run), run)
                if stop.requested:
                    reporter.log(f"stopped: {tasks.done} shard tasks are done")
                    reporter.log("hint: run the same command again to go on")
                    raise KeyboardInterrupt
        _tell_funnel(tasks.funnel, reporter)
        return ScrapeResult(job.out, tasks.funnel, tasks.finish())


def _judged(job: ScrapeJob, cleaner: Cleaner, reporter: Reporter) -> ScrapeResult:
    """What a run from disk would keep."""
    funnel, spool = Funnel(), build.Spool()
    try:
        with _sources(job, reporter) as sources:
            build.judge(sources, cleaner, funnel, spool, job.site, job.workers)
        _tell_funnel(funnel, reporter)
        if spool.kept == 0:
            raise DataError("no page gave an article that could be kept", hint="the funnel above says where they went")
        return ScrapeResult(None, funnel, {})
    finally:
        spool.close()


@contextlib.contextmanager
def _sources(job: ScrapeJob, reporter: Reporter) -> Iterator[Iterable[Source]]:
    """The pages on disk, counted for the reporter as they are read."""
    if not job.collections:
        raise UsageError("fetching needs --contact", hint="give an e-mail address or a web address of yours")
    counts = [one.count(job.limit) for one in job.collections]
    known = [count for count in counts if count is not None]
    total = min(sum(known), job.limit or sum(known)) if len(known) == len(counts) else None
    lines = all(one.kind == "jsonl" for one in job.collections)
    with reporter.task("lines read" if lines else "pages read", total=total) as advance:
        yield _counted(sources_of(job.collections, images=job.images, limit=job.limit), advance)


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
    return f"{source.name} {source.url} {source.error} {digest.hexdigest()}"


def _tell_funnel(funnel: Funnel, reporter: Reporter) -> None:
    for line in funnel.lines():
        reporter.log(line)


def _settings(job: ScrapeJob) -> dict[str, Any]:
    """What decides the data, and nothing that does not (waits, contacts, places on this machine)."""
    origin: dict[str, Any]
    if job.collections:
        origin = describe(job.collections)
    else:
        asked = job.discovery or Discovery()
        listed = "\n".join(asked.urls)
        origin = {"kind": "web", "pages": len(asked.urls), "urls_sha256": sha256(listed.encode()).hexdigest()}
        origin |= {"sitemap": " ".join(asked.sitemaps), "since": asked.since} if asked.sitemaps else {}
        if asked.categories:
            origin |= {"categories": list(asked.categories), "category_depth": asked.category_depth}
    return {
        "command": "scrape",
        "origin": origin,
        "rules": job.rules.model_dump(mode="json"),
        "images": job.images,
        "takedown_sha256": job.takedown.sha256,
        "limit": job.limit,
        "shard_pages": job.shard_pages,
        "parser": registry.parsers(job.site),
    }


def _check_out(job: ScrapeJob) -> None:
    """Data of this very command may be made again, to finish a killed or partial run; other data may not."""
    out = check_folder(job.out, DATA)
    check_apart(out, [path for one in job.collections for path in (one.file, one.image_folder) if path is not None])
    if job.fetch is not None:
        check_folder(job.cache_folder, CACHE, option="--cache")
    shards = out / "shards"
    occupied = (out / "index.json").exists() or (shards.is_dir() and any(shards.iterdir()))
    if not occupied or job.overwrite or job.dry_run:
        return
    try:
        former = json.loads((out / SETTINGS_NAME).read_bytes())
    except (OSError, ValueError):
        former = None
    if former != _settings(job):
        raise UsageError(
            f"{out} already holds data made in another way",
            hint="choose another --out, or add --overwrite to replace it",
        )
