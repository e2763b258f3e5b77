"""The one family of errors a user can meet.

    IllinstrError              anything we know how to explain
    ├── UsageError      (2)    the command or its options cannot be carried out as asked
    │   └── ConfigError (2)    a config file, preset or override is wrong
    ├── DataError       (1)    articles, shards or pages are missing, damaged or unfit
    ├── ModelError      (1)    a model folder is missing, damaged or unfit for the task
    ├── PlanError       (1)    no step text could be written for the goal
    ├── FetchError      (1)    a page or image could not be fetched, or may not be
    └── PartialError    (3)    the work ended, but a part of it failed

Each carries a one-line message and, where there is something to do about it, a hint. The command line prints both
and exits with the code in brackets; nothing in the family ever reaches a user as a traceback.

Messages are written once, naming parameters as the command line does (``--first-picture``). Where a Python caller is at
work (``speaking_of_arguments``) the same messages name arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar


def printable(text: str) -> str:
    """Text that a terminal can show: control characters and lone halves of characters as escapes, lines as they are."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


_OPTION = re.compile(r"--[a-z][a-z0-9-]*")
_COMMAND = re.compile(r"\b(?:illinstr [a-z]|accelerate launch)")
_spelling: ContextVar[Mapping[str, str] | None] = ContextVar("illinstr_spelling", default=None)


@contextmanager
def speaking_of_arguments(spelling: Mapping[str, str]) -> Iterator[None]:
    """Inside the block, errors name arguments (``first_picture``) where they are written with options.

    Args:
        spelling: option to argument; an option that is not in it loses its dashes.
    """
    token = _spelling.set(spelling)
    try:
        yield
    finally:
        _spelling.reset(token)


def _spelt(text: str) -> str:
    spelling = _spelling.get()
    if spelling is None:
        return text
    command = _COMMAND.search(text)  # a whole command line to type stays as it is
    end = command.start() if command else len(text)

    def argument(option: re.Match[str]) -> str:
        return spelling.get(option[0], option[0].lstrip("-").replace("-", "_"))

    return _OPTION.sub(argument, text[:end]) + text[end:]


class IllinstrError(Exception):
    """Base of every known failure.

    Args:
        message: what went wrong, in one line.
        hint: what the user can do about it, in one line.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        self.message = _spelt(message)
        self.hint = None if hint is None else _spelt(hint)
        super().__init__(self.message)


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
    """No step text could be written for the goal.

    Args:
        message, hint: as of every error.
        suggestions: goals near it for which steps could be written.
    """

    def __init__(self, message: str, *, hint: str | None = None, suggestions: Sequence[str] = ()) -> None:
        super().__init__(message, hint=hint)
        self.suggestions = tuple(suggestions)


class FetchError(IllinstrError):
    """A page or image could not be fetched, or must not be."""


class PartialError(IllinstrError):
    """The work ended, but a part of it failed."""

    exit_code = 3
