"""Arms of the reproduction that start from a common base, trained for real: nothing but weights comes from the base."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from illinstr.diffusion.loading import load_pipeline
from illinstr.diffusion.schedule import MAX_TERMINAL_ALPHA_BAR
from illinstr.models.folder import read_settings
from illinstr.models.loading import load_backbone
from illinstr.progress import SilentReporter
from scripts import reproduce
from scripts.reproduce_arms import BASE, BASE_SETTINGS, arms_of
from tests.support.tiny_data import TINY_PX, make_tiny_data
from tests.support.tiny_model import make_tiny_model
from tests.support.training_runs import run_training

TINY = (
    f"data.panel_px={TINY_PX}", "data.val_limit=1", "train.precision=no", "model.block_out_channels=[32,64]",
    "train.channels_last=false", "sample.grid_articles=1", "optim.warmup_steps=0", "optim.decay_steps=0",
)  # fmt: skip
ARMS = ("routed", "no-zero-snr")


@dataclasses.dataclass(frozen=True)
class World:
    out: Path
    plan: reproduce.Plan
    data: Path

    def train(self, name: str, start: tuple[str, ...], settings: tuple[str, ...], *, single: bool) -> Path:
        """One training run, in this process, with exactly the settings that the script gives it."""
        AcceleratorState._reset_state(reset_partial_state=True)
        training = reproduce.Training(name, 1, start, settings, single)
        model = reproduce.model_folder(self.out, name, 1)
        run_training(
            "mini-unet", training.overrides(self.plan, 1), data=self.data, out=model.parent, resume=False,
            dry_run=False, reporter=SilentReporter(),
        )  # fmt: skip
        return model


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The base and every arm in ``ARMS``, by name."""
    out = tmp_path_factory.mktemp("out")
    parts = make_tiny_model(out / "parts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ILLINSTR_CACHE", str(out / "cache"))
        words = ["--out", str(out), "--base", str(parts), "--pretrain-steps", "1", "--train-steps", "1"]
        words += ["--batch-size", "2", "--sampling-steps", "2", *(f"--set={each}" for each in TINY)]
        patch.setattr(sys, "argv", ["reproduce.py", *words])
        plan = reproduce._parse()[1]
        world = World(out, plan, make_tiny_data(out / "tiny", train=12, val=1))
        new = reproduce._new(reproduce.base_parts(out, plan.base))
        found = {BASE: world.train(BASE, new, BASE_SETTINGS, single=True)}
        start = reproduce._fine_tuned(found[BASE])
        for arm in arms_of(ARMS):
            found[arm.name] = world.train(arm.name, start, arm.settings, single=arm.single)
    return found


def scheduler(model):
    return json.loads((model / "scheduler" / "scheduler_config.json").read_text())


def test_switches_and_schedules_are_the_arms_own(models):
    said = {name: read_settings(model) for name, model in models.items()}
    assert {name: (each.conditioning, each.step_code, each.trained_steps) for name, each in said.items()} == {
        "base": ("joint", False, (1, 1)), "routed": ("routed", True, (2, 4)), "no-zero-snr": ("joint", True, (2, 4)),
    }  # fmt: skip
    found = {name: scheduler(model) for name, model in models.items()}
    assert {each["beta_schedule"] for each in found.values()} == {"scaled_linear"}
    assert {each["prediction_type"] for each in found.values()} == {"v_prediction"}
    assert {name for name, each in found.items() if not each["rescale_betas_zero_snr"]} == {"no-zero-snr"}


def test_there_is_signal_left_for_zero_snr_to_take_away(models):
    left = {}
    for name, model in models.items():
        config = scheduler(model)
        betas = np.linspace(config["beta_start"] ** 0.5, config["beta_end"] ** 0.5, config["num_train_timesteps"]) ** 2
        left[name] = (float(load_pipeline(str(model)).backbone.scheduler.alphas_cumprod[-1]), np.prod(1 - betas))
    assert left["no-zero-snr"] == pytest.approx((0.0047, 0.0047), abs=1e-4)  # as Lin et al. have it
    assert left["base"][0] <= MAX_TERMINAL_ALPHA_BAR and left["routed"][0] <= MAX_TERMINAL_ALPHA_BAR


def test_every_arm_moved_from_the_base_and_left_what_is_shared(models):
    base = load_backbone(str(models["base"]), dtype=torch.float32)
    assert tuple(base.unet.config.block_out_channels) == (32, 64)
    weights = base.unet.state_dict()
    for name in ARMS:
        arm = load_backbone(str(models[name]), dtype=torch.float32)
        moved = [(value - weights[key]).abs().max() for key, value in arm.unet.state_dict().items()]
        assert 0 < max(moved) < 0.05, name  # one optimiser step from the base, not a U-Net of its own
        for part in ("vae", "text_encoder"):
            shared = getattr(base, part).state_dict()
            assert all(torch.equal(value, shared[key]) for key, value in getattr(arm, part).state_dict().items())


def test_the_base_draws_alone_and_the_arms_together(models):
    steps = ["draw the bar", "draw the cross"]
    for name, method in (("base", "independent"), ("no-zero-snr", "stacked")):
        pipeline = load_pipeline(str(models[name]))
        assert len(pipeline("How to paint red shapes", steps, sampling_steps=2, method=method)) == 2
