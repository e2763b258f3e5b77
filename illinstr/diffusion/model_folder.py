"""The model folder: what ``DiffusionPipeline.save_pretrained`` writes, plus ``stacked.json``.

    model_index.json                        names StableDiffusionPipeline, so plain diffusers loads the folder too
    unet/ vae/ text_encoder/ tokenizer/ scheduler/
    stacked.json                            StackedSettings: conditioning, step code, panel size, defaults

Weights are safetensors only. A Stable Diffusion folder without ``stacked.json`` loads as well, with settings that fit a
model not trained for stacking.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from illinstr import files
from illinstr.config import validate
from illinstr.diffusion.attention import route_panels
from illinstr.diffusion.settings import StackedSettings
from illinstr.errors import ConfigError, ModelError

SETTINGS_FILE = "stacked.json"
PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")


@dataclass(frozen=True)
class ModelParts:
    """The loaded components and where they came from."""

    unet: Any
    vae: Any
    text_encoder: Any
    tokenizer: Any
    scheduler: Any
    settings: StackedSettings
    model_id: str
    sha256: str
    stacked: bool


def check_folder(folder: Path) -> None:
    """Find what is wrong with a model folder without loading it.

    Raises:
        ModelError: missing, incomplete, or with weights that are not readable safetensors.
    """
    from safetensors import SafetensorError, safe_open

    if not (folder / "model_index.json").is_file():
        raise ModelError(
            f"{folder} is not a model folder: no model_index.json", hint="illinstr doctor checks the model"
        )
    for part in PARTS:
        if not (folder / part).is_dir():
            raise ModelError(
                f"model folder {folder} has no {part}/", hint="export the model again, or download it anew"
            )
    for part in ("unet", "vae", "text_encoder"):
        weights = sorted((folder / part).glob("*.safetensors"))
        if not weights:
            raise ModelError(f"{folder / part} has no safetensors weights", hint="pickled weights are never loaded")
        for file in weights:
            try:
                with safe_open(file, framework="pt") as stream:
                    stream.keys()
            except (SafetensorError, OSError) as error:
                raise ModelError(
                    f"damaged weights {file}: {str(error).splitlines()[0]}", hint="copy or download the model again"
                ) from error


def _check_family(folder: Path) -> None:
    """Refuse a pipeline of another kind (SDXL, FLUX, ...), which would load in part and draw nonsense."""
    import json

    try:
        name = json.loads((folder / "model_index.json").read_text(encoding="utf-8")).get("_class_name")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"damaged {folder / 'model_index.json'}", hint="copy or download the model again") from error
    if name != "StableDiffusionPipeline":
        hint = "models of the families Stable Diffusion 1 and 2 work"
        raise ModelError(f"{folder} holds a {name}, not a StableDiffusionPipeline", hint=hint)


def read_settings(folder: Path) -> StackedSettings | None:
    """The folder's ``stacked.json``, or None when it has none.

    Raises:
        ModelError: it is there and not valid.
    """
    import json

    path = folder / SETTINGS_FILE
    if not path.is_file():
        return None
    try:
        return validate(StackedSettings, json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, ConfigError) as error:
        raise ModelError(f"damaged {path}: {error}", hint="copy or download the model again") from error


def folder_sha256(folder: Path) -> str:
    """One hash over the folder's weights and settings: SHA-256 over sorted (name, SHA-256) pairs."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".safetensors", ".json"}:
            digest.update(f"{file.relative_to(folder).as_posix()} {files.sha256_file(file)}\n".encode())
    return digest.hexdigest()


def load_parts(folder_or_hub_id: str, *, dtype: Any) -> ModelParts:
    """Load a folder, or a hub id through the local hub cache and the network.

    Raises:
        ModelError: not there, damaged, or not a Stable-Diffusion-shaped model.
    """
    folder = Path(folder_or_hub_id)
    if not folder.is_dir():
        folder = _from_hub(folder_or_hub_id)
    check_folder(folder)
    _check_family(folder)
    from diffusers import StableDiffusionPipeline

    try:
        pipe = StableDiffusionPipeline.from_pretrained(
            folder, use_safetensors=True, safety_checker=None, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"cannot load model {folder}: {first}", hint="copy or download the model again") from error
    settings = read_settings(folder)
    stacked = settings is not None
    if settings is None:
        size = int(pipe.unet.config.sample_size) * int(pipe.vae_scale_factor)
        settings = StackedSettings(
            conditioning="joint", step_code=False, panel_px=size, trained_steps=(1, 1), sampling_steps=30, guidance=7.5
        )
    for module in (pipe.unet, pipe.vae, pipe.text_encoder):
        if module.dtype != dtype:
            module.to(dtype)
    route_panels(pipe.unet)
    parts = {part: getattr(pipe, part) for part in PARTS}
    return ModelParts(
        **parts, settings=settings, model_id=folder_or_hub_id, sha256=folder_sha256(folder), stacked=stacked
    )


def _from_hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["*.json", "*.txt", "*/*.json", "*/*.txt", "*/*.safetensors"]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise ModelError(
            f"no model folder and no reachable hub model called {hub_id!r}",
            hint="--model mini is embedded; or give a folder, or check the network with illinstr doctor",
        ) from error


def save_folder(
    folder: Path, *, unet: Any, vae: Any, text_encoder: Any, tokenizer: Any, scheduler: Any, settings: StackedSettings
) -> None:
    """Write the components and settings into ``folder`` (made by the caller, who publishes it)."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.save_pretrained(folder, safe_serialization=True)
    files.write_json(folder / SETTINGS_FILE, settings.model_dump(mode="json"))
