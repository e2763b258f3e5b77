"""What is said before a run (``--dry-run``) and what is judged during it (``--faithfulness``)."""

import pytest
import torch
from typer.testing import CliRunner

from illinstr.cli.app import app
from illinstr.errors import UsageError
from illinstr.progress import SilentReporter
from illinstr.training import estimate
from illinstr.training.estimate import _along, _duration
from illinstr.workflows.validation_scores import make_judge
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_model import make_tiny_model
from tests.support.training_configs import CLIP, UNET, VAE, write_config
from tests.support.training_runs import run_training


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return write_config(tmp_path_factory.mktemp("config") / "vae.yaml", VAE)


def dry_run(config, data, out, *overrides, num_processes=1):
    return run_training(
        str(config),
        list(overrides),
        data=data,
        out=out,
        resume=False,
        dry_run=True,
        reporter=SilentReporter(),
        num_processes=num_processes,
    )


def test_dry_run_counts_measures_a_step_and_writes_nothing(tmp_path, monkeypatch, config, data):
    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path / "cache"))
    result = dry_run(config, data, tmp_path / "run")
    figures = result["estimate"]
    assert figures["articles"] == 24
    assert sum(steps * count for steps, count in figures["by_steps"].items()) == figures["panels"]
    assert figures["batches_per_epoch"] == figures["panels"] // 4
    assert figures["epochs"] == pytest.approx(8 / figures["batches_per_epoch"])
    # Float32 weights, gradients, two moments and the moving average: 20 bytes a parameter.
    assert figures["state_gb"] * 2**30 == pytest.approx(20 * figures["parameters"])
    assert figures["activations_gb"] > 4 * 3 * 32 * 32 * 4 / 2**30  # more than the panels themselves
    assert figures["step_s"] > 0
    assert figures["total_s"] == pytest.approx(8 * figures["step_s"])
    assert any("activations: about" in line for line in result["lines"])
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()


def test_dry_run_tells_shares_of_lengths_and_which_are_joined(tmp_path, config, data):
    vae = dry_run(config, data, tmp_path / "run")
    assert vae["estimate"]["joined_batches"] == 0  # panels have no length
    assert not any("join" in line for line in vae["lines"])
    clip = write_config(tmp_path / "clip.yaml", CLIP, train={"batch_size": 9})
    result = dry_run(clip, data, tmp_path / "run")
    figures, lines = result["estimate"], "\n".join(result["lines"])
    counts = figures["by_steps"]
    assert figures["rare"] == [n for n, count in counts.items() if count < 9]
    assert figures["joined_batches"] >= 1
    assert f"# {figures['joined_batches']} batches of an epoch join several N" in lines
    assert all(f"N={n}: {count} ({count / 24:.1%})" in lines for n, count in counts.items())


def test_dry_run_counts_what_lies_beside_the_model(tmp_path, config, data, monkeypatch):
    from illinstr.training.tasks.vae import VaeTask

    plain = dry_run(config, data, tmp_path / "run")["estimate"]
    assert plain["beside_gb"] == plain["exchange_gb"] == 0
    assert plain["memory_gb"] == pytest.approx(plain["state_gb"] + plain["activations_gb"])
    frozen = torch.nn.Linear(1000, 1000, bias=False).half()
    monkeypatch.setattr(VaeTask, "frozen", property(lambda task: [frozen, task.model]), raising=False)
    two = dry_run(config, data, tmp_path / "run", num_processes=2)["estimate"]
    assert two["beside_gb"] * 2**30 == 2e6  # the model's own weights are not counted twice
    assert two["exchange_gb"] * 2**30 == 4 * two["trainable"]
    assert 0 < two["fits"] < plain["fits"]  # a part of the machine's memory each
    monkeypatch.setattr(estimate, "MAX_CPU_PARAMETERS", 0)
    large = dry_run(config, data, tmp_path / "run", "train.precision=bf16")
    assert large["estimate"]["copies_gb"] * 2**30 == 2 * two["parameters"]
    assert "copies of weights in half precision" in large["lines"][-1]


def test_dry_run_follows_the_switches_that_cost_memory(tmp_path, config, data):
    plain = dry_run(config, data, tmp_path / "run")["estimate"]
    without = dry_run(config, data, tmp_path / "run", "train.ema_decay=0")["estimate"]
    assert without["state_gb"] == pytest.approx(plain["state_gb"] * 16 / 20)
    halves = dry_run(config, data, tmp_path / "run", "train.accumulate=2", num_processes=2)["estimate"]
    assert (plain["micro_batch"], halves["micro_batch"]) == (4, 1)
    assert halves["activations_gb"] < plain["activations_gb"] / 2


def test_eight_bit_state_is_counted_as_such():
    from torch import nn

    from illinstr.training.estimate import _state_bytes
    from tests.support.toy_task import toy_config

    layer = nn.Linear(10, 10, bias=False)
    config = toy_config()
    assert _state_bytes(layer, config) == 100 * 16
    eight = config.model_copy(update={"optim": config.optim.model_copy(update={"eight_bit": True})})
    assert _state_bytes(layer, eight) == 100 * 10
    layer.requires_grad_(False)
    assert _state_bytes(layer, config) == 100 * 4


def test_the_line_through_two_measurements():
    assert _along(3.0, 5.0, 1) == 3.0
    assert _along(3.0, 5.0, 4) == 9.0
    assert _along(3.0, 2.9, 10) == 3.0
    assert [_duration(seconds) for seconds in (40, 600, 7200)] == ["40 s", "10 min", "2.0 h"]


def test_a_judge_scores_what_an_exported_model_draws(tmp_path, data):
    config = write_config(tmp_path / "unet.yaml", UNET, base={"vae": "x", "clip": "x"})
    judge = make_judge(str(config), [], data, articles=4, judge=None)
    model = make_tiny_model(tmp_path / "model")
    figures = judge(model, 5)
    assert set(figures) <= {"val_goal_faithfulness", "val_step_faithfulness"}
    assert 0 <= figures["val_step_faithfulness"] <= 1
    assert judge(model, 9) == figures  # the same seeds each time


def test_a_judge_needs_drawings_and_enough_articles(tmp_path, data, config):
    with pytest.raises(UsageError, match="a run of kind 'vae' draws none"):
        make_judge(str(config), [], data, articles=4, judge=None)
    unet = write_config(tmp_path / "unet.yaml", UNET, base={"vae": "x", "clip": "x"})
    with pytest.raises(UsageError, match="--faithfulness 3: at least 4"):
        make_judge(str(unet), [], data, articles=3, judge=None)


def test_the_options_reach_the_judge(tmp_path, data, config):
    words = ["train", "--config", str(config), "--data", str(data), "--out", str(tmp_path / "run")]
    result = CliRunner().invoke(app, [*words, "--faithfulness", "4", "--judge", "nowhere"])
    assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "run").exists()
