"""Small configs of each kind, as YAML files a test can hand to the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.support.tiny_data import TINY_PX

VAE: dict[str, Any] = {
    "kind": "vae",
    "data": {"panel_px": TINY_PX, "val_limit": 4},
    "model": {"block_out_channels": [8, 8, 16], "latent_channels": 4, "norm_num_groups": 4},
    "optim": {"lr": 2e-3, "warmup_steps": 2},
    "train": {
        "steps": 8,
        "batch_size": 4,
        "ema_decay": 0.9,
        "log_every": 1,
        "validate_every": 4,
        "checkpoint_every": 5,
    },
}
CLIP: dict[str, Any] = {
    "kind": "clip",
    "data": {"panel_px": TINY_PX, "val_limit": 6},
    "model": {"hidden_size": 32, "layers": 2, "heads": 2, "patch_px": 8, "projection": 16, "max_merges": 30},
    "optim": {"lr": 1e-3, "warmup_steps": 2},
    "train": {
        "steps": 8,
        "batch_size": 4,
        "ema_decay": 0.9,
        "log_every": 1,
        "validate_every": 4,
        "checkpoint_every": 5,
    },
}
UNET: dict[str, Any] = {
    "kind": "unet",
    "data": {"panel_px": TINY_PX, "val_limit": 2},
    "model": {"block_out_channels": [32, 64], "heads": [2, 2], "norm_num_groups": 8},
    "optim": {"lr": 1e-3, "warmup_steps": 2},
    "sample": {"sampling_steps": 2, "grid_articles": 1},
    "train": {
        "steps": 8,
        "batch_size": 4,
        "ema_decay": 0.9,
        "log_every": 1,
        "validate_every": 8,
        "checkpoint_every": 5,
    },
}
UPSCALER: dict[str, Any] = {
    "kind": "upscaler",
    "data": {"panel_px": 4 * TINY_PX, "val_limit": 2},
    "model": {"coarse": 8, "middle": 4, "fine": 4, "blocks": 1},
    "loss": {"crop_px": 16},
    "optim": {"lr": 1e-3, "warmup_steps": 2},
    "train": {
        "steps": 3,
        "batch_size": 4,
        "ema_decay": 0.9,
        "log_every": 1,
        "validate_every": 3,
        "checkpoint_every": 3,
    },
}


def write_config(path: Path, settings: dict[str, Any], **sections: dict[str, Any]) -> Path:
    """Write ``settings`` with whole sections updated."""
    merged = {name: dict(value) if isinstance(value, dict) else value for name, value in settings.items()}
    for name, changes in sections.items():
        merged[name] = {**merged.get(name, {}), **changes}
    path.write_text(yaml.safe_dump(merged))
    return path
