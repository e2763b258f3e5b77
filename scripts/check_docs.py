"""Keep the documentation true: links, help texts, commands and their options.

python scripts/check_docs.py check    fail when a document and the program disagree
python scripts/check_docs.py docs     write every command's help into docs/cli.md
python scripts/check_docs.py flags    write every command's options into tests/golden/flags.json
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from illinstr.__main__ import COMMANDS as ROOT_COMMANDS  # noqa: E402
from illinstr.__main__ import app  # noqa: E402
from illinstr.files import canonical_json, write_text  # noqa: E402

CLI_PAGE = Path("docs/cli.md")
FLAGS = Path("tests/golden/flags.json")
SHELL_LANGUAGES = ("", "bash", "sh", "shell", "console")
HELP_WIDTH = 100

_LINK = re.compile(r"!?\[[^\]\n]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
_FENCE = re.compile(r"^(```+|~~~+)[ \t]*([\w+-]*)[^\n]*\n(.*?)^\1[ \t]*$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"<!-- help: ([\w ]+) -->\n.*?<!-- end -->", re.DOTALL)


def root_command() -> Any:
    """The whole program as a tree of commands."""
    import typer.main

    return typer.main.get_command(app)


def leaves() -> dict[str, Any]:
    """Every command that does something, by the words that call it: "train", "data ls"; in the order of --help."""
    found = {}
    for name in ROOT_COMMANDS:
        command = root_command().commands[name]
        inner = getattr(command, "commands", None)
        found |= {name: command} if inner is None else {f"{name} {word}": one for word, one in inner.items()}
    return found


COMMANDS = tuple(leaves())


def documents(root: Path) -> list[Path]:
    """Every document a reader may open."""
    return [*sorted(root.glob("*.md")), *sorted((root / "docs").rglob("*.md"))]


def broken_links(root: Path) -> Iterator[str]:
    """Relative links whose file or heading does not exist."""
    for page in documents(root):
        text = _FENCE.sub("", page.read_text(encoding="utf-8"))
        for target in _LINK.findall(text):
            if re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            name, _, heading = unquote(target).partition("#")
            aimed = (page.parent / name).resolve() if name else page
            if not aimed.exists():
                yield f"{page.relative_to(root)}: link to {target}: no such file"
            elif heading and aimed.suffix == ".md" and heading not in _headings(aimed):
                yield f"{page.relative_to(root)}: link to {target}: no such heading"


def _headings(page: Path) -> set[str]:
    """Anchors as GitHub makes them: lower case, punctuation dropped, spaces to hyphens."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    titles = re.findall(r"^#{1,6}[ \t]+(.+?)[ \t]*#*$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


# Prints the help of every command as a JSON list; the options are read when the libraries are imported.
_PRINT_HELP = """
import contextlib, io, json, sys
from illinstr.__main__ import main
pages = []
for command in json.loads(sys.argv[1]):
    sys.argv = ["illinstr", *command.split(), "--help"]
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise
    pages.append(out.getvalue())
print(json.dumps(pages))
"""


@lru_cache  # one process for all commands
def help_texts() -> dict[str, str]:
    """What ``illinstr COMMAND --help`` prints for each command, at a fixed width and without colours."""
    environment = {name: value for name, value in os.environ.items() if name not in _COLOUR_SWITCHES}
    width = {"TERMINAL_WIDTH": str(HELP_WIDTH), "COLUMNS": str(HELP_WIDTH), "NO_COLOR": "1", "TERM": "dumb"}
    environment |= width | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    words = [sys.executable, "-c", _PRINT_HELP, json.dumps(COMMANDS)]
    pages = json.loads(subprocess.run(words, env=environment, capture_output=True, check=True).stdout)
    bare = ("\n".join(line.rstrip() for line in page.strip("\n").splitlines()).strip("\n") for page in pages)
    return dict(zip(COMMANDS, bare, strict=True))


_COLOUR_SWITCHES = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "TYPER_USE_RICH")


