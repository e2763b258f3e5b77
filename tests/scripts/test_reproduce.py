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

from illinstr.errors import UsageError
from illinstr.training.presets import load_config
from scripts import reproduce
from scripts.reproduce_arms import ARMS, BASE_SETTINGS, CLAIMS, SHARED, arms_on, claims_at, settings_on, verdicts
from scripts.reproduce_page import report
from tests.support.eval_world import GOAL_COLOURS, STEP_COLOURS, article, good_run, make_image, twice

ROOT = Path(__file__).resolve().parents[2]
BASE = ["base.vae=x", "base.clip=y"]


def test_every_arm_is_a_valid_config_that_differs_from_the_others():
    configs = {
        arm.name: load_config("mini-unet", [*BASE, *SHARED, *arm.settings_on("joint")])
        for arm in arms_on("joint")
        if arm.weights is None
    }
    texts = [config.model_dump_json() for config in configs.values()]
    assert len(set(texts)) == len(texts)
    stacked = configs["stacked"]
    assert (stacked.noise.zero_snr, stacked.stacking.step_code, stacked.stacking.conditioning) == (True, True, "joint")
    assert not configs["no-zero-snr"].noise.zero_snr and not configs["no-step-code"].stacking.step_code
    assert configs["data-10"].data.fraction == 0.1 and configs["single-string"].stacking.conditioning == "single"
    assert configs["independent-frozen"].stacking.drop_goal == 1
    for arm in arms_on("joint"):
        if arm.single:
            assert (configs[arm.name].data.min_steps, configs[arm.name].data.max_steps) == (1, 1)
    same = [(c.train.steps, c.optim, c.model, c.sample) for c in configs.values()]
    assert all(each == same[0] for each in same)


def test_claims_speak_of_arms_that_draw_what_they_are_asked_at():
    lengths = {arm.name: arm.lengths([6, 4, 8], [6]) for arm in ARMS}
    assert lengths["stacked"] == [6, 4, 8] and lengths["fixed-4"] == [4] and lengths["no-zero-snr"] == [6]
    assert [arm.name for arm in ARMS if 8 in lengths[arm.name]] == ["stacked", "fixed-8"]
    everywhere = {arm.name: arm.lengths([6, 4, 8], [6, 8]) for arm in ARMS}
    assert everywhere["no-zero-snr"] == [6, 8] and everywhere["fixed-4"] == [4]
    for length in (6, 8):
        able = [name for name, own in everywhere.items() if length in own]
        asked = claims_at(length, able)
        assert {claim.b for claim in asked if claim.b.startswith("fixed")} == {f"fixed-{length}"}
        assert len(asked) == len([claim for claim in CLAIMS if claim.at in (None, length)])


def test_all_arms_can_be_built_on_routed_attention_with_joint_as_an_arm():
    names = {conditioning: {arm.name for arm in arms_on(conditioning)} for conditioning in ("joint", "routed")}
    assert names["joint"] ^ names["routed"] == {"joint", "routed"} and "joint" in names["routed"]
    for arm in arms_on("routed"):
        kept = {"joint": "joint", "single-string": "single"}.get(arm.name, "routed")
        if arm.weights is None:
            config = load_config("mini-unet", [*BASE, *arm.settings_on("routed")])
            assert config.stacking.conditioning == kept
    assert load_config("mini-unet", [*BASE, *settings_on(BASE_SETTINGS, "routed")]).stacking.conditioning == "routed"
    plan = _plan("--out x --conditioning routed --lengths 6")
    assert "joint" in plan.arms and "routed" not in plan.arms
    training = reproduce.Training("stacked", 7, ("base.vae=v", "base.clip=c"), ARMS[0].settings, False)
    assert load_config("mini-unet", training.overrides(plan, 1)).stacking.conditioning == "routed"
    assert {claim.b for claim in claims_at(6, plan.arms) if "Routed" in claim.text} == {"joint"}
    with pytest.raises(UsageError, match="no arm called routed"):
        _plan("--out x --conditioning routed --arms stacked,routed")


