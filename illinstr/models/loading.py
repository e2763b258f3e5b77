"""From a model folder or a hub id to a backbone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.errors import ModelError
from illinstr.models.family import Family
from illinstr.models.folder import folder_sha256, read_settings
from illinstr.models.hub import hub_failures, unreachable
from illinstr.models.registry import INDEX, family_of
from illinstr.models.source import ModelSource

if TYPE_CHECKING:
    import torch

    from illinstr.models.backbone import Backbone

_KINDS = ("json", "txt", "model", "jinja", "safetensors")
_REDUNDANT = ["*.non_ema.safetensors", "*.fp16.safetensors"]


def load_backbone(model: str, *, dtype: torch.dtype, revision: str | None = None) -> Backbone:
    """Load a folder, or a hub id (at ``revision``) through the local hub cache and the network.

    Raises:
        ModelError: not there, of a family that this version does not draw with, or damaged.
    """
    family = family_of(model, revision)
    folder = Path(model)
    if not folder.is_dir():
        folder = download(model, family, revision)
    check_parts(folder, family)
    source = ModelSource(model, folder, folder_sha256(folder), read_settings(folder))
    return family.load(source, dtype)


def check_folder(folder: Path) -> None:
    """Find what is wrong with a model folder without loading it.

    Raises:
        ModelError: missing, of another family, incomplete, or with weights that are not readable safetensors.
    """
    check_parts(folder, family_of(str(folder)))


def check_parts(folder: Path, family: Family) -> None:
    """Find out whether a folder holds the parts of its family, by the headers of their weights.

    Raises:
        ModelError: incomplete, or with weights that are not readable safetensors.
    """
    from safetensors import SafetensorError, safe_open

    for part in family.parts:
        if not (folder / part).is_dir():
            raise ModelError(
                f"model folder {folder} has no {part}/", hint="export the model again, or download it again"
            )
    for part in family.weighted_parts:
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


def download(hub_id: str, family: Family, revision: str | None = None) -> Path:
    """The local snapshot of a hub id: the family's parts, half-precision weights only where there are no others.

    A repository may hold other precisions, leftovers of training and a safety checker beside them.

    Raises:
        ModelError: not there or not reachable.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    wanted = [INDEX, *(f"{part}/*.{kind}" for part in family.parts for kind in _KINDS)]
    try:
        folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted, ignore_patterns=_REDUNDANT))
        if not any((folder / family.denoiser).glob("*.safetensors")):
            folder = Path(snapshot_download(hub_id, revision=revision, allow_patterns=wanted))
    except hub_failures(HFValidationError) as error:
        raise unreachable(hub_id, revision) from error
    return folder
