"""Hands that hold things: five poses, each with an arm in a sleeve.

A hand's origin is the point it holds; its forearm runs towards +x (turn and mirror it with the pen). Poses:
``pinch`` thumb and finger on a small thing, ``wrap`` fingers round a glass or bottle, ``fist`` round a handle,
``flat`` pressing or steadying, ``point`` one finger on a button.
"""

from __future__ import annotations

from typing import Any

from illinstr.minihow.canvas import LINE, Pen, Point, spline
from illinstr.minihow.palette import Colour, darker, lighter, rgb

POSES = ("pinch", "wrap", "fist", "flat", "point")


def _arm(pen: Pen, wrist: Point, skin: Colour, sleeve: Colour) -> None:
    x, y = wrist
    pen.fill([(x - 5, y - 5.2), (x + 14, y - 5.6), (x + 14, y + 5.6), (x - 5, y + 5.2)], skin)
    pen.fill([(x - 5, y + 2.4), (x + 8, y + 2.6), (x + 8, y + 5), (x - 5, y + 4.6)], darker(skin, 0.16), line=0)
    body = [(x + 9, y - 8), (x + 95, y - 15), (x + 95, y + 15), (x + 9, y + 8)]
    pen.fill(body, sleeve)
    pen.fill([(x + 9, y + 3.2), (x + 95, y + 5), (x + 95, y + 14.2), (x + 9, y + 7.4)], darker(sleeve, 0.2), line=0)
    pen.stroke([(x + 18, y - 5.4), (x + 23, y - 1)], 1.5, darker(sleeve, 0.3))
    cuff = [(x + 6, y - 8.6), (x + 12.5, y - 9), (x + 12.5, y + 9), (x + 6, y + 8.6)]
    pen.fill(cuff, lighter(sleeve, 0.35))


def _finger(pen: Pen, points: list[Point], width: float, skin: Colour) -> None:
    pen.stroke(points, width, skin, line=LINE * 0.85)


def _palm(pen: Pen, points: list[Point], skin: Colour) -> None:
    pen.fill(spline(points, steps=5), skin, shade=2.2)


def _pinch(pen: Pen, skin: Colour, sleeve: Colour) -> None:
    _arm(pen, (25, 2), skin, sleeve)
    back = darker(skin, 0.12)
    _finger(pen, [(16, -7), (8, -11.5), (2.5, -7.5)], 5, back)
    _finger(pen, [(16, -7), (9, -10), (3.5, -4.5)], 5, back)
    _palm(pen, [(14, -8.5), (21, -6.5), (28, -3.5), (28, 7.5), (20, 9), (13.5, 6), (12, -1)], skin)
    _finger(pen, [(16, -5), (7, -7.5), (1.2, -1.6)], 5.2, skin)
    _finger(pen, [(17, 5.5), (8, 6.2), (1.4, 2.2)], 5.4, skin)
    pen.stroke([(15, -4.6), (19, -2)], 4.6, skin)
    pen.stroke([(16, 5.2), (20, 3.6)], 4.6, skin)


def _grip(pen: Pen, skin: Colour, sleeve: Colour, reach: float, at: float) -> None:
    """Fingers as four stacked bars across the held thing, from a palm at ``at`` to ``reach`` on the far side."""
    _arm(pen, (at + 12, 1), skin, sleeve)
    _palm(pen, [(at - 2, -11), (at + 6, -10), (at + 13, -5), (at + 15, 6), (at + 6, 11), (at - 2, 11)], skin)
    _finger(pen, [(at + 3, -9.5), (at - 2, -14), (at - 7, -15)], 5.4, skin)
    pen.stroke([(at + 4, -8.6), (at + 7, -5)], 4.8, skin)
    for y, extra in ((9.4, 2.2), (4, 0.6), (-1.4, 0.0), (-6.8, 0.8)):
        _finger(pen, [(at + 1, y), (reach + extra, y)], 4.9, skin)
        pen.stroke([(at + 1, y), (at + 5, y * 0.8)], 4.4, skin)


def _wrap(pen: Pen, skin: Colour, sleeve: Colour) -> None:
    _grip(pen, skin, sleeve, reach=-6, at=10)


def _fist(pen: Pen, skin: Colour, sleeve: Colour) -> None:
    _grip(pen, skin, sleeve, reach=-2.5, at=7)


def _flat(pen: Pen, skin: Colour, sleeve: Colour) -> None:
    _arm(pen, (25, 0), skin, sleeve)
    _finger(pen, [(17, 6), (9, 11), (5, 11.5)], 5.2, skin)
    _palm(pen, [(11, -8.5), (20, -8), (28, -4.5), (28, 4.8), (20, 8.5), (11, 7)], skin)
    for (x, y), (tx, ty) in (((13, 5.4), (1, 6.4)), ((13, 1.6), (-3.4, 1.8)), ((13, -2.4), (-3.6, -3)), ((13, -6.2), (-0.4, -7.6))):
        _finger(pen, [(x, y), (tx, ty)], 4.5, skin)
        pen.stroke([(x - 0.5, y), (x + 5, y * 0.8)], 4.1, skin)


def _point(pen: Pen, skin: Colour, sleeve: Colour) -> None:
    _arm(pen, (28, 3), skin, sleeve)
    _palm(pen, [(14, -4.5), (22, -5), (31, -2), (31, 8.5), (22, 12.5), (15, 11)], skin)
    _finger(pen, [(17, -1.8), (8, -1.4), (1.5, 0)], 5.2, skin)
    pen.stroke([(16, -1.4), (21, 0)], 4.6, skin)
    for y in (10, 6.6, 3.2):
        _finger(pen, [(17, y), (12.5, y)], 4.4, skin)
        pen.stroke([(17.5, y), (21, y * 0.9)], 4, skin)
    _finger(pen, [(21, -3.2), (15, 1), (12, 2.4)], 4.8, skin)


_POSES = {"pinch": _pinch, "wrap": _wrap, "fist": _fist, "flat": _flat, "point": _point}


def draw_hand(pen: Pen, item: dict[str, Any]) -> None:
    """Draw one hand: ``pose``, ``skin`` and ``sleeve`` colours."""
    _POSES[item.get("pose", "pinch")](pen, rgb(item["skin"]), rgb(item["sleeve"]))

