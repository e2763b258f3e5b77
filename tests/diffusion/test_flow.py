"""Flow matching against diffusers' own scheduler, and against a Gaussian article whose exact velocity is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from torch import Tensor

from illinstr.diffusion.flow import FLOW_SAMPLERS, FlowSampler, flow_noised, flow_target, shifted
from illinstr.diffusion.sampling_loop import sample
from illinstr.errors import UsageError
from tests.support.flow_oracle import GaussianFlow, conditional
from tests.support.oracle import MEAN, SCALE, covariance

RHO, PX = 0.9, 16
HELD = torch.tensor([True, True, False, False, True])


def draw(n: int, name: str = "euler", steps: int = 50, shift: float = 1.0, seed: int = 0) -> Tensor:
    scheduler = FlowSampler(name, FlowMatchEulerDiscreteScheduler(shift=shift))
    known, held = torch.zeros(1, n, 4, PX, PX), torch.zeros(1, n, dtype=torch.bool)
    generators = [torch.Generator().manual_seed(seed + 1)]
    return sample(GaussianFlow(RHO), scheduler, steps, noise(n, seed), generators, known=known, held=held)[0]


def noise(n: int, seed: int = 0) -> Tensor:
    return torch.randn(1, n, 4, PX, PX, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [1, 2, 3, 6, 9, 24])
@pytest.mark.parametrize("name", FLOW_SAMPLERS)
def test_every_sampler_draws_the_gaussian_at_every_n(name: str, n: int) -> None:
    latents = draw(n, name)
    assert float(latents.mean()) == pytest.approx(MEAN, abs=0.06)
    assert float(latents.std()) == pytest.approx(SCALE, rel=0.12)
    if n > 1:
        matrix = torch.corrcoef(latents.flatten(1))
        assert float(matrix[~torch.eye(n, dtype=torch.bool)].mean()) == pytest.approx(RHO, abs=0.04)


@pytest.mark.parametrize("shift", [1.0, 3.0])
def test_deterministic_samplers_approach_the_exact_flow(shift: float) -> None:
    """Noise z must land on mean + C^(1/2) z, the closer the more steps; the second-order solver sooner."""
    values, vectors = np.linalg.eigh(covariance(3, RHO).numpy())
    root = torch.tensor(vectors @ np.diag(np.sqrt(values)) @ vectors.T, dtype=torch.float32)
    exact = MEAN + torch.einsum("ij,jchw->ichw", root, noise(3)[0])
    errors = {
        name: [float((draw(3, name, steps, shift) - exact).std()) for steps in (10, 40, 200)]
        for name in ("euler", "dpm++2m")
    }
    for first, second, third in errors.values():
        assert first > second > third
        assert third < 0.02 * SCALE
    assert errors["dpm++2m"][1] < errors["euler"][1]


@pytest.mark.parametrize(
    "config",
    [
        {"shift": 1.0},
        {"shift": 3.0},
        {"use_dynamic_shifting": True},
        {"use_dynamic_shifting": True, "shift_terminal": 0.02, "time_shift_type": "linear"},
    ],
    ids=str,
)
def test_euler_is_that_of_diffusers(config: dict) -> None:
    """Second implementation: diffusers' scheduler, step by step."""
    steps, mu = 7, 1.15 if config.get("use_dynamic_shifting") else None
    theirs = FlowMatchEulerDiscreteScheduler(**config)
    theirs.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=mu)
    ours = FlowSampler("euler", FlowMatchEulerDiscreteScheduler(**config), mu=mu)
    ours.set_timesteps(steps)
    assert torch.equal(ours.timesteps, theirs.timesteps) and torch.equal(ours.sigmas, theirs.sigmas)
    assert float(ours.sigmas[0]) == 1.0 and float(ours.sigmas[-1]) == 0.0
    x = y = torch.randn(1, 3, 4, 4, 4)
    for t in ours.timesteps:
        velocity = torch.randn_like(x)
        x = ours.step(velocity, t, x, [], return_dict=False)[0]
        y = theirs.step(velocity, t, y, return_dict=False)[0]
        assert torch.allclose(x, y, atol=1e-5)


