"""The whole way from noise to latents against a Gaussian article with a known denoiser (``tests/support/oracle.py``).

What must come out is known in closed form: the mean and spread of every panel and the correlation between panels; for
deterministic samplers even each value, since the probability-flow ODE takes noise z to mean + C^(1/2) z.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.diffusion.schedule import SAMPLERS
from illinstr.models.autoencoder import downsampling
from illinstr.models.loading import load_backbone
from illinstr.models.stable_diffusion.backbone import StableDiffusion
from tests.support.oracle import MEAN, SCALE, GaussianOracle, covariance, oracle_parts
from tests.support.tiny_model import make_tiny_model

RHO, PX = 0.9, 16
DETERMINISTIC = ("dpm++2m", "ddim", "unipc", "euler")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> StableDiffusion:
    return load_backbone(str(make_tiny_model(tmp_path_factory.mktemp("m") / "tiny")), dtype=torch.float32)


def pipe_of(parts: StableDiffusion, trained_max: int, rho: float = RHO) -> StackedDiffusionPipeline:
    panel_px = PX * downsampling(parts.vae)
    settings = parts.settings.model_copy(update={"trained_steps": (1, trained_max), "panel_px": panel_px})
    return StackedDiffusionPipeline(replace(oracle_parts(parts, rho, PX), settings=settings))


def draw(pipe: StackedDiffusionPipeline, n: int, steps: int = 50, guidance: float = 1.0, **options) -> Tensor:
    article = ("How to test", [f"Step {i}" for i in range(n)])
    return pipe.sample_latents([article], seeds=[0], sampling_steps=steps, guidance=guidance, **options)[0]


def correlations(latents: Tensor) -> Tensor:
    """Between every two different panels."""
    matrix = torch.corrcoef(latents.flatten(1))
    return matrix[~torch.eye(len(latents), dtype=torch.bool)]


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 8, 12, 24])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_draws_the_gaussian_at_every_n(parts: StableDiffusion, sampler: str, n: int) -> None:
    latents = draw(pipe_of(parts, 24), n, sampler=sampler)
    assert latents.shape == (n, 4, PX, PX)
    assert float(latents.mean()) == pytest.approx(MEAN, abs=0.06)
    assert float(latents.std()) == pytest.approx(SCALE, rel=0.12)
    if n > 1:
        assert float(correlations(latents).mean()) == pytest.approx(RHO, abs=0.04)


@pytest.mark.parametrize("sampler", DETERMINISTIC)
def test_deterministic_samplers_approach_the_exact_flow(parts: StableDiffusion, sampler: str) -> None:
    """Noise z must land on mean + C^(1/2) z, the closer the more steps are taken."""
    n = 3
    pipe = pipe_of(parts, 24)
    values, vectors = np.linalg.eigh(covariance(n, RHO).numpy())
    root = torch.tensor(vectors @ np.diag(np.sqrt(values)) @ vectors.T, dtype=torch.float32)
    exact = MEAN + torch.einsum("ij,jchw->ichw", root, pipe._noise([0], n)[0])
    errors = [float((draw(pipe, n, steps, sampler=sampler) - exact).std()) for steps in (10, 40, 200)]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.02 * SCALE


def test_ddim_is_its_formula(parts: StableDiffusion) -> None:
    """A second implementation, in the eigenvectors of C, of arXiv 2010.02502, eq. 12, with v-prediction."""
    n, steps = 3, 10
    pipe = pipe_of(parts, 24)
    bars = parts.scheduler.alphas_cumprod.double().numpy()
    values, vectors = np.linalg.eigh(covariance(n, RHO).numpy())
    x = np.einsum("ji,jchw->ichw", vectors, pipe._noise([0], n)[0].double().numpy())
    mean = (vectors.T @ np.full(n, MEAN))[:, None, None, None]
    spread = values[:, None, None, None]
    timesteps = [999 - 100 * i for i in range(steps)]
    for t, following in zip(timesteps, [*timesteps[1:], None], strict=True):
        a, b = np.sqrt(bars[t]), np.sqrt(1 - bars[t])
        clean = mean + a * spread / (a**2 * spread + b**2) * (x - a * mean)
        noise = (x - a * clean) / b
        bar = 1.0 if following is None else bars[following]
        x = np.sqrt(bar) * clean + np.sqrt(1 - bar) * noise
    expected = np.einsum("ij,jchw->ichw", vectors, x)
    np.testing.assert_allclose(draw(pipe, n, steps, sampler="ddim").numpy(), expected, atol=2e-3)


def test_guidance_between_equal_branches_changes_nothing(parts: StableDiffusion) -> None:
    pipe = pipe_of(parts, 24)
    assert torch.allclose(draw(pipe, 3, 10), draw(pipe, 3, 10, guidance=5.0), atol=1e-3)


def test_independent_panels_know_nothing_of_each_other(parts: StableDiffusion) -> None:
    pipe = pipe_of(parts, 8)
    latents = draw(pipe, 6, method="independent")
    assert float(correlations(latents).abs().max()) < 0.15
    assert set(_oracle(pipe).canvases) == {1}


@pytest.mark.parametrize(("n", "sizes"), [(3, {3}), (8, {8}), (9, {8}), (12, {8}), (24, {8})])
def test_no_canvas_holds_more_panels_than_were_trained(parts: StableDiffusion, n: int, sizes: set[int]) -> None:
    pipe = pipe_of(parts, 8)
    assert draw(pipe, n, 4).shape[0] == n
    assert set(_oracle(pipe).canvases) == sizes


def test_a_long_article_hangs_together(parts: StableDiffusion) -> None:
    """Panels at both ends of 24, which no window holds together, still agree; a deterministic sampler does worse."""
    latents = draw(pipe_of(parts, 8), 24, 20)
    assert float(latents.mean()) == pytest.approx(MEAN, abs=0.1)
    assert float(correlations(latents).min()) > 0.7
    worse = draw(pipe_of(parts, 8), 24, 20, sampler="dpm++2m")
    assert float(correlations(worse).min()) < float(correlations(latents).min()) - 0.1


class TestAnchors:
    """Panels 1, 2 and 5 of five are held; the other two must follow the conditional distribution."""

    held = (0, 1, 4)
    free = (2, 3)

    def hold(self, parts: StableDiffusion, **options) -> tuple[Tensor, Tensor]:
        root = torch.linalg.cholesky(covariance(5, RHO)).float()
        normal = torch.randn(5, 4, PX, PX, generator=torch.Generator().manual_seed(3))
        known = MEAN + torch.einsum("ij,jchw->ichw", root, normal)
        where = torch.zeros(1, 5, dtype=torch.bool)
        where[:, self.held] = True
        return known, draw(pipe_of(parts, 8), 5, known=known[None], where=where, **options)

    @pytest.mark.parametrize("sampler", [None, *SAMPLERS])
    def test_held_panels_come_back_exactly(self, parts: StableDiffusion, sampler: str | None) -> None:
        known, latents = self.hold(parts, steps=5, sampler=sampler)
        assert torch.equal(latents[list(self.held)], known[list(self.held)])

    def fit(self, parts: StableDiffusion, **options) -> tuple[float, float]:
        """How the free panels follow the held ones (slope on their conditional mean; 1 is exact) and how far they
        scatter about it (in conditional standard deviations; 1 is exact)."""
        known, latents = self.hold(parts, **options)
        cov = covariance(5, RHO).float()
        held, free = list(self.held), list(self.free)
        gain = cov[free][:, held] @ torch.linalg.inv(cov[held][:, held])
        expected = MEAN + torch.einsum("ij,jchw->ichw", gain, known[held] - MEAN)
        spread = (cov[free][:, free] - gain @ cov[held][:, free]).diagonal().sqrt()
        centred = expected - MEAN
        slope = ((latents[free] - MEAN) * centred).sum() / centred.square().sum()
        scatter = ((latents[free] - expected).flatten(1).std(1) / spread).mean()
        return float(slope), float(scatter)

    def test_free_panels_follow_them_better_with_the_default_sampler(self, parts: StableDiffusion) -> None:
        """Holding panels by noising them is approximate; this is how near it comes, and how far it is without noise."""
        slope, scatter = self.fit(parts, steps=20)
        assert 0.8 < slope < 1.1 and 0.9 < scatter < 1.35
        stiff_slope, stiff_scatter = self.fit(parts, steps=20, sampler="dpm++2m")
        assert stiff_slope < slope - 0.1 and stiff_scatter > scatter + 0.2

    def test_everything_held_is_nothing_to_do(self, parts: StableDiffusion) -> None:
        pipe = pipe_of(parts, 8)
        known = torch.randn(1, 3, 4, PX, PX)
        latents = draw(pipe, 3, known=known, where=torch.ones(1, 3, dtype=torch.bool))
        assert torch.equal(latents, known[0])
        assert _oracle(pipe).canvases == []

    def test_only_windows_with_something_to_draw_are_denoised(self, parts: StableDiffusion) -> None:
        pipe = pipe_of(parts, 8)
        where = torch.ones(1, 24, dtype=torch.bool)
        where[:, 20] = False
        known = torch.randn(1, 24, 4, PX, PX)
        latents = draw(pipe, 24, 4, known=known, where=where)
        assert len(_oracle(pipe).canvases) == 4  # one window, four sampling steps
        kept = [i for i in range(24) if i != 20]
        assert torch.equal(latents[kept], known[0, kept])


def _oracle(pipe: StackedDiffusionPipeline) -> GaussianOracle:
    oracle = pipe.backbone.unet
    assert isinstance(oracle, GaussianOracle)
    return oracle


def test_windows_cover_every_panel_and_share(tmp_path: Path) -> None:
    from illinstr.diffusion.windows import long_windows, number_when_alone

    for size in range(1, 11):
        for n in range(1, 60):
            windows = long_windows(n, size)
            assert {panel for window in windows for panel in window} == set(range(n))
            assert {len(window) for window in windows} == {min(n, size)}
            seen: set[int] = set()
            for window in windows:
                assert list(window) == sorted(set(window))
                if seen and size > 1:
                    assert len(seen & set(window)) >= size // 2
                    assert min(set(window) - seen) - 1 in window  # the panel just before the new ones
                if size >= 3:
                    assert window[0] == 0
                assert not seen.issuperset(window)
                seen |= set(window)
            numbers = number_when_alone(n, size)
            assert len(numbers) == n and max(numbers) <= size and numbers[0] == 1
