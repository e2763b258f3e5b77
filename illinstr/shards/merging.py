"""Several data folders into one: what two of them hold once, every goal on one side, every licence and credit kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from illinstr.articles import Article
from illinstr.errors import DataError, UsageError
from illinstr.files import read_text, write_text
from illinstr.ownership import DATA, check_apart, check_folder
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards import attribution
from illinstr.shards.duplicates import NearTexts, fingerprint, page_of, sketch
from illinstr.shards.layout import ShardIndex, read_index, read_rows
from illinstr.shards.reader import iter_articles
from illinstr.shards.resplit import leaders
from illinstr.shards.splits import goal_signature, held_out_rank
from illinstr.shards.takedown import NAME as TAKEDOWN_NAME
from illinstr.shards.takedown import Takedown
from illinstr.shards.writer import ShardWriter


@dataclass(frozen=True)
class Merged:
    """What came of it: the new index, how many articles were left out, by reason, and how many changed their split."""

    index: ShardIndex
    left_out: dict[str, int]
    moved: int = 0


@dataclass
class _Seen:
    """What was written already, over all inputs."""

    near: bool
    ids: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    likely: NearTexts = field(default_factory=NearTexts)

    def again(self, article: Article) -> str | None:
        """Why the article is left out, None where it is new (and remembered)."""
        text = fingerprint(article)
        if article.id in self.ids:
            return "same article again"
        if text in self.texts:
            return "duplicate text"
        drawn = sketch(article) if self.near else None
        if drawn is not None:
            if self.likely.elsewhere(drawn, page_of(article)):
                return "near-duplicate text"
            self.likely.learn([f"{drawn} {page_of(article)}"])
        self.ids.add(article.id)
        self.texts.add(text)
        return None


def merge(
    inputs: Sequence[Path],
    out: Path,
    *,
    near: float = 0.8,
    near_texts: bool = True,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Merged:
    """Copy data folders into ``out``; the inputs stay as they are.

    An article keeps the split it has, and of what stands in several inputs the first one stays. A goal (or one near it)
    that an input holds out is held out of the whole, test before validation before training, so that no goal stands on
    two sides and nothing that some model was kept from is ever learnt. What the ``takedown.txt`` of any input lists is
    in none of it, and the lists are kept. ``attribution.tsv`` credits every article and image with its licence.

    Args:
        inputs: data folders, two at least; their order decides which of two equal articles stays.
        out: the data folder to write.
        near: goals whose word sets have at least this Jaccard similarity stand on one side; 1 joins equal sets only.
        near_texts: leave out near-duplicate texts of other pages, too, not only equal ones.
        overwrite: replace what ``out`` holds.
        reporter: receives progress.

    Raises:
        UsageError: fewer than two inputs, one named twice, or ``out`` in the way of one.
        ConfigError: ``near`` is out of range.
        DataError: an input is damaged, holds nothing, or ``out`` already holds data.
    """
    if len({path.resolve() for path in inputs}) < max(2, len(inputs)):
        raise UsageError("merge takes two data folders or more, each once", hint="illinstr data merge A B --out C")
    check_folder(out, DATA)
    check_apart(out, inputs)
    indexes = [read_index(data) for data in inputs]
    taken = Takedown(frozenset().union(*(Takedown.of_folder(data).entries for data in inputs)))
    sides = _sides(inputs, indexes, near)
    reporter = reporter or SilentReporter()
    seen, left, moved, credits = _Seen(near_texts), Counter[str](), 0, list[str]()
    with (
        ShardWriter(
            out,
            source_config=_config(inputs, indexes, near, near_texts, taken),
            existing="overwrite" if overwrite else "refuse",
            reporter=reporter,
        ) as writer,
        reporter.task("articles read", total=sum(shard.samples for one in indexes for shard in one.shards)) as advance,
    ):
        for data, split, article in _articles(inputs, indexes):
            kept = taken.without(article)
            reason = "taken down" if kept is None else seen.again(kept)
            if kept is None or reason is not None:
                left[reason or "taken down"] += 1
            else:
                side = _side(sides, kept, data)
                writer.add(kept, split=side)
                moved += side != split
                credits.append(attribution.line(kept))
            advance()
        if not credits:
            raise DataError("nothing is left of the data folders", hint="illinstr data stats shows what each holds")
        attribution.write(out, credits)
        _write_takedown(inputs, out)
        writer.set_outcome(left_out=dict(sorted(left.items())))
    if writer.index is None:
        raise DataError(f"{out} was not finished")
    return Merged(writer.index, dict(sorted(left.items())), moved)


def _articles(inputs: Sequence[Path], indexes: Sequence[ShardIndex]) -> Iterable[tuple[Path, str, Article]]:
    """Folder, split and article, in the order of the shards."""
    for data, index in zip(inputs, indexes, strict=True):
        for split in dict.fromkeys(shard.split for shard in index.shards):
            for article in iter_articles(data, split=split):
                yield data, split, article


def _sides(inputs: Sequence[Path], indexes: Sequence[ShardIndex], near: float) -> dict[str, str]:
    """The split of every goal, by its signature: the most held out of those that goals near it have."""
    found: dict[str, str] = {}
    for data, index in zip(inputs, indexes, strict=True):
        for shard in index.shards:
            for row in read_rows(shard.parquet(data)):
                if row.goal is not None:
                    signature = goal_signature(row.goal)
                    found[signature] = _held_out(found.get(signature, shard.split), shard.split)
    led = leaders(found, near)
    decided: dict[str, str] = {}
    for signature, split in found.items():  # in the order of the inputs
        decided[led[signature]] = _held_out(decided.get(led[signature], split), split)
    return {signature: decided[leader] for signature, leader in led.items()}


def _held_out(first: str, second: str) -> str:
    """Of two splits the one that is learnt from less; the first, where both or neither are known."""
    return min(first, second, key=held_out_rank)


def _side(sides: dict[str, str], article: Article, data: Path) -> str:
    side = sides.get(goal_signature(article.goal))
    if side is None:
        raise DataError(
            f"{data}: the goal of {article.id} is another in its tar than in the index",
            hint="illinstr data validate finds what is wrong; make the data again",
        )
    return side


def _config(
    inputs: Sequence[Path], indexes: Sequence[ShardIndex], near: float, near_texts: bool, taken: Takedown
) -> dict[str, Any]:
    return {
        "command": "data merge",
        "near": near,
        "near_texts": near_texts,
        "takedown_sha256": taken.sha256,
        "of": [
            {"name": data.resolve().name, "config": index.source_config, "config_sha256": index.source_config_sha256}
            for data, index in zip(inputs, indexes, strict=True)
        ],
    }


def _write_takedown(inputs: Sequence[Path], out: Path) -> None:
    """Keep the lists of the inputs, line by line, so that a later merge of the same pages leaves them out, too."""
    files = [data / TAKEDOWN_NAME for data in inputs if (data / TAKEDOWN_NAME).exists()]
    lines = dict.fromkeys(line for file in files for line in read_text(file).splitlines() if line)
    if lines:
        write_text(out / TAKEDOWN_NAME, "".join(f"{line}\n" for line in lines))
