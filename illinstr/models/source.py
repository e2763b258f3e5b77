"""Where a loaded model came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from illinstr.models.settings import StackedSettings


@dataclass(frozen=True)
class ModelSource:
    """Where a model came from.

    Attributes:
        model_id: as the user named it.
        folder: its files on this disk.
        sha256: over weights and settings.
        settings: the folder's ``stacked.json``; None where it has none, and was not trained for stacking.
    """

    model_id: str
    folder: Path
    sha256: str = ""
    settings: StackedSettings | None = None