def test_ancestral_euler_draws_from_the_posterior() -> None:
    """Second implementation: q(x_then | x_now, x) by Bayes' rule from q(x_then | x) and q(x_now | x_then)."""
    sampler = FlowSampler("euler-a", FlowMatchEulerDiscreteScheduler())
    sampler.set_timesteps(6)
    generators = [torch.Generator().manual_seed(0) for _ in range(2)]
    noised = torch.randn(1, 3, 4, 4, 4, dtype=torch.float64)
    for index, t in enumerate(sampler.timesteps[:-1]):
        now, then = float(sampler.sigmas[index]), float(sampler.sigmas[index + 1])
        velocity = torch.randn_like(noised)
        clean = noised - now * velocity
        ratio = (1 - now) / (1 - then)
        added = now**2 - ratio**2 * then**2
        precision = 1 / then**2 + ratio**2 / added
        mean = ((1 - then) * clean / then**2 + ratio * noised / added) / precision
        drawn = torch.randn(noised.shape[1:], generator=generators[1], dtype=torch.float64)
        noised = sampler.step(velocity, t, noised, [generators[0]], return_dict=False)[0]
        assert torch.allclose(noised, mean + drawn / precision**0.5, atol=1e-6)


def test_own_spacing_is_the_schedulers() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    ours = FlowSampler("euler", scheduler, own_spacing=True)
    ours.set_timesteps(5)
    scheduler.set_timesteps(5)
    assert torch.equal(ours.timesteps, scheduler.timesteps)
    even = FlowSampler("euler", scheduler)
    even.set_timesteps(5)
    assert not torch.allclose(even.timesteps, ours.timesteps)


def test_shift_is_its_formula() -> None:
    dynamic = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    sampler = FlowSampler("euler", shifted(dynamic, 3.0))
    sampler.set_timesteps(4)
    even = np.linspace(1, 1 / 4, 4)
    np.testing.assert_allclose(sampler.sigmas[:-1], 3 * even / (1 + 2 * even), atol=1e-6)
    exponential = FlowSampler("euler", dynamic, mu=1.15)
    exponential.set_timesteps(4)
    np.testing.assert_allclose(exponential.sigmas[:-1], np.exp(1.15) / (np.exp(1.15) + 1 / even - 1), atol=1e-6)


def test_noise_target_and_prediction_fit_together() -> None:
    x, e, s = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4), torch.tensor([0.3, 0.8])
    noised, velocity = flow_noised(x, e, s), flow_target(x, e)
    sampler = FlowSampler("euler", FlowMatchEulerDiscreteScheduler())
    for row, level in enumerate(s):
        t = level * 1000
        assert torch.allclose(sampler.predicted(velocity[row], t, noised[row]), x[row], atol=1e-5)
        assert torch.allclose(sampler.add_noise(x[row], e[row], t.reshape(1)), noised[row], atol=1e-6)


def test_a_sampler_for_other_noise_is_refused() -> None:
    with pytest.raises(UsageError, match=r"ddim is not for models of flow matching"):
        FlowSampler("ddim", FlowMatchEulerDiscreteScheduler())


class TestAnchors:
    """Panels 1, 2 and 5 of five are held; the other two must follow the conditional distribution."""

    def hold(self, name: str, steps: int, *, clean: bool) -> tuple[Tensor, Tensor]:
        root = torch.linalg.cholesky(covariance(5, RHO)).float()
        normal = torch.randn(1, 5, 4, PX, PX, generator=torch.Generator().manual_seed(3))
        known = MEAN + torch.einsum("ij,bjchw->bichw", root, normal)
        scheduler = FlowSampler(name, FlowMatchEulerDiscreteScheduler())
        generators = [torch.Generator().manual_seed(4)]
        denoiser = GaussianFlow(RHO, HELD if clean else None)
        options = {"clean": True} if clean else {}
        latents = sample(denoiser, scheduler, steps, noise(5), generators, known=known, held=HELD[None], **options)
        return known, latents

    def error(self, name: str, steps: int, *, clean: bool) -> float:
        """Wasserstein-2 distance of the free panels to their conditional distribution, in its standard deviations."""
        known, latents = self.hold(name, steps, clean=clean)
        mean, cov = conditional(known[:, HELD], HELD, RHO)
        normal = (latents[:, ~HELD].double() - mean) / cov.diagonal().sqrt()[:, None, None, None]
        return float((normal.mean().square() + (normal.std() - 1).square()).sqrt())

    @pytest.mark.parametrize("clean", [True, False])
    @pytest.mark.parametrize("name", FLOW_SAMPLERS)
    def test_held_panels_come_back_exactly(self, name: str, clean: bool) -> None:
        known, latents = self.hold(name, 4, clean=clean)
        assert torch.equal(latents[:, HELD], known[:, HELD])
        assert not torch.equal(latents[:, ~HELD], known[:, ~HELD])

    def test_clean_anchors_are_followed_best_and_fresh_noise_helps_the_others(self) -> None:
        clean = self.error("dpm++2m", 28, clean=True)
        stochastic, deterministic = self.error("euler-a", 28, clean=False), self.error("euler", 28, clean=False)
        assert clean < 0.1
        assert clean < stochastic / 2 and stochastic < deterministic / 2
