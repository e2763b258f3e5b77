"""A tiny upscaler with random weights in the place of the embedded one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from illinstr.models import upscaler
from illinstr.models.upscaler import Upscaler, UpscalerConfig, save_upscaler


@contextmanager
def embedded_in(folder: Path, *, present: bool = True) -> Iterator[Upscaler | None]:
    """What ``embedded_upscaler`` loads is a tiny one in ``folder``, or not there."""
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        tiny = Upscaler(UpscalerConfig(coarse=4, middle=4, fine=4, blocks=1))
        torch.nn.init.normal_(tiny.last.weight, std=0.05)
        if present:
            save_upscaler(folder, tiny, torch.float32)
        patch.setattr(upscaler, "EMBEDDED_FOLDER", str(folder.absolute()))
        upscaler.embedded_upscaler.cache_clear()
        yield tiny.eval() if present else None
    upscaler.embedded_upscaler.cache_clear()
