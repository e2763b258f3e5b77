"""The second pass over pages: what stands elsewhere already is left out, the rest is written into shards.

Pages come measured (``measure``) in the order of the input. Duplicates are decided in that order over hashes alone;
what is kept is spooled and then written. Order in, order out: equal pages give equal bytes, however many processes
measured.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import IO, Any

from illinstr.articles import Article
from illinstr.shards import ShardWriter, attribution, split_of
from illinstr.wikihow_scraper.cleaning.funnel import Funnel
from illinstr.wikihow_scraper.cleaning.media import attach
from illinstr.wikihow_scraper.cleaning.rules import Cleaner
from illinstr.wikihow_scraper.pipeline.measure import Failure, measured
from illinstr.wikihow_scraper.source import Dropped, FindImage, Source


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
                data = find(record)
                same = data is not None and hashlib.sha256(data).hexdigest() == step.image.sha256
                # A file that was changed or removed while this ran is not the image that was measured.
                image = step.image.model_copy(update={"data": data}) if same else None
                step = step.model_copy(update={"image": image})
            steps.append(step)
        return article.model_copy(update={"steps": tuple(steps)})


def judge(
    sources: Iterable[Source], cleaner: Cleaner, funnel: Funnel, spool: Spool, site: str | None = None, workers: int = 1
) -> None:
    """Every page measured (by so many ``workers``), what stands elsewhere already left out in the order of the input,
    everything counted, the kept spooled; ``site`` forces one."""
    failed: set[str] = set()
    for page, find in measured(sources, cleaner, site, workers):
        funnel.page(page.outcome)
        if page.failure is not None:
            if page.failure.key not in failed:
                failed.add(page.failure.key)
                spool.failure(page.failure)
            continue
        for one in page.articles:
            if isinstance(one, Dropped):
                funnel.article(one.reason)
                continue
            kept = cleaner.admit(one.article, one.text)
            if isinstance(kept, Dropped):
                funnel.article(kept.reason)
                continue
            funnel.article()
            funnel.text(kept.extra["tokens"])
            kept = attach(kept, one.images, cleaner, funnel)
            funnel.license(kept)
            spool.article(kept, find)


def write(spool: Spool, writer: ShardWriter) -> list[str]:
    """The second pass: what was kept goes into shards, what failed gets a row. The lines of attribution come back."""
    attributions: list[str] = []
    for entry in spool:
        if isinstance(entry, Failure):
            writer.add_failure(entry.key, reason=entry.reason, url=entry.url)
        else:
            writer.add(entry, split=split_of(entry.goal))
            attributions.append(attribution.line(entry))
    return attributions
