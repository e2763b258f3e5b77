"""Tensors computed once and kept on disk, under a key of everything they depend on.

A folder per model and transform holds parts: ``part-X.safetensors`` with tensors named by the hash of their content,
and ``part-X.json`` listing them, written after it. A part without its list is not there: a process killed while it
writes loses that part alone. Parts never change, so any number of processes and runs may read and add at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from illinstr import files


def weights_sha256(module: nn.Module, *settings: object) -> str:
    """Hash of a model's weights and of the settings it is used with (their ``repr``)."""
    digest = hashlib.sha256(repr(settings).encode())
    for name, tensor in module.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


class TensorCache:
    """Tensors by key in one folder.

    Args:
        folder: named after the model and transform; made when the first part is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._part_of: dict[str, Path] = {}
        self._open: dict[Path, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """See what other processes have added; parts that are damaged are as good as absent."""
        for listing in sorted(self.folder.glob("part-*.json")):
            part = listing.with_suffix(".safetensors")
            try:
                listed = json.loads(listing.read_text())
                if part.stat().st_size == listed["bytes"]:
                    self._part_of |= dict.fromkeys(listed["keys"], part)
            except (OSError, ValueError, KeyError, TypeError):
                continue

    def __contains__(self, key: object) -> bool:
        return key in self._part_of

    def get(self, key: str) -> Tensor:
        """One tensor, read from its part without reading the others.

        Raises:
            KeyError: it is not there, or its part is damaged.
        """
        part = self._part_of[key]
        try:
            if part not in self._open:
                self._open[part] = safe_open(part, framework="pt")
            tensor: Tensor = self._open[part].get_tensor(key)
        except (OSError, SafetensorError) as error:
            raise KeyError(key) from error
        return tensor

    def add(self, tensors: Mapping[str, Tensor]) -> None:
        """Publish tensors as one part."""
        if not tensors:
            return
        name = hashlib.sha256("".join(sorted(tensors)).encode()).hexdigest()[:24]
        part = self.folder / f"part-{name}.safetensors"
        content = save({key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()})
        files.write_bytes(part, content)
        files.write_json(part.with_suffix(".json"), {"bytes": len(content), "keys": sorted(tensors)})
        self._part_of |= dict.fromkeys(tensors, part)


def sha256_text(text: str) -> str:
    """Key of a text."""
    return hashlib.sha256(text.encode()).hexdigest()


class TextCache:
    """Encoded texts by text: remembers what it is given, in memory and, where ``folder`` is given, on disk.

    Args:
        folder: as in TensorCache; None keeps texts in memory alone.
        device: where tensors are returned.
        part_size: texts gathered before they are written; ``flush`` writes the rest.
    """

    def __init__(self, folder: Path | None, device: str | torch.device, *, part_size: int = 1024) -> None:
        self.device = device
        self.part_size = part_size
        self._disk = TensorCache(folder) if folder is not None else None
        self._memory: dict[str, Tensor] = {}
        self._unwritten: dict[str, Tensor] = {}

    def __contains__(self, text: str) -> bool:
        return text in self._memory or (self._disk is not None and sha256_text(text) in self._disk)

    def __getitem__(self, text: str) -> Tensor:
        if text not in self._memory:
            if self._disk is None:
                raise KeyError(text)
            self._memory[text] = self._disk.get(sha256_text(text)).to(self.device)
        return self._memory[text]

    def __setitem__(self, text: str, tensor: Tensor) -> None:
        self._memory[text] = tensor
        if self._disk is not None:
            self._unwritten[sha256_text(text)] = tensor
            if len(self._unwritten) >= self.part_size:
                self.flush()

    def flush(self) -> None:
        """Write what is not on disk yet."""
        if self._disk is not None and self._unwritten:
            self._disk.add(self._unwritten)
            self._unwritten = {}


def text_cache(text_encoder: nn.Module, tokenizer: Any, device: str, *settings: object, keep: bool) -> TextCache:
    """The cache of texts encoded by this encoder with this tokenizer, and ``settings``; on disk when ``keep``."""
    if not keep:
        return TextCache(None, device)
    vocabulary = sorted(tokenizer.get_vocab().items())
    key = weights_sha256(text_encoder, vocabulary, tokenizer.model_max_length, *settings)
    return TextCache(files.cache_folder("texts") / key, device)
