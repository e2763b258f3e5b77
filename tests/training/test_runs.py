"""Whole training runs on a tiny world: resume after SIGKILL, overfitting, golden losses, the exported folders."""

import csv
import functools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import DataError, UsageError
from illinstr.progress import SilentReporter
from tests.support import fork_server
from tests.support.tiny_data import make_tiny_data
from tests.support.training_configs import CLIP, UNET, VAE, write_config
from tests.support.training_runs import run_training

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "losses.json"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny")


def train(config, data, out, *overrides, resume=False):
    run_training(
        str(config), list(overrides), data=data, out=out, resume=resume, dry_run=False, reporter=SilentReporter()
    )
    return out


def column(run, name):
    with (run / "log.csv").open() as stream:
        return [float(row[name]) for row in csv.DictReader(stream) if row.get(name)]


@pytest.fixture(scope="module")
def foundations(tmp_path_factory, data):
    """A VAE and a CLIP pair to stand a U-Net on."""
    folder = tmp_path_factory.mktemp("foundations")
    vae = train(write_config(folder / "vae.yaml", VAE), data, folder / "vae")
    clip = train(write_config(folder / "clip.yaml", CLIP), data, folder / "clip")
    return {"vae": str(vae / "model"), "clip": str(clip / "model")}


def test_vae_and_clip_runs_leave_a_log_a_config_and_standard_folders(foundations):
    from diffusers import AutoencoderKL
    from transformers import CLIPModel, CLIPTokenizer

    vae = AutoencoderKL.from_pretrained(foundations["vae"], use_safetensors=True)
    assert vae.config.scaling_factor > 0
    clip = CLIPModel.from_pretrained(foundations["clip"], use_safetensors=True)
    tokenizer = CLIPTokenizer.from_pretrained(foundations["clip"])
    assert tokenizer("juice")["input_ids"][-1] == clip.config.text_config.eos_token_id
    run = Path(foundations["vae"]).parent
    assert (run / "config.yaml").is_file()
    assert len(column(run, "val_psnr_db")) == 3  # steps 0, 4 and 8
    assert len(list((run / "samples").glob("*.png"))) == 3
    assert column(run, "loss")[-1] < column(run, "loss")[0]


def test_the_unet_run_exports_a_folder_that_draws(tmp_path, data, foundations):
    sample = {"sampling_steps": 3, "guidance": 2.5, "guidance_rescale": 0.25, "guidance_from": 0.5}
    config = write_config(tmp_path / "unet.yaml", UNET, base=foundations, sample=sample)
    run = train(config, data, tmp_path / "run")
    pipe = StackedDiffusionPipeline.from_folder(str(run / "model"))
    assert len(pipe("How to paint red shapes", ["draw the circle", "draw the bar"], sampling_steps=2)) == 2
    assert pipe.defaults.trained_steps == (2, 4)
    assert {name: getattr(pipe.defaults, name) for name in sample} == sample
    assert pipe.defaults.training["train"]["steps"] == 8
    assert {f"val_q{i}" for i in range(1, 5)} <= set((run / "log.csv").read_text().splitlines()[0].split(","))


def _losses(config, data, out, *overrides):
    return column(train(config, data, out, *overrides), "loss")


def test_five_golden_losses_of_each_task(tmp_path, data):
    """A change that should not alter the maths must not alter these; regenerate with ILLINSTR_WRITE_GOLDEN=1 when it
    should."""
    steps = ("train.steps=5", "train.validate_every=5")
    losses = {
        "vae": _losses(write_config(tmp_path / "vae.yaml", VAE), data, tmp_path / "vae", *steps),
        "clip": _losses(write_config(tmp_path / "clip.yaml", CLIP), data, tmp_path / "clip", *steps),
    }
    base = {"vae": str(tmp_path / "vae" / "model"), "clip": str(tmp_path / "clip" / "model")}
    losses["unet"] = _losses(write_config(tmp_path / "unet.yaml", UNET, base=base), data, tmp_path / "unet", *steps)
    if os.environ.get("ILLINSTR_WRITE_GOLDEN"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps(losses, indent=1) + "\n")
    golden = json.loads(GOLDEN.read_text())
    for kind, expected in golden.items():
        assert losses[kind] == pytest.approx(expected, rel=2e-3), kind


@pytest.mark.parametrize(
    ("steps", "log_every", "left"), [(40, 10, 0.8), pytest.param(240, 30, 0.3, marks=pytest.mark.slow)]
)
def test_one_batch_is_overfitted(tmp_path, foundations, steps, log_every, left):
    data = make_tiny_data(tmp_path / "four", train=4, val=1, num_steps=2)
    config = write_config(
        tmp_path / "unet.yaml",
        UNET,
        base=foundations,
        stacking={"drop_all": 0.0},
        optim={"lr": 3e-3},
        train={"steps": steps, "validate_every": steps, "checkpoint_every": steps, "log_every": log_every},
    )
    losses = column(train(config, data, tmp_path / "run"), "loss")
    assert losses[-1] < left * losses[0]


SHORT = ("train.steps=2", "train.validate_every=5", "data.val_limit=1", "sample.sampling_steps=1")


@pytest.fixture(scope="module")
def plain_losses(tmp_path_factory, data, foundations):
    """The losses of a run as it is before a switch is thrown, which was made twice and came out the same."""

    @functools.cache
    def losses(zero_snr):
        folder = tmp_path_factory.mktemp("plain")
        config = write_config(folder / "plain.yaml", UNET, base=foundations, **before(zero_snr))
        first = _losses(config, data, folder / "first", *SHORT)
        assert first == _losses(config, data, folder / "again", *SHORT)
        return first

    return losses


