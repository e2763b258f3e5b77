"""The files of a model folder: settings, hashes, the headers of weights.

    model_index.json                        names the pipeline class, so plain diffusers loads the folder too
    unet/ vae/ text_encoder/ tokenizer/ scheduler/        or what else the family has
    stacked.json                            StackedSettings: conditioning, step code, panel size, defaults

Weights are safetensors only. A folder without ``stacked.json`` loads as well, with settings that its family recommends.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

from illinstr import files
from illinstr.config import validate
from illinstr.errors import ConfigError, IllinstrError, ModelError
from illinstr.models.settings import StackedSettings

SETTINGS_FILE = "stacked.json"


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
    except (OSError, ValueError, RecursionError, ConfigError) as error:
        raise ModelError(f"damaged {path}: {error}", hint="copy or download the model again") from error


def folder_sha256(folder: Path) -> str:
    """One hash over the folder's weights and settings: SHA-256 over sorted (name, SHA-256) pairs."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.suffix in {".safetensors", ".json"} and file.is_file():  # a pipe of that name would never end
            digest.update(f"{file.relative_to(folder).as_posix()} {files.sha256_file(file)}\n".encode())
    return digest.hexdigest()


@contextlib.contextmanager
def reading(folder: Path, what: str | None = None) -> Iterator[None]:
    """What libraries raise over a damaged model folder, or ``what`` in its place, as one line with a hint."""
    try:
        yield
    except IllinstrError:
        raise
    except Exception as error:  # whatever a library meets in a stranger's configs: no heads, no size, no such class
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"cannot load model {what or folder}: {first}", hint="copy or download the model again"
        ) from error


def write_settings(folder: Path, settings: StackedSettings) -> None:
    """Write ``stacked.json`` into a folder that is not yet published."""
    files.write_json(folder / SETTINGS_FILE, settings.model_dump(mode="json"))


def stamp_weights(folder: Path, metadata: dict[str, str]) -> None:
    """Add ``metadata`` to the header of every safetensors file directly in ``folder`` (not yet published).

    A weight file then says how it was made, wherever it is copied to.
    """
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as stream:
            known = stream.metadata() or {}
        stamped = file.with_name(f".{file.name}{files.INCOMPLETE_SUFFIX}")
        save_file(load_file(file), stamped, metadata={**known, **metadata})
        stamped.replace(file)


def weights_metadata(file: Path) -> dict[str, str]:
    """The metadata in the header of a safetensors file."""
    from safetensors import safe_open

    with safe_open(file, framework="pt") as stream:
        return dict(stream.metadata() or {})
