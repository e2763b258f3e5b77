"""Where a loaded model came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from illinstr.models.options import LoadOptions
from illinstr.models.settings import StackedSettings


@dataclass(frozen=True)
class ModelSource:
    """Where a model came from.

    Attributes:
        model_id: as the user named it.
        folder: its files on this disk.
        sha256: over weights and settings.
        settings: the folder's ``stacked.json``; None where it has none, and was not trained for stacking.
        options: what was asked of its weights.
        denoiser: the file of the denoiser, where it is not the folder's own.
    """

    model_id: str
    folder: Path
    sha256: str = ""
    settings: StackedSettings | None = None
    options: LoadOptions = field(default_factory=LoadOptions)
    denoiser: Path | None = None


def shown_name(model_id: str) -> str:
    """A model's name as it may be shared: of a path its last part, so that no folder of the user's is published.

    A hub id ``ORG/NAME`` stays whole; a relative path of two parts looks like one and is told apart by being there.

    >>> shown_name("/home/somebody/models/juice"), shown_name("out/final/model"), shown_name("acme/juice")
    ('juice', 'model', 'acme/juice')
    """
    parts = re.split(r"[/\\]+", model_id.rstrip("/\\"))
    path = PurePath(model_id).is_absolute() or model_id.startswith((".", "~")) or "\\" in model_id or len(parts) > 2
    if not path and len(parts) == 2:
        try:
            path = Path(model_id).exists()
        except (OSError, ValueError):  # no name of a file
            path = False
    return parts[-1] if path and parts[-1] else model_id
