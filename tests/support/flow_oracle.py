"""The Gaussian article of ``tests/support/oracle.py`` for flow matching: the exact velocity E[noise - x | x_s].

Panels may be given clean, as models trained with clean anchors take them: then the exact velocity of the others, which
knows the clean ones.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tests.support.oracle import MEAN, covariance


class GaussianFlow:
    """A denoiser for canvases of m panels (k, m, c, h, w), in float64.

    Args:
        rho: correlation between any two panels.
        clean: (m,) True for panels that are given clean; None is none.
        channels: of the latents.
    """

    def __init__(self, rho: float, clean: Tensor | None = None) -> None:
        self.rho, self.clean = rho, clean
        self.calls = 0

    def __call__(self, panels: Tensor, t: Tensor) -> Tensor:
        self.calls += 1
        return gaussian_velocity(panels, float(t) / 1000, self.rho, self.clean)


def gaussian_velocity(panels: Tensor, sigma: float, rho: float, clean: Tensor | None = None) -> Tensor:
    """The velocity at noise level ``sigma``, of the free panels; 0 for clean ones."""
    m = panels.shape[1]
    held = torch.zeros(m, dtype=torch.bool) if clean is None else clean
    mean, cov = conditional(panels[:, held], held, rho)
    noised = panels[:, ~held].double()
    level = 1 - sigma
    gain = level * cov @ torch.linalg.inv(level**2 * cov + sigma**2 * torch.eye(len(cov), dtype=torch.float64))
    data = mean + torch.einsum("ij,bjchw->bichw", gain, noised - level * mean)
    velocity = torch.zeros_like(panels, dtype=torch.float64)
    velocity[:, ~held] = (noised - level * data) / sigma - data
    return velocity.to(panels.dtype)


def conditional(known: Tensor, held: Tensor, rho: float) -> tuple[Tensor, Tensor]:
    """Mean (k, f, c, h, w) and covariance (f, f) of the f free panels, given the held ones (k, m - f, c, h, w)."""
    cov = covariance(len(held), rho)
    gain = cov[~held][:, held] @ torch.linalg.pinv(cov[held][:, held])
    mean = MEAN + torch.einsum("ij,bjchw->bichw", gain, known.double() - MEAN)
    return mean, cov[~held][:, ~held] - gain @ cov[held][:, ~held]
