"""Illustrated instructions: a goal goes in, an article of steps in text and images comes out.

    from illinstr import edit, generate

    run = generate("How to make apple juice", steps=6, out="juice")
    run.images[0].show()
    edit(run, step=3, text="Cut the apple into thin slices")

What can be imported from here is listed once, in ``illinstr.workflows.face``. Importing this package loads neither
torch nor the network; the face is loaded when a name of it is used.
"""

import importlib.util
from typing import TYPE_CHECKING, Any

from illinstr.version import __version__ as __version__

if TYPE_CHECKING:
    from illinstr.workflows.face import *  # noqa: F403


def __getattr__(name: str) -> Any:
    is_module = importlib.util.find_spec(f"{__name__}.{name}") is not None  # asked for by "from illinstr import files"
    if is_module or (name.startswith("__") and name != "__all__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    face = importlib.import_module("illinstr.workflows.face")
    if name == "__all__":
        return sorted([*face.__all__, "__version__"])
    if name not in face.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(face, name)


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
