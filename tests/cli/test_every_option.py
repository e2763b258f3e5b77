"""Every command, every option, every bad value ends in a code of the contract and a line that says why."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from illinstr.runs import write_run
from tests.support import option_table
from tests.support.shard_articles import article, write_data
from tests.support.tiny_run import make_article, make_record

# What each command needs before it looks at an option; what is expensive is stopped by a model that is none.
NEEDED = {
    "minihow": ("--count", "1", "--panel-px", "32", "--families", "juice", "--out", "out"),
    "scrape": ("--from-jsonl", "lines.jsonl", "--out", "out"),
    "train": ("--config", "mini-vae", "--data", "no-data", "--out", "out"),
    "export": ("no-run", "--out", "out"),
    "generate": ("How to make tea", "--model", "no-model", "--out", "out"),
    "edit": ("run", "--step", "1", "--redraw", "--model", "no-model"),
    "suggest": ("tea", "--model", "no-model"),
    "correct": ("run", "--after", "1", "--problem", "it broke", "--model", "no-model"),
    "print": ("run", "--to", "markdown", "--out", "out.md"),
    "serve": ("--port", "0", "--model", "no-model", "--out", "out"),
    "eval": ("run", "--encoder", "no-encoder"),
    "doctor": ("--model", "no-model"),
    "data ls": ("data",),
    "data stats": ("data",),
    "data preview": ("data", "--out", "out.html"),
    "data validate": ("data",),
    "data merge": ("data", "data2", "--out", "out"),
    "data split": ("data", "--out", "out"),
    "study make": ("run", "--out", "out"),
    "study score": ("votes.json",),
}
COMMANDS = {" ".join(words): command for words, command in option_table.commands()}
SLOW = ("doctor",)  # it looks at the whole machine; tests/test_doctor.py has its cases


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with inputs and bad places, deep enough that ../.. stays inside it."""
    base = tmp_path_factory.mktemp("table")
    here = base / "a" / "b" / "c"
    here.mkdir(parents=True)
    (base / "home").mkdir()
    option_table.make_places(here)
    write_data(here / "data", [article(1), article(2)])
    write_data(here / "data2", [article(3)])
    write_run(here / "run", make_article(2), make_record(num_steps=2), {})
    (here / "lines.jsonl").write_text('{"goal": "\\ud800"}\n')
    (here / "votes.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setenv("HOME", str(base / "home"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("COLUMNS", "200")
        yield here
    (here / "closed").chmod(0o755)


def users(place: Path) -> list[str]:
    kept = [place / "a-folder" / "thesis.txt", place / "a-file", place / "run" / "article.json"]
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in kept]


def test_no_command_is_left_out():
    assert set(COMMANDS) == set(NEEDED) | set(SLOW)


def every_second(name: str, start: int) -> list[list[str]]:
    """Half of a command's cases; both halves hold every option, and all commands together every value."""
    return list(option_table.cases(COMMANDS[name], NEEDED[name]))[start::2]


@pytest.mark.parametrize("half", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [name for name in NEEDED if name not in SLOW])
def test_every_bad_value_ends_in_one_line(place, name, half):
    before, told = users(place), []
    for words in every_second(name, half):
        ended = option_table.call([*name.split(), *words])
        fault = "Traceback" in ended.errors or "unexpected" in ended.errors or ended.code not in (0, 1, 2, 3)
        silent = ended.code != 0 and not ended.errors.strip()
        if fault or silent or "\x1b[31m" in ended.errors:
            told.append((words, ended.code, ended.errors[-300:]))
    assert not told, told[:12]
    assert users(place) == before
    assert not [str(path) for path in place.rglob("*.incomplete")]


def test_the_table_is_large():
    total = sum(len(every_second(name, 0)) for name in NEEDED if name not in SLOW)
    assert total >= 2000
