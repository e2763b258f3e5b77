"""Models inside the package, by name: ``mini`` and ``mini-flow``.

Each is a folder under ``assets``. ``mini`` is whole. ``mini-flow`` stands on the autoencoder, text encoder and
tokenizer of ``mini``, and holds only what differs: a file of its own goes before the shared one of that name, and of
two files of weights the tensors are joined, its own first. The whole folder, an ordinary one, is put together in the
cache once.
"""

from __future__ import annotations

import functools
import hashlib
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from illinstr import files
from illinstr.errors import ModelError

EMBEDDED = "mini"
EMBEDDED_FLOW = "mini-flow"
SHARED: dict[str, tuple[str, ...]] = {EMBEDDED: (), EMBEDDED_FLOW: ("vae", "text_encoder", "tokenizer")}
_INDEX = "model_index.json"


def is_embedded(model: str) -> bool:
    """Whether a name is that of a model inside the package."""
    return model in SHARED


def resolved(model: str) -> str:
    """A model by name as a folder, where it is an embedded one; what a user called it otherwise.

    Raises:
        ModelError: as ``embedded_folder``.
    """
    return str(embedded_folder(model)) if is_embedded(model) else model


def embedded_folder(name: str) -> Path:
    """The whole folder of an embedded model.

    Raises:
        ModelError: it is not part of this installation, or the cache cannot be written.
    """
    own = _asset(name)
    if not (own / _INDEX).is_file():
        hint = "name a model folder with --model, or train one: illinstr train --help"
        raise ModelError(f"the embedded model {name} is not part of this installation", hint=hint)
    if not SHARED[name]:
        return own
    whole = files.cache_folder("models") / f"{name}-{_fingerprint(name)}"
    if not (whole / _INDEX).is_file():
        try:
            _publish(name, whole)
        except OSError as error:
            raise ModelError(
                f"cannot put {name} together in {whole.parent}: {error.strerror or error}",
                hint="name a folder that can be written in ILLINSTR_CACHE",
            ) from error
    return whole


def join_folders(own: Path, base: Path, shared: tuple[str, ...], out: Path) -> None:
    """Write into the empty folder ``out`` all of ``own``, and what it lacks of the parts ``shared`` of ``base``."""
    shutil.copytree(own, out, dirs_exist_ok=True, copy_function=shutil.copyfile)
    for part in shared:
        for file in sorted((base / part).iterdir()):
            target = out / part / file.name
            target.parent.mkdir(exist_ok=True)
            if not target.exists():
                shutil.copyfile(file, target)
            elif file.suffix == ".safetensors":
                _join_weights(file, target)


def _join_weights(shared: Path, own: Path) -> None:
    from safetensors.numpy import load_file, save_file  # half precision, and torch stays out of it

    tensors = load_file(shared) | load_file(own)
    save_file(tensors, own, metadata={"format": "pt"})


def _asset(name: str) -> Path:
    return Path(str(resources.files("illinstr"))) / "assets" / name


@functools.cache  # asked several times a command; what is installed does not change under it
def _fingerprint(name: str) -> str:
    """Of every file the whole is made of: another version of either model is another folder."""
    digest = hashlib.sha256()
    folders = [_asset(name), *(_asset(EMBEDDED) / part for part in SHARED[name])]
    for folder in folders:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                digest.update(f"{file.relative_to(folder).as_posix()} {files.sha256_file(file)}\n".encode())
    return digest.hexdigest()[:16]


def _publish(name: str, whole: Path) -> None:
    """Put the folder together under another name and rename it; of several processes the first one's stays."""
    whole.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{name}.", suffix=files.INCOMPLETE_SUFFIX, dir=whole.parent))
    try:
        join_folders(_asset(name), _asset(EMBEDDED), SHARED[name], made)
        made.chmod(0o755)
        try:
            made.rename(whole)
        except OSError:
            if not (whole / _INDEX).is_file():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
