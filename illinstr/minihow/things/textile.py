"""Cloth: a wiping cloth, T-shirts, socks, a washing line and a dye bath."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, arc, oval, rounded, spline
from illinstr.minihow.palette import darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing


@thing("cloth")
def cloth(pen: Pen, item: Item) -> None:
    """A crumpled wiping cloth on the table: ``colour``."""
    colour = rgb(item["colour"])
    pen.shadow(2, 0, 24, 4)
    pen.fill(
        spline([(-23, 0), (-21, -8), (-11, -11), (0, -9), (11, -12), (21, -8), (24, -1), (12, 2), (0, 0), (-12, 3)]),
        colour,
        shade=3,
    )
    pen.stroke(spline([(-13, -7), (-6, -4), (-4, -1)], closed=False), 1.5, darker(colour, 0.25))
    pen.stroke(spline([(8, -8), (4, -5), (6, -2)], closed=False), 1.5, darker(colour, 0.25))


@thing("garment")
def garment(pen: Pen, item: Item) -> None:
    """A ``garment`` (T-shirt, sock, scarf, hat) hanging from the origin: ``colour``, ``pegs``, ``stain``."""
    colour = rgb(item["colour"])
    _GARMENTS[item["garment"]](pen, colour)
    if "stain" in item:
        stain = rgb(item["stain"])
        pen.fill(
            spline([(-5, 18), (2, 14), (9, 19), (6, 26), (-2, 27)], steps=5),
            stain,
            line=LINE * 0.7,
            ink=darker(stain, 0.4),
        )
    if item.get("pegs"):
        for x in (-10, 10):
            pen.fill(rounded(x - 2.4, -5, x + 2.4, 6, 1.6), rgb("wood"), line=LINE * 0.8)


def _shirt(pen: Pen, colour: tuple[int, int, int]) -> None:
    shape = [
        (-10, 0),
        (-18, 2),
        (-30, 13),
        (-22, 22),
        (-16, 17),
        (-16, 44),
        (16, 44),
        (16, 17),
        (22, 22),
        (30, 13),
        (18, 2),
        (10, 0),
        (6, 4),
        (-6, 4),
    ]
    pen.fill(shape, colour, shade=4)
    pen.stroke(arc(0, 0, 9, 6.4, 10, 170, 10), 1.6, lighter(colour, 0.5))
    pen.stroke([(-16, 18), (-15, 26)], 1.3, darker(colour, 0.25))
    pen.stroke([(16, 18), (15, 26)], 1.3, darker(colour, 0.25))


def _sock(pen: Pen, colour: tuple[int, int, int]) -> None:
    shape = [(-10, 2), (10, 2), (10, 26), (20, 34), (20, 43), (12, 46), (-4, 42), (-11, 34)]
    pen.fill(spline(shape, steps=4), colour, shade=4)
    pen.fill(rounded(-11.4, 0, 11.4, 9, 2), lighter(colour, 0.45))
    pen.stroke(spline([(10, 40), (13, 35), (19, 35)], closed=False), 1.5, darker(colour, 0.25))


def _scarf(pen: Pen, colour: tuple[int, int, int]) -> None:
    for x in (-12, 3):
        for fringe in (1.5, 4.5, 7.5):
            pen.stroke([(x + fringe, 42), (x + fringe, 48)], 1.8, darker(colour, 0.2), line=0.6)
        pen.fill([(x, 0), (x + 9, 0), (x + 9, 43), (x, 43)], colour, shade=2.4)
        for y in (9, 22, 35):
            pen.fill([(x + 0.8, y), (x + 8.2, y), (x + 8.2, y + 4), (x + 0.8, y + 4)], lighter(colour, 0.5), line=0)


def _beanie(pen: Pen, colour: tuple[int, int, int]) -> None:
    pen.fill(spline([(-20, 36), (-17, 16), (0, 6), (17, 16), (20, 36)], steps=5), colour, shade=4)
    for x in (-9, 0, 9):
        pen.stroke([(x * 0.7, 14), (x, 30)], 1.4, darker(colour, 0.2))
    pen.fill(rounded(-22, 31, 22, 42, 3), lighter(colour, 0.4))
    pen.fill(oval(0, 5, 6.4, 6.2), lighter(colour, 0.4), shade=1.4)


_GARMENTS = {"T-shirt": _shirt, "sock": _sock, "scarf": _scarf, "hat": _beanie}


@thing("line")
def washing_line(pen: Pen, item: Item) -> None:
    """A washing line across the panel at the origin's height."""
    pen.stroke(spline([(-60, -2), (0, 1.5), (60, -2)], closed=False), 1.6, rgb("cream"), line=LINE * 0.7)


@thing("tub")
def tub(pen: Pen, item: Item) -> None:
    """A wash tub: ``colour``, ``fill`` colour of the water, ``foam``, ``garment`` (colour of cloth soaking)."""
    colour = rgb(item["colour"])
    pen.shadow(3, -1, 38, 5)
    body = [*arc(0, -30, 36, 8, 180, 360, 14), *arc(0, -5, 29, 6, 0, 180, 14)]
    pen.fill(body, colour, shade=5)
    pen.gleam([(-28, -20), (-25, -10)], 2.8, colour)
    pen.fill(oval(0, -30, 36, 8), lighter(colour, 0.5))
    pen.fill(oval(0, -29.2, 32, 6), rgb(item["fill"]) if "fill" in item else darker(colour, 0.25), line=0)
    if "garment" in item:
        soaked = rgb(item["garment"])
        pen.fill(spline([(-19, -28), (-14, -37), (-3, -34), (7, -39), (17, -33), (20, -27), (0, -24)]), soaked, shade=3)
        pen.stroke(spline([(-6, -33), (-3, -29), (-4, -26)], closed=False), 1.5, darker(soaked, 0.25))
    if item.get("foam"):
        for x, y, r in ((-24, -31, 6), (-14, -34, 5), (22, -32, 6.4), (12, -35, 4.6), (28, -27, 4), (-29, -27, 4)):
            pen.fill(oval(x, y, r, r), (250, 253, 255), line=1.0, ink=(140, 170, 200), shade=1)
