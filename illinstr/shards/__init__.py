"""Articles in and out of WebDataset shards: the data folder every other room reads and writes.

``ShardWriter`` makes a data folder, ``iter_articles`` streams one, ``ArticleTable`` reads single articles by number,
``JoinedTable`` those of several folders, ``ArticleLoader`` yields whole epochs in a deterministic, resumable order. The
format is described in ``docs/data-format.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from illinstr.shards.joined import JoinedTable, Source, Sources, parse_sources, sources_of
from illinstr.shards.layout import ShardIndex, ShardInfo, SplitInfo, read_index
from illinstr.shards.reader import iter_articles
from illinstr.shards.splits import DEFAULT_FRACTIONS, goal_signature, split_of
from illinstr.shards.table import ArticleTable
from illinstr.shards.validation import ValidationReport, validate
from illinstr.shards.writer import ShardWriter

if TYPE_CHECKING:
    from illinstr.shards.loader import ArticleLoader

__all__ = [
    "DEFAULT_FRACTIONS",
    "ArticleLoader",
    "ArticleTable",
    "JoinedTable",
    "ShardIndex",
    "ShardInfo",
    "ShardWriter",
    "Source",
    "Sources",
    "SplitInfo",
    "ValidationReport",
    "goal_signature",
    "iter_articles",
    "parse_sources",
    "read_index",
    "sources_of",
    "split_of",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name == "ArticleLoader":  # loads torch, so only when somebody asks for it
        from illinstr.shards.loader import ArticleLoader

        return ArticleLoader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