def before(zero_snr):
    return {"stacking": {"drop_all": 0.0}, **({} if zero_snr else {"noise": {"zero_snr": False}})}


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("stacking", {"conditioning": "joint"}),
        ("stacking", {"conditioning": "single"}),
        ("stacking", {"step_code": False}),
        ("stacking", {"drop_all": 1.0}),
        ("stacking", {"drop_goal": 1.0}),
        ("stacking", {"drop_step": 1.0}),
        ("noise", {"zero_snr": False}),
        ("noise", {"zero_snr": False, "min_snr_gamma": 1.0}),
        ("noise", {"beta_schedule": "linear"}),
        ("data", {"fraction": 0.5}),
        ("data", {"max_steps": 3}),
        ("train", {"seed": 5}),
    ],
)
def test_every_switch_changes_the_loss(tmp_path, data, foundations, plain_losses, section, change):
    zero_snr = "min_snr_gamma" not in change
    base = before(zero_snr)
    switched = {**base, section: {**base.get(section, {}), **change}}
    other = write_config(tmp_path / "other.yaml", UNET, base=foundations, **switched)
    assert plain_losses(zero_snr) != _losses(other, data, tmp_path / "second", *SHORT)


def _weights(run):
    newest = sorted((run / "checkpoints").glob("step-*"))[-1]
    return {name: load_file(newest / f"{name}.safetensors") for name in ("model", "ema", "optimizer")}


def test_eight_steps_equal_five_a_kill_and_three_more_bit_for_bit(tmp_path, data, foundations):
    straight = write_config(tmp_path / "c.yaml", UNET, base=foundations)
    train(straight, data, tmp_path / "straight")
    command = [
        *(sys.executable, "-c", "from illinstr.cli.app import main; main()", "train"),
        *("--config", str(straight), "--data", str(data), "--out", str(tmp_path / "killed")),
    ]
    slow = "train.log_every=1"
    process = fork_server.Popen([*command, "--set", slow], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300
    while not (tmp_path / "killed" / "checkpoints" / "latest").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    newest = (tmp_path / "killed" / "checkpoints" / "latest").read_text().strip()
    assert newest in {"step-00000005", "step-00000008"}
    if newest == "step-00000008":  # the kill came late: take the last checkpoint away, as if it had come in time
        import shutil

        shutil.rmtree(tmp_path / "killed" / "checkpoints" / newest)
    done = fork_server.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, tensors in _weights(tmp_path / "straight").items():
        others = _weights(tmp_path / "killed")[name]
        assert tensors.keys() == others.keys()
        assert all(torch.equal(tensors[key], others[key]) for key in tensors), name


def test_accumulation_changes_no_more_than_rounding(tmp_path, data):
    config = write_config(tmp_path / "c.yaml", VAE, loss={"kl": 0.0})
    whole = train(config, data, tmp_path / "whole", "train.steps=1")
    parts = train(config, data, tmp_path / "parts", "train.steps=1", "train.accumulate=2")
    assert column(whole, "loss") == pytest.approx(column(parts, "loss"), rel=1e-5)
    newest = "checkpoints/step-00000001/model.safetensors"
    mine, theirs = load_file(whole / newest), load_file(parts / newest)
    # Adam's first step is the sign of the gradient, times lr (half of it in warm-up): rounding can turn few of them.
    turned = sum(int(((mine[name] - theirs[name]).abs() > 1e-5).sum()) for name in mine)
    assert turned < 0.01 * sum(tensor.numel() for tensor in mine.values())


def test_runs_are_not_mixed(tmp_path, data):
    config = write_config(tmp_path / "c.yaml", VAE)
    run = train(config, data, tmp_path / "run", "train.steps=1")
    with pytest.raises(UsageError, match="already holds"):
        train(config, data, run)
    with pytest.raises(DataError, match="kind 'vae'"):
        train(write_config(tmp_path / "clip.yaml", CLIP), data, run, resume=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        train(config, data, tmp_path / "other")
    with pytest.raises(UsageError, match=r"beyond train\.steps"):
        longer = train(config, data, tmp_path / "longer", "train.steps=3")
        train(config, data, longer, "train.steps=1", resume=True)


def test_missing_data_or_foundations_are_named_before_anything_starts(tmp_path, data):
    from illinstr.errors import ModelError

    with pytest.raises(DataError, match=r"no index.json"):
        train(write_config(tmp_path / "c.yaml", VAE), tmp_path / "nowhere", tmp_path / "run")
    config = write_config(tmp_path / "u.yaml", UNET, base={"vae": str(tmp_path / "no"), "clip": str(tmp_path / "no")})
    with pytest.raises(ModelError, match=r"base.vae or base.clip"):
        train(config, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_dry_run_resolves_counts_and_writes_nothing(tmp_path, data):
    command = [
        *(sys.executable, "-c", "from illinstr.cli.app import main; main()", "train", "--dry-run"),
        *(
            "--config",
            str(write_config(tmp_path / "c.yaml", VAE)),
            "--data",
            str(data),
            "--out",
            str(tmp_path / "run"),
            "--set",
            "train.steps=77",
        ),
    ]
    done = fork_server.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "steps: 77" in done.stdout
    assert "training articles: 24" in done.stdout
    assert not (tmp_path / "run").exists()


def test_an_unknown_key_on_the_command_line_is_one_line_and_a_hint(tmp_path, data):
    command = [
        *(sys.executable, "-c", "from illinstr.cli.app import main; main()", "train", "--config", "mini-vae"),
        *("--data", str(data), "--out", str(tmp_path / "run"), "--set", "train.stpes=1"),
    ]
    done = fork_server.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "error: unknown config key train.stpes",
        "hint: did you mean train.steps?",
    ]
