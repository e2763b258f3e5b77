"""What a takedown list hides of a data folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from illinstr.shards.layout import ShardInfo, read_rows
from illinstr.shards.reader import iter_samples, to_article
from illinstr.shards.takedown import Takedown, canonical_address


@dataclass(frozen=True)
class Hidden:
    """What a list hides of a data folder: keys of ``articles``, and keys of articles that lose ``images``."""

    articles: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()


def hidden(data: Path, shards: Iterable[ShardInfo], takedown: Takedown) -> Hidden:
    """What the list hides in these shards.

    Ids and addresses of pages are found in the index alone. Page numbers and addresses of images stand in the
    articles, so a list with such entries costs a walk through the tars.

    Raises:
        DataError: a damaged shard.
    """
    if not takedown.entries:
        return Hidden()
    listed = tuple(shards)
    rows = [row for shard in listed for row in read_rows(shard.parquet(data)) if row.status == "ok"]
    named = {row.key for row in rows if takedown.names_row(row)}
    found = {row.key for row in rows} | {canonical_address(row.url) for row in rows if row.url}
    if takedown.entries <= found:
        return Hidden(frozenset(named))
    images = set()
    for shard in listed:
        for sample in iter_samples(shard.tar(data)):
            article = to_article(sample, shard.tar(data))
            kept = takedown.without(article)
            if kept is None:
                named.add(article.id)
            elif kept is not article:
                images.add(article.id)
    return Hidden(frozenset(named), frozenset(images))
