"""A VAE run that keeps its encoder: what a U-Net is bound to does not move, and costs no backward pass."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from illinstr.errors import ConfigError
from illinstr.progress import SilentReporter
from illinstr.training.noise import sample_generator
from illinstr.training.presets import load_config
from illinstr.training.tasks.vae import VaeTask
from tests.support.tiny_data import make_tiny_data
from tests.support.training_configs import VAE, write_config
from tests.support.training_runs import run_training


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    torch.manual_seed(0)
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(8, 8, 16),
        norm_num_groups=4,
        scaling_factor=0.3,
    )
    folder = tmp_path_factory.mktemp("base")
    vae.save_pretrained(folder)
    return str(folder)


def test_the_decoder_alone_learns_and_the_scaling_factor_stays(tmp_path, data, base):
    config = write_config(tmp_path / "vae.yaml", VAE)
    settings = [f"base={base}", "freeze_encoder=true", "train.steps=1", "train.ema_decay=0"]
    run = tmp_path / "run"
    run_training(str(config), settings, data=data, out=run, resume=False, dry_run=False, reporter=SilentReporter())
    before, after = (AutoencoderKL.from_pretrained(folder) for folder in (base, run / "model"))
    assert after.config.scaling_factor == 0.3
    mine, theirs = before.state_dict(), after.state_dict()
    moved = {name for name in mine if not torch.equal(mine[name], theirs[name])}
    assert any(name.startswith("decoder.") for name in moved)
    assert any(name.startswith("post_quant_conv.") for name in moved)
    assert not {name for name in moved if name.startswith(("encoder.", "quant_conv."))}


def _losses_and_gradients(tmp_path, data, base, *settings):
    config = load_config(str(write_config(tmp_path / "vae.yaml", VAE)), [f"base={base}", *settings])
    task = VaeTask(config, data, "cpu")
    graphs = []
    task.vae.encoder.register_forward_hook(
        lambda module, given, made: graphs.append((made.grad_fn is not None, torch.is_grad_enabled()))
    )
    task.model.train()
    loss, parts = task.loss(task.model, task.make_batch(task.units_of(0)), sample_generator(0, 0, range(4)))
    loss.backward()
    decoder = [*task.vae.decoder.parameters(), *task.vae.post_quant_conv.parameters()]
    encoder = [p.grad for p in task.vae.encoder.parameters()]
    return graphs, parts, [p.grad.clone() for p in decoder], encoder


def test_a_frozen_encoder_runs_without_autograd_and_changes_nothing_for_the_decoder(tmp_path, data, base):
    """The reference is the same step with the encoder learning too: the decoder's gradient does not depend on that."""
    graphs, parts, gradients, encoder = _losses_and_gradients(tmp_path, data, base, "freeze_encoder=true")
    assert graphs == [(False, False)]
    assert all(gradient is None for gradient in encoder)
    whole_graphs, whole_parts, whole_gradients, whole_encoder = _losses_and_gradients(tmp_path, data, base)
    assert whole_graphs == [(True, True)]
    assert any(bool(gradient.any()) for gradient in whole_encoder)
    assert parts == whole_parts
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(gradients, whole_gradients, strict=True))


def test_a_published_vae_without_quant_conv_can_be_frozen_too(tmp_path, data, base):
    vae = AutoencoderKL.from_config({**AutoencoderKL.load_config(base), "use_quant_conv": False})
    vae.save_pretrained(tmp_path / "without")
    graphs, _, _, _ = _losses_and_gradients(tmp_path, data, tmp_path / "without", "freeze_encoder=true")
    assert graphs == [(False, False)]


def test_there_must_be_an_encoder_to_keep():
    with pytest.raises(ConfigError, match="name its folder as base"):
        load_config("mini-vae", ["freeze_encoder=true"])


WEIGHTS = {"squared": 3.0, "gradient": 0.7, "coarse": 0.4, "kl": 0.02}


@pytest.mark.parametrize("left_out", [*WEIGHTS, None])
def test_the_loss_is_its_parts_weighted(tmp_path, data, base, left_out):
    """The reference is numpy on the decoded images; a weight of 0 leaves its part in the log."""
    weights = {name: 0.0 if name == left_out else weight for name, weight in WEIGHTS.items()}
    settings = [f"loss.{name}={weight}" for name, weight in weights.items()]
    config = load_config(str(write_config(tmp_path / "vae.yaml", VAE)), [f"base={base}", *settings])
    task = VaeTask(config, data, "cpu")
    seen = []
    task.model.register_forward_hook(lambda module, given, made: seen.append((given[0], *made)))
    loss, parts = task.loss(task.model, task.make_batch(task.units_of(0)), sample_generator(0, 0, range(4)))
    panels, image, kl = (tensor.detach().double().numpy() for tensor in seen[0])
    error = image - panels
    n, c, h, w = error.shape
    expected = {
        "l1": np.mean(np.abs(error)),
        "squared": np.mean(error**2),
        "gradient": np.mean(np.abs(np.diff(error, axis=3))) + np.mean(np.abs(np.diff(error, axis=2))),
        "coarse": np.mean(np.abs(error.reshape(n, c, h // 8, 8, w // 8, 8).mean(axis=(3, 5)))),
        "kl": float(kl),
    }
    for name, value in expected.items():
        assert parts[f"loss_{name}"] == pytest.approx(value, rel=1e-4), name
    total = expected["l1"] + sum(weights[name] * expected[name] for name in weights)
    assert float(loss.detach()) == pytest.approx(total, rel=1e-4)
