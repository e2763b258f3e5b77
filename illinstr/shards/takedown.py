"""What must not be in a data set, whoever asked for it to go.

A list names pages by address or number, articles by id, pictures by address, one a line; ``#`` starts a comment. It is
read on every run that makes data, and ``takedown.txt`` in a data folder on every run that reads it: finished shards
stay as they are, and what is listed is read as if it were not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from illinstr.articles import Article
from illinstr.errors import UsageError
from illinstr.shards.layout import SampleRow, ShardInfo, read_rows

NAME = "takedown.txt"


@dataclass(frozen=True)
class Takedown:
    """A takedown list. Addresses match whatever their scheme, escapes, query or fragment."""

    entries: frozenset[str] = frozenset()

    @classmethod
    def read(cls, file: Path) -> Takedown:
        """Read a list.

        Raises:
            UsageError: the file cannot be read.
        """
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}: {error}") from error
        named = (line.split(" #")[0].strip() for line in lines)
        return cls(frozenset(_canonical(name) for name in named if name and not name.startswith("#")))

    @classmethod
    def of_folder(cls, data: Path) -> Takedown:
        """The list that lies in a data folder; an empty one where there is none.

        Raises:
            UsageError: it cannot be read. Nothing is read past a list that cannot be.
        """
        return cls.read(data / NAME) if (data / NAME).exists() else cls()

    @property
    def sha256(self) -> str | None:
        """A hash of what is listed, None for an empty list."""
        listed = "\n".join(sorted(self.entries))
        return hashlib.sha256(listed.encode()).hexdigest() if listed else None

    def names(self, address: str | None) -> bool:
        """Whether a page's or a picture's address is listed."""
        return bool(address) and _canonical(str(address)) in self.entries

    def names_row(self, row: SampleRow) -> bool:
        """Whether a row of a shard's index is listed by its id or its page's address."""
        return row.key in self.entries or self.names(row.url)

    def without(self, article: Article) -> Article | None:
        """The article without the pictures that are listed; None where it is listed itself."""
        if not self.entries:
            return article
        if self.covers(article):
            return None
        listed = {index for index, step in enumerate(article.steps) if step.image and self.names(step.image.source_url)}
        if not listed:
            return article
        steps = list(article.steps)
        for index in listed:
            steps[index] = steps[index].model_copy(update={"image": None})
        return article.model_copy(update={"steps": tuple(steps)})

    def covers(self, article: Article) -> bool:
        """Whether the article, its page or its page's number is listed."""
        origin = article.provenance
        return article.id in self.entries or str(origin.page_id) in self.entries or self.names(origin.url)


@dataclass(frozen=True)
class Hidden:
    """What a list hides of a data folder: keys of ``articles``, and keys of articles that lose ``pictures``."""

    articles: frozenset[str] = frozenset()
    pictures: frozenset[str] = frozenset()


def hidden(data: Path, shards: Iterable[ShardInfo], takedown: Takedown) -> Hidden:
    """What the list hides in these shards.

    Ids and addresses of pages are found in the index alone. Page numbers and addresses of pictures stand in the
    articles, so a list with such entries costs a walk through the tars.

    Raises:
        DataError: a damaged shard.
    """
    from illinstr.shards.reader import iter_samples, to_article

    if not takedown.entries:
        return Hidden()
    listed = tuple(shards)
    rows = [row for shard in listed for row in read_rows(shard.parquet(data)) if row.status == "ok"]
    named = {row.key for row in rows if takedown.names_row(row)}
    found = {row.key for row in rows} | {_canonical(row.url) for row in rows if row.url}
    if takedown.entries <= found:
        return Hidden(frozenset(named))
    pictures = set()
    for shard in listed:
        for sample in iter_samples(shard.tar(data)):
            article = to_article(sample, shard.tar(data))
            kept = takedown.without(article)
            if kept is None:
                named.add(article.id)
            elif kept is not article:
                pictures.add(article.id)
    return Hidden(frozenset(named), frozenset(pictures))


def _canonical(name: str) -> str:
    if "://" not in name:
        return name
    try:
        parts = urlsplit(name)
    except ValueError:
        return name
    return f"{(parts.hostname or '').removeprefix('www.')}{unquote(parts.path).rstrip('/')}"
