"""Two real processes look at half the pictures each and come to the same results as one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from illinstr.engine.process_group import Team, team
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.results import Settings
from tests.evaluation.test_cli import write
from tests.support.eval_world import ColourEncoder, good_run
from tests.support.tiny_clip import make_tiny_clip

ROOT = Path(__file__).resolve().parents[2]
MEMBER = """
import json, sys
from pathlib import Path
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.results import Settings
from illinstr.engine.process_group import team
from tests.support.eval_world import ColourEncoder, good_run
encoder = ColourEncoder()
store = FeatureStore(Path(sys.argv[2]))
evaluation = score(prepare(Source("run", good_run()), Settings(bootstrap=200), truth=Source("truth", good_run())),
                   encoder, store=store)
said = {"looked": encoder.pictures, "rank": team().rank, "size": team().size, "is_main": team().is_main,
        "results": evaluation.results.model_dump(mode="json"),
        "samples": [sample.model_dump(mode="json") for sample in evaluation.samples]}
Path(sys.argv[1], f"{team().rank}.json").write_text(json.dumps(said))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def launch(count: int, *arguments: str) -> list[subprocess.CompletedProcess[str]]:
    """What ``torchrun --nproc_per_node`` sets, without its supervisor."""
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    settings = {**os.environ, **shared, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    started = [
        subprocess.Popen(
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
    done = launch(2, "-c", MEMBER, str(tmp_path), str(tmp_path / "features"))
    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    members = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(2)]
    assert [(m["rank"], m["size"], m["is_main"]) for m in members] == [(0, 2, True), (1, 2, False)]
    assert sorted(m["looked"] for m in members) == [12, 13]
    truth = Source("truth", good_run())
    alone = score(prepare(Source("run", good_run()), Settings(bootstrap=200), truth=truth), ColourEncoder())
    for member in members:
        assert member["samples"] == [sample.model_dump(mode="json") for sample in alone.samples]
        assert member["results"] == alone.results.model_dump(mode="json")
    # Both kept what they saw: a later process looks at nothing.
    later = ColourEncoder()
    score(prepare(Source("run", good_run()), Settings(bootstrap=200)), later, store=FeatureStore(tmp_path / "features"))
    assert later.pictures == 0


@pytest.mark.slow
def test_the_command_speaks_and_writes_once(tmp_path):
    clip = make_tiny_clip(tmp_path / "clip")
    run = write(tmp_path / "run", good_run())
    arguments = ("-m", "illinstr", "eval", str(run), "--encoder", str(clip), "--no-cache")
    done = launch(2, *arguments)
    assert [each.returncode for each in done] == [0, 0], done[0].stderr + done[1].stderr
    assert done[0].stdout.splitlines()[-1] == str(run / "eval" / "report.html")
    assert done[1].stdout == ""
    together = json.loads((run / "eval" / "results.json").read_text())
    alone = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=True)
    assert alone.stdout == done[0].stdout
    again = json.loads((run / "eval" / "results.json").read_text())
    for a, b in zip(together["metrics"], again["metrics"], strict=True):
        assert a["value"] == pytest.approx(b["value"], abs=1e-5)


def test_alone_everything_is_ones_own(monkeypatch):
    team.cache_clear()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert type(team()) is Team
    assert team().own([1, 2, 3]) == [1, 2, 3] and team().merged({"a": 1}) == {"a": 1} and team().device is None
    team.cache_clear()
