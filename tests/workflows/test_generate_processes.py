"""``generate --processes``: every article of a batch once, the same as in one process, whatever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from illinstr import generate_batch
from illinstr.cli.app import app
from illinstr.errors import UsageError
from illinstr.runs import read_run
from illinstr.workflows.drawing import SharedModel
from tests.support.tiny_model import make_tiny_model
from tests.support.toy_task import Listener

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("--step", "Wash the apple", "--step", "Blend it")


@pytest.mark.parametrize(
    ("options", "message"),
    [(("--processes", "2"), "shares many articles"), (("--processes", "0", "--num-variants", "2"), "--processes 0")],
)
def test_processes_are_for_batches(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        app(["generate", "Make tea", *STEPS, *options], standalone_mode=False)


def words(model: Path, out: Path, *options: str) -> list[str]:
    return ["generate", "Make juice", *STEPS, "--model", str(model), "--device", "cpu", "--out", str(out), *options]


def alone(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The result of a run in this one process."""
    capsys.readouterr()
    app([*words(*arguments), "--json", "--quiet"], standalone_mode=False)  # type: ignore[arg-type]
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    return result


def program(model: Path, out: Path, *options: str) -> dict[str, Any]:
    """What starts the command in several processes, one thread each."""
    command = [sys.executable, "-m", "illinstr", *words(model, out, *options, "--processes", "2")]
    return {"args": command, "cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1"}}


@pytest.mark.slow
def test_two_processes_make_what_one_makes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    two = subprocess.run(
        **program(model, tmp_path / "two", "--num-variants", "3", "--json"),
        capture_output=True,
        text=True,
        check=False,
        timeout=900,
    )
    assert two.returncode == 0, two.stderr
    result = json.loads(two.stdout)
    assert (result["made"], result["kept"], result["failed"]) == (3, 0, [])
    assert [Path(article).name for article in result["articles"]] == [f"make-juice-s{seed}" for seed in range(3)]
    alone(model, tmp_path / "one", "--num-variants", "3", capsys=capsys)
    assert (tmp_path / "one" / "index.html").read_bytes() == (tmp_path / "two" / "index.html").read_bytes()
    assert read_run(tmp_path / "one") == read_run(tmp_path / "two")
    again = alone(model, tmp_path / "two", "--num-variants", "4", capsys=capsys)
    assert (again["made"], again["kept"]) == (1, 3)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["worker", "command"])
def test_whatever_is_killed_every_article_is_made_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], victim: str
) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    count = ("--num-variants", "12")
    parent = subprocess.Popen(
        **program(model, tmp_path / "b", *count, "--json"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 600
    while len(list(tmp_path.glob("b/*-s?/run.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    assert len(children) == 2
    os.kill(int(children[-1]) if victim == "worker" else parent.pid, signal.SIGKILL)
    out, errors = parent.communicate(timeout=600)
    if victim == "worker":
        assert parent.returncode == 0, errors
        assert "lost worker" in errors
        assert (json.loads(out)["made"], json.loads(out)["failed"]) == (12, [])
    else:
        while any(Path(f"/proc/{child}/status").exists() for child in children) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert parent.returncode == -signal.SIGKILL
    again = alone(model, tmp_path / "b", *count, capsys=capsys)
    assert len(again["articles"]) == 12 and again["failed"] == []
    assert again["kept"] >= 2 if victim == "command" else again["kept"] == 12
    assert not list((tmp_path / "b").glob("*.incomplete"))


def test_parts_of_a_batch_are_made_apart_and_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    count = ("--num-variants", "3", "--sampling-steps", "2")
    first = alone(model, tmp_path / "b", *count, "--shard", "1/2", capsys=capsys)
    assert (first["page"], first["made"], first["run"]) == (None, 2, str(tmp_path / "b"))
    second = alone(model, tmp_path / "b", *count, "--shard", "2/2", capsys=capsys)
    assert (second["made"], [Path(each).name for each in second["articles"]]) == (1, ["make-juice-s1"])
    assert not (tmp_path / "b" / "index.html").exists()
    joined = alone(model, tmp_path / "b", *count, capsys=capsys)
    assert (joined["made"], joined["kept"]) == (0, 3)
    alone(model, tmp_path / "one", *count, capsys=capsys)
    assert (tmp_path / "one" / "index.html").read_bytes() == (tmp_path / "b" / "index.html").read_bytes()
    assert read_run(tmp_path / "one") == read_run(tmp_path / "b")


def test_a_goal_that_is_asked_for_twice_is_drawn_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listener = Listener()
    result = generate_batch(
        ["How to make mint tea"] * 2, steps=4, sampling_steps=1, out=tmp_path / "b", reporter=listener
    )
    assert [folder.name for folder in result.articles] == ["make-mint-tea-s0"] * 2
    assert sum(line.startswith("article ") for line in listener.lines) == 1


def test_a_loaded_model_stays_in_its_process(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stays in its process"):
        generate_batch(["How to make tea"], model=SharedModel(pytest.fail), processes=2, out=tmp_path / "b")


def test_slurm_gets_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    arguments = words(model, tmp_path / "b", "--num-variants", "4", "--executor", "slurm", "--workers", "2")
    monkeypatch.setattr("sys.argv", ["illinstr", *arguments])
    app(arguments, standalone_mode=False)
    assert capsys.readouterr().out.splitlines()[-1] == str(tmp_path / "b.sbatch")
    assert "--num-variants 4 --shard" in (tmp_path / "b.sbatch").read_text()
    assert not (tmp_path / "b").exists()
    with pytest.raises(UsageError, match="share many articles"):
        app(words(model, tmp_path / "b", "--shard", "1/2"), standalone_mode=False)
