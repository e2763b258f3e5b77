"""The ``illinstr`` program: which commands there are, and how every one of them ends.

Exit codes: 0 ok, 1 failed, 2 usage, 3 partial, 130 interrupted. A command's module is imported when the command is
called, and it imports the workflow inside its function, so that ``illinstr --help`` loads little more than Typer.
"""

from __future__ import annotations

import functools
import importlib
import os
import stat
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from illinstr.errors import UsageError
from illinstr.program import run_cli
from illinstr.version import __version__

# In the order of a life: make or fetch data, train, generate, evaluate, look after; each with the first line of its
# help, which a test compares with the command's own.
COMMANDS = {
    "minihow": "Draw a data set of illustrated how-to articles: unlimited, licence-free (CC0), exactly known.",
    "scrape": "Turn how-to pages into articles of steps and images, in WebDataset shards.",
    "data": "Look at a data folder, check it, assign it again.",
    "train": "Train a part of the model on a data folder.",
    "export": "Write the model of a training run as a folder that illinstr and plain diffusers load.",
    "generate": "Write the steps towards a goal, draw them together, and print them as a page.",
    "edit": "Change a step of a finished article: its words and image, or its image alone.",
    "suggest": "Suggest goals for what is at hand. On a terminal, choose one and it is written and drawn.",
    "correct": "Say what went wrong after a step: the steps done so far stay, the rest is written and drawn again.",
    "print": "Print a finished article to a file: as PDF, or one of the pages that [bold]generate[/bold] writes.",
    "serve": (
        "Make, edit and correct articles from a page in the browser. Only this machine can reach it. Ctrl-C ends it."
    ),
    "eval": (
        "Score a run: goal and step faithfulness, consistency, FID, KID and CMMD, with intervals over its articles."
    ),
    "study": "Ask people, blind and in pairs, and turn their votes into numbers.",
    "doctor": (
        "Check versions, devices, the embedded models, disk space and the network; say how to mend what is wrong."
    ),
}
GROUPS = ("data", "study")  # commands of their own below them; listed last
_MODULES = {"eval": "evaluate"}  # "eval" is a builtin's name


class LazyCommands(MutableMapping[str, Any]):
    """The commands by name, each built from its module when it is asked for."""

    def __init__(self) -> None:
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            if name not in COMMANDS:
                raise KeyError(name)
            self._built[name] = build_command(name)
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self._built[name]

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in COMMANDS if name not in GROUPS)
        yield from GROUPS

    def __len__(self) -> int:
        return len(COMMANDS)


class LazyGroup(TyperGroup):
    """The program: knows its commands by name and first line, and loads the one that is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = LazyCommands()
        self._listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Names, in the order of the overview."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command; in the overview only its name and first line."""
        if self._listing:
            return TyperCommand(cmd_name, help=COMMANDS[cmd_name])
        return self.commands.get(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The overview."""
        self._listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._listing = False


@functools.cache
def build_command(name: str) -> Any:
    """Import a command's module and make it a command of the program: once a process, since Typer takes some ten
    milliseconds to read the options of a long command."""
    module = importlib.import_module(f"illinstr.cli.{_MODULES.get(name, name)}")
    program = typer.Typer(rich_markup_mode="rich", add_completion=False, pretty_exceptions_enable=False)
    if name in GROUPS:
        program.add_typer(module.app, name=name)
    else:
        program.command(name)(module.command)
    command: Any = typer.main.get_group(program).commands[name]
    for each in getattr(command, "commands", {"": command}).values():
        _refuse_pipes(each)
    return command


def _refuse_pipes(command: Any) -> None:
    """Make a command refuse named pipes, sockets and devices where it takes a path: reading one may never end.

    What a shell opens for ``<(...)`` is let in.
    """
    invoke = command.invoke

    def checked(context: Any) -> Any:
        for parameter in command.params:
            value = context.params.get(parameter.name)
            for one in value if isinstance(value, list | tuple) else (value,):
                path = isinstance(one, Path) or (isinstance(one, str) and parameter.param_type_name == "option")
                if path and not str(one).startswith(("/dev/fd/", "/proc/self/fd/")) and _never_ends(Path(one)):
                    raise UsageError(f"{one} is a pipe, a socket or a device", hint="name a file or a folder")
        return invoke(context)

    command.invoke = checked


def _never_ends(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


app = typer.Typer(
    cls=LazyGroup,
    name="illinstr",
    help="Illustrated instructions: a goal goes in, an article of steps in words and images comes out.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(show: bool) -> None:
    if show:
        print(f"illinstr {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Illustrated instructions: a goal goes in, an article of steps in words and images comes out."""


def main() -> None:
    """Run the program."""
    if "ILLINSTR_LAUNCHED_BY" in os.environ:
        from illinstr.engine.launching import end_with_launcher

        end_with_launcher()
    run_cli(app)
