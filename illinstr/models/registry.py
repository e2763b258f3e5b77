"""The families, by name and by the pipeline class that a model's ``model_index.json`` names.

The family is asked for first of all: before parts are looked for, before anything is downloaded but the index itself,
before a language model is asked. A package can bring a family of its own: ``register`` it, or name it as an entry point
of the group ``illinstr.families``, which is looked up when a folder is of no family known here.
"""

from __future__ import annotations

import json
from pathlib import Path

from illinstr.errors import ModelError
from illinstr.models.embedded import resolved
from illinstr.models.family import Family
from illinstr.models.flux1.family import FLUX1
from illinstr.models.flux2.family import FLUX2
from illinstr.models.hub import hub_failures, is_hub_id, unreachable
from illinstr.models.qwen_image.family import QWEN_IMAGE
from illinstr.models.sdxl.family import SDXL
from illinstr.models.stable_diffusion.family import STABLE_DIFFUSION
from illinstr.models.stable_diffusion_3.family import STABLE_DIFFUSION_3
from illinstr.models.z_image.family import Z_IMAGE

INDEX = "model_index.json"
ENTRY_POINTS = "illinstr.families"
MAX_INDEX_BYTES = 1 << 20

_CARRIED = (STABLE_DIFFUSION, FLUX2, Z_IMAGE, QWEN_IMAGE, SDXL, FLUX1, STABLE_DIFFUSION_3)
_families: dict[str, Family] = {family.name: family for family in _CARRIED}

# Text-to-image models that people have on their disks and that this version does not draw with, by what their pipeline
# classes begin with; the longest that fits counts.
_KNOWN = {
    "AuraFlow": "AuraFlow",
    "Chroma": "Chroma",
    "CogView": "CogView",
    "Flux": "FLUX.1",
    "Flux2": "FLUX.2",
    "FluxKontext": "FLUX.1 Kontext",
    "HiDream": "HiDream",
    "Hunyuan": "Hunyuan",
    "IF": "DeepFloyd IF",
    "Kandinsky": "Kandinsky",
    "Kolors": "Kolors",
    "LatentConsistencyModel": "LCM",
    "Lumina": "Lumina",
    "PixArt": "PixArt",
    "QwenImage": "Qwen-Image",
    "QwenImage21": "Qwen-Image-2.1",
    "Sana": "SANA",
    "StableCascade": "Stable Cascade",
    "StableDiffusion3": "Stable Diffusion 3",
    "StableDiffusionXL": "SDXL",
    "Wuerstchen": "Würstchen",
    "ZImage": "Z-Image",
}
# Pipelines over an image that is given; the weights of most are a text-to-image model's with other inputs.
_FROM_IMAGES = (
    "Inpaint",
    "Img2Img",
    "InstructPix2Pix",
    "ControlNet",
    "Upscale",
    "Depth2Img",
    "Edit",
    "Omni",
    "Kontext",
)


def register(family: Family) -> None:
    """Add a family, or replace the one of its name."""
    _families[family.name] = family


def unregister(name: str) -> None:
    """Remove a family that was added."""
    _families.pop(name, None)


def families() -> tuple[Family, ...]:
    """All families this version draws with."""
    return tuple(_families.values())


def family_of(model: str, revision: str | None = None) -> Family:
    """The family of an embedded model, of a folder, or of a hub id, of which only the index is fetched.

    Raises:
        ModelError: no such model, a damaged index, or a family that this version does not draw with, by its name.
    """
    model = resolved(model)
    folder = Path(model)
    index = folder / INDEX if folder.is_dir() or not is_hub_id(model) else fetch_index(model, revision)
    return family_of_class(pipeline_class(index), model)


def pipeline_class(index: Path) -> str:
    """The pipeline class that a ``model_index.json`` names.

    Raises:
        ModelError: missing or damaged.
    """
    if not index.is_file():
        raise ModelError(f"{index.parent} is not a model folder: no {INDEX}", hint="illinstr doctor checks the model")
    try:
        with index.open("rb") as stream:
            return str(json.loads(stream.read(MAX_INDEX_BYTES))["_class_name"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"damaged {index}", hint="copy or download the model again") from error


def family_of_class(name: str, model: str) -> Family:
    """The family whose folders name pipeline class ``name``; ``model`` is what the user called it.

    Raises:
        ModelError: none here has.
    """
    found = _by_class(name)
    if found is None:
        _register_installed()
        found = _by_class(name)
    if found is not None:
        return found
    carried = ", ".join(family.title for family in families())
    shown = name if name.isidentifier() and len(name) <= 80 else repr(name[:80])
    if any(kind in name for kind in _FROM_IMAGES):
        raise ModelError(
            f"{model} holds a {shown}, a model that changes images; drawing needs a text-to-image model",
            hint=f"take the model it was made from; these families work: {carried}",
        )
    title = max((known for known in _KNOWN if name.startswith(known)), key=len, default=None)
    if title is not None:
        raise ModelError(
            f"{model} holds a model of the family {_KNOWN[title]} ({shown}), which this version does not draw with",
            hint=f"these families work: {carried}",
        )
    raise ModelError(f"{model} holds a {shown}, a family unknown here", hint=f"these families work: {carried}")


def fetch_index(hub_id: str, revision: str | None = None) -> Path:
    """``model_index.json`` of a hub id, from the local cache or the network; nothing else is downloaded.

    Raises:
        ModelError: not there, not reachable, or gated.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, GatedRepoError

    try:
        return Path(hf_hub_download(hub_id, INDEX, revision=revision))
    except GatedRepoError as error:
        raise ModelError(
            f"{hub_id} is gated: its owner asks you to accept a licence first",
            hint=f"accept it at https://huggingface.co/{hub_id}, then: hf auth login",
        ) from error
    except EntryNotFoundError as error:
        # Offline, the cache's lack of a file is told by a subclass of this error too.
        if type(error).__name__ == "LocalEntryNotFoundError":
            raise unreachable(hub_id, revision) from error
        raise ModelError(
            f"hub model {hub_id} holds no {INDEX}: it is not a diffusers pipeline",
            hint="many models have a second repository in that form, often called ...-Diffusers",
        ) from error
    except hub_failures(ValueError) as error:
        raise unreachable(hub_id, revision) from error


def _by_class(name: str) -> Family | None:
    return next((family for family in _families.values() if name in family.pipelines), None)


def _register_installed() -> None:
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS):
        family = point.load()
        if isinstance(family, Family):
            _families.setdefault(family.name, family)
