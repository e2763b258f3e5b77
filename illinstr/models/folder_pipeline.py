"""The diffusers pipeline of a checked model folder: what every family's loader begins with."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import torch

from illinstr.errors import ModelError
from illinstr.models.folder import reading
from illinstr.models.source import ModelSource


def load_pipeline(source: ModelSource, dtype: torch.dtype, **options: Any) -> Any:
    """The pipeline of the class that the folder names, weights in ``dtype``, nothing from the network.

    What ``source.options`` ask is done: weights are quantised as they are loaded, the denoiser is taken from its file,
    adapters are added.

    Args:
        source: a folder whose family and parts were checked.
        dtype: of every part with weights.
        options: for ``from_pretrained`` of the family's pipeline class.

    Raises:
        ModelError: damaged, or parts or adapters that do not fit.
    """
    from diffusers import DiffusionPipeline
    from diffusers.quantizers import PipelineQuantizationConfig

    components = _components(source)
    denoiser = "unet" if "unet" in components else "transformer"
    with reading(source.folder):
        quantised = _quantised(
            source, [*(part for part in components if part.startswith("text_encoder")), denoiser], dtype
        )
        if source.denoiser is not None:
            own = quantised.pop(denoiser, None)
            options[denoiser] = _single_file(source, denoiser, components[denoiser][1], dtype, own)
        if quantised:
            options["quantization_config"] = PipelineQuantizationConfig(quant_mapping=quantised)
        pipe = DiffusionPipeline.from_pretrained(
            source.folder,
            dtype=dtype,
            use_safetensors=True,
            local_files_only=True,
            variant=_variant_of(source),
            **options,
        )
    _add_loras(pipe, source)
    return pipe


def _components(source: ModelSource) -> dict[str, list[str]]:
    """Part to the library and class that ``model_index.json`` names for it."""
    index = json.loads((source.folder / "model_index.json").read_text(encoding="utf-8"))
    return {part: named for part, named in index.items() if isinstance(named, list) and len(named) == 2 and named[1]}


def _quantised(source: ModelSource, parts: list[str], dtype: torch.dtype) -> dict[str, Any]:
    """Part to how its weights are quantised; the autoencoder, which is small, never is."""
    if source.options.quantize is None:
        return {}
    import diffusers
    import transformers

    libraries = {part: transformers if part.startswith("text_encoder") else diffusers for part in parts}
    if source.options.quantize == "int8":
        from torchao.quantization import Int8WeightOnlyConfig

        return {part: library.TorchAoConfig(Int8WeightOnlyConfig()) for part, library in libraries.items()}
    four: dict[str, Any] = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    return {part: library.BitsAndBytesConfig(**four) for part, library in libraries.items()}


def _single_file(source: ModelSource, part: str, kind: str, dtype: torch.dtype, quantised: Any) -> Any:
    """The denoiser of a class from a file of its own, by diffusers' own loader; a GGUF file stays quantised."""
    import diffusers

    if str(source.denoiser).lower().endswith(".gguf"):
        quantised = diffusers.GGUFQuantizationConfig(compute_dtype=dtype)
    asked = {} if quantised is None else {"quantization_config": quantised}
    with reading(source.folder, str(source.denoiser)):
        return getattr(diffusers, kind).from_single_file(
            str(source.denoiser),
            config=str(source.folder),
            subfolder=part,
            torch_dtype=dtype,
            local_files_only=True,
            **asked,
        )


def _add_loras(pipe: Any, source: ModelSource) -> None:
    """Add the adapters asked for, each by its weight.

    Raises:
        ModelError: one that does not fit this model.
    """
    names = []
    for number, lora in enumerate(source.options.loras):
        name, path = f"lora{number}", Path(lora.path)
        try:
            with warnings.catch_warnings():  # of several adapters, which are wanted
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")
                pipe.load_lora_weights(path.parent, weight_name=path.name, adapter_name=name, local_files_only=True)
            known = {each for adapters in pipe.get_list_adapters().values() for each in adapters}
        except Exception as error:  # whatever a library meets in a stranger's adapters
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise _unfit(lora.path, source, first[:200]) from error
        if name not in known:
            raise _unfit(lora.path, source, "none of its layers is one of the model's")
        names.append(name)
    if names:
        pipe.set_adapters(names, [lora.weight for lora in source.options.loras])


def _unfit(path: str, source: ModelSource, reason: str) -> ModelError:
    return ModelError(
        f"the adapters {path} do not fit {source.model_id}: {reason}",
        hint="they belong to the model they were made for",
    )


def _variant_of(source: ModelSource) -> str | None:
    """``fp16`` for a folder whose denoiser comes in half precision only."""
    weights = [file.name for part in ("unet", "transformer") for file in (source.folder / part).glob("*.safetensors")]
    return "fp16" if weights and all(".fp16" in name for name in weights) else None
