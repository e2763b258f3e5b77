"""The one family of errors a user can meet.

    IllinstrError              anything we know how to explain
    ├── UsageError      (2)    the command or its options cannot be carried out as asked
    │   └── ConfigError (2)    a config file, preset or override is wrong
    ├── DataError       (1)    articles, shards or pages are missing, damaged or unfit
    ├── ModelError      (1)    a model folder is missing, damaged or unfit for the task
    ├── PlanError       (1)    no step text could be written for the goal
    ├── FetchError      (1)    a page or picture could not be fetched, or may not be
    └── PartialError    (3)    the work ended, but a part of it failed

Each carries a one-line message and, where there is something to do about it, a hint. The command line prints both
and exits with the code in brackets; nothing in the family ever reaches a user as a traceback.
"""

from __future__ import annotations


class IllinstrError(Exception):
    """Base of every known failure.

    Args:
        message: what went wrong, in one line.
        hint: what the user can do about it, in one line.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(IllinstrError):
    """The request itself cannot be carried out."""

    exit_code = 2


class ConfigError(UsageError):
    """A config key, value, file or preset is wrong."""


class DataError(IllinstrError):
    """Articles, shards or pages are missing, damaged or unfit."""


class ModelError(IllinstrError):
    """A model folder is missing, damaged or unfit for the task."""


class PlanError(IllinstrError):
    """No step text could be written for the goal."""


class FetchError(IllinstrError):
    """A page or picture could not be fetched, or must not be."""


class PartialError(IllinstrError):
    """The work ended, but a part of it failed."""

    exit_code = 3
