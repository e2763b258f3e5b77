"""A car, a van and a truck seen from the side, and what washes them."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, Point, arc, oval, rounded, spline
from illinstr.minihow.palette import Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing

_PANE: Colour = (198, 228, 242)
_SIDES: dict[str, list[Point]] = {
    "car": [
        (-41, -8), (-41, -20), (-36, -25), (-24, -27), (-15, -43), (-10, -45), (10, -45), (15, -43), (25, -27),
        (37, -24), (41, -19), (41, -8),
    ],
    "van": [
        (-41, -8), (-41, -46), (-36, -51), (14, -51), (20, -49), (31, -29), (39, -26), (41, -21), (41, -8),
    ],
    "truck": [
        (-41, -8), (-41, -27), (-2, -27), (-2, -50), (2, -53), (19, -53), (24, -50), (30, -31), (39, -27), (41, -22),
        (41, -8),
    ],
}  # fmt: skip
_PANES: dict[str, tuple[list[Point], ...]] = {
    "car": ([(-18, -27), (-11, -40), (-2, -40), (-2, -27)], [(3, -27), (3, -40), (10, -40), (18, -27)]),
    "van": ([(-34, -43), (-14, -43), (-14, -28), (-34, -28)], [(2, -28), (2, -44), (14, -44), (23, -28)]),
    "truck": ([(3, -30), (3, -47), (17, -47), (23, -30)],),
}


@thing("vehicle")
def vehicle(pen: Pen, item: Item) -> None:
    """A ``vehicle`` (car, van, truck) driving to the right, 82 wide: ``colour``; ``state`` mud, wet or foam."""
    colour, kind = rgb(item["colour"]), item["vehicle"]
    pen.shadow(2, -1, 44, 5)
    if kind == "truck":
        for x in (-32, -22, -12):
            pen.fill(oval(x, -29, 9, 8), rgb("wood"), shade=2)
    pen.fill(_SIDES[kind], colour, shade=4)
    pen.fill([(-40.4, -16), (40.4, -16), (40.4, -9), (-40.4, -9)], darker(colour, 0.18), line=0)
    for pane in _PANES[kind]:
        pen.fill(pane, _PANE)
        left, top = pane[1]
        pen.stroke([(left + 4, top + 4), (left + 1, top + 10)], 1.8, (255, 255, 255))
    pen.stroke([(4, -22), (10, -22)], 2.2, darker(colour, 0.45))
    pen.fill(oval(38, -19, 3.4, 3.4), (255, 226, 122), line=LINE * 0.8)
    for x in (-23, 23):
        pen.fill(oval(x, -8, 10, 10), (70, 66, 76))
        pen.fill(oval(x, -8, 5, 5), rgb("metal"), line=LINE * 0.7)
    _covered(pen, item.get("state", ""))


def _covered(pen: Pen, state: str) -> None:
    if state == "mud":
        for x, y, r in ((-30, -16, 7), (-6, -13, 8.5), (13, -20, 6), (32, -13, 5), (-17, -25, 5)):
            shape = [(x - r, y), (x - r * 0.5, y - r * 0.8), (x + r * 0.6, y - r * 0.6), (x + r, y), (x, y + r * 0.7)]
            pen.fill(spline(shape, steps=4), rgb("cocoa"), line=0.9, ink=rgb("soil"))
    elif state == "wet":
        for x, y in ((-31, -30), (-14, -36), (5, -30), (24, -24), (-4, -20), (-34, -17), (34, -14)):
            tear = spline([(x, y - 5), (x + 2.8, y), (x, y + 3), (x - 2.8, y)], steps=4)
            pen.fill(tear, rgb("water"), line=1.0, ink=(70, 130, 175))
    elif state == "foam":
        for x, y, r in (
            (-33, -26, 7),
            (-20, -38, 7),
            (-26, -20, 6),
            (-6, -46, 8),
            (9, -40, 6),
            (-9, -22, 7),
            (20, -26, 7),
        ):
            pen.fill(oval(x, y, r, r * 0.9), (250, 253, 255), line=1.0, ink=(140, 170, 200), shade=1.4)


@thing("bucket")
def bucket(pen: Pen, item: Item) -> None:
    """A bucket, 42 wide and 38 high: ``colour``; ``fill`` colour of what is in it; ``heap``, ``foam``; ``handle``."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(3, -1, 22, 4.6)
    if item.get("handle", True):
        pen.stroke(arc(0, -36, 19, 19, 190, 350, 14), 2.4, rgb("metal-dark"), line=LINE * 0.6)
    pen.fill([*arc(0, -36, 21, 5, 180, 360, 14), *arc(0, -3, 15, 4, 0, 180, 12)], colour, shade=5)
    pen.fill([(-20, -29), (20, -29), (19.2, -24), (-19.2, -24)], lighter(colour, 0.4), line=0)
    pen.gleam([(-13.4, -19), (-11.4, -8)], 2.6, colour, 0.5)
    pen.fill(oval(0, -36, 21, 5), lighter(colour, 0.45))
    fill = rgb(item["fill"]) if "fill" in item else darker(colour, 0.35)
    pen.fill(oval(0, -35.4, 17.6, 3.4), fill, line=0)
    if item.get("heap"):
        pen.fill([*arc(0, -36, 17.6, 12, 180, 360, 14), *arc(0, -36, 17.6, 3.6, 0, 180, 10)], fill, shade=3)
    if item.get("foam"):
        for x, y, r in ((-12, -38, 6), (11, -39, 6.4), (0, -41, 7), (-5, -36, 4.6), (6, -35, 4.4)):
            pen.fill(oval(x, y, r, r * 0.9), (250, 253, 255), line=1.0, ink=(140, 170, 200), shade=1)


@thing("sponge")
def sponge(pen: Pen, item: Item) -> None:
    """A sponge, middle at the origin: ``colour``."""
    colour = rgb(item["colour"])
    pen.fill(rounded(-14, -8, 14, 8, 4), colour, shade=2.4)
    for x, y in ((-8, -3), (-1, 3), (6, -3), (9, 3)):
        pen.fill(oval(x, y, 1.8, 1.5), darker(colour, 0.25), line=0)


@thing("hose")
def hose(pen: Pen, item: Item) -> None:
    """A garden hose, its nozzle's mouth at the origin pointing left and a little down: ``colour``; ``on`` sprays."""
    colour = rgb(item.get("colour", "moss"))
    pen.stroke(spline([(16, 0), (30, 8), (34, 26), (50, 44)], closed=False), 6, colour, line=LINE)
    pen.fill([(2, -4), (18, -5), (18, 5), (2, 4)], rgb("mustard"), shade=1.4)
    if item.get("on", True):
        for y, dy in ((-1.5, -4), (0, 5), (1.5, 14)):
            path = spline([(-2, y), (-17, y + dy * 0.5 + 1), (-32, y + dy + 5)], closed=False)
            pen.stroke(path, 3.4, rgb("water"), line=0.9, ink=(70, 130, 175))
