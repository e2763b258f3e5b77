"""A family of models: which folders are its own, told by the class that ``model_index.json`` names, and its loader.

Nothing here imports torch: the family of a model is known before anything is loaded or downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from illinstr.models.source import ModelSource

if TYPE_CHECKING:
    import torch

    from illinstr.models.backbone import Backbone

Load = Callable[[ModelSource, "torch.dtype"], "Backbone"]
LoadCompact = Callable[[ModelSource, "torch.dtype"], "Backbone | None"]


@dataclass(frozen=True)
class Family:
    """A family this version draws with.

    Attributes:
        name: short, as in a folder's name.
        title: as people call it.
        pipelines: class names of diffusers pipelines whose folders it reads.
        denoiser: the part that denoises, ``unet`` or ``transformer``.
        parts: all parts it needs, folders beside ``model_index.json``.
        load: the backbone of a checked folder, in a precision; imports torch and diffusers when called.
        load_compact: the same for drawing alone and without diffusers, equal to the bit; None for a folder that it does
            not understand, or where the family has no such thing.
        flow: whether it predicts the velocity of a flow, whatever the folder.
        references: whether it takes images that have no panel.
        options: whether ``load`` does what ``ModelSource.options`` ask, as ``folder_pipeline.load_pipeline`` does.
    """

    name: str
    title: str
    pipelines: tuple[str, ...]
    denoiser: str
    parts: tuple[str, ...]
    load: Load
    load_compact: LoadCompact | None = None
    flow: bool = False
    references: bool = False
    options: bool = False

    @property
    def weighted_parts(self) -> tuple[str, ...]:
        """The parts that hold weights."""
        return tuple(part for part in self.parts if not part.startswith(("tokenizer", "scheduler", "processor")))


def loader(module: str) -> Load:
    """The function ``load`` of a module that is imported when the first model is loaded, and torch with it."""

    def load(source: ModelSource, dtype: torch.dtype) -> Backbone:
        backbone: Backbone = import_module(module).load(source, dtype)
        return backbone

    return load
