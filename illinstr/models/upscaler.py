"""The upscaler: drawn panels four times as large, with the crisp lines that a small decoder cannot give.

A compact residual network of about 0.7 M parameters, convolutions alone: pixel unshuffle and shuffle (arXiv 1609.05158)
instead of strides, most of its weights where a position stands for 4 x 4 pixels, residual blocks without normalisation
(arXiv 1707.02921), and its output added to a bilinear enlargement. A folder holds ``config.json`` and
``model.safetensors``.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from illinstr import files
from illinstr.config import Config, validate
from illinstr.errors import ConfigError, ModelError

EMBEDDED_FOLDER = "assets/upscaler"
FACTOR = 4
COARSEST = 4  # pixels of a position where the network is coarsest
SLOPE = 0.1
MAX_CONFIG_BYTES = 1 << 16


class UpscalerConfig(Config):
    """Shape of the network: channels where a position is 4 x 4, 2 x 2 and one pixel of the input."""

    architecture: Literal["residual-shuffle"] = "residual-shuffle"
    factor: Literal[4] = 4
    coarse: int = Field(default=112, ge=4, le=512)
    middle: int = Field(default=48, ge=4, le=256)
    fine: int = Field(default=32, ge=4, le=128)
    blocks: int = Field(default=2, ge=1, le=32, description="residual blocks at the coarsest positions")


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.second(F.leaky_relu(self.first(x), SLOPE))
        return x + changed


class Upscaler(nn.Module):
    """Images in [-1, 1] (n, 3, h, w) -> (n, 3, 4h, 4w), not clamped, in the precision of the images."""

    def __init__(self, config: UpscalerConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or UpscalerConfig()
        coarse, middle, fine = config.coarse, config.middle, config.fine
        self.fine_in = nn.Conv2d(3, fine, 3, padding=1)
        self.middle_in = nn.Conv2d(12, middle, 3, padding=1)
        self.before = _Residual(middle)
        self.coarse_in = nn.Conv2d(4 * middle, coarse, 1)
        self.body = nn.Sequential(*(_Residual(coarse) for _ in range(config.blocks)))
        self.coarse_out = nn.Conv2d(coarse, 4 * middle, 1)
        self.after = _Residual(middle)
        self.middle_out = nn.Conv2d(middle, 4 * fine, 3, padding=1)
        self.mix = nn.Conv2d(fine, fine, 3, padding=1)
        self.last = nn.Conv2d(fine, 3 * FACTOR**2, 3, padding=1)
        self._initialise()

    def _initialise(self) -> None:
        """Signals keep their size (arXiv 1502.01852), branches begin small, and the whole begins as the enlargement."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=SLOPE)
                assert module.bias is not None
                nn.init.zeros_(module.bias)
            if isinstance(module, _Residual):
                module.second.weight.data.mul_(0.1)
        self.last.weight.data.mul_(0.01)

    def forward(self, images_nchw: Tensor) -> Tensor:
        h, w = images_nchw.shape[-2:]
        images = F.pad(images_nchw, (0, -w % COARSEST, 0, -h % COARSEST), mode="replicate")
        x = images.to(self.fine_in.weight.dtype)
        middle = F.leaky_relu(self.middle_in(F.pixel_unshuffle(x, 2)), SLOPE)
        middle = self.before(middle)
        coarse = self.body(self.coarse_in(F.pixel_unshuffle(middle, 2)))
        middle = self.after(middle + F.pixel_shuffle(self.coarse_out(coarse), 2))
        fine = self.fine_in(x) + F.pixel_shuffle(self.middle_out(F.leaky_relu(middle, SLOPE)), 2)
        fine = F.leaky_relu(self.mix(F.leaky_relu(fine, SLOPE)), SLOPE)
        detail = F.pixel_shuffle(self.last(fine), FACTOR)
        enlarged = F.interpolate(images, scale_factor=FACTOR, mode="bilinear", align_corners=False)
        return (enlarged + detail.to(images.dtype))[..., : FACTOR * h, : FACTOR * w]


def save_upscaler(folder: Path, upscaler: Upscaler, dtype: torch.dtype = torch.float16) -> None:
    """Write ``config.json`` and ``model.safetensors``, the weights as ``dtype``."""
    from safetensors.torch import save

    weights = {name: tensor.detach().to("cpu", dtype).contiguous() for name, tensor in upscaler.state_dict().items()}
    files.write_bytes(folder / "model.safetensors", save(weights))
    files.write_json(folder / "config.json", upscaler.config.model_dump(mode="json"))


def load_upscaler(folder: Path) -> Upscaler:
    """Read what ``save_upscaler`` wrote; weights in float32, for evaluation.

    Raises:
        ModelError: missing, damaged, or weights of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config, weights = folder / "config.json", folder / "model.safetensors"
    try:
        if config.stat().st_size > MAX_CONFIG_BYTES:
            raise ValueError(f"{config.name} is too long")
        settings = validate(UpscalerConfig, json.loads(config.read_text(encoding="utf-8")))
        upscaler = Upscaler(settings)
        upscaler.load_state_dict({name: tensor.float() for name, tensor in load_file(weights).items()})
    except (OSError, ValueError, RuntimeError, RecursionError, SafetensorError, ConfigError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{folder} holds no upscaler that can be used: {reason}", hint="draw with --upscale 1"
        ) from error
    return upscaler.eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


@lru_cache(maxsize=2)
def embedded_upscaler(device: str = "cpu", dtype: torch.dtype = torch.float32) -> Upscaler:
    """The upscaler of this package, trained on MiniHow; loaded once for a device and precision, to be left as it is.

    Raises:
        ModelError: it is not part of this installation.
    """
    return load_upscaler(Path(str(resources.files("illinstr"))) / EMBEDDED_FOLDER).to(device, dtype)


@torch.no_grad()
def upscale(upscaler: nn.Module, image_chw: Tensor, factor: int) -> Tensor:
    """An image in [-1, 1] (3, h, w), ``factor`` times larger, in [-1, 1]; 2 and 1 are means over areas of the 4."""
    given = image_chw[None].float().contiguous(memory_format=torch.channels_last)
    larger: Tensor = upscaler(given).clamp_(-1, 1)
    return (F.avg_pool2d(larger, FACTOR // factor) if factor != FACTOR else larger)[0]
