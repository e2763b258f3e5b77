"""Two real processes look at half the images each and come to the same results as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from illinstr.engine.launching import free_port
from illinstr.engine.process_group import ProcessGroup, RankReporter, join_process_group, rank_here
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.results import Settings
from tests.evaluation.test_cli import write
from tests.support import fork_server
from tests.support.eval_world import ColourEncoder, good_run
from tests.support.tiny_clip import make_tiny_clip
from tests.support.toy_task import Listener

ROOT = Path(__file__).resolve().parents[2]
MEMBER = """
import json, sys
from pathlib import Path
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.results import Settings
from illinstr.engine.process_group import join_process_group
from tests.support.eval_world import ColourEncoder, good_run
encoder = ColourEncoder()
group = join_process_group()
store = FeatureStore(Path(sys.argv[2]))
evaluation = score(prepare(Source("run", good_run()), Settings(bootstrap=200), truth=Source("truth", good_run())),
                   encoder, store=store)
group.wait()
said = {"looked": encoder.images, "rank": group.rank, "size": group.world_size, "is_main": group.is_main,
        "gathered": group.gather([group.rank, group.slice_of("abc")]), "broadcast": group.broadcast(group.rank),
        "device": group.device(),
        "results": evaluation.results.model_dump(mode="json"),
        "samples": [sample.model_dump(mode="json") for sample in evaluation.samples]}
Path(sys.argv[1], f"{group.rank}.json").write_text(json.dumps(said))
"""


def launch(count: int, *arguments: str, start: Callable[..., Any]) -> list[subprocess.CompletedProcess[str]]:
    """What ``torchrun --nproc_per_node`` sets, without its supervisor; ``start`` is a ``Popen``."""
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    settings = {**os.environ, **shared, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    started = [
        start(
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
            env={**settings, "RANK": str(rank), "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(count)},
        )
        for rank in range(count)
    ]  # fmt: skip
    ended = [process.communicate() for process in started]
    return [
        subprocess.CompletedProcess(process.args, process.returncode, out, errors)
        for process, (out, errors) in zip(started, ended, strict=True)
    ]


def test_two_processes_share_the_work_and_agree_with_one(tmp_path):
    done = launch(2, "-c", MEMBER, str(tmp_path), str(tmp_path / "features"), start=fork_server.Popen)
    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    members = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert [(m["rank"], m["size"], m["is_main"]) for m in members] == [(0, 2, True), (1, 2, False)]
    assert sorted(m["looked"] for m in members) == [12, 13]
    for member in members:
        assert (member["gathered"], member["broadcast"]) == ([0, ["a", "c"], 1, ["b"]], 0)
        assert member["device"] == "cpu"
    truth = Source("truth", good_run())
    alone = score(prepare(Source("run", good_run()), Settings(bootstrap=200), truth=truth), ColourEncoder())
    for member in members:
        assert member["samples"] == [sample.model_dump(mode="json") for sample in alone.samples]
        assert member["results"] == alone.results.model_dump(mode="json")
    # Both kept what they saw: a later process looks at nothing.
    later = ColourEncoder()
    score(prepare(Source("run", good_run()), Settings(bootstrap=200)), later, store=FeatureStore(tmp_path / "features"))
    assert later.images == 0


@pytest.mark.slow
def test_the_command_speaks_and_writes_once(tmp_path):
    clip = make_tiny_clip(tmp_path / "clip")
    run = write(tmp_path / "run", good_run())
    arguments = ("-m", "illinstr", "eval", str(run), "--encoder", str(clip), "--no-cache")
    done = launch(2, *arguments, start=subprocess.Popen)
    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    assert done[0].stdout.splitlines()[-1] == str(run / "eval" / "report.html")
    assert done[1].stdout == ""
    together = json.loads((run / "eval" / "results.json").read_text())
    words = [sys.executable, *arguments, "--processes", "2"]
    ours = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=True)
    assert ours.stdout == done[0].stdout
    assert json.loads((run / "eval" / "results.json").read_text())["metrics"] == together["metrics"]
    alone = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=True)
    assert alone.stdout == done[0].stdout
    again = json.loads((run / "eval" / "results.json").read_text())
    for a, b in zip(together["metrics"], again["metrics"], strict=True):
        assert a["value"] == pytest.approx(b["value"], abs=1e-5)


@given(items=st.lists(st.integers()), size=st.integers(1, 9))
def test_slices_are_all_items_once_and_equal_but_for_one(items: list[int], size: int) -> None:
    slices = [ProcessGroup(rank, size).slice_of(items) for rank in range(size)]
    assert sorted(item for part in slices for item in part) == sorted(items)
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


@pytest.mark.parametrize("world_size", [None, "1", "many"])
def test_a_process_alone_is_a_group_of_one(monkeypatch, world_size):
    if world_size is None:
        monkeypatch.delenv("WORLD_SIZE", raising=False)
    else:
        monkeypatch.setenv("WORLD_SIZE", world_size)
    group = join_process_group()
    assert group == ProcessGroup(0, 1) and group.is_main
    assert (group.gather([1]), group.broadcast(2), group.device(), group.wait()) == ([1], 2, "auto", None)
    assert group.slice_of([1, 2, 3]) == [1, 2, 3]


def test_other_ranks_report_lines_with_their_number_and_no_bars():
    listener = Listener()
    assert ProcessGroup(0, 2).reporter(listener) is listener
    quiet = ProcessGroup(1, 2).reporter(listener)
    assert isinstance(quiet, RankReporter)
    with quiet.task("drawing", 3) as advance:
        advance(2, status="half")
    quiet.log("article 1")
    assert listener.lines == ["process 1: article 1"]


def test_the_rank_is_what_the_launcher_says(monkeypatch):
    for value, rank in (("3", 3), ("x", 0)):
        monkeypatch.setenv("RANK", value)
        assert rank_here() == rank
