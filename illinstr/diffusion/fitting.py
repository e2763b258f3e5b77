"""What a model weighs against the device that is there, and the first setting that fits.

Weights are counted by their headers, or on the meta device where only configs are there; what drawing itself takes is
an allowance, not a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from illinstr.engine.devices import choose_device, choose_dtype, free_memory
from illinstr.errors import UsageError
from illinstr.models.options import PACKAGES, Quantize
from illinstr.models.weighing import by_role, parameters_of

GIB = 1 << 30
ALLOWANCE = 3 * GIB // 2  # for activations, in bytes: six panels of 512 pixels with their two branches of guidance
BYTES = {"float32": 4.0, "float16": 2.0, "bfloat16": 2.0}
QUANTISED = {"int8": 1.0, "nf4": 0.56}  # bytes a parameter, with the scales of its blocks


@dataclass(frozen=True)
class Setting:
    """How weights are kept: their precision, and which parts are on the device at once."""

    quantize: Quantize | None = None
    offload: bool = False
    offload_text: bool = False

    @property
    def text(self) -> str:
        """As the command line spells it."""
        words = [f"--quantize {self.quantize}"] if self.quantize else []
        words += ["--offload-text"] if self.offload_text else ["--offload"] if self.offload else []
        return " ".join(words) or "as it is"


LADDER = (
    Setting(),
    Setting(offload_text=True),
    Setting(offload=True),
    Setting("int8", offload_text=True),
    Setting("int8", offload=True),
    Setting("nf4", offload_text=True),
    Setting("nf4", offload=True),
)
ON_CPU = (Setting(), Setting("int8"), Setting("nf4"))  # nothing to move to


@dataclass(frozen=True)
class Fit:
    """A model beside a device.

    Attributes:
        device, dtype: where it would draw, and in which precision.
        free: bytes that are free there.
        parameters: of each part.
        needs: what each setting keeps there at once, in bytes, the allowance included.
    """

    device: str
    dtype: str
    free: int
    parameters: Mapping[str, int]
    needs: Mapping[Setting, float]

    @property
    def first(self) -> Setting | None:
        """The first setting that fits; None where none does."""
        return next((setting for setting, need in self.needs.items() if need <= self.free), None)

    @property
    def lines(self) -> tuple[str, ...]:
        """For a reader."""
        size = BYTES[self.dtype]
        parts = (
            f"  {part:16} {count / 1e9:7.3f} B parameters {count * size / GIB:7.2f} GiB in {self.dtype}"
            for part, count in self.parameters.items()
        )
        rungs = (
            f"  {setting.text:32} needs {need / GIB:7.2f} GiB{'  <- fits' if setting == self.first else ''}"
            for setting, need in self.needs.items()
        )
        head = f"{self.device} has {self.free / GIB:.1f} GiB free; with {ALLOWANCE / GIB:.1f} GiB for drawing:"
        return ("parts of the model:", *parts, head, *rungs)

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "device": self.device,
            "dtype": self.dtype,
            "free_bytes": self.free,
            "parameters": dict(self.parameters),
            "needs_bytes": {setting.text: round(need) for setting, need in self.needs.items()},
            "fits": None if self.first is None else self.first.text,
        }


def weigh(folder: Path, device: str, dtype: str | None) -> Fit | None:
    """A model folder beside a device; None where the folder holds no parts yet.

    Raises:
        UsageError: no such device.
        ModelError: a damaged part.
    """
    from illinstr.models.registry import family_of

    family = family_of(str(folder))
    if not all((folder / part).is_dir() for part in family.weighted_parts):
        return None
    parameters = parameters_of(folder, family)
    device = choose_device(device)
    dtype = dtype or choose_dtype(device)
    rungs = ON_CPU if device == "cpu" else LADDER
    able = [rung for rung in rungs if rung.quantize is None or (family.options and find_spec(PACKAGES[rung.quantize]))]
    needs = {rung: need(parameters, BYTES[dtype], rung) + ALLOWANCE for rung in able}
    return Fit(device, dtype, free_memory(device), parameters, needs)


def need(parameters: Mapping[str, int], size: float, setting: Setting) -> float:
    """Bytes of weights that lie on the device at once.

    Args:
        parameters: of each part: text encoders, one denoiser, an autoencoder.
        size: bytes of a parameter that is not quantised.
        setting: quantised are text encoders and denoiser; of them one at a time is there with ``offload_text``, of all
            parts with ``offload``.
    """
    small = size if setting.quantize is None else min(QUANTISED[setting.quantize], size)
    counts = by_role(parameters)
    text, denoiser, vae = counts["text"] * small, counts["denoiser"] * small, counts["vae"] * size
    if setting.offload:
        return max(text, denoiser, vae)
    return max(text, denoiser) + vae if setting.offload_text else text + denoiser + vae


def choose(fit: Fit, model: str) -> Setting:
    """The first setting that fits.

    Raises:
        UsageError: none does, with how much is missing.
    """
    if fit.first is not None:
        return fit.first
    least = min(fit.needs.values())
    packages = [package for package in PACKAGES.values() if find_spec(package) is None]
    hint = f"pip install {' '.join(packages)}" if packages else "take a smaller model, or another --device"
    raise UsageError(
        f"{model} does not fit: {fit.device} has {fit.free / GIB:.1f} GiB free, it needs {least / GIB:.1f} at least",
        hint=hint,
    )
