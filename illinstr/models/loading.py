"""From a model folder or a hub id to a backbone."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr import files
from illinstr.errors import ModelError, UsageError
from illinstr.models.embedded import resolved
from illinstr.models.family import Family
from illinstr.models.folder import folder_sha256, read_settings
from illinstr.models.hub import hub_failures, unreachable
from illinstr.models.options import LoadOptions, is_single_file
from illinstr.models.registry import INDEX, family_of
from illinstr.models.source import ModelSource

if TYPE_CHECKING:
    import torch

    from illinstr.models.backbone import Backbone, Role

ROLES: tuple[Role, ...] = ("text", "denoiser", "vae")
MAX_CONFIG_BYTES = 1 << 20
MAX_CONFIG_DEPTH = 16
MAX_CONFIG_NUMBER = 1 << 24
MAX_TIMESTEPS = 100_000
_KINDS = ("json", "txt", "model", "jinja", "safetensors")
_REDUNDANT = ["*.non_ema.safetensors", "*.fp16.safetensors"]


def load_backbone(
    model: str, *, dtype: torch.dtype, revision: str | None = None, options: LoadOptions | None = None
) -> Backbone:
    """Load a model by what a user calls it: an embedded one, a folder, a hub id at ``revision``, a denoiser's file.

    Raises:
        ModelError: not there, of a family that this version does not draw with, or damaged.
        UsageError: the family takes no such options.
    """
    options = options or LoadOptions()
    model = resolved(model)
    denoiser = Path(model).expanduser() if is_single_file(model) else None
    whole = model if denoiser is None else _base_of(model, options)
    family = family_of(whole, revision)
    check_options(family, options)
    folder = Path(whole)
    if not folder.is_dir():
        folder = download(whole, family, revision, denoiser=denoiser is None)
    check_parts(folder, family, without=() if denoiser is None else (family.denoiser,))
    sha256 = folder_sha256(folder)
    if denoiser is not None:
        sha256 = hashlib.sha256(f"{sha256} {files.sha256_file(denoiser)}".encode()).hexdigest()
    source = ModelSource(model, folder, sha256, read_settings(folder), options, denoiser)
    backbone = family.load(source, dtype)
    check_finite(backbone, folder)
    return backbone


def load_compact(model: str, *, dtype: torch.dtype) -> Backbone | None:
    """Load a folder for drawing by modules that need neither diffusers nor transformers; None where there are none.

    What is drawn is equal to the bit; training and saving need what ``load_backbone`` gives.

    Raises:
        ModelError: of a family that this version does not draw with, or damaged.
    """
    folder = Path(model)
    family = family_of(model)
    if family.load_compact is None or not folder.is_dir():
        return None
    check_parts(folder, family)
    backbone = family.load_compact(ModelSource(model, folder, folder_sha256(folder), read_settings(folder)), dtype)
    if backbone is not None:
        check_finite(backbone, folder)
    return backbone


def check_options(family: Family, options: LoadOptions) -> None:
    """Refuse options for a family whose loader knows none.

    Raises:
        UsageError: which.
    """
    asked = {"--base": options.base, "--quantize": options.quantize, "--lora": options.loras}
    for option, value in asked.items():
        if value and not family.options:
            raise UsageError(f"{option} is not for {family.title}", hint="leave it out")


def _base_of(model: str, options: LoadOptions) -> str:
    if options.base is None:
        raise UsageError(
            f"{model} is the file of a denoiser alone", hint="name the folder of all other parts: --base FOLDER"
        )
    return options.base


def check_finite(backbone: Backbone, folder: Path) -> None:
    """Refuse a model that holds NaN or infinity: it would draw black without a word.

    Raises:
        ModelError: the first such tensor, by name.
    """
    import torch

    for role in ROLES:
        for part, module in backbone.modules(role).items():
            for name, tensor in module.state_dict().items():
                plain = type(tensor) in (torch.Tensor, torch.nn.Parameter)  # others hold packed integers and scales
                if plain and tensor.is_floating_point() and tensor.numel() and not tensor.is_meta:
                    low, high = torch.aminmax(tensor.float() if tensor.device.type == "cpu" else tensor)
                    if not (torch.isfinite(low) and torch.isfinite(high)):
                        raise ModelError(
                            f"the weights of model {folder} are not finite: {part}, {name}",
                            hint="training went wrong, or the copy is damaged; take another checkpoint or copy",
                        )


def check_configs(folder: Path, family: Family) -> None:
    """Read the configs of a folder's parts, and refuse numbers that no model has and that would cost hours or memory.

    Raises:
        ModelError: the first such file.
    """
    for part in family.parts:
        for name in ("config.json", "scheduler_config.json"):
            path = folder / part / name
            if not os.path.lexists(path):
                continue
            try:
                if not path.is_file() or path.stat().st_size > MAX_CONFIG_BYTES:
                    raise ValueError(f"no file of at most {MAX_CONFIG_BYTES >> 20} MiB")
                _check_numbers(json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, RecursionError) as error:
                reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
                raise ModelError(f"damaged {path}: {reason}", hint="copy or download the model again") from error


def _check_numbers(value: Any, name: str = "", depth: int = 0) -> None:
    if depth > MAX_CONFIG_DEPTH:
        raise ValueError(f"nested more than {MAX_CONFIG_DEPTH} deep")
    if isinstance(value, dict):
        for key, inside in value.items():
            _check_numbers(inside, str(key), depth + 1)
    elif isinstance(value, list):
        for inside in value:
            _check_numbers(inside, name, depth + 1)
    elif isinstance(value, int) and abs(value) > MAX_CONFIG_NUMBER and "theta" not in name:  # a base of RoPE is large
        raise ValueError(f"{name} is {value:.3g}, which no model has")
    elif name == "num_train_timesteps" and not (isinstance(value, int) and 1 <= value <= MAX_TIMESTEPS):
        raise ValueError(f"num_train_timesteps is {str(value)[:20]}, not between 1 and {MAX_TIMESTEPS}")


def check_folder(folder: Path) -> None:
    """Find what is wrong with a model folder without loading it.

    Raises:
        ModelError: missing, of another family, incomplete, or with weights that are not readable safetensors.
    """
    check_parts(folder, family_of(str(folder)))


def check_parts(folder: Path, family: Family, *, without: tuple[str, ...] = ()) -> None:
    """Find out whether a folder holds the parts of its family, by the headers of their weights.

    Args:
        folder: the model folder.
        family: whose parts it must hold.
        without: parts whose weights come from elsewhere; their configs must be there.

    Raises:
        ModelError: incomplete, or with weights that are not readable safetensors.
    """
    from safetensors import SafetensorError, safe_open

    for part in family.parts:
        if not (folder / part).is_dir():
            raise ModelError(
                f"model folder {folder} has no {part}/", hint="export the model again, or download it again"
            )
    check_configs(folder, family)
    for part in family.weighted_parts:
        if part in without:
            continue
        weights = [file for file in sorted((folder / part).glob("*.safetensors")) if file.is_file()]
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


def fetch_configs(hub_id: str, revision: str | None = None) -> Path:
    """The local snapshot of a hub id with the configs of its family's parts, which weigh next to nothing.

    Raises:
        ModelError: not there or not reachable, or of no family here.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    family = family_of(hub_id, revision)
    wanted = [INDEX, *(f"{part}/*config.json" for part in family.parts)]
    try:
        return Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted))
    except hub_failures(HFValidationError) as error:
        raise unreachable(hub_id, revision) from error


def download(hub_id: str, family: Family, revision: str | None = None, *, denoiser: bool = True) -> Path:
    """The local snapshot of a hub id: the family's parts, half-precision weights only where there are no others.

    A repository may hold other precisions, leftovers of training and a safety checker beside them. Without ``denoiser``
    its weights stay there.

    Raises:
        ModelError: not there or not reachable.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    wanted = [INDEX, *(f"{part}/*.{kind}" for part in family.parts for kind in _KINDS)]
    ignored = _REDUNDANT if denoiser else [*_REDUNDANT, f"{family.denoiser}/*.safetensors"]
    try:
        folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted, ignore_patterns=ignored))
        if denoiser and not any((folder / family.denoiser).glob("*.safetensors")):
            folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted))
    except hub_failures(HFValidationError) as error:
        raise unreachable(hub_id, revision) from error
    return folder
