"""What every verb's request has in common."""

from __future__ import annotations

from dataclasses import dataclass, field

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
