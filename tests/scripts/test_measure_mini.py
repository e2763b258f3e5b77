"""The measuring script: what it promises is computed from the drawings, and a second run draws nothing twice."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from illinstr.errors import UsageError
from illinstr.evaluation.results import Settings
from scripts import measure_mini
from scripts.measure_mini_table import ratio, relative_gap
from scripts.resumable import keep_plan
from tests.support import fork_server
from tests.support.tiny_model import make_tiny_model

ROOT = Path(__file__).resolve().parents[2]


def test_a_ratio_and_its_interval_are_those_of_a_paired_bootstrap():
    rng = np.random.default_rng(0)
    truth = rng.uniform(0.5, 1.0, 60)
    pairs = np.stack([0.8 * truth + rng.normal(0, 0.02, 60), truth], axis=1)
    found = ratio(pairs, Settings(bootstrap=400))
    again = [pairs[rng.integers(0, 60, 60)].mean(axis=0) for _ in range(4000)]
    low, high = np.quantile([one[0] / one[1] for one in again], [0.025, 0.975])
    assert found.value == pytest.approx(pairs[:, 0].mean() / truth.mean())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.002)
    gap = relative_gap(pairs, Settings(bootstrap=400))
    assert (gap.value, gap.low, gap.high) == pytest.approx((1 - found.value, 1 - found.high, 1 - found.low))
    assert ratio(np.array([[0.5, 0.0]]), Settings(bootstrap=100)) is None


def test_a_folder_of_another_plan_is_refused_and_more_may_be_added(tmp_path):
    keep_plan(tmp_path, {"goals": 2, "lengths": [3]}, growing=("lengths",))
    keep_plan(tmp_path, {"goals": 2, "lengths": [3, 6]}, growing=("lengths",))
    with pytest.raises(UsageError, match="another goals"):
        keep_plan(tmp_path, {"goals": 3, "lengths": [3, 6]}, growing=("lengths",))
    (tmp_path / "plan.json").unlink()
    (tmp_path / "else").touch()
    with pytest.raises(UsageError, match=r"holds no plan\.json"):
        keep_plan(tmp_path, {"goals": 2})


def test_it_draws_scores_and_tells_and_draws_nothing_twice(tmp_path):
    model = make_tiny_model(tmp_path / "model")
    out = tmp_path / "out"
    environment = {**os.environ, "ILLINSTR_CACHE": str(tmp_path / "cache")}
    script = [sys.executable, str(ROOT / "scripts" / "measure_mini.py"), "--out", str(out), "--model", str(model)]
    options = ["--goals", "2", "--lengths", "6", "--sampling-steps", "1"]

    def run():
        return fork_server.run(
            [*script, *options], env=environment, capture_output=True, text=True, forked_children=True
        )

    first = run()
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines()[-1] == str(out / "measure.md")
    found = json.loads((out / "measure.json").read_text())
    assert [(each["method"], each["length"], each["n"]) for each in found["measured"]] == [
        ("stacked", 6, 2), ("independent", 6, 2),
    ]  # fmt: skip
    page = (out / "measure.md").read_text()
    assert (
        "6 steps: goal_faithfulness at least 0.95 of the truth's" in page and "drawn alone, the consistency gap" in page
    )
    drawn = {path: path.stat().st_mtime_ns for path in out.rglob("step-*.png")}
    assert len(drawn) == 24
    again = run()
    assert again.returncode == 0 and "draw " not in again.stderr
    assert {path: path.stat().st_mtime_ns for path in out.rglob("step-*.png")} == drawn


@pytest.mark.parametrize("options", [["--lengths", "x"], ["--goals", "0"], ["--lengths", "90"]])
def test_numbers_that_cannot_be_are_refused(options, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["measure_mini.py", "--out", "x", *options])
    with pytest.raises(UsageError):
        measure_mini._parse()
