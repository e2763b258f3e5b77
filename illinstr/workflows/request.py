"""What every verb's request has in common, and what results say of articles that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from illinstr.errors import PartialError
from illinstr.progress import Reporter, SilentReporter


@dataclass(frozen=True, kw_only=True)
class Request:
    """What one call of a verb asks for: plain values, as the caller gave them, checked by the verb.

    Attributes:
        reporter: receives progress and messages; None is silent.
    """

    reporter: Reporter | None = field(default=None, repr=False, compare=False)

    @property
    def messages(self) -> Reporter:
        """The reporter, or a silent one."""
        return self.reporter or SilentReporter()


def unread_articles(messages: Sequence[str], *, hint: str | None) -> PartialError | None:
    """What the end of a command says of articles that could not be read, if there are any."""
    if not messages:
        return None
    return PartialError(
        f"{len(messages)} articles could not be read and are left out, the first: {messages[0]}", hint=hint
    )
