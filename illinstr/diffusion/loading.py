"""Which model, on which device, in which precision: from what a user says to a pipeline that draws.

Importing this module loads no torch; ``load_pipeline`` does.
"""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.engine.devices import choose_device, choose_dtype, silence_libraries
from illinstr.errors import ModelError, UsageError
from illinstr.models.hub import is_hub_id

if TYPE_CHECKING:
    from illinstr.diffusion.pipeline import StackedDiffusionPipeline

EMBEDDED = "mini"


def check_model(model: str) -> str:
    """The model folder or hub id that ``--model`` names, of a family that this version draws with.

    Nothing is loaded: only ``model_index.json`` is read, and of a hub model nothing else is downloaded.

    Raises:
        ModelError: no such folder, a folder that holds no model, or a model of another family.
    """
    from illinstr.models.registry import family_of

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
        family_of(str(path))
        return str(path)
    if not is_hub_id(model):
        raise ModelError(f"no such model folder: {model}", hint="mini is the embedded model; a hub id reads ORG/NAME")
    family_of(model)
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
        dtype: one of ``devices.DTYPES``; None is what suits the device (``choose_dtype``).
        offload: keep on the accelerator only the part of the model that is working.
        vae_slicing: decode one image at a time.

    Raises:
        UsageError: the device is not there, or has nothing to offload to.
        ModelError: the model is missing, damaged or of another kind.
    """
    import torch

    from illinstr.diffusion.pipeline import StackedDiffusionPipeline
    from illinstr.models.loading import load_backbone, load_compact

    folder = check_model(model)
    device = choose_device(device)
    if offload and device == "cpu":
        raise UsageError("--offload moves parts between an accelerator and the CPU; this runs on the CPU alone")
    precision = getattr(torch, dtype or choose_dtype(device))
    backbone = load_compact(folder, dtype=precision)
    if backbone is None:
        silence_libraries()
        backbone = load_backbone(folder, dtype=precision)
    if model == EMBEDDED:  # wherever it is installed
        backbone = dataclasses.replace(backbone, source=dataclasses.replace(backbone.source, model_id=EMBEDDED))
    return StackedDiffusionPipeline(backbone, device, offload=offload, vae_slicing=vae_slicing)
