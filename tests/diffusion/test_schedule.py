import numpy as np
import pytest
import torch
from pydantic import ValidationError

from illinstr.diffusion.schedule import (
    SAMPLERS,
    NoiseConfig,
    check_terminal_snr,
    error_of,
    loss_weights,
    make_sampler,
    rescale_guidance,
    shift_timesteps,
    timesteps_of,
    training_scheduler,
    training_target,
)
from illinstr.errors import ModelError, UsageError


def _alpha_bars(schedule, zero_snr, steps=1000):
    """Second implementation, in NumPy and float64, of betas -> (rescaled) alpha-bars."""
    if schedule == "squaredcos_cap_v2":

        def bar(t):
            return np.cos((t + 0.008) / 1.008 * np.pi / 2) ** 2

        betas = np.array([min(1 - bar((i + 1) / steps) / bar(i / steps), 0.999) for i in range(steps)])
    elif schedule == "scaled_linear":
        betas = np.linspace(0.00085**0.5, 0.012**0.5, steps) ** 2
    else:
        betas = np.linspace(0.00085, 0.012, steps)
    root = np.sqrt(np.cumprod(1 - betas))
    if zero_snr:
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    return root**2


@pytest.mark.parametrize("schedule", ["squaredcos_cap_v2", "scaled_linear", "linear"])
@pytest.mark.parametrize("zero_snr", [True, False])
def test_alpha_bars_follow_the_paper(schedule, zero_snr):
    scheduler = training_scheduler(NoiseConfig(beta_schedule=schedule, zero_snr=zero_snr))
    expected = _alpha_bars(schedule, zero_snr)
    assert np.allclose(scheduler.alphas_cumprod.numpy(), expected, atol=2e-5)


def test_training_ends_in_exactly_no_signal():
    scheduler = training_scheduler(NoiseConfig())
    assert float(scheduler.alphas_cumprod[-1]) == 0.0
    clean, noise = torch.randn(1, 4), torch.randn(1, 4)
    assert torch.equal(scheduler.add_noise(clean, noise, torch.tensor([999])), noise)


def test_the_zero_snr_switch_changes_what_training_sees():
    on, off = training_scheduler(NoiseConfig()), training_scheduler(NoiseConfig(beta_schedule="linear", zero_snr=False))
    clean, noise, t = torch.randn(1, 4), torch.randn(1, 4), torch.tensor([999])
    assert not torch.allclose(on.add_noise(clean, noise, t), off.add_noise(clean, noise, t), atol=1e-3)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_keeps_zero_terminal_snr_and_starts_at_the_last_timestep(name):
    sampler = make_sampler(name, training_scheduler(NoiseConfig()))
    assert float(sampler.alphas_cumprod[-1]) <= 2.0**-24
    timesteps = timesteps_of(sampler, 10)
    assert len(timesteps) == 10
    assert float(timesteps[0]) == 999


@pytest.mark.parametrize("sampler", ["DEISMultistepScheduler", "HeunDiscreteScheduler", "PNDMScheduler"])
def test_the_check_catches_samplers_that_drop_it_silently(sampler):
    import diffusers

    dropped = getattr(diffusers, sampler).from_config(training_scheduler(NoiseConfig(beta_schedule="linear")).config)
    with pytest.raises(ModelError, match="zero terminal SNR"):
        check_terminal_snr(dropped)


def test_ddim_refuses_step_counts_that_run_past_the_end():
    sampler = make_sampler("ddim", training_scheduler(NoiseConfig()))
    with pytest.raises(UsageError, match="61"):
        timesteps_of(sampler, 61)


def test_an_unknown_sampler_is_named_with_the_menu():
    with pytest.raises(UsageError) as caught:
        make_sampler("heun", training_scheduler(NoiseConfig()))
    assert "dpm++2m" in (caught.value.hint or "")


@pytest.mark.parametrize("settings", [{"prediction": "epsilon"}, {"min_snr_gamma": 5.0}])
def test_combinations_that_cannot_work_are_refused(settings):
    with pytest.raises(ValidationError, match="zero_snr"):
        NoiseConfig(**settings)


def test_v_target_is_its_formula():
    scheduler = training_scheduler(NoiseConfig())
    latents, noise, t = torch.randn(3, 4, 2, 2), torch.randn(3, 4, 2, 2), torch.tensor([0, 400, 999])
    bars = torch.tensor(_alpha_bars("squaredcos_cap_v2", True)[t.numpy()], dtype=torch.float32).reshape(3, 1, 1, 1)
    expected = bars.sqrt() * noise - (1 - bars).sqrt() * latents
    assert torch.allclose(training_target(scheduler, latents, noise, t), expected, atol=1e-4)
    assert torch.allclose(training_target(scheduler, latents, noise, t)[2], -latents[2])


def test_epsilon_target_is_the_noise():
    scheduler = training_scheduler(NoiseConfig(zero_snr=False, prediction="epsilon"))
    noise = torch.randn(1, 4)
    assert training_target(scheduler, torch.randn(1, 4), noise, torch.tensor([5])) is noise


@pytest.mark.parametrize("prediction", ["v_prediction", "epsilon"])
def test_min_snr_weights_are_their_formula(prediction):
    config = NoiseConfig(beta_schedule="linear", zero_snr=False, prediction=prediction, min_snr_gamma=5.0)
    scheduler = training_scheduler(config)
    t = torch.tensor([1, 300, 900])
    bars = _alpha_bars("linear", False)[t.numpy()]
    snr = bars / (1 - bars)
    expected = np.minimum(snr, 5.0) / (snr + (prediction == "v_prediction"))
    assert np.allclose(loss_weights(scheduler, t, 5.0).numpy(), expected, rtol=1e-3)
    assert torch.equal(loss_weights(scheduler, t, None), torch.ones(3))


