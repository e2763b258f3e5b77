"""What a model weighs beside the device, for ``--dry-run`` and ``--fit auto``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.diffusion.loading import check_model
from illinstr.models.embedded import EMBEDDED

if TYPE_CHECKING:
    from illinstr.diffusion.fitting import Fit
    from illinstr.models.options import LoadOptions


def fit_of(model: Any, options: LoadOptions, device: str, dtype: str | None) -> Fit | None:
    """A model beside a device; None for a loaded model, and for a folder without its parts.

    Of a hub model that is not here the configs are fetched, and no weights.

    Raises:
        UsageError: no such device.
        ModelError: no such model, or a damaged part.
    """
    from illinstr.diffusion.fitting import weigh
    from illinstr.models.loading import fetch_configs

    model = model or EMBEDDED
    if not isinstance(model, str):
        return None
    named = check_model(model, options)
    folder = Path(options.base or named)
    return weigh(folder if folder.is_dir() else fetch_configs(str(folder)), device, dtype)