def with_help(page: str) -> str:
    """The page with every command's help between its markers; a command without markers is added at the end."""
    for command in COMMANDS:
        block = f"<!-- help: {command} -->\n```text\n{help_texts()[command]}\n```\n<!-- end -->"
        before = f"<!-- help: {command} -->"
        if before in page:
            page = _BLOCK.sub(lambda match, name=command, new=block: new if match[1] == name else match[0], page)
        else:
            page = f"{page.rstrip()}\n\n## {command}\n\n{block}\n"
    return page


def stale_help(root: Path) -> Iterator[str]:
    """Commands whose help differs from what docs/cli.md shows."""
    path = root / CLI_PAGE
    page = path.read_text(encoding="utf-8") if path.exists() else ""
    shown = {match[1]: match[0] for match in _BLOCK.finditer(page)}
    real = {match[1]: match[0] for match in _BLOCK.finditer(with_help(page))}
    for command in sorted(shown.keys() | real.keys()):
        if command not in COMMANDS:
            yield f"{CLI_PAGE}: there is no command {command}"
        elif shown.get(command) != real.get(command):
            yield f"{CLI_PAGE}: the help of {command} is not the real one; run make docs"


def wrong_examples(root: Path) -> Iterator[str]:
    """``illinstr ...`` lines in code blocks that the real command would not take."""
    for page in documents(root):
        for match in _FENCE.finditer(page.read_text(encoding="utf-8")):
            if match[2] not in SHELL_LANGUAGES:
                continue
            for words in _calls(match[3]):
                problem = _refusal(words)
                if problem:
                    yield f"{page.relative_to(root)}: {shlex.join(['illinstr', *words])}: {problem}"


def _calls(block: str) -> Iterator[list[str]]:
    """Arguments of each call of illinstr in a block of shell."""
    for line in block.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        lexer.commenters = "#"
        try:
            words = list(lexer)
        except ValueError:  # prose or output with a lone quote
            continue
        call: list[str] | None = None
        for word in [*words, ";"]:
            if set(word) <= set("();<>|&"):
                if call is not None:
                    yield call
                call = None
            elif call is not None:
                call.append(word)
            elif word == "illinstr" or word.endswith("/illinstr"):
                call = []


def _refusal(words: list[str]) -> str | None:
    if not words or words[0] in ("--help", "-h", "--version") or words[0].startswith(("--install", "--show")):
        return None
    command, arguments = root_command(), list(words)
    while hasattr(command, "commands"):
        if not arguments or arguments[0] not in command.commands:
            return f"there is no command {' '.join(words[: len(words) - len(arguments) + 1])!r}"
        command = command.commands[arguments.pop(0)]
        if arguments in (["--help"], ["-h"]):
            return None
    context = command.make_context("illinstr", [], parent=None, resilient_parsing=True)
    context.resilient_parsing = False
    try:
        _, left, _ = command.make_parser(context).parse_args(arguments)
    except Exception as error:
        if not hasattr(error, "format_message"):  # how the command line says "wrong use"
            raise
        return str(error.format_message())
    return f"unexpected {shlex.join(left)}" if left else None


def flags() -> dict[str, list[str]]:
    """Options and arguments of every command, sorted; the promise that scripts rely on."""
    found = {}
    for name, command in sorted(leaves().items()):
        entries = []
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                entries.append((parameter.name or "").upper())
            else:
                entries.append(", ".join([*sorted(parameter.opts), *sorted(parameter.secondary_opts)]))
        found[name] = sorted(entries)
    return found


def main() -> int:
    """Run one of the three tasks; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["check", "docs", "flags"])
    parser.add_argument("--root", type=Path, default=ROOT, help="the project's folder")
    options = parser.parse_args()
    root = options.root.resolve()
    if options.task == "docs":
        path = root / CLI_PAGE
        write_text(path, with_help(path.read_text(encoding="utf-8") if path.exists() else "# Commands\n"))
        print(path)
        return 0
    if options.task == "flags":
        write_text(root / FLAGS, canonical_json(flags()))
        print(root / FLAGS)
        return 0
    problems = [*broken_links(root), *stale_help(root), *wrong_examples(root)]
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"documentation: {len(documents(root))} pages, {len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
