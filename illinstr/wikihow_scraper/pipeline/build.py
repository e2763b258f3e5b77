"""Pages to shards: parse, convert, clean, attach images, write.

Two passes over a run of pages. The first judges every page and spools what is kept; the second writes the shards. Order
in, order out: equal pages give equal bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any

from illinstr.articles import Article, make_id
from illinstr.errors import DataError
from illinstr.shards import ShardWriter, split_of
from illinstr.wikihow_scraper.cleaning.funnel import Funnel
from illinstr.wikihow_scraper.cleaning.image_rules import cropping
from illinstr.wikihow_scraper.cleaning.media import attach, storable
from illinstr.wikihow_scraper.cleaning.rules import Cleaner
from illinstr.wikihow_scraper.pipeline import attribution, reading
from illinstr.wikihow_scraper.reservations import IMAGES_ONLY, INDEX_ONLY
from illinstr.wikihow_scraper.sites.site import NotAnArticle, WebPage
from illinstr.wikihow_scraper.source import Dropped, FindImage, Source


@dataclass(frozen=True)
class Failure:
    """A page nothing came of: a row in the shard's Parquet file."""

    key: str
    reason: str
    url: str | None


class Spool:
    """Kept articles and failures in order, on disk; an unnamed file, so that a killed run leaves nothing."""

    def __init__(self) -> None:
        self._stream: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", prefix="illinstr-")  # noqa: SIM115
        self._finders: list[FindImage] = []
        self.kept = 0

    def article(self, article: Article, find: FindImage) -> None:
        """Append an article; its images' bytes are left where they lie."""
        if any(step.image is not None for step in article.steps):
            self._finders.append(find)
            place = len(self._finders) - 1
        else:
            place = -1
        self._line({"article": article.model_dump(mode="json"), "pictures": place})
        self.kept += 1

    def failure(self, failure: Failure) -> None:
        """Append a failure."""
        self._line({"key": failure.key, "reason": failure.reason, "url": failure.url})

    def __iter__(self) -> Iterator[Article | Failure]:
        self._stream.seek(0)
        for line in self._stream:
            record = json.loads(line)
            if "article" in record:
                article = Article.model_validate(record["article"])
                yield self._with_bytes(article, record["pictures"]) if record["pictures"] >= 0 else article
            else:
                yield Failure(**record)

    def close(self) -> None:
        """Let the file go."""
        self._stream.close()

    def _line(self, record: dict[str, Any]) -> None:
        self._stream.write(json.dumps(record) + "\n")

    def _with_bytes(self, article: Article, place: int) -> Article:
        find = self._finders[place]
        steps = []
        for step, record in zip(article.steps, article.extra["step_images"], strict=True):
            if step.image is not None:
                step = step.model_copy(update={"image": step.image.model_copy(update={"data": find(record)})})
            steps.append(step)
        return article.model_copy(update={"steps": tuple(steps)})


def judge(sources: Iterable[Source], cleaner: Cleaner, funnel: Funnel, spool: Spool, site: str | None = None) -> None:
    """The first pass: every page parsed and judged, everything counted, the kept spooled; ``site`` forces one."""
    failed: set[str] = set()
    for source in sources:
        found = _read(source, funnel, site)
        if isinstance(found, Failure):
            if found.key not in failed:
                failed.add(found.key)
                spool.failure(found)
            continue
        find = cropping(storable(source.find_image), cleaner.rules.pictures)
        reserved = bool(IMAGES_ONLY & _binding(source, found))
        for article in found.articles:
            kept = cleaner.judge(article) if isinstance(article, Article) else article
            if isinstance(kept, Dropped):
                funnel.article(kept.reason)
                continue
            funnel.article()
            funnel.text(kept.extra["tokens"])
            spool.article(attach(kept, find, cleaner, funnel, reserved=reserved), find)


def _read(source: Source, funnel: Funnel, site: str | None) -> reading.Reading | Failure:
    """What the source's page gave (or the articles that come ready made), or why there is nothing."""
    key = make_id("page", source.name)
    if source.trouble is not None:
        outcome, reason = source.trouble
        funnel.page(outcome)
        return Failure(key, f"{outcome}: {reason}" if outcome != "failed" else reason, source.url)
    if source.articles is not None:
        funnel.page("parsed")
        return reading.Reading(list(source.articles), frozenset(), None)
    try:
        page = WebPage(source.content, source.url, source.charset)
        found = reading.read(page, site=site, fetched=source.fetched)
    except NotAnArticle as error:
        funnel.page("not an article")
        return Failure(key, error.message, source.url)
    except DataError as error:
        funnel.page("failed")
        return Failure(key, error.message, source.url)
    against = _binding(source, found) - IMAGES_ONLY
    if against:
        funnel.page("opted out")
        return Failure(key, f"opted out: {', '.join(sorted(against))}", source.url or found.canonical_url)
    funnel.page("parsed")
    return found


def _binding(source: Source, read: reading.Reading) -> set[str]:
    """The reservations that bind us: all of them on a fetched page; on a saved copy those that name data sets, since
    index directives speak to crawlers."""
    found = set(read.opt_out) | set(source.reservations)
    if "fetched" in found:
        return found - {"fetched"}
    return found - INDEX_ONLY


def write(spool: Spool, writer: ShardWriter) -> list[str]:
    """The second pass: what was kept goes into shards, what failed gets a row. The lines of attribution come back."""
    owed: list[str] = []
    for entry in spool:
        if isinstance(entry, Failure):
            writer.add_failure(entry.key, reason=entry.reason, url=entry.url)
        else:
            writer.add(entry, split=split_of(entry.goal))
            owed.append(attribution.line(entry))
    return owed
