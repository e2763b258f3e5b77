"""Which model, on which device, in which precision: from what a user says to a pipeline that draws.

Importing this module loads no torch; ``load_pipeline`` does.
"""

from __future__ import annotations

import dataclasses
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.engine.devices import choose_device, choose_dtype, silence_libraries
from illinstr.errors import ModelError, UsageError
from illinstr.models.embedded import EMBEDDED, embedded_folder, is_embedded
from illinstr.models.hub import is_hub_id

if TYPE_CHECKING:
    from illinstr.diffusion.pipeline import StackedDiffusionPipeline
    from illinstr.models.options import LoadOptions


def check_model(model: str, options: LoadOptions | None = None) -> str:
    """The model folder, hub id or denoiser's file that ``--model`` names, of a family that this version draws with.

    Nothing is loaded: only ``model_index.json`` is read, and of a hub model nothing else is downloaded.

    Raises:
        ModelError: no such folder, a folder that holds no model, or a model of another family.
        UsageError: options that do not go with this model.
    """
    from illinstr.models.loading import check_options
    from illinstr.models.options import LoadOptions, is_single_file
    from illinstr.models.registry import family_of

    options = options or LoadOptions()
    if is_single_file(model):
        check_single_file(model)
        if options.base is None:
            hint = "name the folder of all other parts: --base FOLDER"
            raise UsageError(f"{model} is the file of a denoiser alone", hint=hint)
        check_model(options.base, dataclasses.replace(options, base=None))
        return model
    if options.base is not None:
        raise UsageError(f"--base goes with the file of a denoiser, and {model} is none", hint="leave --base out")
    found = _named_model(model)
    check_options(family_of(found), options)
    return found


def check_single_file(model: str) -> None:
    """Refuse what is no readable file of weights.

    Raises:
        ModelError: missing or damaged, or the package that reads it is.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(model).expanduser()
    if not path.is_file():
        raise ModelError(f"no such model file: {model}", hint="a .safetensors or .gguf file of a denoiser")
    try:
        if path.suffix.lower() == ".gguf":
            if find_spec("gguf") is None:
                raise ModelError(f"reading {model} needs the package gguf", hint="pip install gguf")
            with path.open("rb") as stream:
                if stream.read(4) != b"GGUF":
                    raise ModelError(f"{model} is no GGUF file", hint="copy or download it again")
        else:
            with safe_open(path, framework="np") as tensors:
                tensors.keys()
    except (SafetensorError, OSError) as error:
        first = str(error).splitlines()[0]
        raise ModelError(f"damaged weights {model}: {first}", hint="copy or download the file again") from error


def _named_model(model: str) -> str:
    if is_embedded(model):
        return str(embedded_folder(model))
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
    if not is_hub_id(model):
        raise ModelError(
            f"no such model folder: {model}", hint="mini and mini-flow are embedded models; a hub id reads ORG/NAME"
        )
    return model


def load_pipeline(
    model: str = EMBEDDED,
    device: str = "auto",
    dtype: str | None = None,
    *,
    offload: bool = False,
    offload_text: bool = False,
    vae_slicing: bool = False,
    options: LoadOptions | None = None,
) -> StackedDiffusionPipeline:
    """Load a model onto a device; this is where torch comes in.

    Args:
        model: ``mini`` or ``mini-flow`` (embedded), a model folder, or a hub id.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``; auto is the first accelerator there is.
        dtype: one of ``devices.DTYPES``; None is what suits the device (``choose_dtype``).
        offload: keep on the accelerator only the part of the model that is working.
        offload_text: keep the text encoders on the accelerator only while they work.
        vae_slicing: decode one image at a time.
        options: what is asked of the weights.

    Raises:
        UsageError: the device is not there, or has nothing to offload to.
        ModelError: the model is missing, damaged or of another kind.
    """
    import torch

    from illinstr.diffusion.pipeline import StackedDiffusionPipeline
    from illinstr.models.loading import load_backbone, load_compact
    from illinstr.models.options import LoadOptions

    folder = check_model(model, options)
    device = choose_device(device)
    if (offload or offload_text) and device == "cpu":
        option = "--offload" if offload else "--offload-text"
        raise UsageError(f"{option} moves parts between an accelerator and the CPU; this runs on the CPU alone")
    precision = getattr(torch, dtype or choose_dtype(device))
    plain = options is None or options == LoadOptions()
    backbone = load_compact(folder, dtype=precision) if plain else None
    if backbone is None:
        silence_libraries()
        backbone = load_backbone(folder, dtype=precision, options=options)
    if is_embedded(model):  # wherever it is installed
        backbone = dataclasses.replace(backbone, source=dataclasses.replace(backbone.source, model_id=model))
    return StackedDiffusionPipeline(
        backbone, device, offload=offload, offload_text=offload_text, vae_slicing=vae_slicing
    )
