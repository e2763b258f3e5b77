"""What a model weighs, part by part, before it is loaded: by the headers of its weights, or by its configs alone."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.errors import ModelError
from illinstr.models.family import Family
from illinstr.models.folder import reading

if TYPE_CHECKING:
    from illinstr.models.backbone import Role


def parameters_of(folder: Path, family: Family) -> dict[str, int]:
    """Parameters of each part that holds weights.

    A part whose weights lie in the folder is counted by their headers, which loads no torch; one that has come without
    them is built on the meta device from its config, which takes no memory either.

    Raises:
        ModelError: a damaged header or config, or a class that the installed libraries do not have.
    """
    return {part: _by_headers(folder / part) or _on_meta(folder / part) for part in family.weighted_parts}


def by_role(parameters: Mapping[str, int]) -> dict[Role, int]:
    """Parameters of the text encoders, of the denoiser and of the autoencoder."""
    counted: dict[Role, int] = {"text": 0, "denoiser": 0, "vae": 0}
    for part, count in parameters.items():
        role: Role = "text" if part.startswith("text_encoder") else "vae" if part.startswith("vae") else "denoiser"
        counted[role] += count
    return counted


def _by_headers(part: Path) -> int:
    from safetensors import SafetensorError, safe_open

    count = 0
    for file in part.glob("*.safetensors"):
        try:
            with safe_open(file, framework="np") as tensors:
                count += sum(math.prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise ModelError(
                f"damaged weights {file}: {str(error).splitlines()[0]}", hint="copy or download the model again"
            ) from error
    return count


def _on_meta(part: Path) -> int:
    import torch

    with reading(part), torch.device("meta"):
        module = _built(part)
        return sum(parameter.numel() for parameter in module.parameters())


def _built(part: Path) -> Any:
    config = json.loads((part / "config.json").read_text(encoding="utf-8"))
    if "_class_name" in config:
        import diffusers

        return getattr(diffusers, config["_class_name"]).from_config(config)
    import transformers

    name = config["architectures"][0]
    return getattr(transformers, name)(transformers.AutoConfig.from_pretrained(part, local_files_only=True))
