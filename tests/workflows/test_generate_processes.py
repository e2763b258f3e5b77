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

from illinstr.cli.app import app
from illinstr.errors import UsageError
from illinstr.runs import read_run
from tests.support.tiny_model import make_tiny_model

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
def test_when_one_dies_the_others_end_and_the_rest_is_made_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = make_tiny_model(tmp_path / "tiny")
    parent = subprocess.Popen(
        **program(model, tmp_path / "b", "--num-variants", "200"), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 600
    while len(list(tmp_path.glob("b/*-s?/run.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    assert parent.wait(timeout=120) not in (0, 2)
    finished = [path for path in (tmp_path / "b").glob("*-s*") if not path.name.endswith(".incomplete")]
    assert 2 <= len(finished) < 200
    done = alone(model, tmp_path / "b", "--num-variants", "6", capsys=capsys)
    assert len(done["articles"]) == 6 and done["failed"] == []
