"""The reproduction script: arms that differ as they say, claims judged by their own test, nothing done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from illinstr import minihow
from illinstr.errors import UsageError
from illinstr.training.config import load_config
from scripts import reproduce
from scripts.reproduce_arms import ARMS, CLAIMS, report, verdicts
from tests.eval_world import GOAL_COLOURS, STEP_COLOURS, article, good_run, picture, twice

ROOT = Path(__file__).resolve().parents[1]
BASE = ["base.vae=x", "base.clip=y"]


def test_every_arm_is_a_valid_config_that_differs_from_the_others():
    configs = {arm.name: load_config("mini-unet", [*BASE, *arm.settings]) for arm in ARMS if arm.weights is None}
    texts = [config.model_dump_json() for config in configs.values()]
    assert len(set(texts)) == len(texts)
    stacked = configs["stacked"]
    assert (stacked.noise.zero_snr, stacked.stacking.step_code, stacked.stacking.conditioning) == (True, True, "joint")
    assert not configs["no-zero-snr"].noise.zero_snr and not configs["no-step-code"].stacking.step_code
    assert configs["data-10"].data.fraction == 0.1 and configs["single-string"].stacking.conditioning == "single"
    assert configs["independent-frozen"].stacking.drop_goal == 1
    for arm in ARMS:
        if arm.single:
            assert (configs[arm.name].data.min_steps, configs[arm.name].data.max_steps) == (1, 1)
    same = [(c.train.steps, c.optim, c.model, c.sample) for c in configs.values()]
    assert all(each == same[0] for each in same)


def test_claims_speak_of_arms_that_draw_the_first_length():
    lengths = {arm.name: arm.lengths([6, 4, 8]) for arm in ARMS}
    assert all(6 in lengths[claim.a] and 6 in lengths[claim.b] for claim in CLAIMS)
    assert lengths["stacked"] == [6, 4, 8] and lengths["fixed-4"] == [4] and lengths["no-zero-snr"] == [6]
    assert [arm.name for arm in ARMS if 8 in arm.lengths([6, 4, 8])] == ["stacked", "fixed-8"]


def test_held_out_goals_are_held_out_and_can_be_told():
    goals = reproduce.held_out_goals(12, 6)
    assert len(set(goals)) == 12 and set(goals) <= set(minihow.goals_of_split("test"))
    for goal in goals:
        assert minihow.plan(goal, 6).num_steps == 6
    assert reproduce.held_out_goals(10_000, 6) == [g for g in minihow.goals_of_split("test") if able(g, 6)]
    with pytest.raises(UsageError, match="no held-out goal"):
        reproduce.held_out_goals(3, 90)


def able(goal, length):
    fewest, most = minihow.steps_of(minihow.recognise(goal).family)
    return fewest <= length <= most


@pytest.fixture(scope="module")
def evaluation():
    """Colours in the places of arms: stacked is right, no-zero-snr shuffles steps, routed is the same as stacked."""
    from dataclasses import replace

    from illinstr.evaluation.evaluate import Source, prepare, score
    from illinstr.evaluation.results import Settings
    from tests.eval_world import ColourEncoder

    turned = tuple(STEP_COLOURS)[1:] + tuple(STEP_COLOURS)[:1]
    shuffled = [article(c, pictures=[picture(c, step) for step in turned]) for c in GOAL_COLOURS]
    sources = [Source(name, twice(run)) for name, run in (("no-zero-snr", shuffled), ("routed", good_run()))]
    prepared = prepare(
        Source("stacked", twice(good_run())), Settings(bootstrap=200), others=sources,
        truth=Source("truth", twice(good_run())),
    )  # fmt: skip
    pairs = (("run", "other"), ("other-2", "run"))
    return score(replace(prepared, pairs=pairs), ColourEncoder())


def test_a_claim_holds_is_reversed_or_stays_open(evaluation):
    found = {(each.a, each.b, each.metric): each.outcome for each in verdicts(evaluation.results)}
    assert found == {
        ("stacked", "no-zero-snr", "step_faithfulness"): "holds",
        ("routed", "stacked", "step_faithfulness"): "open",
        ("routed", "stacked", "consistency_gap"): "open",
    }
    turned = tuple(c.model_copy(update={"difference": -c.difference}) for c in evaluation.results.comparisons)
    reverse = verdicts(evaluation.results.model_copy(update={"comparisons": turned}))
    assert {(each.a, each.b): each.outcome for each in reverse}["stacked", "no-zero-snr"] == "reversed"


def test_the_page_gives_every_figure(evaluation):
    plan = {"train_steps": 3, "batch_size": 2, "articles": 9, "base": "x", "goals": 4, "sampling_steps": 2,
            "arms": ["stacked", "routed", "no-zero-snr"]}  # fmt: skip
    page = report(plan, [1, 2], {6: evaluation.results}, verdicts(evaluation.results))
    assert "Of 3 claims 1 hold here, 0 are reversed, 2 cannot be told." in page
    assert "| `stacked` |" in page and "| the truth |" in page and "## 6 steps" in page
    assert "Training seeds 1, 2" in page and "encoder" in page.lower()


OPTIONS = ["--articles=40", "--train-steps=2", "--batch-size=2", "--goals=2", "--sampling-steps=2", "--lengths=3"]
OPTIONS += ["--arms=stacked,stacked-alone", "--set=data.val_limit=2"]
SMALL = ["--set", "model.block_out_channels=[32, 32]", "--set", 'train.precision="no"']


def run(out: Path, *more: str) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / "reproduce.py"), "--out", str(out), *OPTIONS, *SMALL, *more]


@pytest.mark.slow
def test_a_killed_reproduction_goes_on_and_does_nothing_twice(tmp_path):
    out = tmp_path / "out"
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "c")}
    first = subprocess.Popen(run(out), env=settings, stderr=subprocess.DEVNULL, start_new_session=True)
    trained = out / "models" / "stacked-s1" / "model"
    while not trained.is_dir():
        assert first.poll() is None
        time.sleep(0.2)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*.safetensors")}
    done = subprocess.run(run(out), env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "reproduce.md")
    assert "train stacked" not in done.stderr
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*.safetensors")} == before
    found = json.loads((out / "reproduce.json").read_text())
    assert found["seeds"] == [1] and [claim["b"] for claim in found["claims"]] == ["stacked-alone"]
    assert (out / "scores" / "n3" / "eval" / "report.html").is_file()
    refused = subprocess.run(run(out, "--goals", "3"), env=settings, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "another goals" in refused.stderr
