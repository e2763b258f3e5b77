"""What a takedown list hides of a data folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from illinstr.shards.layout import SampleRow, ShardInfo, read_rows
from illinstr.shards.records import records
from illinstr.shards.takedown import Takedown, canonical_address


@dataclass(frozen=True)
class Hidden:
    """What a list hides of a data folder: keys of ``articles``, and keys of articles that lose ``images``."""

    articles: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()


def hidden(data: Path, shards: Iterable[ShardInfo], takedown: Takedown) -> Hidden:
    """What the list hides in these shards.

    Ids and addresses of pages are found in the index alone. Page numbers and addresses of images stand in the
    articles, so a list with such entries costs a read of each article's record; images are not read.

    Raises:
        DataError: a damaged shard.
    """
    if not takedown.entries:
        return Hidden()
    listed = [(shard.tar(data), _written(shard.parquet(data))) for shard in shards]
    rows = [row for _, written in listed for row in written]
    named = {row.key for row in rows if takedown.names_row(row)}
    found = {row.key for row in rows} | {canonical_address(row.url) for row in rows if row.url}
    if takedown.entries <= found:
        return Hidden(frozenset(named))
    images = set()
    for tar, written in listed:
        for article in records(tar, written):
            kept = takedown.without(article)
            if kept is None:
                named.add(article.id)
            elif kept is not article:
                images.add(article.id)
    return Hidden(frozenset(named), frozenset(images))


def _written(parquet: Path) -> list[SampleRow]:
    return [row for row in read_rows(parquet) if row.status == "ok"]
