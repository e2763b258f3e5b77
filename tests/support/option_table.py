"""Every command, every option, a list of bad values: read from Typer's own declarations, so that a new option is in."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What no option means; names in capitals are places that ``make_places`` makes.
BAD = (
    "",
    "nan",
    "inf",
    "-inf",
    "1e400",
    "100000000000000000000",
    "-1",
    "0",
    "-",
    "a\nb",
    "\x1b[31mred",
    "-x",
    "\udcff",
    "\ud800",
    "x" * 300,
    "{}",
    "[bold]%s",
    "~nobody-of-that-name/x",
    "~",
    "http://[",
    "a=b",
    "a-folder",
    "a-file",
    "a-file/sub",
    "a-pipe",
    "closed",
    "deep.yaml",
    "deep.json",
    "../../up",
)
HANGS_S = 10


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    errors: str


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something: its words, and its declaration."""
    import typer

    from illinstr.cli.app import app

    root = typer.main.get_command(app)
    for name in root.commands:  # type: ignore[attr-defined]
        command = root.commands[name]  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        if inner is None:
            yield (name,), command
        else:
            yield from (((name, each), inner[each]) for each in inner)


def cases(command: Any, needed: tuple[str, ...]) -> Iterator[list[str]]:
    """The words after a command's name: those it needs, and one bad option or argument."""
    for parameter in command.params:
        if parameter.name == "help":
            continue
        option = next((name for name in parameter.opts if name.startswith("--")), None)
        if option is None:
            yield from ([value, *needed[1:]] for value in BAD)
        elif getattr(parameter, "is_flag", False):
            yield [*needed, option]
        else:
            left = _without(needed, option)
            yield from ([*left, f"{option}={value}"] for value in BAD)


def _without(words: tuple[str, ...], option: str) -> list[str]:
    if option not in words:
        return list(words)
    at = words.index(option)
    return [*words[:at], *words[at + 2 :]]


def make_places(folder: Path) -> None:
    """The places that bad values name, below the current folder of the program under test."""
    import os

    (folder / "a-folder").mkdir()
    (folder / "a-folder" / "thesis.txt").write_text("years of work")
    (folder / "a-file").write_text("years of work")
    os.mkfifo(folder / "a-pipe")
    (folder / "closed").mkdir(mode=0o000)
    (folder / "deep.yaml").write_text("kind: " + "[" * 3000)
    (folder / "deep.json").write_text("[" * 100_000)


def call(words: list[str]) -> Ended:
    """Run ``illinstr WORDS`` in this process, with streams as strict as real ones.

    Raises:
        TimeoutError: it takes longer than any refusal may.
    """
    from illinstr.cli import app

    def hangs(*_: object) -> None:
        raise TimeoutError(f"hangs: {words}")

    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    errors = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace", write_through=True)
    former, argv, code = signal.signal(signal.SIGALRM, hangs), sys.argv, 0
    signal.alarm(HANGS_S * 3)  # of the clock; a laden machine is no hang
    sys.argv = ["illinstr", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            app.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, former)
        sys.argv = argv
    return Ended(code, *(stream.buffer.getvalue().decode("utf-8", "replace") for stream in (out, errors)))
