"""The ``illinstr`` program: which commands there are, and how every one of them ends.

Exit codes: 0 ok, 1 failed, 2 usage, 3 partial, 130 interrupted. Command modules import the rooms they call inside their
functions, so that ``illinstr --help`` loads neither torch nor pyarrow.
"""

from __future__ import annotations

import importlib

import typer

from illinstr.program import end_well
from illinstr.version import __version__

# In the order of a life: make or fetch data, train, generate, evaluate, look after.
COMMANDS = (
    "minihow",
    "scrape",
    "data",
    "train",
    "export",
    "generate",
    "edit",
    "suggest",
    "correct",
    "print",
    "serve",
    "eval",
    "study",
    "doctor",
)

app = typer.Typer(
    name="illinstr",
    help="Illustrated instructions: a goal goes in, an article of steps in words and pictures comes out.",
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
    """Illustrated instructions: a goal goes in, an article of steps in words and pictures comes out."""


def _register() -> None:
    for name in COMMANDS:
        # "eval" is a builtin's name; its module is called evaluate.
        module = importlib.import_module(f"illinstr.cli.{'evaluate' if name == 'eval' else name}")
        if hasattr(module, "app"):  # a group of commands
            app.add_typer(module.app, name=name)
        else:
            app.command(name)(module.command)


_register()


def main() -> None:
    """Run the program."""
    end_well(app)
