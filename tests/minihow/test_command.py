"""``illinstr minihow`` and ``write_dataset``, end to end."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from illinstr.engine.executor import Placement
from illinstr.errors import UsageError
from illinstr.minihow import SPLITS, recognise, write_dataset
from illinstr.shards import iter_articles, read_index, validate
from tests.support import fork_server

PROGRAM = [sys.executable, "-c", "from illinstr.cli.app import main; main()", "minihow"]


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return fork_server.run([*PROGRAM, *map(str, arguments)], capture_output=True, text=True)


def _digests(out: Path) -> dict[str, str]:
    return {
        str(file.relative_to(out)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(out.rglob("*"))
        if file.is_file()
    }


def test_the_command_makes_a_valid_data_folder(tmp_path: Path) -> None:
    out = tmp_path / "data"
    done = _run(
        "--count",
        20,
        "--out",
        out,
        "--panel-px",
        64,
        "--min-steps",
        3,
        "--max-steps",
        4,
        "--val-share",
        0.1,
        "--preview",
        "--quiet",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out) and done.stderr == ""
    assert validate(out).ok
    assert {name: split.samples for name, split in read_index(out).splits.items()} == {"train": 17, "val": 2, "test": 1}
    for split in SPLITS:
        for article in iter_articles(out, split=split):
            goal = recognise(article.goal)
            assert goal is not None and goal.split == split and 3 <= article.num_steps <= 4
            assert all(step.image and step.image.width == 64 and step.scene for step in article.steps)
    assert (out / "preview.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_one_object_and_progress_goes_to_stderr(tmp_path: Path) -> None:
    done = _run("--count", 3, "--out", tmp_path / "d", "--panel-px", 32, "--json")
    result = json.loads(done.stdout)
    assert result["count"] == 3 and sum(result["splits"].values()) == 3 and "preview" not in result
    assert "drawing articles" in done.stderr


def test_bytes_depend_on_the_seed_and_not_on_the_processes(tmp_path: Path) -> None:
    numbers = {"count": 12, "panel_px": 32}
    for name, extra in {"a": {}, "b": {"placement": Placement(workers=2)}, "c": {"seed": 1}}.items():
        write_dataset(tmp_path / name, **numbers, **extra)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b") != _digests(tmp_path / "c")


def test_an_occupied_folder_is_refused_unless_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "data"
    assert _run("--count", 2, "--out", out, "--panel-px", 32).returncode == 0
    before = _digests(out)
    refused = _run("--count", 2, "--out", out, "--panel-px", 32, "--seed", 5)
    assert (
        refused.returncode == 2 and "not empty" in refused.stderr and "hint:" in refused.stderr and refused.stdout == ""
    )
    assert _digests(out) == before
    assert _run("--count", 2, "--out", out, "--panel-px", 32, "--seed", 5, "--overwrite").returncode == 0
    assert _digests(out) != before and validate(out).ok


@pytest.mark.parametrize("more", [(), ("--resume",)])
def test_a_killed_run_resumes_to_the_same_bytes(tmp_path: Path, more: tuple[str, ...]) -> None:
    arguments = ["--count", "100", "--panel-px", "64", "--quiet"]
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert _run(*arguments, "--out", whole).returncode == 0
    process = fork_server.Popen(
        [*PROGRAM, *arguments, "--out", str(cut)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while not (cut / "shards").exists() or not any((cut / "shards").iterdir()):
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (cut / "index.json").exists()
    resumed = _run(*arguments, "--out", cut, *more)
    assert resumed.returncode == 0, resumed.stderr
    assert _digests(cut) == _digests(whole)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--count", "0"),
        ("--min-steps", "1"),
        ("--min-steps", "6", "--max-steps", "5"),
        ("--max-steps", "99"),
        ("--panel-px", "8"),
        ("--val-share", "0.9", "--test-share", "0.2"),
        ("--processes", "0"),
        ("--resume", "--overwrite"),
    ],
)
def test_bad_numbers_are_refused_before_anything_is_made(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    out = tmp_path / "data"
    done = _run("--out", out, *arguments)
    assert done.returncode == 2 and done.stderr.startswith("error:") and "Traceback" not in done.stderr
    assert not out.exists()


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        write_dataset(tmp_path / "file", count=1)


def test_help_shows_an_example() -> None:
    done = _run("--help")
    assert done.returncode == 0 and "illinstr minihow --count 1000" in " ".join(done.stdout.split())
