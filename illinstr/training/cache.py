"""Tensors computed once and kept on disk, under a key of everything they depend on.

A folder per model and transform holds parts: ``part-X.safetensors`` with tensors named by the hash of their content,
and ``part-X.json`` listing them, written after it. A part without its list is not there: a process killed while it
writes loses that part alone. Parts never change, so any number of processes and runs may read and add at once.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from illinstr import files

MAX_TEXT_BYTES = 1 << 30


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
    """Encoded texts by text: remembers the last ones it was given or asked for, and, on disk, all of them.

    Tensors are kept in main memory, whatever device encoded them: those of 600,000 texts would fill a GPU. What memory
    has no room for is read from disk again, or, where there is no folder, not there any more.

    Args:
        folder: as in TensorCache; None keeps texts in memory alone.
        part_size: texts gathered before they are written; ``flush`` writes the rest.
        max_bytes: of tensors in memory, those not written yet apart.
    """

    def __init__(self, folder: Path | None, *, part_size: int = 1024, max_bytes: int = MAX_TEXT_BYTES) -> None:
        self.part_size = part_size
        self.max_bytes = max_bytes
        self._disk = TensorCache(folder) if folder is not None else None
        self._memory: OrderedDict[str, Tensor] = OrderedDict()
        self._bytes = 0
        self._unwritten: dict[str, Tensor] = {}

    def __contains__(self, text: str) -> bool:
        if text in self._memory:
            return True
        key = sha256_text(text)
        return key in self._unwritten or (self._disk is not None and key in self._disk)

    def __getitem__(self, text: str) -> Tensor:
        if text in self._memory:
            self._memory.move_to_end(text)
            return self._memory[text]
        key = sha256_text(text)
        if key in self._unwritten:
            return self._unwritten[key]
        if self._disk is None:
            raise KeyError(text)
        tensor = self._disk.get(key)
        self._remember(text, tensor)
        return tensor

    def __setitem__(self, text: str, tensor: Tensor) -> None:
        kept = tensor.detach().cpu()
        self._remember(text, kept)
        if self._disk is not None:
            self._unwritten[sha256_text(text)] = kept
            if len(self._unwritten) >= self.part_size:
                self.flush()

    def _remember(self, text: str, tensor: Tensor) -> None:
        if text in self._memory:
            self._bytes -= self._memory.pop(text).nbytes
        self._memory[text] = tensor
        self._bytes += tensor.nbytes
        while self._bytes > self.max_bytes and len(self._memory) > 1:
            self._bytes -= self._memory.popitem(last=False)[1].nbytes

    def flush(self) -> None:
        """Write what is not on disk yet."""
        if self._disk is not None and self._unwritten:
            self._disk.add(self._unwritten)
            self._unwritten = {}


def text_cache(text_encoder: nn.Module, tokenizer: Any, *settings: object, keep: bool) -> TextCache:
    """The cache of texts encoded by this encoder with this tokenizer, and ``settings``; on disk when ``keep``."""
    if not keep:
        return TextCache(None)
    vocabulary = sorted(tokenizer.get_vocab().items())
    key = weights_sha256(text_encoder, vocabulary, tokenizer.model_max_length, *settings)
    return TextCache(files.cache_folder("texts") / key)
