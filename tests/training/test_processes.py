"""Runs of several processes, really launched: equal to one process, resumed after SIGKILL, sharded, ended together."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from illinstr.cli.app import app
from illinstr.engine import accelerate_config as accelerate
from illinstr.engine.launching import free_port
from illinstr.errors import ConfigError, UsageError
from tests.support import fork_server
from tests.support.tiny_data import make_tiny_data
from tests.support.training_configs import VAE, write_config

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
PROGRAM = [sys.executable, "-m", "illinstr", "train"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    settings = {"validate_every": 8, "batch_size": 4, "checkpoint_every": 5}
    return write_config(tmp_path_factory.mktemp("config") / "vae.yaml", VAE, train=settings)


def arguments(config, data, out, *more):
    return [*PROGRAM, "--config", str(config), "--data", str(data), "--out", str(out), *more]


def run(*words, code=0, forked=True):
    """Run a program to its end; ``forked``: it and those it launches need not import torch again."""
    options = {"capture_output": True, "text": True, "timeout": 300, "env": ENVIRONMENT}
    start = fork_server.run if forked else subprocess.run
    done = start(words, **options, **({"forked_children": True} if forked else {}))
    assert done.returncode == code, done.stderr[-3000:]
    return done


def losses(out):
    with (out / "log.csv").open() as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream) if row.get("loss")]


def weights(out):
    newest = sorted((out / "checkpoints").glob("step-*"))[-1]
    return {name: load_file(newest / f"{name}.safetensors") for name in ("model", "ema", "optimizer")}


@pytest.fixture(scope="module")
def alone(tmp_path_factory, config, data):
    out = tmp_path_factory.mktemp("alone") / "run"
    run(*arguments(config, data, out))
    return out


@pytest.fixture(scope="module")
def together(tmp_path_factory, config, data):
    out = tmp_path_factory.mktemp("together") / "run"
    done = run(*arguments(config, data, out, "--processes", "2"))
    assert done.stdout.splitlines()[-1] == str(out / "model")  # printed once, by the first process
    return out


def test_two_processes_with_half_the_batch_equal_one_with_the_whole(alone, together):
    assert losses(together) == pytest.approx(losses(alone), rel=1e-4)
    mine, theirs = weights(alone), weights(together)
    for name in ("model", "ema"):
        for key, tensor in mine[name].items():
            # Adam divides by the root of a squared gradient: where that is tiny, rounding moves a weight by some lr.
            assert torch.allclose(tensor, theirs[name][key], atol=4e-4), (name, key)
        moved = torch.cat([(mine[name][key] - theirs[name][key]).abs().flatten() for key in mine[name]])
        assert float(moved.median()) < 1e-6


def test_eight_steps_equal_five_a_kill_and_three_more_with_two_processes(tmp_path, config, data, together):
    out = tmp_path / "killed"
    words = arguments(config, data, out, "--processes", "2")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = fork_server.Popen(words, env=ENVIRONMENT, forked_children=True, **quiet)
    deadline = time.monotonic() + 300
    while not (out / "checkpoints" / "latest").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    children = children_of(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(children) == 2
    while any(alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)  # a killed launcher leaves nobody behind
    for late in (out / "checkpoints").glob("step-00000008*"):
        late.rename(late.with_name("given-up"))  # the kill came late: as if it had come in time
    run(*words)
    mine, theirs = weights(together), weights(out)
    for name in mine:
        assert mine[name].keys() == theirs[name].keys()
        assert all(torch.equal(mine[name][key], theirs[name][key]) for key in mine[name]), name
    assert losses(out)[5:] == losses(together)[5:]


def children_of(pid):
    folders = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
    found = []
    for folder in folders:
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if status[1] == str(pid):
            found.append(int(folder.name))
    return found


def alive(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_sharded_over_two_processes_learns_the_same_and_exports_a_whole_model(tmp_path, config, data, alone):
    from diffusers import AutoencoderKL

    out = tmp_path / "run"
    run(*arguments(config, data, out, "--processes", "2", "--accelerate-config", "fsdp", "--set", "train.steps=6"))
    assert losses(out) == pytest.approx(losses(alone)[:6], rel=1e-3)
    vae = AutoencoderKL.from_pretrained(out / "model", use_safetensors=True)
    assert all(bool(tensor.isfinite().all()) for tensor in vae.state_dict().values())
    state = weights(out)
    assert {key: t.shape for key, t in state["model"].items()} == {
        key: t.shape for key, t in weights(alone)["model"].items()
    }
    # ... and one process alone goes on from where both stood.
    run(*arguments(config, data, out, "--resume", "--set", "train.steps=8"))
    assert losses(out) == pytest.approx(losses(alone), rel=1e-3)


@pytest.mark.slow
def test_two_processes_started_as_people_start_them_equal_forked_ones(tmp_path, config, data, together):
    done = run(*arguments(config, data, tmp_path / "run", "--processes", "2"), forked=False)
    assert done.stdout.splitlines()[-1] == str(tmp_path / "run" / "model")
    assert losses(tmp_path / "run") == losses(together)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_all_processes_with_one_message(tmp_path, config, data):
    out = tmp_path / "run"
    words = arguments(config, data, out, "--processes", "2", "--set", "optim.lr=1e30", "--set", "optim.eps=1e-30")
    done = run(*words, code=1)
    assert "not finite at step" in done.stderr
    assert "panels [" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_u_net_on_two_processes_equals_one_and_shards(tmp_path, data):
    from tests.support.tiny_sd import SD_PANEL_PX, make_tiny_sd

    unet = {
        "kind": "unet",
        "base": {"model": str(make_tiny_sd(tmp_path / "sd"))},
        "train_text": True,
        "data": {"panel_px": SD_PANEL_PX, "val_limit": 1, "max_steps": 4},
        "noise": {"beta_schedule": "scaled_linear", "transition_steps": 0},
        "sample": {"sampling_steps": 2, "grid_articles": 1},
        "optim": {"lr": 1e-4, "warmup_steps": 0},
        "train": {"steps": 4, "batch_size": 4, "log_every": 1, "validate_every": 4, "ema_decay": 0.9},
    }
    config = write_config(tmp_path / "unet.yaml", unet)
    run(*arguments(config, data, tmp_path / "one"))
    run(*arguments(config, data, tmp_path / "two", "--processes", "2"))
    run(*arguments(config, data, tmp_path / "cut", "--processes", "2", "--accelerate-config", "fsdp"))
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    assert losses(tmp_path / "cut") == pytest.approx(losses(tmp_path / "one"), rel=1e-3)
    for other in ("two", "cut"):
        assert (tmp_path / other / "samples" / "step-00000004.png").is_file()
        assert (tmp_path / other / "model" / "model_index.json").is_file()


@pytest.mark.slow
def test_torchrun_and_accelerate_launch_start_the_same_run(tmp_path, config, data, alone):
    words = arguments(config, data, tmp_path / "torchrun")[1:]
    run(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *words, forked=False)
    assert losses(tmp_path / "torchrun") == pytest.approx(losses(alone), rel=1e-4)
    words = arguments(config, data, tmp_path / "accelerate")[2:]
    started = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--cpu", "--num_processes", "1"]
    run(*started, "-m", *words[0:], forked=False)
    assert losses(tmp_path / "accelerate") == losses(alone)


@pytest.mark.slow
def test_two_machines_of_one_process_each_equal_one_process(tmp_path, config, data, alone):
    words = arguments(config, data, tmp_path / "run")[1:]
    port = str(free_port())
    machines = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", str(rank)),
                *("--nproc-per-node", "1", "--master-addr", "127.0.0.1", "--master-port", port, *words),
            ],
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for rank in range(2)
    ]
    assert [machine.wait(timeout=300) for machine in machines] == [0, 0]
    assert losses(tmp_path / "run") == pytest.approx(losses(alone), rel=1e-4)


def test_shipped_accelerate_configs_become_the_environment_accelerate_reads():
    assert accelerate.accelerate_config_names() == ["ddp", "deepspeed-zero2", "fsdp"]
    fsdp = accelerate.accelerate_environment(accelerate.find_accelerate_config("fsdp"), 2)
    assert fsdp["ACCELERATE_USE_FSDP"] == "true"
    assert fsdp["FSDP_VERSION"] == "2"
    assert fsdp["FSDP_AUTO_WRAP_POLICY"] == "SIZE_BASED_WRAP"
    zero = accelerate.accelerate_environment(accelerate.find_accelerate_config("deepspeed-zero2"), 2)
    assert zero["ACCELERATE_USE_DEEPSPEED"] == "true"
    assert zero["ACCELERATE_DEEPSPEED_ZERO_STAGE"] == "2"
    assert "ACCELERATE_USE_FSDP" not in accelerate.accelerate_environment(accelerate.find_accelerate_config("ddp"), 2)


def test_an_unknown_or_broken_accelerate_config_is_one_clear_error(tmp_path):
    with pytest.raises(ConfigError) as caught:
        accelerate.find_accelerate_config("fdsp")
    assert "fsdp" in (caught.value.hint or "")
    broken = tmp_path / "broken.yaml"
    broken.write_text("distributed_type: NONSENSE\n")
    with pytest.raises(ConfigError, match="does not take"):
        accelerate.accelerate_environment(broken, 2)


def invoke(words):
    """The command in this process; it must not get as far as starting others."""
    return CliRunner().invoke(app, words[words.index("train") :]).exception


@pytest.mark.parametrize(("installed", "reason"), [(False, "is not installed"), (True, "our checkpoints cannot reach")])
def test_deepspeed_is_refused_with_its_reason_before_any_process_starts(
    tmp_path, monkeypatch, config, data, installed, reason
):
    find = accelerate.importlib.util.find_spec
    found = find("accelerate") if installed else None
    monkeypatch.setattr(
        accelerate.importlib.util, "find_spec", lambda name: found if name == "deepspeed" else find(name)
    )
    words = arguments(config, data, tmp_path / "run", "--processes", "2", "--accelerate-config", "deepspeed-zero2")
    error = invoke(words)
    assert isinstance(error, UsageError)
    assert error.message.startswith("the accelerate config asks for DeepSpeed")
    assert reason in error.message
    assert "fsdp" in error.hint
    assert not (tmp_path / "run").exists()


def test_muon_under_fsdp_is_refused_before_any_process_starts(tmp_path, monkeypatch, config, data):
    words = arguments(config, data, tmp_path / "run", "--set", "optim.algorithm=muon")
    by_config = invoke([*words, "--processes", "2", "--accelerate-config", "fsdp"])
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")  # as accelerate launch says it
    for error in (by_config, invoke(words), invoke([*words, "--processes", "2"])):
        assert isinstance(error, UsageError)
        assert error.message == "optim.algorithm=muon updates whole matrices, and FSDP cuts them over the processes"
        assert "ddp" in error.hint and "adamw" in error.hint
    assert not (tmp_path / "run").exists()


def test_processes_cannot_be_launched_from_a_launched_process(tmp_path, monkeypatch, config, data):
    monkeypatch.setenv("LOCAL_RANK", "0")
    error = invoke(arguments(config, data, tmp_path / "run", "--processes", "2"))
    assert isinstance(error, UsageError)
    assert "already launched" in error.message


def test_what_the_processes_would_refuse_is_refused_before_they_start(tmp_path, config, data):
    error = invoke(arguments(config, data, tmp_path / "run", "--processes", "2", "--set", "train.stepz=1"))
    assert isinstance(error, ConfigError)
    assert error.hint == "did you mean train.steps?"
