"""Dealing the articles of a data folder to splits again, near-duplicate goals on one side.

``split_of`` alone puts goals of equal word sets together. Here the whole set is at hand, so goals whose word sets
*overlap* enough (Jaccard similarity) can be joined too; joined goals go where the first of them by signature goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from pathlib import Path

from illinstr.errors import ConfigError, DataError
from illinstr.ownership import DATA, check_apart, check_folder
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards.layout import ShardIndex, read_index, read_rows
from illinstr.shards.near_words import join_near
from illinstr.shards.reader import iter_articles
from illinstr.shards.splits import DEFAULT_FRACTIONS, goal_signature, split_of
from illinstr.shards.writer import ShardWriter


def leaders(signatures: Iterable[str], near: float) -> dict[str, str]:
    """Join signatures whose word sets have a Jaccard similarity of ``near`` or more; each maps to its group's least.

    Exact; see ``near_words``.

    Raises:
        ConfigError: ``near`` is outside (0, 1].
    """
    if not 0 < near <= 1:
        raise ConfigError(f"near is {near:g}; it must be over 0 and at most 1")
    words = {signature: frozenset(signature.split()) for signature in sorted(set(signatures))}
    groups = join_near(words, Fraction(str(near)))
    return {signature: groups.find(signature) for signature in words}


def resplit(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    fractions: Mapping[str, float] = DEFAULT_FRACTIONS,
    near: float = 0.8,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    on_damaged: Callable[[DataError], None] | None = None,
) -> ShardIndex:
    """Copy a data folder into ``out`` with its articles assigned again; ``data`` stays as it is.

    Args:
        data: the data folder to read.
        out: the data folder to write.
        seed: another seed assigns the goals again.
        fractions: share of goals per split, summing to 1.
        near: word sets of at least this Jaccard similarity stand on one side; 1 joins equal sets only, which makes
            the split of a goal independent of the other goals.
        overwrite: replace what ``out`` holds.
        reporter: receives progress.
        on_damaged: told of each article that cannot be read and is left out; None: the first one raises.

    Raises:
        UsageError: ``out`` is ``data``, lies in it or around it, or holds what illinstr did not write.
        ConfigError: fractions or ``near`` out of range.
        DataError: ``data`` is damaged, or ``out`` already holds data.
    """
    check_folder(out, DATA)
    check_apart(out, [data])
    index = read_index(data)
    rows = [row for shard in index.shards for row in read_rows(shard.parquet(data))]
    led = leaders((goal_signature(row.goal) for row in rows if row.goal is not None), near)
    split_of("a goal", seed=seed, fractions=fractions)  # refuse wrong fractions before anything is written
    config = {
        "command": "data split",
        "seed": seed,
        "fractions": dict(fractions),
        "near": near,
        "of": index.source_config,
        "of_sha256": index.source_config_sha256,
    }
    total = sum(shard.samples for shard in index.shards)
    reporter = reporter or SilentReporter()
    with (
        ShardWriter(out, source_config=config, existing="overwrite" if overwrite else "refuse") as writer,
        reporter.task("articles written", total=total) as advance,
    ):
        for article in iter_articles(data, on_damaged=on_damaged):
            leader = led.get(goal_signature(article.goal))
            if leader is None:
                raise DataError(
                    f"{data}: the goal of {article.id} is another in its tar than in the index",
                    hint="illinstr data validate finds what is wrong; make the data again",
                )
            writer.add(article, split=split_of(leader, seed=seed, fractions=fractions))
            advance()
        written = {row.key for row in rows if row.status == "ok"}  # or taken down, and then no failure either
        for key, failed in {row.key: row for row in rows if row.status == "failed"}.items():
            if key not in written:
                writer.add_failure(key, reason=failed.reason or "no reason", url=failed.url)
    assert writer.index is not None  # set on every clean exit
    return writer.index
