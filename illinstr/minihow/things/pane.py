"""A window with curtains, and what cleans it."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, Point, oval, rounded, spline
from illinstr.minihow.palette import Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing

_GLASS: list[Point] = [(-27, -68), (27, -68), (27, -7), (-27, -7)]


def _view(pen: Pen, dull: bool) -> None:
    sky: Colour = (176, 184, 178) if dull else (178, 222, 246)
    hill: Colour = (140, 148, 118) if dull else (134, 194, 104)
    pen.fill(_GLASS, sky, line=LINE * 0.8)
    pen.clipped(_GLASS, oval(-14, 2, 30, 24), hill)
    pen.clipped(_GLASS, oval(20, 4, 26, 20), darker(hill, 0.12))
    if not dull:
        pen.fill(oval(14, -54, 7, 7), (255, 216, 84), line=0.9, ink=(206, 140, 44))


def _covered(pen: Pen, state: str) -> None:
    if state == "dirt":
        for x, y, r in ((-15, -52, 8), (13, -40, 9), (-12, -25, 8), (15, -17, 6)):
            shape = [(x - r, y), (x - r * 0.4, y - r * 0.8), (x + r * 0.7, y - r * 0.6), (x + r, y), (x, y + r * 0.7)]
            pen.fill(spline(shape, steps=4), rgb("cocoa"), line=0.9, ink=rgb("soil"))
    elif state == "foam":
        for x, y in ((-18, -58), (-5, -50), (11, -57), (17, -42), (-15, -38), (3, -33), (-17, -19), (14, -23)):
            pen.fill(oval(x, y, 7.2, 6.5), (250, 253, 255), line=1.0, ink=(140, 170, 200), shade=1.4)
    elif state == "wet":
        for x, y in ((-18, -52), (-8, -34), (12, -47), (18, -27), (-17, -19), (5, -20)):
            tear = spline([(x, y - 5), (x + 2.8, y), (x, y + 3), (x - 2.8, y)], steps=4)
            pen.fill(tear, (120, 186, 226), line=1.0, ink=(60, 112, 160))
    else:
        for x in (-16, -9):
            pen.stroke([(x, -44), (x - 6, -30)], 2.6, (255, 255, 255))


@thing("pane")
def pane(pen: Pen, item: Item) -> None:
    """A window, 100 wide with its curtains and 84 high: ``frame`` and ``curtains`` colours; ``state`` of the glass.

    States are dirt, foam, wet and clean. ``aside`` ties the curtains back.
    """
    frame, curtains, state = rgb(item["frame"]), rgb(item["curtains"]), item.get("state", "clean")
    pen.fill(rounded(-34, -75, 34, 0, 2), frame, shade=3)
    _view(pen, state == "dirt")
    _covered(pen, state)
    pen.fill([(-2.4, -68), (2.4, -68), (2.4, -7), (-2.4, -7)], frame, line=LINE * 0.7)
    pen.fill(rounded(-38, -2, 38, 5, 1.6), lighter(frame, 0.25), shade=1)
    for side in (-1, 1):
        edge = 30 if item.get("aside") else 26
        shape = [(side * 50, -79), (side * 24, -79), (side * edge, -40), (side * (edge + 4), 6), (side * 50, 6)]
        pen.fill(shape, curtains, shade=3)
        for x in (33, 41):
            pen.stroke([(side * x, -76), (side * (x + 2), 2)], 1.6, darker(curtains, 0.25))
        if item.get("aside"):
            pen.fill([(side * 28, -34), (side * 50, -38), (side * 50, -31), (side * 29, -27)], lighter(curtains, 0.5))
    pen.stroke([(-52, -81), (52, -81)], 4, rgb("wood-dark"), line=LINE * 0.8)


@thing("squeegee")
def squeegee(pen: Pen, item: Item) -> None:
    """A squeegee, its blade at the origin standing upright, handle to the right: ``colour``."""
    pen.fill(rounded(-4, -17, 1, 17, 1.4), rgb("charcoal"))
    pen.fill(rounded(0, -14, 6, 14, 2), rgb("metal"), shade=1)
    pen.fill(rounded(5, -3.6, 38, 3.6, 3), rgb(item["colour"]), shade=1.4)


@thing("sprayer")
def sprayer(pen: Pen, item: Item) -> None:
    """A spray bottle, its nozzle at the origin pointing left, body below to the right: ``colour``; ``on`` sprays."""
    colour = rgb(item["colour"])
    body = [(10, 10), (22, 10), (24, 20), (30, 26), (30, 50), (4, 50), (4, 26), (9, 20)]
    pen.fill(spline(body, steps=4), colour, shade=3)
    pen.fill(rounded(2, -5, 26, 6, 2), lighter(colour, 0.7), shade=1)
    pen.fill([(10, 5), (22, 5), (22, 11), (10, 11)], lighter(colour, 0.5))
    pen.stroke([(8, 6), (3, 15)], 3, lighter(colour, 0.7), line=LINE * 0.8)
    if item.get("on"):
        for x, y in ((-8, -7), (-8, 0), (-8, 7), (-17, -10), (-17, 0), (-17, 10)):
            pen.fill(oval(x, y, 2.4, 2.2), rgb("water"), line=0.9, ink=(70, 130, 175))
