"""What must not be in a data set, whoever asked for it to go.

A list names pages by address or number, articles by id, pictures by address, one a line; ``#`` starts a comment. It is
read on every run, so data made anew is free of what is on it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from illinstr.articles import Article
from illinstr.errors import UsageError


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

    @property
    def sha256(self) -> str | None:
        """A hash of what is listed, None for an empty list."""
        listed = "\n".join(sorted(self.entries))
        return hashlib.sha256(listed.encode()).hexdigest() if listed else None

    def names(self, address: str | None) -> bool:
        """Whether a page's or a picture's address is listed."""
        return bool(address) and _canonical(str(address)) in self.entries

    def covers(self, article: Article) -> bool:
        """Whether the article, its page or its page's number is listed."""
        origin = article.provenance
        return article.id in self.entries or str(origin.page_id) in self.entries or self.names(origin.url)


def _canonical(name: str) -> str:
    if "://" not in name:
        return name
    try:
        parts = urlsplit(name)
    except ValueError:
        return name
    return f"{(parts.hostname or '').removeprefix('www.')}{unquote(parts.path).rstrip('/')}"