def test_data_claims_are_asked_in_set_metrics_too():
    asked = {claim.metric for claim in CLAIMS if (claim.a, claim.b) == ("data-30", "data-10")}
    assert asked == {"step_faithfulness", "kid", "cmmd"}


def test_from_a_base_every_arm_but_the_frozen_one_is_tuned_and_keeps_its_own_switches(tmp_path):
    options = "--out x --pretrain-steps 3 --lengths 6 --set model.block_out_channels=[32,32] --set train.precision=no"
    plan = _plan(options)
    assert {plan.weights_of(arm) for arm in ARMS if arm.frozen} == {"base"}
    assert all(plan.weights_of(arm) == (arm.weights or arm.name) for arm in ARMS if not arm.frozen)
    start = reproduce._fine_tuned(Path("m"))
    for arm in (each for each in ARMS if plan.weights_of(each) == each.name):
        training = reproduce.Training(arm.name, 7, start, arm.settings, arm.single)
        config = load_config("mini-unet", training.overrides(plan, 5))
        assert (config.base.model, config.base.vae, config.base.clip) == ("m", None, None)
        assert (config.train.steps, config.train.seed, config.train.precision) == (7, 5, "no")
        assert config.noise.beta_schedule == "scaled_linear"
        assert config.stacking.step_code is (not arm.single and arm.name != "no-step-code")
    first = reproduce.Training("base", 3, reproduce._new((Path("v"), Path("c"))), BASE_SETTINGS, True)
    config = load_config("mini-unet", first.overrides(plan, 5))
    assert config.model.block_out_channels == (32, 32) and config.stacking.drop_goal == 1 and config.data.max_steps == 1
    assert _plan(options.replace("--pretrain-steps 3", "")).weights_of(ARMS[1]) == "independent-frozen"


