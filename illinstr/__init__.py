"""Illustrated instructions: a goal goes in, an article of steps in words and pictures comes out.

    from illinstr import generate
    run = generate("How to make apple juice", steps=6, out="juice")

Importing this package loads neither torch nor the network; each name is loaded when it is used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "Article": "illinstr.articles",
    "IllinstrError": "illinstr.errors",
    "Run": "illinstr.workflows.api",
    "Step": "illinstr.articles",
    "edit": "illinstr.workflows.api",
    "generate": "illinstr.workflows.api",
    "load_model": "illinstr.workflows.api",
    "open_run": "illinstr.sampling.drawing.revision",
}
__all__ = ["Article", "IllinstrError", "Run", "Step", "__version__", "edit", "generate", "load_model", "open_run"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
