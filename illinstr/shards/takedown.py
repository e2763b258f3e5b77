"""What must not be in a data set, whoever asked for it to go.

A list names pages by address or number, articles by id, images by address, one per line; ``#`` starts a comment. It is
read on every run that makes data, and ``takedown.txt`` in a data folder on every run that reads it: finished shards
stay as they are, and what is listed is read as if it were not there.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from illinstr.articles import Article
from illinstr.errors import UsageError
from illinstr.files import read_text
from illinstr.shards.layout import SampleRow

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
            lines = read_text(file).splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"cannot read {file}: {error}") from error
        named = (line.split(" #")[0].strip() for line in lines)
        return cls(frozenset(canonical_address(name) for name in named if name and not name.startswith("#")))

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
        """Whether a page's or an image's address is listed."""
        return bool(address) and canonical_address(str(address)) in self.entries

    def names_row(self, row: SampleRow) -> bool:
        """Whether a row of a shard's index is listed by its id or its page's address."""
        return row.key in self.entries or self.names(row.url)

    def without(self, article: Article) -> Article | None:
        """The article without the images that are listed; None where it is listed itself."""
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


def canonical_address(name: str) -> str:
    """An entry in the form that is compared: an address without scheme, ``www.``, escapes, query and fragment."""
    if "://" not in name:
        return name
    try:
        parts = urlsplit(name)
    except ValueError:
        return name
    return f"{(parts.hostname or '').removeprefix('www.')}{unquote(parts.path).rstrip('/')}"