@pytest.mark.parametrize("turned", [0.0, 0.3, 0.7, 1.0])
def test_min_snr_weighs_by_where_the_turning_target_is(turned):
    """The weight of the image's error is min(SNR, gamma) all the way: by the slope of the target over the image."""
    scheduler = training_scheduler(NoiseConfig(beta_schedule="linear", zero_snr=False))
    t = torch.tensor([1, 300, 500, 900])
    bars = _alpha_bars("linear", False)[t.numpy()]
    snr, angle = bars / (1 - bars), np.arccos(np.sqrt(bars))

    def target(image, noised=0.4):
        noise = (noised - np.cos(angle) * image) / np.sin(angle)
        return np.cos(turned * angle) * noise - np.sin(turned * angle) * image

    slope = (target(1.0) - target(0.0)) / 1.0
    expected = np.minimum(snr, 5.0) / slope**2
    assert np.allclose(loss_weights(scheduler, t, 5.0, 0.0, turned).numpy(), expected, rtol=1e-3)


def test_an_untrained_turn_weighs_as_epsilon_does_and_is_finite_without_a_signal():
    scheduler = training_scheduler(NoiseConfig(min_snr_gamma=5.0, min_snr_floor=0.1))
    t = torch.tensor([500, 999])
    assert loss_weights(scheduler, t, 5.0, 0.1, 0.0).tolist() == [1.0, 1.0]
    for turned in (0.01, 0.5, 1.0):
        assert float(loss_weights(scheduler, t, 5.0, 0.1, turned)[1]) == pytest.approx(0.1)


@pytest.mark.parametrize(("key", "value"), [("beta_start", 0.002), ("beta_end", 0.02)])
def test_betas_begin_and_end_where_the_config_says(key, value):
    config = NoiseConfig(beta_schedule="linear", zero_snr=False, **{key: value})
    betas = training_scheduler(config).betas
    assert float(betas[0 if key == "beta_start" else -1]) == pytest.approx(value)


def test_huber_is_squared_for_small_errors_and_absolute_for_large_ones():
    config = NoiseConfig(loss="huber", huber_c=0.2)
    error = torch.tensor([0.0, 1e-3, 0.2, 50.0])
    found = error_of(error, torch.zeros(4), config).numpy()
    reference = 2 * 0.2 * (np.hypot(error.numpy(), 0.2) - 0.2)
    assert np.allclose(found, reference, rtol=1e-4, atol=1e-8)
    assert found[1] == pytest.approx(1e-6, rel=1e-2) and found[3] == pytest.approx(0.4 * 50, rel=1e-2)
    assert torch.equal(error_of(error, torch.zeros(4), NoiseConfig()), error.square())
    with pytest.raises(ValueError, match="huber_c does nothing"):
        NoiseConfig(huber_c=0.2)


def test_guidance_rescale_works_panel_by_panel():
    guided, conditional = torch.randn(2, 3, 4, 5, 5) * 3, torch.randn(2, 3, 4, 5, 5)
    rescaled = rescale_guidance(guided, conditional, 0.7).numpy()
    for article in range(2):
        for panel in range(3):
            g, c = guided[article, panel].numpy(), conditional[article, panel].numpy()
            expected = 0.7 * g * c.std(ddof=1) / g.std(ddof=1) + 0.3 * g
            assert np.allclose(rescaled[article, panel], expected, atol=1e-5)
    assert rescale_guidance(guided, conditional, 0.0) is guided


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("n", [1, 3])
def test_samplers_recover_a_gaussian_whose_denoiser_is_known(name, n):
    """For data ~ N(mean, std^2) the best x0 given x_t is linear, v follows from it, and sampling gives it back."""
    mean, std, count = 0.7, 0.5, 3000
    scheduler = training_scheduler(NoiseConfig())
    sampler = make_sampler(name, scheduler)
    bars = scheduler.alphas_cumprod.double()
    generator = torch.Generator().manual_seed(0)
    timesteps = timesteps_of(sampler, 50)
    x = torch.randn(count, n, generator=generator).double() * float(sampler.init_noise_sigma)
    for t in timesteps:
        seen = sampler.scale_model_input(x, t)
        bar = bars[int(t)]
        gain = std**2 * bar.sqrt() / (bar * std**2 + 1 - bar)
        x0 = mean + gain * (seen - bar.sqrt() * mean)
        noise = (seen - bar.sqrt() * x0) / (1 - bar).sqrt()
        v = bar.sqrt() * noise - (1 - bar).sqrt() * x0
        extra = {"generator": generator} if name in {"euler-a", "ddpm"} else {}
        x = sampler.step(v, t, x, return_dict=False, **extra)[0]
    assert float(x.mean()) == pytest.approx(mean, abs=0.05)
    assert float(x.std()) == pytest.approx(std, rel=0.12)


@pytest.mark.parametrize("shift", [0.5, 1.0, 3.0])
def test_shifted_timesteps_are_spread_as_their_density_says(shift):
    """The reference inverts the map: the share of timesteps under t is u = t / (shift - (shift - 1) t)."""
    timesteps = shift_timesteps(torch.arange(1000), 1000, shift)
    assert timesteps.dtype == torch.int64 and timesteps.min() >= 0 and timesteps.max() == 999
    assert bool((timesteps.diff() >= 0).all())
    for t in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert float((timesteps < 1000 * t).double().mean()) == pytest.approx(t / (shift - (shift - 1) * t), abs=0.002)
    if shift == 3.0:
        assert float((timesteps >= 750).double().mean()) == pytest.approx(0.5, abs=0.002)
