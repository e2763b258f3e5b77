"""A run of articles as one tar of a shard's form: what a part of the work leaves for the one that joins the parts."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from illinstr.articles import Article
from illinstr.files import write_bytes
from illinstr.shards.reader import iter_samples, to_article
from illinstr.shards.writer import tar_of


def write_part(path: Path, articles: Sequence[Article]) -> None:
    """Publish articles with their images as one tar, whole or not at all.

    Raises:
        DataError: an image without bytes, or a size over the limits.
    """
    content = b"".join(tar_of(article) for article in articles)
    write_bytes(path, content + bytes(-len(content) % tarfile.RECORDSIZE or tarfile.RECORDSIZE))


def read_part(path: Path) -> list[Article]:
    """The articles of such a tar, images attached.

    Raises:
        DataError: it cannot be read or is damaged.
    """
    return [to_article(sample, path) for sample in iter_samples(path)]
