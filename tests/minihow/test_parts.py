"""A data folder drawn in parts, by jobs that share nothing but a folder, or by workers: the same bytes as by one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from illinstr import files
from illinstr.cli.app import app
from illinstr.errors import UsageError

NUMBERS = ("--count", "70", "--panel-px", "32", "--max-steps", "3", "--families", "lamp")


def minihow(out: Path, *options: str) -> None:
    app(["minihow", "--out", str(out), *NUMBERS, "--quiet", *options], standalone_mode=False)


def content(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("whole") / "data"
    minihow(out)
    return content(out)


def test_parts_joined_are_the_whole(tmp_path: Path, whole, capsys, monkeypatch) -> None:
    out, parts = tmp_path / "data", tmp_path / "data.parts"
    for part in ("1/2", "2/2", "2/2"):  # a part that runs again finds all of it done
        minihow(out, "--shard", part)
        assert capsys.readouterr().out.splitlines()[-1] == str(parts)
        assert not out.exists()
    other = parts / "notes.txt"
    other.write_text("mine")
    drawn = []
    monkeypatch.setattr("illinstr.minihow.dataset.make_article", lambda *a, **k: drawn.append(a))
    minihow(out)
    assert not drawn  # every article came from a part
    assert content(out) == whole
    assert [path.name for path in parts.iterdir()] == ["notes.txt"]  # what is not ours stays


def test_a_part_that_is_missing_is_drawn_when_the_others_are_joined(tmp_path: Path, whole) -> None:
    out = tmp_path / "data"
    minihow(out, "--shard", "3/3")
    minihow(out)
    assert content(out) == whole
    assert not (tmp_path / "data.parts").exists()


def test_parts_of_another_series_are_not_taken(tmp_path: Path, whole) -> None:
    out = tmp_path / "data"
    minihow(out, "--shard", "1/1", "--seed", "5")
    minihow(out)
    assert content(out) == whole


def test_worker_processes_draw_the_same(tmp_path: Path, whole) -> None:
    minihow(tmp_path / "data", "--processes", "2")
    assert content(tmp_path / "data") == whole


def test_slurm_gets_a_script_and_nothing_is_drawn(tmp_path: Path, capsys, monkeypatch) -> None:
    out = tmp_path / "data"
    words = ["minihow", "--out", str(out), "--executor", "slurm", "--workers", "7"]
    monkeypatch.setattr("sys.argv", ["illinstr", *words])
    app([*words, "--json"], standalone_mode=False)
    result = json.loads(capsys.readouterr().out)
    script = Path(result["script"])
    assert (script, result["jobs"]) == (tmp_path / "data.sbatch", 7)
    assert f"illinstr minihow --out {out} --shard" in script.read_text()
    assert not out.exists()
    files.write_text(script, "somebody's own\n")
    with pytest.raises(UsageError, match="not a script of ours"):
        app(words, standalone_mode=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--executor", "slurm"), "needs --workers"),
        (("--executor", "slurm", "--workers", "0"), "--workers 0"),
        (("--executor", "slurm", "--workers", "2", "--shard", "1/2"), "writes the parts itself"),
        (("--executor", "fog"), "--executor 'fog'"),
        (("--workers", "2"), "are for a cluster"),
        (("--address", "ray://x"), "are for a cluster"),
        (("--executor", "ray", "--processes", "2"), "for this machine alone"),
        (("--shard", "3/2"), "not one of n parts"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        minihow(tmp_path / "data", *options)
    assert not any(tmp_path.iterdir())
