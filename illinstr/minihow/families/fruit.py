"""Scenes that families about fruit share."""

from __future__ import annotations

from illinstr.minihow.families.base import Item, Look, put


def fruit(name: str, x: float, y: float, size: float, state: str = "whole", **keys: object) -> Item:
    """A fruit of ``produce.PRODUCE`` standing at (x, y) of the panel's 100 by 100, whole, ``half`` or in ``pieces``."""
    return put("produce", x, y, size, produce=name, state=state, **keys)


def washed(k: Look) -> list[Item]:
    """The fruit of the goal under a running tap."""
    return [fruit(k["fruit"], 50, 88, 1.5), put("tap", 50, 30, 1.1, length=26), k.hand("wrap", 70, 76, 10, size=1.25)]


def halved(k: Look) -> list[Item]:
    """Its halves on a board, under a knife."""
    return [
        put("board", 50, 90, 1.2),
        fruit(k["fruit"], 30, 86, 1.15, "half", shadow=False),
        fruit(k["fruit"], 61, 86, 1.15, "half", shadow=False),
        put("knife", 64, 46, 1.25, angle=-14, colour="charcoal"),
        k.hand("fist", 73, 43, 4, size=1.15),
    ]


def into_blender(k: Look) -> list[Item]:
    """Its pieces falling into a blender."""
    return [
        put("blender", 42, 93, 1.02, colour=k.main, pieces=k["fruit"]),
        fruit(k["fruit"], 46, 20, 0.62, "pieces", shadow=False),
        k.hand("pinch", 54, 14, 14, size=1.2),
    ]
