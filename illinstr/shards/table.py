"""The articles of a split by number, each read from its own run of bytes when it is asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.shards.hidden import Hidden, hidden
from illinstr.shards.layout import ShardIndex, read_index, read_rows
from illinstr.shards.reader import read_sample, to_article
from illinstr.shards.splits import goal_signature
from illinstr.shards.takedown import Takedown


@dataclass(frozen=True)
class Place:
    """Where one article lies; ``sha256`` is that of its JSON, which holds those of its images."""

    tar: Path
    offset: int
    length: int
    num_steps: int
    complete: bool
    sha256: str


def places_of(
    data: Path, index: ShardIndex, split: str, gone: Hidden, *, only_complete: bool
) -> tuple[list[Place], int]:
    """Every article of a split in the order it was written, from the Parquet index alone, and how many were left out.

    Args:
        data: a data folder.
        index: its index.
        split: which split.
        gone: what a takedown list hides.
        only_complete: leave out articles that miss an image.

    Raises:
        DataError: no such split, or a row without a place inside its tar.
    """
    places, left_out = [], 0
    for shard in index.of_split(split):
        for row in read_rows(shard.parquet(data)):
            if row.status != "ok":
                continue
            if row.offset is None or row.bytes is None or row.num_steps is None:
                raise DataError(f"{shard.parquet(data)}: the row of {row.key!r} has no place in the tar")
            if row.offset < 0 or not 0 < row.bytes <= shard.bytes - row.offset:
                raise DataError(f"{shard.parquet(data)}: the row of {row.key!r} points outside the tar")
            complete = row.num_images == row.num_steps and row.key not in gone.images
            if row.key in gone.articles or (only_complete and not complete):
                left_out += 1
                continue
            content = (row.sha256 or "") if row.key not in gone.images else ""
            places.append(Place(shard.tar(data), row.offset, row.bytes, row.num_steps, complete, content))
    return places, left_out


def _without_goals(data: Path, index: ShardIndex, split: str, gone: Hidden, goals: frozenset[str]) -> Hidden:
    """What is hidden, and with it the articles of these goals, which are given by their signatures."""
    named = {
        row.key
        for shard in index.of_split(split)
        for row in read_rows(shard.parquet(data))
        if row.status == "ok" and row.goal is not None and goal_signature(row.goal) in goals
    }
    return Hidden(gone.articles | named, gone.images)


def identity_of(index: ShardIndex, split: str | None, takedown: Takedown) -> str:
    """SHA-256 over the shards of a split, or of all, and what is hidden: a saved place is never used on other data."""
    told = [shard.sha256 for shard in index.of_split(split)] + [takedown.sha256 or ""]
    return hashlib.sha256("".join(told).encode()).hexdigest()


class ArticleTable:
    """The articles of one split whose step count fits, by number; what a takedown list names is not there.

    Opening it reads the Parquet index; an article costs one seek and one read of its own bytes, whichever it is. Any
    number of threads and processes may read at once.

    Args:
        data: a data folder.
        split: which split.
        min_steps, max_steps: articles outside are left out.
        only_complete: leave out articles that miss an image.
        held_out: signatures of goals whose articles are left out.

    Attributes:
        num_held_out: articles left out because of ``held_out``.

    Raises:
        DataError: no such data or split, or a damaged index.
    """

    def __init__(
        self,
        data: Path,
        split: str,
        *,
        min_steps: int,
        max_steps: int,
        only_complete: bool = True,
        held_out: frozenset[str] = frozenset(),
    ) -> None:
        index = read_index(data)
        self._takedown = Takedown.of_folder(data)
        self.num_held_out = 0
        gone = hidden(data, index.of_split(split), self._takedown)
        if held_out:
            kept = _without_goals(data, index, split, gone, held_out)
            self.num_held_out = len(kept.articles) - len(gone.articles)
            gone = kept
        places, _ = places_of(data, index, split, gone, only_complete=only_complete)
        self._places = [place for place in places if min_steps <= place.num_steps <= max_steps]

    def __len__(self) -> int:
        return len(self._places)

    @property
    def lengths(self) -> list[int]:
        """The step count of each article, without reading any."""
        return [place.num_steps for place in self._places]

    @property
    def complete(self) -> list[bool]:
        """Whether each article has all its images."""
        return [place.complete for place in self._places]

    @property
    def contents(self) -> list[str]:
        """SHA-256 of each article's JSON, which holds those of its images; empty where images are hidden."""
        return [place.sha256 for place in self._places]

    def read(self, number: int) -> Article:
        """Article ``number`` with its images, their SHA-256 checked.

        Raises:
            DataError: it cannot be read, or is not what the index says.
            IndexError: there is no such number.
        """
        place = self._places[number]
        article = to_article(read_sample(place.tar, place.offset, place.length), place.tar)
        if article.num_steps != place.num_steps:
            raise DataError(
                f"{place.tar}: {article.id} has {article.num_steps} steps, the index says {place.num_steps}"
            )
        shown = self._takedown.without(article)
        if shown is None:
            raise DataError(f"{place.tar}: {article.id} is on the takedown list")
        return shown
