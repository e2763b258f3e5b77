"""Noise: v-prediction on betas rescaled to zero terminal SNR, and the samplers that keep them so.

Lin et al., "Common Diffusion Noise Schedules and Sample Steps are Flawed" (arXiv 2305.08891): the last timestep must
hold no signal, the model must then predict v (arXiv 2202.00512), and sampling must start at that timestep (``trailing``
spacing). Several diffusers samplers drop the rescaling silently when built from another's config, so the menu is a list
and the terminal alpha-bar is asserted after every change.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from illinstr.config import Config
from illinstr.diffusion.dpm_solver import DpmSolver
from illinstr.diffusion.names import SAMPLERS
from illinstr.engine.devices import silence_libraries
from illinstr.errors import ModelError, UsageError
from illinstr.models.noise_schedule import NoiseSchedule

DEFAULT_SAMPLER = "dpm++2m"
ANCHOR_SAMPLER = "dpm++2m-sde"  # where panels are held to known images
# diffusers clamps the terminal alpha-bar of its sigma-based samplers to 2^-24 to keep sigma finite.
MAX_TERMINAL_ALPHA_BAR = 2.0**-24


class NoiseConfig(Config):
    """The forward process."""

    beta_schedule: Literal["squaredcos_cap_v2", "scaled_linear", "linear"] = "squaredcos_cap_v2"
    beta_start: float = Field(default=0.00085, gt=0, lt=1, description="of scaled_linear and linear")
    beta_end: float = Field(default=0.012, gt=0, lt=1, description="of scaled_linear and linear")
    train_timesteps: int = Field(default=1000, ge=2)
    zero_snr: bool = Field(default=True, description="rescale betas to zero terminal SNR")
    prediction: Literal["v_prediction", "epsilon"] = "v_prediction"
    transition_steps: int | None = Field(
        default=None,
        ge=0,
        description="optimiser steps over which the target is led from a base's epsilon to v; needed with one",
    )
    timestep_shift: float = Field(
        default=1.0, gt=0, description="over 1 trains more of the noisiest timesteps, where text alone decides colours"
    )
    offset: float = Field(
        default=0.0, ge=0, description="noise of one value a panel and channel, added to the noise, times this"
    )
    loss: Literal["squared", "huber"] = Field(default="squared", description="of the prediction's error")
    huber_c: float = Field(default=0.1, gt=0, description="where huber turns from squared to absolute error")
    min_snr_gamma: float | None = Field(default=None, gt=0, description="min-SNR weighting (arXiv 2303.09556)")
    min_snr_floor: float = Field(default=0.0, ge=0, le=1, description="least weight; needed with zero_snr")

    @model_validator(mode="after")
    def _legal(self) -> NoiseConfig:
        if self.zero_snr and self.prediction == "epsilon":
            raise ValueError("epsilon prediction cannot be used with zero_snr: it divides by zero at the last timestep")
        if self.loss != "huber" and self.huber_c != 0.1:
            raise ValueError("huber_c does nothing without loss: huber")
        if self.min_snr_gamma is None and self.min_snr_floor:
            raise ValueError("min_snr_floor does nothing without min_snr_gamma")
        if self.zero_snr and self.min_snr_gamma is not None and not self.min_snr_floor:
            raise ValueError(
                "min_snr_gamma with zero_snr gives the timestep that sampling starts from no weight: set min_snr_floor"
            )
        if self.transition_steps and self.prediction == "epsilon":
            raise ValueError("transition_steps leads from epsilon to v_prediction; the prediction here is epsilon")
        return self

    def share_of_v(self, step: int) -> float:
        """How far the target is interpolated from epsilon (0) to v (1) at optimiser step ``step`` (from 0)."""
        return min(1.0, step / self.transition_steps) if self.transition_steps else 1.0


def training_scheduler(config: NoiseConfig) -> Any:
    """A DDPMScheduler carrying the forward process; its config is what a model folder stores."""
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(
        num_train_timesteps=config.train_timesteps,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule=config.beta_schedule,
        prediction_type=config.prediction,
        rescale_betas_zero_snr=config.zero_snr,
        timestep_spacing="trailing",
        steps_offset=1,  # no effect with trailing spacing; plain diffusers warns about anything else
        clip_sample=False,
    )
    if config.zero_snr:
        check_terminal_snr(scheduler)
    return scheduler


def check_terminal_snr(scheduler: Any) -> None:
    """Assert that no signal is left at the last timestep.

    Raises:
        ModelError: alpha-bar there is over 2^-24.
    """
    terminal = float(scheduler.alphas_cumprod[-1])
    if terminal > MAX_TERMINAL_ALPHA_BAR:
        raise ModelError(f"{type(scheduler).__name__} lost zero terminal SNR: last alpha-bar is {terminal:.3g}")


def make_sampler(name: str, scheduler: Any) -> Any:
    """Build sampler ``name`` on a noise schedule: that of a diffusers scheduler, or one read without diffusers.

    Raises:
        UsageError: not on the menu.
        ModelError: the new sampler does not carry the schedule over.
    """
    if name not in SAMPLERS:
        raise UsageError(f"no sampler called {name!r}", hint=f"one of {', '.join(SAMPLERS)}")
    if isinstance(scheduler, NoiseSchedule) and name in (DEFAULT_SAMPLER, ANCHOR_SAMPLER):
        solver = DpmSolver(scheduler, stochastic=name == ANCHOR_SAMPLER)
        if scheduler.config.get("rescale_betas_zero_snr"):
            check_terminal_snr(solver)
        return solver
    silence_libraries("diffusers")
    import diffusers

    classes: dict[str, tuple[str, dict[str, Any]]] = {
        "dpm++2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
        "dpm++2m-sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}),
        "ddim": ("DDIMScheduler", {"clip_sample": False, "set_alpha_to_one": True}),
        "unipc": ("UniPCMultistepScheduler", {"solver_order": 2}),
        "euler": ("EulerDiscreteScheduler", {}),
        "euler-a": ("EulerAncestralDiscreteScheduler", {}),
        "ddpm": ("DDPMScheduler", {"clip_sample": False}),
    }
    class_name, extra = classes[name]
    sampler = getattr(diffusers, class_name).from_config(scheduler.config, timestep_spacing="trailing", **extra)
    if scheduler.config.get("rescale_betas_zero_snr"):
        check_terminal_snr(sampler)
    return sampler


def timesteps_of(sampler: Any, steps: int) -> Tensor:
    """Set and return the sampler's timesteps, highest first.

    Raises:
        UsageError: this sampler cannot do that many steps.
    """
    sampler.set_timesteps(steps)
    timesteps: Tensor = sampler.timesteps
    if float(timesteps.min()) < 0 or len(timesteps) < 1:
        raise UsageError(
            f"{type(sampler).__name__} cannot take {steps} sampling steps", hint="try 4, 5, 8, 10, 20, 25, 40 or 50"
        )
    return timesteps


def add_noise(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """The forward process: latents (b, ...) at the noise level of timesteps (b,)."""
    noised: Tensor = scheduler.add_noise(latents, noise, timesteps)
    return noised


def training_target(
    scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor, share_of_v: float = 1.0
) -> Tensor:
    """What the network learns: v = cos(p) * noise - sin(p) * latents with tan(p)^2 = (1 - abar) / abar, or the noise.

    ``share_of_v`` scales the angle p (arXiv 2202.00512, appendix D): at 0 the target is epsilon, at 1 it is v, and
    between them it has the same unit variance. A base that predicts epsilon is led over by raising it from 0 to 1.

    Args:
        scheduler: its ``alphas_cumprod`` and ``prediction_type`` count.
        latents, noise: (b, ...).
        timesteps: (b,).
        share_of_v: 0 to 1; without meaning for an epsilon scheduler.
    """
    if scheduler.config.prediction_type != "v_prediction":
        return noise
    if share_of_v == 1.0:
        velocity: Tensor = scheduler.get_velocity(latents, noise, timesteps)
        return velocity
    abar = scheduler.alphas_cumprod.to(timesteps.device)[timesteps].to(latents.dtype)
    angle = share_of_v * torch.atan2((1 - abar).sqrt(), abar.sqrt()).reshape(-1, *[1] * (latents.dim() - 1))
    return angle.cos() * noise - angle.sin() * latents


def error_of(prediction: Tensor, target: Tensor, config: NoiseConfig) -> Tensor:
    """The error of each number: squared, or pseudo-Huber 2 c (sqrt(e^2 + c^2) - c), as diffusers' scripts have it.

    The latter is e^2 for small errors and 2 c |e| for large ones, so that a few bad images count less (arXiv
    2403.16728).
    """
    squared = (prediction - target).square()
    if config.loss == "squared":
        return squared
    c = config.huber_c
    return 2 * c * ((squared + c * c).sqrt() - c)


def shift_timesteps(timesteps: Tensor, total: int, shift: float) -> Tensor:
    """Uniform timesteps in [0, total) moved towards the noise for ``shift`` over 1, away from it under 1: int64 (b,).

    u becomes shift u / (1 + (shift - 1) u) (arXiv 2403.03206, eq. 23), u the middle of a timestep's share of [0, 1].
    With 3, half of them lie in the noisiest quarter.
    """
    if shift == 1:
        return timesteps
    share = (timesteps.double() + 0.5) / total
    moved: Tensor = (shift * share / (1 + (shift - 1) * share) * total).long().clamp_max(total - 1)
    return moved


def loss_weights(
    scheduler: Any, timesteps: Tensor, min_snr_gamma: float | None, floor: float = 0.0, share_of_v: float = 1.0
) -> Tensor:
    """Weight of each sample's squared error, (b,): ones, or min-SNR-gamma (arXiv 2303.09556, section 3.4).

    The paper weighs the error of the image by min(SNR, gamma). With tan(p)^2 = 1 / SNR an error e of the image is one
    of e cos((1 - r) p) / sin(p) in the target of ``training_target`` with ``share_of_v`` r: the weight is
    min(SNR, gamma) sin(p)^2 / cos((1 - r) p)^2, which is min(SNR, gamma) / (SNR + 1) for v and min(SNR, gamma) / SNR
    for epsilon; never under ``floor``. With zero terminal SNR the former is exactly 0 at the last timestep, so that the
    step sampling starts from would never be learned: hence the floor.
    """
    if min_snr_gamma is None:
        return torch.ones(len(timesteps))
    abar = scheduler.alphas_cumprod[timesteps.cpu()]
    snr = abar / (1 - abar)
    capped = (min_snr_gamma / snr).clamp_max(1.0)  # min(SNR, gamma) / SNR; 1 where there is no signal
    if scheduler.config.prediction_type == "v_prediction" and share_of_v > 0:
        angle = torch.atan2((1 - abar).sqrt(), abar.sqrt())
        capped = capped * abar / ((1 - share_of_v) * angle).cos().square()
    weights: Tensor = capped.clamp_min(floor)
    return weights


def rescale_guidance(guided: Tensor, conditional: Tensor, strength: float) -> Tensor:
    """Bring each panel's standard deviation back towards the conditional one's (arXiv 2305.08891, eqs. 15-16).

    Over each panel apart, (b, n, c, h, w): taken over the whole canvas, one bright panel would change its neighbours.
    """
    if strength == 0:
        return guided
    axes = (2, 3, 4)
    rescaled = guided * (conditional.std(dim=axes, keepdim=True) / guided.std(dim=axes, keepdim=True))
    return strength * rescaled + (1 - strength) * guided
