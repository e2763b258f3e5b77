"""What a model weighs beside the device, for ``--dry-run`` and ``--fit auto``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from illinstr.diffusion.loading import EMBEDDED, check_model
from illinstr.errors import UsageError

if TYPE_CHECKING:
    from illinstr.diffusion.fitting import Fit
    from illinstr.models.options import LoadOptions
    from illinstr.workflows.drawing import DrawRequest

RequestT = TypeVar("RequestT", bound="DrawRequest")


def fit_of(request: DrawRequest, options: LoadOptions) -> Fit | None:
    """The model of a request beside its device; None for a loaded model, and for a folder without its parts.

    Of a hub model that is not here the configs are fetched, and no weights.

    Raises:
        UsageError: no such device.
        ModelError: no such model, or a damaged part.
    """
    from illinstr.diffusion.fitting import weigh
    from illinstr.models.loading import fetch_configs

    model = request.model or EMBEDDED
    if not isinstance(model, str):
        return None
    named = check_model(model, options)
    folder = Path(options.base or named)
    return weigh(folder if folder.is_dir() else fetch_configs(str(folder)), request.device, request.dtype)


def fitted(request: RequestT, options: LoadOptions) -> tuple[RequestT, LoadOptions]:
    """The request and its options under the first setting that fits the device, where ``fit`` asks for it.

    Raises:
        UsageError: none fits, or what ``fit`` chooses is given as well.
    """
    if request.fit is None:
        return request, options
    from illinstr.diffusion.fitting import choose

    if options.quantize is not None or request.offload or request.offload_text:
        raise UsageError(
            "--fit auto chooses --quantize, --offload and --offload-text", hint="leave them out, or leave out --fit"
        )
    fit = fit_of(request, options)
    if fit is None:
        return request, options
    setting = choose(fit, str(request.model or EMBEDDED))
    request.messages.log(f"note: fits {fit.device}: {setting.text}")
    changed = replace(request, offload=setting.offload, offload_text=setting.offload_text)
    return changed, replace(options, quantize=setting.quantize)
