"""What is asked of a model's weights beyond what its folder holds: adapters, precision, a denoiser of another file.

Nothing here imports torch: what is wrong with a file is found before anything is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, get_args

from illinstr import files
from illinstr.errors import UsageError

Quantize = Literal["int8", "nf4"]
QUANTIZE: tuple[str, ...] = get_args(Quantize)
PACKAGES = {"int8": "torchao", "nf4": "bitsandbytes"}
SINGLE_FILES = (".safetensors", ".gguf")
MAX_LORAS, MAX_LORA_WEIGHT = 16, 10.0
_LORA_NAMES = (".lora_a.", ".lora_b.", "lora_down", "lora_up", ".lora.", "lokr_", "hada_")


@dataclass(frozen=True)
class Lora:
    """Low-rank adapters of a file: where it is, how much of them is added, and the file's SHA-256."""

    path: str
    weight: float
    sha256: str

    @property
    def text(self) -> str:
        """As the command line spells it."""
        return f"{self.path}:{self.weight:g}"


@dataclass(frozen=True)
class LoadOptions:
    """How a model is loaded.

    Attributes:
        base: the folder of all other parts, where the model named is the file of a denoiser alone.
        quantize: the precision of the denoiser's and text encoders' weights; None is as computed in.
        loras: adapters, added one to the other.
    """

    base: str | None = None
    quantize: Quantize | None = None
    loras: tuple[Lora, ...] = ()


def is_single_file(model: str) -> bool:
    """Whether ``model`` names the file of a denoiser, not a folder or a hub id."""
    return model.lower().endswith(SINGLE_FILES) and not Path(model).is_dir()


def read_loras(texts: Sequence[str]) -> tuple[Lora, ...]:
    """``PATH`` or ``PATH:WEIGHT`` each, the files read as far as their headers and their hashes.

    Raises:
        UsageError: no such file, none of adapters, a weight that is none, or the same file twice.
    """
    if texts and find_spec("peft") is None:
        raise UsageError("--lora needs the package peft", hint='pip install "illinstr[lora]"')
    if len(texts) > MAX_LORAS:
        raise UsageError(f"--lora is given {len(texts)} times; at most {MAX_LORAS} are added", hint="merge some first")
    loras = tuple(_read_lora(text) for text in texts)
    if len({lora.sha256 for lora in loras}) < len(loras):
        raise UsageError("--lora names the same adapters twice", hint="give one of them twice the weight")
    return loras


def check_quantize(quantize: str | None, device: str) -> None:
    """Refuse a precision that is unknown, or whose package is not installed.

    Raises:
        UsageError: which, and what to do.
    """
    if quantize is None:
        return
    if quantize not in QUANTIZE:
        raise UsageError(f"--quantize {quantize!r} is unknown", hint=f"choose from {', '.join(QUANTIZE)}")
    package = PACKAGES[quantize]
    if find_spec(package) is None:
        raise UsageError(f"--quantize {quantize} needs the package {package}", hint=f"pip install {package}")
    if device == "mps":
        raise UsageError(f"--quantize {quantize} is for CUDA and the CPU", hint="--dtype float16, or --offload")


def _read_lora(text: str) -> Lora:
    name, weight = _split_weight(text)
    try:
        path = Path(name).expanduser()
        if path.is_dir():
            inside = sorted(path.glob("*.safetensors"))
            if len(inside) != 1:
                found = f"{len(inside)} .safetensors files" if inside else "no .safetensors file"
                raise UsageError(f"--lora {name}: the folder holds {found}", hint="name the file")
            path = inside[0]
        if not path.is_file():
            raise UsageError(
                f"--lora {name}: there is no such file", hint="PATH or PATH:WEIGHT, of a .safetensors file"
            )
        _check_adapters(path)
        return Lora(str(path), weight, files.sha256_file(path))
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"--lora {name[:80]!r} cannot be read: {error}") from error


def _split_weight(text: str) -> tuple[str, float]:
    name, _, last = text.rpartition(":")
    try:
        weight = float(last)
    except ValueError:
        return text, 1.0
    if not name:
        return text, 1.0
    if not (math.isfinite(weight) and abs(weight) <= MAX_LORA_WEIGHT):
        raise UsageError(
            f"--lora {text}: a weight is between -{MAX_LORA_WEIGHT:g} and {MAX_LORA_WEIGHT:g}", hint="1 is usual"
        )
    return name, weight


def _check_adapters(path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    if path.suffix.lower() != ".safetensors":
        raise UsageError(f"--lora {path} is not a .safetensors file", hint="pickled weights are never loaded")
    try:
        with safe_open(path, framework="np") as stream:
            names = [name.lower() for name in stream.keys()]  # noqa: SIM118
    except SafetensorError as error:
        raise UsageError(f"--lora {path} is damaged: {str(error).splitlines()[0]}", hint="copy it again") from error
    if not any(part in name for name in names for part in _LORA_NAMES):
        raise UsageError(f"--lora {path} holds no adapters", hint="a whole denoiser is a --model, with --base FOLDER")
