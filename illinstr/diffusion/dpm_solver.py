"""DPM-Solver++(2M), deterministic and stochastic, without importing diffusers (arXiv 2211.01095, algorithm 2).

What it computes is to the bit what diffusers' ``DPMSolverMultistepScheduler`` computes with ``trailing`` spacing: the
same operations in the same order. A test compares them over whole articles.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from illinstr.models.noise_schedule import NoiseSchedule

TERMINAL_ALPHA_BAR = 2.0**-24  # in place of 0, so that sigma stays finite


class DpmSolver:
    """A sampler as ``sampling_loop`` takes it.

    Args:
        schedule: the noise.
        stochastic: add fresh noise at every step (SDE-DPM-Solver++).

    Attributes:
        config: what the loop reads of diffusers' samplers.
        alphas_cumprod: of the schedule, the last one a little over zero.
        timesteps, sigmas: of the steps, set by ``set_timesteps``.
    """

    init_noise_sigma = 1.0

    def __init__(self, schedule: NoiseSchedule, *, stochastic: bool) -> None:
        kind, total = schedule.config["prediction_type"], schedule.config["num_train_timesteps"]
        self.config = SimpleNamespace(prediction_type=kind, num_train_timesteps=total)
        self.stochastic = stochastic
        self.alphas_cumprod = schedule.alphas_cumprod.clone()
        if schedule.config.get("rescale_betas_zero_snr"):
            self.alphas_cumprod[-1] = TERMINAL_ALPHA_BAR
        self.timesteps = self.sigmas = torch.empty(0)
        self._index = 0
        self._before: Tensor | None = None

    def set_timesteps(self, steps: int) -> None:
        """Space ``steps`` timesteps evenly from the last one down (arXiv 2305.08891, table 2, "trailing")."""
        total = self.config.num_train_timesteps
        timesteps = np.arange(total, 0, -total / steps).round().copy().astype(np.int64) - 1
        sigmas = (((1 - self.alphas_cumprod) / self.alphas_cumprod) ** 0.5).numpy()
        sigmas = np.interp(timesteps, np.arange(0, len(sigmas)), sigmas)
        self.sigmas = torch.from_numpy(np.concatenate([sigmas, [0]]).astype(np.float32))
        self.timesteps = torch.from_numpy(timesteps)
        self._index, self._before = 0, None

    def set_begin_index(self, begin: int = 0) -> None:
        """Let the next step be the one at ``begin``, for latents that were noised to its level."""
        self._index, self._before = begin, None

    def scale_model_input(self, sample: Tensor, timestep: Tensor) -> Tensor:
        """Nothing to scale: latents have unit variance."""
        return sample

    def step(
        self,
        model_output: Tensor,
        timestep: Tensor,
        sample: Tensor,
        generator: Sequence[torch.Generator] = (),
        *,
        return_dict: bool = False,
    ) -> tuple[Tensor]:
        """From ``sample`` (k, ...) at one noise level to the next lower one.

        Args:
            model_output: v or epsilon there.
            timestep: the level; steps are taken in order.
            sample: the latents.
            generator: one a canvas, where the sampler is stochastic.
            return_dict: as diffusers' samplers are called; nothing else is known here.
        """
        now = self._index
        alpha, sigma = _parts(self.sigmas[now])
        if self.config.prediction_type == "epsilon":
            clean = (sample - sigma * model_output) / alpha
        else:
            clean = alpha * sample - sigma * model_output
        noise = None
        if self.stochastic:
            drawn = [torch.randn((1, *clean.shape[1:]), generator=one, dtype=torch.float32) for one in generator]
            noise = torch.cat(drawn).to(clean.device)
        last = now == len(self.timesteps) - 1
        before, self._before = self._before, clean
        self._index += 1
        return (self._moved(now, sample, clean, None if last else before, noise),)

    def _moved(self, now: int, sample: Tensor, clean: Tensor, before: Tensor | None, noise: Tensor | None) -> Tensor:
        """The update of first order, or of second order from this clean prediction and the one before it."""
        alpha_t, sigma_t = _parts(self.sigmas[now + 1])
        alpha_s, sigma_s = _parts(self.sigmas[now])
        lambda_t, lambda_s = torch.log(alpha_t) - torch.log(sigma_t), torch.log(alpha_s) - torch.log(sigma_s)
        h = lambda_t - lambda_s
        if noise is None:
            rate = alpha_t * (torch.exp(-h) - 1.0)
            moved = (sigma_t / sigma_s) * sample - rate * clean
        else:
            rate = alpha_t * (1 - torch.exp(-2.0 * h))
            moved = (sigma_t / sigma_s * torch.exp(-h)) * sample + rate * clean
        if before is not None:
            alpha_r, sigma_r = _parts(self.sigmas[now - 1])
            ratio = (lambda_s - (torch.log(alpha_r) - torch.log(sigma_r))) / h
            slope = (1.0 / ratio) * (clean - before)
            moved = moved - 0.5 * rate * slope if noise is None else moved + 0.5 * rate * slope
        if noise is not None:
            moved = moved + sigma_t * torch.sqrt(1.0 - torch.exp(-2 * h)) * noise
        return moved

    def add_noise(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Known latents (k, ...) at the noise level of one of the steps, (1,)."""
        found = (self.timesteps == timesteps).nonzero()
        alpha, sigma = _parts(self.sigmas[int(found[0])].to(latents.device, latents.dtype))
        return alpha * latents + sigma * noise


def _parts(sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Signal and noise of variance 1 in sum, for a ratio of the two."""
    alpha = 1 / ((sigma**2 + 1) ** 0.5)
    return alpha, sigma * alpha
