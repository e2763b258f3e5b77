"""AdamW, in 32 or 8 bits, Muon, or Adafactor."""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import nn

from illinstr.errors import UsageError
from illinstr.training.config import OptimConfig, TrainConfig
from illinstr.training.muon import Muon, muon_groups

# What a setting needs, where it comes from, and the extra that brings it.
_NEEDS = {
    "optim.eight_bit": ("bitsandbytes", "8bit"),
    "tensorboard": ("tensorboard", "tensorboard"),
    "wandb": ("wandb", "wandb"),
}


def check_extras(config: TrainConfig) -> None:
    """Refuse settings whose optional package is not installed.

    Raises:
        UsageError: naming the package and how to get it.
    """
    asked = [*(["optim.eight_bit"] if config.optim.eight_bit else []), *config.train.trackers]
    for setting in asked:
        package, extra = _NEEDS[setting]
        if importlib.util.find_spec(package) is None:
            raise UsageError(
                f"{setting} needs the package {package}, which is not installed",
                hint=f"pip install 'illinstr[{extra}]', or leave the setting out",
            )


def build_optimizer(module: nn.Module, config: OptimConfig, *, bfloat16: bool = False) -> torch.optim.Optimizer:
    """AdamW (arXiv 1711.05101) over the trainable parameters; 8 bits of it (arXiv 2110.02861), Muon or Adafactor.

    Args:
        module: what is trained.
        config: algorithm and its numbers.
        bfloat16: whether the run computes in bfloat16; Muon's matrices then do too. AdamW's state never does.
    """
    if config.algorithm == "muon":
        return Muon(
            muon_groups(module),
            lr=config.lr,
            momentum=config.momentum,
            betas=(config.beta1, config.beta2),
            eps=config.eps,
            weight_decay=config.weight_decay,
            dtype=torch.bfloat16 if bfloat16 else torch.float32,
        )
    parameters = [p for p in module.parameters() if p.requires_grad]
    if config.algorithm == "adafactor":
        return torch.optim.Adafactor(parameters, lr=config.lr, weight_decay=config.weight_decay)
    settings: dict[str, Any] = {
        "lr": config.lr,
        "betas": (config.beta1, config.beta2),
        "eps": config.eps,
        "weight_decay": config.weight_decay,
    }
    if config.eight_bit:
        from bitsandbytes.optim import AdamW8bit

        optimizer: torch.optim.Optimizer = AdamW8bit(parameters, **settings)
        return optimizer
    return torch.optim.AdamW(parameters, **settings)