def _plan(options):
    from unittest.mock import patch

    with patch.object(sys, "argv", ["reproduce.py", *options.split()]):
        return reproduce._parse()[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [("--out x --lengths 6 --claims-at 6,8", "--claims-at names a length"), ("--out x --seeds a", "--seeds takes"),
     ("--out x --pretrain-steps -1", "at least 1")],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        _plan(options)


@pytest.fixture(scope="module")
def evaluation():
    """Colours in the places of arms: stacked is right, no-zero-snr shuffles steps, routed is the same as stacked."""
    from dataclasses import replace

    from illinstr.evaluation.evaluate import Source, prepare, score
    from illinstr.evaluation.results import Settings
    from tests.support.eval_world import ColourEncoder

    turned = tuple(STEP_COLOURS)[1:] + tuple(STEP_COLOURS)[:1]
    shuffled = [article(c, images=[make_image(c, step) for step in turned]) for c in GOAL_COLOURS]
    sources = [Source(name, twice(run)) for name, run in (("no-zero-snr", shuffled), ("routed", good_run()))]
    prepared = prepare(
        Source("stacked", twice(good_run())), Settings(bootstrap=200), others=sources,
        truth=Source("truth", twice(good_run())),
    )  # fmt: skip
    pairs = (("run", "other"), ("other-2", "run"))
    return score(replace(prepared, pairs=pairs), ColourEncoder())


def test_a_claim_holds_is_reversed_or_stays_open(evaluation):
    found = {(each.a, each.b, each.metric): each.outcome for each in verdicts({6: evaluation.results})}
    assert found == {
        ("stacked", "no-zero-snr", "step_faithfulness"): "holds",
        ("routed", "stacked", "step_faithfulness"): "open",
        ("routed", "stacked", "consistency_gap"): "open",
    }
    turned = tuple(c.model_copy(update={"difference": -c.difference}) for c in evaluation.results.comparisons)
    reverse = verdicts({6: evaluation.results.model_copy(update={"comparisons": turned})})
    assert {(each.a, each.b): each.outcome for each in reverse}["stacked", "no-zero-snr"] == "reversed"


PLAN = {
    "train_steps": 3, "batch_size": 2, "articles": 9, "base": "x", "goals": 4, "sampling_steps": 2, "pretrain_steps": 5,
    "set": ["train.precision=no"], "arms": ["stacked", "routed", "no-zero-snr"],
}  # fmt: skip


def test_arms_that_guess_are_said_to(evaluation):
    results = evaluation.results
    row = next(line for line in report(PLAN, [1], {6: results}, verdicts({6: results})).splitlines() if "guess" in line)
    assert "25.0 %" in row and "at chance" not in row
    assert not any(each.at_chance for each in verdicts({6: results}))
    one = tuple(_guessing(results.metrics))
    both = results.side_metrics | {"other-2": tuple(_guessing(results.side_metrics["other-2"]))}
    for copy, expected in (({"metrics": one}, []), ({"metrics": one, "side_metrics": both}, ["step_faithfulness"])):
        found = verdicts({6: results.model_copy(update=copy)})
        assert [each.metric for each in found if each.at_chance and each.outcome == "open"] == expected
    page = report(PLAN, [1], {6: results}, found)
    assert page.count("cannot be told (both at chance)") == 1


def _guessing(metrics):
    return [each.model_copy(update={"low": 0.2}) if each.name == "step_faithfulness" else each for each in metrics]


def test_the_page_gives_every_figure(evaluation):
    page = report(PLAN, [1, 2], {6: evaluation.results}, verdicts({6: evaluation.results}))
    assert "Of 3 claims 1 hold here, 0 are reversed, 2 cannot be told." in page
    assert "| `stacked` |" in page and "| the truth |" in page and "## 6 steps" in page
    assert "Training seeds 1, 2" in page and "encoder" in page.lower() and "5 steps on single images" in page
    assert "`train.precision=no`" in page and "on joint attention" in page
    routed = report({**PLAN, "conditioning": "routed"}, [1], {6: evaluation.results}, [])
    assert "on routed attention" in routed
    for question in (
        "How does quality grow with data?",
        "Why six steps?",
        "trade off?",
        "Does it hold beyond wikiHow?",
    ):
        assert question in page
    assert "step_faithfulness +" in page.split("Zero terminal SNR, 6 steps: with it `stacked` gains")[1]


OPTIONS = ["--articles=40", "--train-steps=2", "--batch-size=2", "--goals=2", "--sampling-steps=2", "--lengths=3"]
OPTIONS += ["--arms=stacked,stacked-alone,independent-frozen", "--set=data.val_limit=2", "--pretrain-steps=1"]
SMALL = ["--set", "model.block_out_channels=[32, 32]", "--set", 'train.precision="no"']


def run(out: Path, *more: str) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / "reproduce.py"), "--out", str(out), *OPTIONS, *SMALL, *more]


def test_training_goes_on_from_a_checkpoint_and_starts_anew_without_one(tmp_path):
    assert reproduce.resume_flag(tmp_path / "nothing") == []
    early = tmp_path / "early"
    (early / "checkpoints" / "step-00000002.incomplete").mkdir(parents=True)
    (early / "config.yaml").write_text("kind: unet")
    assert reproduce.resume_flag(early) == [] and not early.exists()
    late = tmp_path / "late"
    (late / "checkpoints" / "step-00000002").mkdir(parents=True)
    assert reproduce.resume_flag(late) == ["--resume"] and late.is_dir()


@pytest.mark.slow
def test_a_killed_reproduction_goes_on_and_does_nothing_twice(tmp_path):
    out = tmp_path / "out"
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "ILLINSTR_CACHE": str(tmp_path / "c")}
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
    assert found["seeds"] == [1] and {claim["b"] for claim in found["claims"]} == {
        "stacked-alone",
        "independent-frozen",
    }
    assert sorted(path.name for path in (out / "models").iterdir()) == ["base-s1", "stacked-s1"]
    assert (out / "scores" / "n3" / "eval" / "report.html").is_file()
    refused = subprocess.run(run(out, "--goals", "3"), env=settings, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "another goals" in refused.stderr
