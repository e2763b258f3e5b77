"""Nothing of a user's is replaced or deleted: every command that writes meets files that are not its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from illinstr import ownership
from illinstr.errors import UsageError
from illinstr.files import write_json
from illinstr.runs import write_run
from tests.support.shard_articles import article, write_data
from tests.support.tiny_run import make_article, make_record

PAGE = '<meta name="generator" content="illinstr 1">'
STUDY_PAGE = "Which instructions are better?"
MINIHOW = ("--count", "2", "--panel-px", "32", "--quiet")


def tree(folder: Path) -> dict[str, str]:
    """Every entry below a folder, links and empty folders too, with what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


@pytest.fixture
def call(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    def run(*words: object) -> tuple[int, str, str]:
        from illinstr.cli import app

        monkeypatch.setattr(sys, "argv", ["illinstr", *map(str, words)])
        code = 0
        try:
            app.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def a_run(folder: Path) -> Path:
    return write_run(folder, make_article(2), make_record(num_steps=2), {"index.html": PAGE, "article.md": "# x"})


def minihow(folder: Path) -> Path:
    from illinstr.minihow.dataset import write_dataset

    write_dataset(folder, count=2, panel_px=32)
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> dict[str, Path]:
    """What the commands make, once; every case works on a copy."""
    base = tmp_path_factory.mktemp("made")
    study = base / "study"
    study.mkdir()
    (study / "index.html").write_text(STUDY_PAGE)
    write_json(study / "key.json", {"pairs": [], "study": "s"})
    board = base / "board"
    board.mkdir()
    write_json(board / "leaderboard.json", {})
    return {
        "data": minihow(base / "data"),
        "shards": write_data(base / "shards", [article(1), article(2)]),
        "run": a_run(base / "run"),
        "other": a_run(base / "other"),
        "study": study,
        "board": board,
    }


FOLDERS = {  # command: (what is at --out, arguments; {out}, {run}, {other}, {shards} are filled in)
    "minihow --overwrite": ("data", ("minihow", *MINIHOW, "--out", "{out}", "--overwrite")),
    "minihow --resume": ("data", ("minihow", *MINIHOW, "--out", "{out}", "--resume")),
    "data split": ("data", ("data", "split", "{shards}", "--out", "{out}", "--overwrite")),
    "scrape": ("data", ("scrape", "--from-jsonl", "{lines}", "--out", "{out}", "--overwrite")),
    "generate": ("run", ("generate", "How to make tea", "--steps", "2", "--out", "{out}", "--overwrite")),
    "edit": ("run", ("edit", "{other}", "--step", "1", "--redraw", "--out", "{out}", "--overwrite")),
    "correct": (
        "run",
        ("correct", "{other}", "--after", "1", "--problem", "it broke", "--out", "{out}", "--overwrite"),
    ),
    "study make": ("study", ("study", "make", "{run}", "{other}", "--out", "{out}", "--overwrite")),
    "eval --compare": ("board", ("eval", "--compare", "{run}", "{other}", "--out", "{out}")),
}
FOREIGN = (
    "thesis.txt",
    "index.json",
    "README.md",
    "notes/thesis.txt",
    "shards/backup.tar",
    "model.safetensors",
    "link",
)


def plant(folder: Path, name: str) -> None:
    path = folder / name
    if name == "link":
        path.symlink_to(folder.parent / "elsewhere")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"mine": 1}')


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("command", FOLDERS)
def test_a_folder_with_a_users_file_is_left_as_it_is(made, tmp_path, call, command, name):
    kind, words = FOLDERS[command]
    out, lines = tmp_path / "out", tmp_path / "lines.jsonl"
    shutil.copytree(made[kind], out)
    lines.write_text("{}\n")
    plant(out, name)
    before = tree(tmp_path)
    places = {**{key: str(value) for key, value in made.items()}, "out": str(out), "lines": str(lines)}
    code, said, errors = call(*(word.format(**places) for word in words))
    assert (code, said) == (2, ""), errors
    assert errors.count("\n") == 2 and "hint:" in errors and name.split("/")[0] in errors
    assert tree(tmp_path) == before


def test_what_a_command_made_it_may_replace(made, tmp_path, call):
    """The tables know every file that is really written, so that --overwrite works on it."""
    known = {"data": ownership.DATA, "shards": ownership.DATA, "run": ownership.RUN, "study": ownership.STUDY}
    for kind, contents in known.items():
        assert ownership.foreign(made[kind], contents) is None
    out = tmp_path / "out"
    words = ("data", "split", made["shards"], "--out", out, "--fractions", "train=1", "--quiet")
    for more in ((), ("--overwrite",)):
        assert call(*words, *more)[0] == 0
        assert call("data", "preview", out, "--quiet")[0] == 0
    assert call("minihow", *MINIHOW, "--out", out, "--overwrite", "--preview")[0] == 0
    assert call("minihow", *MINIHOW, "--out", out, "--resume")[0] == 0


