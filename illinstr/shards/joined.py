"""Several data folders read as one, each with the weight of its articles; nothing is copied."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TypeVar

from illinstr.articles import Article
from illinstr.errors import DataError, UsageError
from illinstr.shards.layout import read_index, read_rows
from illinstr.shards.splits import goal_signature, held_out_rank
from illinstr.shards.table import ArticleTable

_WEIGHT = re.compile(r"(?P<folder>.+):(?P<weight>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)", re.DOTALL)
ValueT = TypeVar("ValueT")
_PORT = re.compile(r"https?://[^/]*")


@dataclass(frozen=True)
class Source:
    """A data folder, and how often each of its articles is seen beside an article of a folder of weight 1."""

    folder: Path
    weight: float = 1.0


Sources = Path | Sequence[Source]


def sources_of(data: Sources) -> tuple[Source, ...]:
    """The folders of what a run is given as its data."""
    return (Source(data),) if isinstance(data, Path) else tuple(data)


def parse_source(said: str | Path) -> Source:
    """``FOLDER`` or ``FOLDER:WEIGHT``; a Path, and a text that names what is there, is a folder as it stands.

    The weight is what follows the last colon where that is a number, so ``C:\\data``, ``s3://bucket/x`` and
    ``http://host:80`` have none and ``s3://bucket/x:2`` has the weight 2.

    Raises:
        UsageError: the weight is not over 0, or not finite.
    """
    if isinstance(said, Path) or Path(said).exists():
        return Source(Path(said))
    found = _WEIGHT.fullmatch(said)
    if found is None or _PORT.fullmatch(found["folder"]):
        return Source(Path(said))
    weight = float(found["weight"])
    if not (isfinite(weight) and weight > 0):
        raise UsageError(f"--data {said}: a weight is a number over 0", hint="leave out the folder that is not wanted")
    return Source(Path(found["folder"]), weight)


def parse_sources(said: Sequence[str | Path]) -> tuple[Source, ...]:
    """Every folder of a list, in its order.

    Raises:
        UsageError: a weight that is none, or a folder named twice.
    """
    sources = tuple(parse_source(each) for each in said)
    seen: set[Path] = set()
    for source in sources:
        if (place := source.folder.resolve()) in seen:
            raise UsageError(
                f"--data {source.folder} is named twice", hint=f"give it a weight: --data {source.folder}:2"
            )
        seen.add(place)
    return sources


def held_out(folders: Sequence[Path], split: str) -> frozenset[str]:
    """Signatures of the goals that any of the folders holds out of ``split``: test before validation before training.

    Raises:
        DataError: a damaged index.
    """
    rank = held_out_rank(split)
    return frozenset(
        goal_signature(row.goal)
        for folder in folders
        for shard in read_index(folder).shards
        if held_out_rank(shard.split) < rank
        for row in read_rows(shard.parquet(folder))
        if row.goal is not None
    )


class JoinedTable:
    """The articles of one split of several folders by number, as an ArticleTable has those of one.

    The numbers go through the folders side by side, so that the first articles of the table, however many, are from
    each folder in proportion to its size. A goal that one of the folders holds out is in none of them.

    Args:
        sources: two folders or more.
        split: which split.
        min_steps, max_steps: articles outside are left out.
        only_complete: leave out articles that miss an image.
        required: whether each folder must have such articles; else one is enough.

    Attributes:
        sources: which folder each article is from, from 0.
        weights: of each article; None where all are the same.
        num_held_out: articles left out because another folder holds out their goal.

    Raises:
        DataError: a folder is damaged, or has no such split or article.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        split: str,
        *,
        min_steps: int,
        max_steps: int,
        only_complete: bool = True,
        required: bool = True,
    ) -> None:
        held = held_out([source.folder for source in sources], split)
        self._tables: list[ArticleTable | None] = []
        self.num_held_out = 0
        for source in sources:
            table = None
            if required or split in read_index(source.folder).splits:
                table = ArticleTable(
                    source.folder,
                    split,
                    min_steps=min_steps,
                    max_steps=max_steps,
                    only_complete=only_complete,
                    held_out=held,
                )
                self.num_held_out += table.num_held_out
            if required and not table:
                raise DataError(
                    f"{source.folder} has no article of {min_steps}-{max_steps} steps in split {split!r} that no other"
                    " folder holds out",
                    hint="leave it out, or check data.split, data.min_steps and data.max_steps",
                )
            self._tables.append(table)
        self._places = _side_by_side([len(table or ()) for table in self._tables])
        self.sources = [source for source, _ in self._places]
        equal = len({source.weight for source in sources}) == 1
        self.weights = None if equal else [sources[number].weight for number in self.sources]
        self.lengths = self._gathered([table.lengths if table else [] for table in self._tables])
        self.complete = self._gathered([table.complete if table else [] for table in self._tables])
        self.contents = self._gathered([table.contents if table else [] for table in self._tables])

    def __len__(self) -> int:
        return len(self._places)

    def read(self, number: int) -> Article:
        """Article ``number`` with its images, their SHA-256 checked.

        Raises:
            DataError: it cannot be read, or is not what the index says.
            IndexError: there is no such number.
        """
        source, place = self._places[number]
        table = self._tables[source]
        if table is None:
            raise IndexError(number)
        return table.read(place)

    def _gathered(self, columns: Sequence[Sequence[ValueT]]) -> list[ValueT]:
        return [columns[source][place] for source, place in self._places]


def _side_by_side(sizes: Sequence[int]) -> list[tuple[int, int]]:
    """(folder, number in it) of all articles, such that every beginning of the list has each folder's share of it."""
    places = [(source, number) for source, size in enumerate(sizes) for number in range(size)]
    return sorted(places, key=lambda place: ((place[1] + 0.5) / sizes[place[0]], place[0]))
