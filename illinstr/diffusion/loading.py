"""Which model, on which device, in which precision: from what a user says to a pipeline that draws.

Importing this module loads no torch; ``load_pipeline`` does.
"""

from __future__ import annotations

import dataclasses
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.errors import ModelError, UsageError

if TYPE_CHECKING:
    from illinstr.diffusion.pipeline import StackedDiffusionPipeline

EMBEDDED = "mini"
DTYPES = ("float32", "float16", "bfloat16")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def check_model(model: str) -> str:
    """The model folder or hub id that ``--model`` names; only the presence of its files is looked at.

    Raises:
        ModelError: no such folder, or a folder that holds no model.
    """
    if model == EMBEDDED:
        folder = Path(str(resources.files("illinstr"))) / "assets" / EMBEDDED
        if not (folder / "model_index.json").is_file():
            hint = "name a model folder with --model, or train one: illinstr train --help"
            raise ModelError("the embedded model is not part of this installation", hint=hint)
        return str(folder)
    try:
        path = Path(model).expanduser()
        exists = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"--model {model[:80]!r} cannot be read: {error}") from error
    if exists:
        if not (path / "model_index.json").is_file():
            raise ModelError(
                f"{model} is not a model folder: it holds no model_index.json",
                hint="a model folder is what illinstr train writes, or a diffusers pipeline's save_pretrained",
            )
        return str(path)
    if not _HUB_ID.fullmatch(model):
        raise ModelError(f"no such model folder: {model}", hint="mini is the embedded model; a hub id reads ORG/NAME")
    return model


def load_pipeline(
    model: str = EMBEDDED,
    device: str = "auto",
    dtype: str | None = None,
    *,
    offload: bool = False,
    vae_slicing: bool = False,
) -> StackedDiffusionPipeline:
    """Load a model onto a device; this is where torch comes in.

    Args:
        model: ``mini`` (embedded), a model folder, or a hub id.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; auto is the first accelerator there is.
        dtype: one of ``DTYPES``; None is what suits the device (``choose_dtype``).
        offload: keep on the accelerator only the part of the model that is working.
        vae_slicing: decode one picture at a time.

    Raises:
        UsageError: the device is not there, or has nothing to offload to.
        ModelError: the model is missing, damaged or of another kind.
    """
    import diffusers
    import torch
    import transformers

    from illinstr.diffusion.pipeline import StackedDiffusionPipeline
    from illinstr.models.loading import load_backbone

    folder = check_model(model)
    device = choose_device(device)
    if offload and device == "cpu":
        raise UsageError("--offload moves parts between an accelerator and the CPU; this runs on the CPU alone")
    diffusers.utils.logging.disable_progress_bar()  # theirs ignore --quiet
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # it advises on image processors that nobody here uses
    diffusers.utils.logging.set_verbosity_error()
    backbone = load_backbone(folder, dtype=getattr(torch, dtype or choose_dtype(device)))
    if model == EMBEDDED:  # wherever it is installed
        backbone = dataclasses.replace(backbone, source=dataclasses.replace(backbone.source, model_id=EMBEDDED))
    return StackedDiffusionPipeline(backbone, device, offload=offload, vae_slicing=vae_slicing)


def choose_device(device: str) -> str:
    """``auto`` made definite, anything else checked.

    Raises:
        UsageError: there is no such device here.
    """
    import torch

    has_mps = torch.backends.mps.is_available()
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    if device.startswith("cuda"):
        index = int(device.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise UsageError(f"--device {device}: there is no such CUDA device here", hint="--device cpu always works")
    elif device == "mps" and not has_mps:
        raise UsageError("--device mps: there is no Metal device here", hint="--device cpu always works")
    return device


def choose_dtype(device: str) -> str:
    """The precision a device is fast in at no loss to be seen: bfloat16 where the hardware multiplies it.

    Other CUDA and Metal devices get float16, other processors float32.
    """
    if multiplies_bfloat16(device):
        return "bfloat16"
    return "float16" if device.startswith("cuda") or device == "mps" else "float32"


def multiplies_bfloat16(device: str) -> bool:
    """Whether bfloat16 is multiplied in hardware: CUDA from capability 8, CPUs with AVX-512 BF16 or AMX BF16."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8
    able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if device == "cpu" else {}
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))
