"""Steps and goals from the user's own files, one per line."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import BinaryIO

from illinstr.articles import MAX_STEPS, Step, normalise_goal
from illinstr.errors import UsageError
from illinstr.sampling.writing.similarity import parse_step

MAX_FILE_BYTES = 1 << 20
_LIST_MARK = re.compile(r"^(?:\d{1,3}[.)]|[-*•])\s+")


def read_steps(source: Path) -> list[Step]:
    """Read steps from a file, or from stdin when ``source`` is ``-``: one per line, blank and ``#`` lines skipped.

    A list mark (``1.``, ``2)``, ``-``, ``*``) before a step is left out.

    Raises:
        UsageError: unreadable, not UTF-8, too large, no steps in it or more than an article may have.
    """
    lines = [_LIST_MARK.sub("", line) for line in read_lines(source, "--steps-file")]
    if len(lines) > MAX_STEPS:
        raise UsageError(f"--steps-file holds {len(lines)} steps; an article has at most {MAX_STEPS}")
    return [parse_step(line) for line in lines]


def read_goals(source: Path) -> list[str]:
    """Read goals from a file, or from stdin when ``source`` is ``-``: one per line, blank and ``#`` lines skipped.

    A goal that comes again, but for case, punctuation and "how to", is taken once. The goals are not checked yet, so
    that a bad one need not stop the others.

    Raises:
        UsageError: unreadable, not UTF-8, too large, or no goals in it.
    """
    unique: dict[str, str] = {}
    for line in read_lines(source, "--goals-file"):
        unique.setdefault(normalise_goal(line) or line, line)
    return list(unique.values())


def read_lines(source: Path, option: str) -> list[str]:
    """The lines of a small UTF-8 file (stdin for ``-``) that are neither blank nor comments.

    Raises:
        UsageError: unreadable, not UTF-8, over ``MAX_FILE_BYTES``, or nothing in it; the message names ``option``.
    """
    try:
        if str(source) == "-":
            data = _read_capped(sys.stdin.buffer, option)
        else:
            with source.expanduser().open("rb") as stream:
                data = _read_capped(stream, option)
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{option} {source} is not UTF-8 text", hint="save it as plain text in UTF-8") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{option}: cannot read {source}: {reason}", hint="give a text file, or - for stdin"
        ) from error
    stripped = (line.strip() for line in text.splitlines())
    lines = [line for line in stripped if line and not line.startswith("#")]
    if not lines:
        raise UsageError(f"{option} {source} holds no lines to read", hint="write one per line")
    return lines


def _read_capped(stream: BinaryIO, option: str) -> bytes:
    data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"{option}: more than {MAX_FILE_BYTES >> 20} MiB of text", hint="split it into smaller files")
    return data