FILES = {  # arguments, then --out; and what it may not be
    "print": (("print", "{run}", "--to", "markdown"), ("article.json", "run.json", "step-01.png", "../thesis.md")),
    "data preview": (("data", "preview", "{data}"), ("index.json", "shards/train-000000.tar", "../thesis.html")),
}


@pytest.mark.parametrize("command", FILES)
def test_a_file_that_is_read_or_the_users_is_never_written_over(made, tmp_path, call, command):
    words, names = FILES[command]
    kind = "run" if command == "print" else "data"
    place = tmp_path / kind
    shutil.copytree(made[kind], place)
    for thesis in ("thesis.md", "thesis.html"):
        (tmp_path / thesis).write_text("years of work")
    for name in names:
        before = tree(tmp_path)
        code, said, errors = call(*(word.format(**{kind: place}) for word in words), "--out", place / name)
        assert (code, said) == (2, ""), (name, errors)
        assert tree(tmp_path) == before
    again = tmp_path / f"again.{'md' if command == 'print' else 'html'}"
    for _ in range(2):  # its own file it may write again
        assert call(*(word.format(**{kind: place}) for word in words), "--out", again)[0] == 0


def test_a_users_page_beside_the_data_is_not_replaced_by_a_preview(made, tmp_path, call):
    data = tmp_path / "data"
    shutil.copytree(made["data"], data)
    (data / "preview.html").write_text("mine")
    assert call("data", "preview", data)[0] == 2
    assert (data / "preview.html").read_text() == "mine"


@pytest.mark.parametrize("command", ["eval", "eval --faults"])
def test_results_do_not_replace_a_users_notes(made, tmp_path, call, command):
    run = tmp_path / "run"
    shutil.copytree(made["run"], run)
    folder = "eval-faults" if "faults" in command else "eval"
    plant(run, f"{folder}/thesis.txt")
    before = tree(tmp_path)
    code, _, errors = call(*command.split(), run)
    assert code == 2 and "thesis.txt" in errors
    assert tree(tmp_path) == before


def test_output_and_input_never_lie_in_one_another(made, tmp_path, call):
    data, run = tmp_path / "data", tmp_path / "run"
    shutil.copytree(made["data"], data)
    shutil.copytree(made["run"], run)
    before = tree(tmp_path)
    assert call("data", "split", data, "--out", data / "again")[0] == 2
    assert call("data", "split", data, "--out", tmp_path, "--overwrite")[0] == 2
    assert call("edit", run, "--step", "1", "--redraw", "--out", run / "again")[0] == 2
    assert call("scrape", "--from-html", tmp_path, "--out", tmp_path / "pages")[0] == 2
    assert call("study", "make", run, made["other"], "--out", run / "study")[0] == 2
    assert tree(tmp_path) == before


def test_the_root_a_home_a_mount_point_and_devices_are_no_place(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ownership.protected(tmp_path.resolve())
    assert ownership.protected(Path(os.sep))
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path).name == "disk")
    (tmp_path / "disk").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "to-home").symlink_to(tmp_path)
    (tmp_path / "file").write_text("")
    for name in ("", "disk", "pipe", "to-home", "file/sub", "x" * 300, "a\0b", "pipe/sub"):
        with pytest.raises(UsageError) as caught:
            ownership.check_place(tmp_path / name)
        assert caught.value.hint
    assert ownership.check_place(tmp_path / "disk" / "inside") == tmp_path / "disk" / "inside"


def test_a_shard_that_another_program_made_is_not_deleted_on_resume(tmp_path, call):
    data = minihow(tmp_path / "data")
    stats = next((data / "shards").glob("train*_stats.json"))
    stats.unlink()
    tar = next((data / "shards").glob("train*.tar"))
    own = tar.read_bytes()
    assert ownership.foreign(data, ownership.DATA) is None  # as a kill before the stats leaves it
    tar.write_bytes(b"0001.jpg" + bytes(504) + own[512:])
    before = tree(tmp_path)
    assert call("minihow", *MINIHOW, "--out", data, "--resume")[0] == 2
    assert tree(tmp_path) == before


def test_a_checkpoint_folder_of_the_users_is_not_pruned(tmp_path):
    theirs = tmp_path / "step-00000001"
    theirs.mkdir()
    (theirs / "notes.txt").write_text("mine")
    assert ownership.foreign(theirs, ownership.CHECKPOINT) == "notes.txt"
