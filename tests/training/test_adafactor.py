"""Adafactor by name: the paper's update, what it keeps, and a run that a kill costs nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from illinstr.engine.accelerate_config import check_environment
from illinstr.errors import ConfigError, UsageError
from illinstr.training.config import OptimConfig
from illinstr.training.estimate import _state_bytes
from illinstr.training.optimizer import build_optimizer
from illinstr.training.presets import load_config
from tests.support.forked import run_jobs
from tests.support.toy_task import ToyTask, toy_config, toy_trainer
from tests.training.test_muon import losses, state_of


def adafactor_config(**train):
    config = toy_config(**train)
    return config.model_copy(update={"optim": config.optim.model_copy(update={"algorithm": "adafactor", "lr": 0.02})})


def fit(run, *, resume=False):
    toy_trainer(ToyTask(adafactor_config(steps=8, ema_decay=0.9, validate_every=8, checkpoint_every=5)), run).fit(
        resume=resume
    )


def by_hand(weight, gradients, lr, decay):
    """Algorithm 4 of arXiv 1804.04235, relative step sizes at most ``lr``, and decoupled weight decay."""
    weight = weight.astype(np.float64)
    rows = columns = 0.0
    for step, gradient in enumerate(gradients, start=1):
        beta = 1 - step**-0.8
        squared = gradient.astype(np.float64) ** 2
        rows = beta * rows + (1 - beta) * squared.mean(axis=1, keepdims=True)
        columns = beta * columns + (1 - beta) * squared.mean(axis=0, keepdims=True)
        second = rows * columns / rows.mean()
        update = gradient / np.sqrt(np.maximum(second, 1e-14))
        update /= max(1.0, np.sqrt((update**2).mean()))
        rate = max(1e-3, np.sqrt((weight**2).mean())) * min(lr, step**-0.5)
        weight = weight * (1 - lr * decay) - rate * update
    return weight


def test_a_matrix_moves_as_the_paper_says():
    generator = torch.Generator().manual_seed(0)
    module = nn.Linear(12, 20, bias=False)
    before = module.weight.detach().numpy().copy()
    optimizer = build_optimizer(module, OptimConfig(algorithm="adafactor", lr=0.05, weight_decay=0.1))
    gradients = [torch.randn(20, 12, generator=generator) for _ in range(4)]
    for gradient in gradients:
        module.weight.grad = gradient.clone()
        optimizer.step()
    wanted = by_hand(before, [gradient.numpy() for gradient in gradients], 0.05, 0.1)
    np.testing.assert_allclose(module.weight.detach().numpy(), wanted, rtol=2e-4, atol=2e-6)


def test_the_estimate_counts_what_it_keeps():
    module = nn.Sequential(nn.Conv2d(16, 32, 3), nn.Linear(32, 24), nn.Embedding(50, 16))
    config = adafactor_config(ema_decay=0.9)
    optimizer = build_optimizer(module, config.optim)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    kept = sum(t.nbytes for slot in optimizer.state.values() for t in slot.values() if t.ndim)
    trained = sum(p.numel() for p in module.parameters())
    assert _state_bytes(module, config) == trained * (4 + 4 + 4) + kept


def test_it_learns_and_a_kill_costs_nothing(tmp_path):
    straight, killed = tmp_path / "s", tmp_path / "k"
    jobs = [{"run": straight}, {"run": killed, "die": ["_train_one", 6]}, {"run": killed, "resume": True}]
    jobs = [{**job, "run": str(job["run"])} for job in jobs]
    assert run_jobs("tests.training.test_adafactor:fit", jobs) == [[0], [-9], [0]]
    one, other = state_of(straight), state_of(killed)
    assert any(key.endswith("row_var") for key in one["optimizer"])
    for name, tensors in one.items():
        assert tensors.keys() == other[name].keys()
        assert all(torch.equal(tensors[key], other[name][key]) for key in tensors), name
    assert losses(straight) == losses(killed) and losses(straight)[-1] < losses(straight)[0]


def test_what_does_not_go_with_it_is_refused():
    with pytest.raises(ConfigError, match="adafactor keeps less"):
        load_config("mini-unet", ["optim.algorithm=adafactor", "optim.eight_bit=true"])
    with pytest.raises(UsageError, match="adafactor updates whole matrices"):
        check_environment({"ACCELERATE_USE_FSDP": "true"}, "adafactor")
