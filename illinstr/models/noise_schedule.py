"""A noise schedule of betas read from a scheduler's config, without importing diffusers.

The numbers are those of diffusers' schedulers to the bit: the same operations in the same order and precision. A test
compares them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

# What a config may say beside the numbers that are read; settings of DDPM's own steps do not count here.
_FIXED = {"trained_betas": None, "thresholding": False, "_class_name": "DDPMScheduler"}
_READ = [
    "beta_end",
    "beta_schedule",
    "beta_start",
    "num_train_timesteps",
    "prediction_type",
    "rescale_betas_zero_snr",
    "timestep_spacing",
    "clip_sample",
    "clip_sample_range",
    "dynamic_thresholding_ratio",
    "sample_max_value",
    "steps_offset",
    "variance_type",
    "_diffusers_version",
]
_NEEDED = ("beta_end", "beta_schedule", "beta_start", "num_train_timesteps", "prediction_type")


def knows_schedule(config: Mapping[str, Any]) -> bool:
    """Whether ``NoiseSchedule`` understands all that a scheduler's config says."""
    known = all(key in _READ or (key in _FIXED and _FIXED[key] == value) for key, value in config.items())
    return (
        known
        and all(key in config for key in _NEEDED)
        and config["beta_schedule"] in ("linear", "scaled_linear", "squaredcos_cap_v2")
        and config["prediction_type"] in ("epsilon", "v_prediction")
        and config.get("variance_type") in (None, "fixed_small", "fixed_large")
    )


class NoiseSchedule:
    """How much noise there is at each timestep of training.

    Args:
        config: of a scheduler; ``knows_schedule`` has said yes.

    Attributes:
        config: the same.
        alphas_cumprod: what is left of the signal's variance, (timesteps,), float32.
    """

    def __init__(self, config: Any) -> None:
        self.config = config
        betas = betas_of(config)
        if config.get("rescale_betas_zero_snr"):
            betas = without_terminal_signal(betas)
        self.alphas_cumprod = torch.cumprod(1.0 - betas, dim=0)


def betas_of(config: Mapping[str, Any]) -> Tensor:
    """The variances of the forward process, (timesteps,): linear, linear in their roots, or from a cosine.

    Sources: arXiv 2006.11239 (section 4), arXiv 2112.10752 (appendix E.2), arXiv 2102.09672 (eq. 17).
    """
    total, low, high = config["num_train_timesteps"], config["beta_start"], config["beta_end"]
    if config["beta_schedule"] == "linear":
        return torch.linspace(low, high, total, dtype=torch.float32)
    if config["beta_schedule"] == "scaled_linear":
        return torch.linspace(low**0.5, high**0.5, total, dtype=torch.float32) ** 2

    def remaining(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - remaining((i + 1) / total) / remaining(i / total), 0.999) for i in range(total)]
    return torch.tensor(betas, dtype=torch.float32)


def without_terminal_signal(betas: Tensor) -> Tensor:
    """Betas shifted and scaled so that no signal is left at the last timestep (arXiv 2305.08891, algorithm 1)."""
    roots = torch.cumprod(1.0 - betas, dim=0).sqrt()
    first, last = roots[0].clone(), roots[-1].clone()
    roots -= last
    roots *= first / (first - last)
    remaining = roots**2
    alphas = torch.cat([remaining[0:1], remaining[1:] / remaining[:-1]])
    return 1 - alphas
