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
from illinstr.errors import ModelError, UsageError

SAMPLERS: tuple[str, ...] = ("dpm++2m", "dpm++2m-sde", "ddim", "unipc", "euler", "euler-a", "ddpm")
DEFAULT_SAMPLER = "dpm++2m"
ANCHOR_SAMPLER = "dpm++2m-sde"  # where panels are held to known pictures
# diffusers clamps the terminal alpha-bar of its sigma-based samplers to 2^-24 to keep sigma finite.
MAX_TERMINAL_ALPHA_BAR = 2.0**-24


class NoiseConfig(Config):
    """The forward process."""

    beta_schedule: Literal["squaredcos_cap_v2", "scaled_linear", "linear"] = "squaredcos_cap_v2"
    train_timesteps: int = Field(default=1000, ge=2)
    zero_snr: bool = Field(default=True, description="rescale betas to zero terminal SNR")
    prediction: Literal["v_prediction", "epsilon"] = "v_prediction"
    min_snr_gamma: float | None = Field(default=None, gt=0, description="min-SNR weighting (arXiv 2303.09556)")

    @model_validator(mode="after")
    def _legal(self) -> NoiseConfig:
        if self.zero_snr and self.prediction == "epsilon":
            raise ValueError("epsilon prediction cannot be used with zero_snr: it divides by zero at the last timestep")
        if self.zero_snr and self.min_snr_gamma is not None:
            raise ValueError("min_snr_gamma gives the timestep that sampling starts from zero weight with zero_snr")
        return self


def training_scheduler(config: NoiseConfig) -> Any:
    """A DDPMScheduler carrying the forward process; its config is what a model folder stores."""
    from diffusers import DDPMScheduler

    scheduler = DDPMScheduler(
        num_train_timesteps=config.train_timesteps,
        beta_start=0.00085,
        beta_end=0.012,
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
    """Build sampler ``name`` on the noise schedule of ``scheduler`` (any diffusers scheduler or the one in a folder).

    Raises:
        UsageError: not on the menu.
        ModelError: the new sampler does not carry the schedule over.
    """
    import diffusers

    if name not in SAMPLERS:
        raise UsageError(f"no sampler called {name!r}", hint=f"one of {', '.join(SAMPLERS)}")
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


def training_target(scheduler: Any, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
    """What the network learns: v = sqrt(abar) * noise - sqrt(1 - abar) * latents, or the noise itself for epsilon."""
    if scheduler.config.prediction_type == "v_prediction":
        target: Tensor = scheduler.get_velocity(latents, noise, timesteps)
        return target
    return noise


def loss_weights(scheduler: Any, timesteps: Tensor, min_snr_gamma: float | None) -> Tensor:
    """Weight of each sample's squared error, (b,): ones, or min-SNR-gamma (arXiv 2303.09556, section 3.4)."""
    if min_snr_gamma is None:
        return torch.ones(len(timesteps))
    abar = scheduler.alphas_cumprod[timesteps.cpu()]
    snr = abar / (1 - abar)
    divisor = snr + 1 if scheduler.config.prediction_type == "v_prediction" else snr
    weights: Tensor = snr.clamp_max(min_snr_gamma) / divisor
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
