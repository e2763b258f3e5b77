"""What must not be in a data set, whoever asked for it to go: one kind of list for making data and for reading it."""

from __future__ import annotations

from illinstr.shards.takedown import Takedown

__all__ = ["Takedown"]
