"""The first pass over pages: each read and measured by itself, in any order and in any process.

What a page gives depends on the page and the rules alone; whether it stands elsewhere already (a text, an image) is
decided afterwards, over hashes, in the order of the input (``build``). So the data does not depend on how many
processes measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from illinstr.articles import Article, make_id
from illinstr.engine.executor import Placement, Task, Worker, run_tasks
from illinstr.errors import DataError
from illinstr.shards.takedown import Takedown
from illinstr.wikihow_scraper.cleaning.image_rules import cropping
from illinstr.wikihow_scraper.cleaning.media import ImageFacts, measure_images, storable
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, CleanRules, TextFacts
from illinstr.wikihow_scraper.cleaning.sizing import sized
from illinstr.wikihow_scraper.pipeline import reading
from illinstr.wikihow_scraper.reservations import IMAGES_ONLY, INDEX_ONLY
from illinstr.wikihow_scraper.sites import registry
from illinstr.wikihow_scraper.sites.site import NotAnArticle, Site, WebPage
from illinstr.wikihow_scraper.source import Dropped, FindImage, Source


@dataclass(frozen=True)
class Failure:
    """A page nothing came of: a row in the shard's Parquet file."""

    key: str
    reason: str
    url: str | None


@dataclass(frozen=True)
class MeasuredArticle:
    """An article fit to be kept, with the facts of its text and of its images by which either is known again."""

    article: Article
    text: TextFacts
    images: tuple[ImageFacts | None, ...]


@dataclass(frozen=True)
class Measured:
    """What a page gave: the outcome the funnel counts it under, and its articles, or the failure."""

    outcome: str
    articles: tuple[MeasuredArticle | Dropped, ...] = ()
    failure: Failure | None = None


@dataclass(frozen=True)
class Measuring:
    """The work on one page, for an executor: pickled to each worker once. ``sites`` are those that this process was
    given beyond the built-in ones."""

    rules: CleanRules
    takedown: Takedown
    site: str | None = None
    sites: tuple[Site, ...] = ()

    def finished(self, task: Task) -> Measured | None:
        """Nothing is kept of measuring alone; shards are (``tasks``)."""
        return None

    def start(self, worker: Worker) -> Callable[[Task], Measured]:
        """What measures one page."""
        known = {one.name for one in registry.sites()}
        for site in self.sites:
            if site.name not in known:
                registry.register(site)
        cleaner = Cleaner(self.rules, self.takedown)
        return lambda task: measure(task.payload, cleaner, self.site)


def measured(
    sources: Iterable[Source], cleaner: Cleaner, site: str | None = None, workers: int = 1
) -> Iterator[tuple[Measured, FindImage]]:
    """Every page measured, in the order of the input, with what finds its images' bytes again.

    Args:
        sources: the pages; taken as they are needed.
        cleaner: whose rules and takedown list hold; it remembers nothing here.
        site: the only site whose parser reads pages.
        workers: processes that measure; what comes out is the same for any number.
    """
    finders: dict[str, tuple[Source, FindImage]] = {}

    def tasks() -> Iterator[Task]:
        for number, source in enumerate(sources):
            name = str(number)
            finders[name] = replace(source, content=b""), _finder(source, cleaner.rules)
            yield Task(name, source)

    work = Measuring(cleaner.rules, cleaner.takedown, site, registry.added())
    for outcome in run_tasks(work, tasks(), Placement(workers=workers), ordered=True):
        source, find = finders.pop(outcome.name)
        if outcome.error is not None:  # the page ended its process, however often it was tried
            yield _failed(source, "failed", outcome.error.message, source.url), find
        else:
            yield outcome.result, find


def measure(source: Source, cleaner: Cleaner, site: str | None = None) -> Measured:
    """Read one page, judge each article by itself, and look at its images."""
    if source.error is not None:
        outcome, reason = source.error
        return _failed(source, outcome, f"{outcome}: {reason}" if outcome != "failed" else reason, source.url)
    if source.articles is not None:
        found = reading.Reading(list(source.articles), frozenset(), None)
    else:
        try:
            page = WebPage(source.content, source.url, source.charset)
            found = reading.read(page, site=site, fetched=source.fetched)
        except NotAnArticle as error:
            return _failed(source, "not an article", error.message, source.url)
        except DataError as error:
            return _failed(source, "failed", error.message, source.url)
        against = _binding(source, found) - IMAGES_ONLY
        if against:
            reason = f"opted out: {', '.join(sorted(against))}"
            return _failed(source, "opted out", reason, source.url or found.canonical_url)
    reserved = bool(IMAGES_ONLY & _binding(source, found))
    find = _finder(source, cleaner.rules)
    articles: list[MeasuredArticle | Dropped] = []
    for article in found.articles:
        kept = cleaner.measure(article) if isinstance(article, Article) else article
        if isinstance(kept, Article):
            facts = measure_images(kept, find, cleaner, reserved=reserved, lost=source.lost)
            articles.append(MeasuredArticle(kept, cleaner.text_facts(kept), facts))
        else:
            articles.append(kept)
    return Measured("parsed", tuple(articles))


def _finder(source: Source, rules: CleanRules) -> FindImage:
    return sized(cropping(storable(source.find_image), rules.pictures), rules.pictures)


def _failed(source: Source, outcome: str, reason: str, url: str | None) -> Measured:
    return Measured(outcome, failure=Failure(make_id("page", source.name), reason, url))


def _binding(source: Source, read: reading.Reading) -> set[str]:
    """The reservations that bind us: all of them on a fetched page; on a saved copy those that name data sets, since
    index directives speak to crawlers."""
    found = set(read.opt_out) | set(source.reservations)
    if "fetched" in found:
        return found - {"fetched"}
    return found - INDEX_ONLY
