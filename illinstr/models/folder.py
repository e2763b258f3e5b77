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
from illinstr.errors import ConfigError, ModelError
from illinstr.models.autoencoder import downsampling
from illinstr.models.settings import StackedSettings
from illinstr.models.stable_diffusion.attention import route_panels

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


def load_parts(folder_or_hub_id: str, *, dtype: Any, revision: str | None = None) -> ModelParts:
    """Load a folder, or a hub id (at ``revision``) through the local hub cache and the network.

    Raises:
        ModelError: not there, damaged, or not a Stable-Diffusion-shaped model.
    """
    folder = Path(folder_or_hub_id)
    if not folder.is_dir():
        folder = _from_hub(folder_or_hub_id, revision)
    check_folder(folder)
    _check_family(folder)
    from diffusers import StableDiffusionPipeline

    try:
        pipe = StableDiffusionPipeline.from_pretrained(
            folder,
            use_safetensors=True,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
            local_files_only=True,
            variant=_variant_of(folder),
        )
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, AttributeError) as error:
        first = str(error).strip().splitlines()[0]
        raise ModelError(f"cannot load model {folder}: {first}", hint="copy or download the model again") from error
    settings = read_settings(folder)
    stacked = settings is not None
    if settings is None:
        size = int(pipe.unet.config.sample_size) * downsampling(pipe.vae)
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


# What a Stable Diffusion repository holds beside the parts: other precisions, training leftovers, the safety checker.
HUB_PATTERNS = ["model_index.json", *(f"{part}/*.{kind}" for part in PARTS for kind in ("json", "txt", "safetensors"))]
HUB_REDUNDANT = ["*.non_ema.safetensors", "*.fp16.safetensors"]


def _from_hub(hub_id: str, revision: str | None) -> Path:
    """The local snapshot of a hub id, half-precision weights only where there are no others."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        folder = Path(
            snapshot_download(hub_id, revision=revision, allow_patterns=HUB_PATTERNS, ignore_patterns=HUB_REDUNDANT)
        )
        if not any((folder / "unet").glob("*.safetensors")):
            folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=HUB_PATTERNS))
        return folder
    except hub_failures(HFValidationError) as error:
        raise ModelError(
            f"no model folder and no reachable hub model called {hub_id!r}"
            + (f" at revision {revision!r}" if revision else ""),
            hint="--model mini is embedded; or give a folder, or check the network with illinstr doctor",
        ) from error


def hub_failures(*more: type[BaseException]) -> tuple[type[BaseException], ...]:
    """What a broken line raises, and ``more``.

    The error of the HTTP library beneath the hub's client, which differs by version, and the system's. AttributeError:
    its threads close one another's connection when one of them cannot connect.
    """
    from huggingface_hub.errors import HfHubHTTPError

    return (*HfHubHTTPError.__bases__, OSError, AttributeError, *more)


def _variant_of(folder: Path) -> str | None:
    """``fp16`` for a folder whose U-Net comes in half precision only."""
    weights = [file.name for file in (folder / "unet").glob("*.safetensors")]
    return "fp16" if weights and all(".fp16" in name for name in weights) else None


def save_folder(
    folder: Path, *, unet: Any, vae: Any, text_encoder: Any, tokenizer: Any, scheduler: Any, settings: StackedSettings
) -> None:
    """Write the components and settings into ``folder`` (made by the caller, who publishes it)."""
    from diffusers import StableDiffusionPipeline

    if "block_out_channels" not in vae.config:
        # AutoencoderDC names its levels otherwise; StableDiffusionPipeline counts them to know a latent's size.
        vae.register_to_config(block_out_channels=list(vae.config.encoder_block_out_channels))
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
    _load_text_encoder_whole(folder / "text_encoder" / "config.json")
    files.write_json(folder / SETTINGS_FILE, settings.model_dump(mode="json"))


def _load_text_encoder_whole(config_json: Path) -> None:
    """Let the text encoder load in float32 unless the caller asks for another precision, as the U-Net and VAE do.

    transformers takes the precision named in the config, diffusers float32: a folder of half-precision weights would
    otherwise come up with a half text encoder beside a whole U-Net, and its first picture would fail.
    """
    import json

    config = json.loads(config_json.read_text(encoding="utf-8"))
    for key in {"dtype", "torch_dtype"} & set(config):
        config[key] = "float32"
    files.write_json(config_json, config)


def stamp_weights(folder: Path, metadata: dict[str, str]) -> None:
    """Add ``metadata`` to the header of every safetensors file directly in ``folder`` (not yet published).

    A weight file then says how it was made, wherever it is copied to.
    """
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as stream:
            known = stream.metadata() or {}
        stamped = file.with_suffix(".stamped")
        save_file(load_file(file), stamped, metadata={**known, **metadata})
        stamped.replace(file)


def weights_metadata(file: Path) -> dict[str, str]:
    """The metadata in the header of a safetensors file."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as stream:
        return dict(stream.metadata() or {})
