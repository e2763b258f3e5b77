"""Which function draws which kind of object: each module of this folder registers its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from illinstr.minihow.canvas import Pen
from illinstr.minihow.hands import draw_hand

Item = dict[str, Any]
Drawer = Callable[[Pen, Item], None]

DRAWERS: dict[str, Drawer] = {"hand": draw_hand}


def thing(kind: str) -> Callable[[Drawer], Drawer]:
    """Register the function that draws objects of ``kind``."""

    def register(drawer: Drawer) -> Drawer:
        DRAWERS[kind] = drawer
        return drawer

    return register
