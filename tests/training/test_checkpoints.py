"""Checkpoints under SIGKILL: the newest complete one always loads, and nothing published is lost."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
from torch import nn

from illinstr.progress import SilentReporter
from illinstr.training.checkpoint import Checkpointer, Trained
from illinstr.training.ema import Ema
from tests.support import fork_server

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def trained(step=0, width=64):
    """A model whose every number is ``step``, optimiser and average included, so that a mixture would show."""
    module = nn.Linear(width, width)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.0)
    module(torch.zeros(1, width)).sum().backward()
    optimizer.step()
    ema = Ema(module, 0.9)
    fill(Trained(module, optimizer, ema), step)
    return Trained(module, optimizer, ema)


@torch.no_grad()
def fill(state, step):
    for tensor in [*state.module.parameters(), *state.ema.shadow.values()]:
        tensor.fill_(float(step))
    for slot in state.optimizer.state.values():
        slot["exp_avg"].fill_(float(step))
    state.ema.updates = step


def numbers(state):
    tensors = [*state.module.parameters(), *state.ema.shadow.values()]
    tensors += [slot["exp_avg"] for slot in state.optimizer.state.values()]
    return {float(value) for tensor in tensors for value in tensor.detach().flatten()[:: max(tensor.numel() // 7, 1)]}


def names(folder):
    return sorted(path.name for path in folder.glob("*step-*"))


def test_pruning_never_prefers_a_broken_or_abandoned_checkpoint_to_a_good_one(tmp_path):
    checkpointer = Checkpointer(tmp_path, 1, SilentReporter())
    checkpointer.save(5, trained(5))
    checkpointer.save(9, trained(9))
    (tmp_path / "step-00000009" / "model.safetensors").write_bytes(b"torn")
    (tmp_path / "step-00000011.incomplete").mkdir()
    checkpointer.save(8, trained(8))  # resumed from before 9
    assert names(tmp_path) == ["step-00000008"]
    assert (tmp_path / "latest").read_text() == "step-00000008\n"
    again = trained()
    assert checkpointer.load(checkpointer.latest(), again) == 8
    assert numbers(again) == {8.0}


def test_as_many_complete_checkpoints_stay_as_were_asked_for(tmp_path):
    checkpointer = Checkpointer(tmp_path, 3, SilentReporter())
    for step in range(1, 6):
        checkpointer.save(step, trained(step))
    assert names(tmp_path) == [f"step-0000000{step}" for step in (3, 4, 5)]


def test_a_process_that_does_not_write_touches_nothing(tmp_path):
    Checkpointer(tmp_path / "none", 2, SilentReporter(), writes=False).save(1, trained(1))
    assert not (tmp_path / "none").exists()


# One process imports torch once and forks a child for every kill; each child saves without a pause.
SAVE_AND_BE_KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from illinstr.progress import SilentReporter
from illinstr.training.checkpoint import Checkpointer
from tests.training.test_checkpoints import fill, numbers, trained

folder, kills, generator = Path(sys.argv[1]), int(sys.argv[2]), random.Random(int(sys.argv[3]))
checkpointer = Checkpointer(folder, 1, SilentReporter())
state = trained(0, width=256)
checkpointer.save(0, state)
for kill in range(kills):
    before = int(checkpointer.latest().name.removeprefix("step-"))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        step = before
        while True:
            step += 1
            fill(state, step)
            checkpointer.save(step, state)
            os.write(writing, step.to_bytes(8, "big"))
    os.close(writing)
    acknowledged = before
    if kill % 2:  # half of the kills come after a few saves, half at any time from the start
        acknowledged = int.from_bytes(os.read(reading, 8), "big")
    time.sleep(generator.random() * 0.03)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while last := os.read(reading, 8):
        acknowledged = int.from_bytes(last, "big")
    os.close(reading)
    newest = checkpointer.latest()
    assert newest is not None, "no checkpoint is left"
    other = trained(0, width=256)
    step = checkpointer.load(newest, other)
    assert step >= acknowledged, (step, acknowledged)
    assert numbers(other) == {float(step)} and other.ema.updates == step, (step, numbers(other))
    print(step, flush=True)
"""


def save_and_be_killed(folder, kills, seed):
    words = [sys.executable, "-c", SAVE_AND_BE_KILLED, str(folder), str(kills), str(seed)]
    done = fork_server.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    steps = [int(line) for line in done.stdout.split()]
    assert len(steps) == kills
    assert steps == sorted(steps)
    assert steps[-1] > 0


def test_the_newest_complete_checkpoint_loads_after_kill_9_at_random_moments(tmp_path):
    save_and_be_killed(tmp_path, kills=8, seed=0)


@pytest.mark.slow
def test_the_newest_complete_checkpoint_loads_after_50_kills_at_random_moments(tmp_path):
    save_and_be_killed(tmp_path, kills=50, seed=1)


@pytest.mark.slow
def test_a_real_run_killed_at_random_moments_ends_as_if_nothing_had_happened(tmp_path):
    from safetensors.torch import load_file

    from tests.support.tiny_data import make_tiny_data
    from tests.support.training_configs import VAE, write_config

    data = make_tiny_data(tmp_path / "data")
    often = {"steps": 40, "checkpoint_every": 1, "validate_every": 40, "keep_checkpoints": 1}
    config = write_config(tmp_path / "vae.yaml", VAE, train=often)
    words = [sys.executable, "-m", "illinstr", "train", "--config", str(config), "--data", str(data), "--out"]
    subprocess.run([*words, str(tmp_path / "straight")], check=True, capture_output=True, env=ENVIRONMENT)
    generator = random.Random(2)
    latest = tmp_path / "killed" / "checkpoints" / "latest"
    for kill in range(5):
        before = latest.read_text() if latest.exists() else ""
        more = ["--resume"] if before else []
        process = subprocess.Popen(
            [*words, str(tmp_path / "killed"), *more],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
        )
        while process.poll() is None and (not latest.exists() or latest.read_text() == before):
            time.sleep(0.01)
        time.sleep(generator.random() * 0.2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert latest.exists(), kill
    done = subprocess.run([*words, str(tmp_path / "killed"), "--resume"], capture_output=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    for name in ("model", "ema", "optimizer"):
        mine, theirs = (
            load_file(tmp_path / run / "checkpoints" / "step-00000040" / f"{name}.safetensors")
            for run in ("straight", "killed")
        )
        assert all(torch.equal(mine[key], theirs[key]) for key in mine), name
