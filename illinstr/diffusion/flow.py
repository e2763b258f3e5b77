"""Noise of a straight flow: x_s = (1 - s) x + s noise, of which the model learns the velocity noise - x.

Rectified flow (arXiv 2209.03003) and flow matching (arXiv 2210.02747), as FLUX, Z-Image, Qwen-Image and Stable
Diffusion 3 are trained. Sampling starts at s = 1, which is noise alone, so zero terminal SNR holds by construction. The
knob in its place is the *shift* of the noise levels towards the noise (arXiv 2403.03206, section 5.3.2): fixed, or
``mu`` by the length of the image sequence, counted for one panel or for the whole canvas.

The samplers take the noise levels of the model folder's own scheduler, so that a panel drawn alone is the one that the
family's own pipeline draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from illinstr.diffusion.names import FLOW_SAMPLERS
from illinstr.errors import UsageError

DEFAULT_FLOW_SAMPLER = "euler"
FLOW_ANCHOR_SAMPLER = "euler-a"  # where panels are held by noising them


def flow_noised(latents: Tensor, noise: Tensor, sigmas: Tensor) -> Tensor:
    """Latents at noise level ``sigmas``, (b,) or one for all: (1 - s) x + s noise."""
    levels = sigmas.to(latents.device, latents.dtype).reshape(-1, *[1] * (latents.dim() - 1))
    return (1 - levels) * latents + levels * noise


def flow_target(latents: Tensor, noise: Tensor) -> Tensor:
    """What the network learns: the velocity of the straight line, noise - x."""
    return noise - latents


def shifted(scheduler: Any, shift: float) -> Any:
    """The scheduler with a fixed shift in place of its own: s becomes shift s / (1 + (shift - 1) s)."""
    return type(scheduler).from_config(scheduler.config, use_dynamic_shifting=False, shift=shift)


class FlowSampler:
    """A sampler with the face of a diffusers scheduler, for models that predict the velocity of a straight flow.

    *euler* follows the flow; *euler-a* is ancestral: at every step it replaces as much of the noise as leaves the
    distribution as it is (arXiv 2010.02502, eq. 16 with eta 1, alpha = 1 - s and sigma = s), which lets later steps
    correct what earlier ones took from noised anchors; *dpm++2m* is the second-order multistep solver of the data
    prediction (arXiv 2211.01095, algorithm 2) with the same alpha and sigma. The ``stochastic_sampling`` of diffusers'
    scheduler replaces all of the noise and is not offered: of the Gaussian it draws 0.7 of the spread.

    Args:
        name: one of ``FLOW_SAMPLERS``.
        scheduler: the folder's, for its noise levels.
        mu: the dynamic shift, for schedulers that have one.
        own_spacing: take the scheduler's own spacing of steps; else they are spaced evenly from 1 to 1/steps, as most
            families' pipelines do before the shift.

    Raises:
        UsageError: not on the menu.
    """

    init_noise_sigma = 1.0

    def __init__(self, name: str, scheduler: Any, *, mu: float | None = None, own_spacing: bool = False) -> None:
        if name not in FLOW_SAMPLERS:
            hint = f"one of {', '.join(FLOW_SAMPLERS)}"
            raise UsageError(f"sampler {name} is not for models of flow matching", hint=hint)
        self.name, self.mu, self.own_spacing = name, mu, own_spacing
        self.plan = type(scheduler).from_config(scheduler.config)
        self.config = self.plan.config
        self.timesteps = self.sigmas = torch.zeros(0)
        self._index = 0
        self._last: Tensor | None = None  # the step before's prediction of the latents

    def set_timesteps(self, steps: int) -> None:
        """Choose the noise levels: ``sigmas`` falls to 0, ``timesteps`` are 1000 times all but the last."""
        spaced = {} if self.own_spacing else {"sigmas": np.linspace(1.0, 1 / steps, steps)}
        plan = self.plan
        if steps == 1 and self.config.get("shift_terminal"):  # one level cannot be stretched to end elsewhere
            plan = type(plan).from_config(plan.config, shift_terminal=None)
        plan.set_timesteps(steps, mu=self.mu, **spaced)
        self.timesteps, self.sigmas = plan.timesteps, plan.sigmas
        self._index, self._last = 0, None

    def set_begin_index(self, index: int) -> None:
        """Begin at the noise level number ``index``; called after ``set_timesteps``."""
        self._index = index

    def scale_model_input(self, latents: Tensor, t: Tensor) -> Tensor:
        """The latents as they are."""
        return latents

    def add_noise(self, latents: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Latents at the noise level of timestep ``t``."""
        return flow_noised(latents, noise, self._level(t))

    def predicted(self, velocity: Tensor, t: Tensor, latents: Tensor) -> Tensor:
        """The clean latents that a velocity implies: x = x_s - s v."""
        level = self._level(t).to(latents.device, latents.dtype).reshape([1] * latents.dim())
        return latents - level * velocity

    def step(
        self, velocity: Tensor, t: Tensor, latents: Tensor, generator: Sequence[torch.Generator], return_dict: bool
    ) -> tuple[Tensor]:
        """Go from the present noise level to the next; steps are taken in order.

        Args:
            velocity: the model's prediction (k, ...).
            t: the present one of ``timesteps``.
            latents: at this noise level (k, ...).
            generator: one for each of k canvases, for *euler-a*.
            return_dict: for the face's sake; a tuple is returned.
        """
        now, then = (float(self.sigmas[self._index + ahead]) for ahead in (0, 1))
        clean = latents - now * velocity
        if self.name == "euler":
            moved = latents + (then - now) * velocity
        elif self.name == "euler-a":
            drawn = [torch.randn(latents.shape[1:], generator=one, dtype=latents.dtype) for one in generator]
            fresh = then / now * math.sqrt(now**2 - ((1 - now) / (1 - then) * then) ** 2)
            kept = math.sqrt(max(then**2 - fresh**2, 0.0))
            noise = kept * (clean + velocity) + fresh * torch.stack(drawn).to(latents.device)
            moved = (1 - then) * clean + noise
        else:
            moved = self._multistep(latents, clean, now, then)
        self._index, self._last = self._index + 1, clean
        return (moved,)

    def _multistep(self, latents: Tensor, clean: Tensor, now: float, then: float) -> Tensor:
        """One step of DPM-Solver++(2M); first order from pure noise and to no noise, where the log-SNR is infinite."""
        ahead = clean
        if self._last is not None and then > 0 and self._index > 1:
            before = float(self.sigmas[self._index - 1])
            taken, next_one = _log_snr(now) - _log_snr(before), _log_snr(then) - _log_snr(now)
            ahead = clean + next_one / (2 * taken) * (clean - self._last)
        # sigma_t / sigma_s x - alpha_t (e^-h - 1) D, where e^-h = (alpha_s sigma_t) / (sigma_s alpha_t)
        return then / now * latents + ((1 - then) - (1 - now) * then / now) * ahead

    def _level(self, t: Tensor) -> Tensor:
        return t.reshape(-1).double().cpu() / float(self.config.num_train_timesteps)


def _log_snr(sigma: float) -> float:
    return math.log((1 - sigma) / sigma)
