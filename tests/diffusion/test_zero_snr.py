"""Zero terminal SNR in every path it must take: training input, training target, each sampler, the exported folder.

A switch that changes nothing is the known fault of this method's open re-implementation, so each path is run with the
switch on and off and must differ, and with it on must hold no signal at the last timestep.
"""

import json
import math

import pytest
import torch

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.diffusion.schedule import (
    SAMPLERS,
    NoiseConfig,
    make_sampler,
    timesteps_of,
    training_scheduler,
    training_target,
)
from illinstr.models.loading import load_backbone
from tests.support.tiny_model import PANEL_PX, make_tiny_model

SCHEDULES = ("squaredcos_cap_v2", "scaled_linear", "linear")
LAST = torch.tensor([999])


def _scheduler(zero_snr, schedule="scaled_linear"):
    return training_scheduler(NoiseConfig(zero_snr=zero_snr, beta_schedule=schedule))


def _pair(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, 4, 8, 8, generator=generator), torch.randn(1, 4, 8, 8, generator=generator)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_input_at_the_last_timestep_is_the_noise_to_the_bit(schedule):
    clean, noise = _pair()
    assert torch.equal(_scheduler(True, schedule).add_noise(1000 * clean, noise, LAST), noise)
    assert not torch.equal(_scheduler(False, schedule).add_noise(1000 * clean, noise, LAST), noise)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_training_target_at_the_last_timestep_is_the_image_to_the_bit(schedule):
    clean, noise = _pair()
    assert torch.equal(training_target(_scheduler(True, schedule), clean, 1000 * noise, LAST), -clean)
    assert not torch.equal(training_target(_scheduler(False, schedule), clean, 1000 * noise, LAST), -clean)


def test_every_other_timestep_changes_too():
    on, off = _scheduler(True).alphas_cumprod, _scheduler(False).alphas_cumprod
    assert float(on[-1]) == 0.0
    assert float(off[-1]) == pytest.approx(0.00466, abs=1e-4)  # Stable Diffusion's: sqrt of it is 6.8 % signal
    assert bool((on[1:] < off[1:]).all())


@pytest.mark.parametrize("steps", [1, 4, 10, 25, 50])
@pytest.mark.parametrize("name", SAMPLERS)
def test_what_a_sampler_shows_the_model_first_is_the_noise_at_the_last_timestep(name, steps):
    """Of the signal nothing is there at all: the input is the noise itself, as in training at that timestep."""
    sampler = make_sampler(name, _scheduler(True))
    timesteps = timesteps_of(sampler, steps)
    _, noise = _pair()
    shown = sampler.scale_model_input(noise * sampler.init_noise_sigma, timesteps[0])
    assert float(timesteps[0]) == 999
    assert torch.allclose(shown, noise, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_samplers_first_step_is_that_of_a_schedule_without_signal(name):
    """Second implementation of the step from pure noise: x0 = -v, then noised to where the sampler lands.

    DDIM and DDPM hold alpha-bar 0 exactly. The other four work on sigma = sqrt((1 - abar) / abar), which must be
    finite, so diffusers puts 2^-24 in its place: their step may differ by sqrt(2^-24) = 0.00024 of the noise.
    """
    sampler = make_sampler(name, _scheduler(True))
    timesteps = timesteps_of(sampler, 10)
    exact = name in {"ddim", "ddpm"}
    assert float(sampler.alphas_cumprod[-1]) == (0.0 if exact else 2.0**-24)
    velocity, noise = _pair()
    sample = noise * sampler.init_noise_sigma
    seen = sampler.scale_model_input(sample, timesteps[0])
    assert torch.allclose(seen, noise, rtol=1e-6)
    random = name in {"euler-a", "ddpm", "dpm++2m-sde"}
    extra = {"generator": torch.Generator().manual_seed(1)} if random else {}
    stepped = sampler.step(velocity, timesteps[0], sample, **extra)
    if name in {"euler", "euler-a", "ddpm"}:  # these say what they believe the image to be
        assert torch.allclose(stepped.pred_original_sample, -velocity, atol=0 if exact else 2e-3)
    else:
        abar = float(_scheduler(True).alphas_cumprod[int(timesteps[1])])
        if name == "dpm++2m-sde":
            # Of noise without signal nothing is kept, all is drawn again; with 2^-12 of signal, exp(-h) of it is.
            kept = 2.0**-12 * math.sqrt((1 - abar) / abar)
            fresh = torch.randn(noise.shape, generator=torch.Generator().manual_seed(1))
            noise = kept * noise + math.sqrt(1 - kept**2) * fresh
            assert kept < 5e-3
        expected = math.sqrt(abar) * -velocity + math.sqrt(1 - abar) * noise
        assert torch.allclose(stepped.prev_sample, expected, atol=1e-5 if exact else 2e-3)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_switch_changes_every_samplers_images(tmp_path, name):
    """The same weights, the same seed; only the schedule in the folder differs."""
    on = StackedDiffusionPipeline.from_folder(str(make_tiny_model(tmp_path / "on")))
    make_tiny_model(tmp_path / "off")
    config = tmp_path / "off" / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "rescale_betas_zero_snr": False}))
    off = StackedDiffusionPipeline.from_folder(str(tmp_path / "off"))
    article = ("How to make apple juice", ["Wash the apple", "Blend it"])
    first, second = (pipe(*article, sampler=name, sampling_steps=4) for pipe in (on, off))
    assert first[0].size == (PANEL_PX, PANEL_PX)
    assert any(a.tobytes() != b.tobytes() for a, b in zip(first, second, strict=True))


def test_the_exported_folder_carries_it(tmp_path):
    scheduler = load_backbone(str(make_tiny_model(tmp_path / "model")), dtype=torch.float32).scheduler
    assert scheduler.config.rescale_betas_zero_snr
    assert scheduler.config.timestep_spacing == "trailing"
    assert scheduler.config.prediction_type == "v_prediction"
    assert float(scheduler.alphas_cumprod[-1]) == 0.0
