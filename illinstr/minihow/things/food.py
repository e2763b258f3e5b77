"""Eggs, dough, biscuits, bread and what goes between."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, Point, arc, oval, rounded, spline
from illinstr.minihow.palette import PAPER, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing


@thing("egg")
def egg(pen: Pen, item: Item) -> None:
    """An egg: ``broken`` shows two half shells with the yolk falling between."""
    shell = (247, 221, 190)
    if item.get("broken"):
        for side in (-1, 1):
            half = pen.at(side * 12, -12, 1, side * 28)
            half.fill(
                [(-10, 0), (-6, 3), (-2, -1), (3, 3), (7, -1), (10, 1), *arc(0, 0, 10, 12, 0, -180, 12)], shell, shade=2
            )
        pen.fill(
            spline([(-4, -10), (4, -10), (6, 6), (8, 14), (0, 19), (-8, 14), (-6, 6)], steps=4), PAPER, line=LINE * 0.7
        )
        pen.fill(oval(0, 9, 6, 6), rgb("yolk"), line=LINE * 0.8)
        return
    if item.get("shadow", True):
        pen.shadow(1, -0.5, 11, 3)
    pen.fill(
        spline([(0, -26), (8, -19), (10.6, -9), (6, -1), (-6, -1), (-10.6, -9), (-8, -19)], steps=5), shell, shade=3
    )
    pen.gleam([(-5, -12), (-4, -17)], 2, shell)


_SHAPES: dict[str, list[Point]] = {
    "round": oval(0, 0, 11, 11)[::3],
    "heart": [(0, 11), (-11, 0), (-10, -8), (-4, -9.4), (0, -5), (4, -9.4), (10, -8), (11, 0)],
    "star": [
        (0, -13),
        (3.6, -4.6),
        (12.6, -4.2),
        (5.6, 1.6),
        (8, 10.6),
        (0, 5.4),
        (-8, 10.6),
        (-5.6, 1.6),
        (-12.6, -4.2),
        (-3.6, -4.6),
    ],
    "flower": [(x * (12, 8.6)[i % 2], y * (12, 8.6)[i % 2]) for i, (x, y) in enumerate(arc(0, 0, 1, 1, 0, 330, 11))],
}


@thing("biscuit")
def biscuit(pen: Pen, item: Item) -> None:
    """A biscuit seen from above: ``shape``, ``colour`` of the dough (dough, baked), ``icing`` colour."""
    shape = item["shape"]
    points = _SHAPES[shape] if shape == "star" else spline(_SHAPES[shape], steps=4)
    colour = rgb(item.get("colour", "baked"))
    pen.fill(points, colour, shade=1.8)
    if "icing" in item:
        icing = rgb(item["icing"])
        pen.fill([(x * 0.76, y * 0.76) for x, y in points], icing, line=LINE * 0.7, ink=darker(icing, 0.4))
        pen.stroke([(-4, -2), (-2, -4)], 1.6, lighter(icing, 0.7))


@thing("tray")
def tray(pen: Pen, item: Item) -> None:
    """A baking tray, 84 wide, with six biscuits when ``shape`` is given: ``colour``, ``icing``."""
    pen.shadow(2, 0, 44, 6)
    pen.fill([(-34, -30), (34, -30), (44, 0), (-44, 0)], rgb("metal-dark"), shade=2)
    pen.fill([(-31, -27), (31, -27), (39, -3), (-39, -3)], rgb("metal"), line=LINE * 0.6)
    if "shape" in item:
        for x, y in ((-19, -21), (0, -21), (19, -21), (-24, -8.6), (0, -8.6), (24, -8.6)):
            biscuit(pen.at(x, y, 0.64), item)


@thing("dough")
def dough(pen: Pen, item: Item) -> None:
    """Dough on the table: ``state`` ball or flat; ``shape`` cut into the flat dough."""
    colour = rgb("dough")
    if item["state"] == "ball":
        pen.shadow(2, -1, 24, 5)
        pen.fill(
            spline([(-22, -6), (-18, -20), (-4, -27), (12, -24), (22, -12), (20, -2), (0, 1), (-18, 0)], steps=5),
            colour,
            shade=5,
        )
        pen.stroke(spline([(-8, -18), (-2, -15), (5, -17)], closed=False), 1.5, darker(colour, 0.2))
        return
    pen.shadow(2, -1, 42, 6)
    pen.fill(
        spline([(-38, -10), (-28, -22), (0, -26), (30, -22), (40, -10), (24, 0), (-22, 1)], steps=5), colour, shade=3
    )
    for x, y in ((-20, -11), (2, -9), (23, -12)) if "shape" in item else ():
        points = _SHAPES[item["shape"]]
        smooth = points if item["shape"] == "star" else spline(points, steps=4)
        pen.at(x, y, 0.7).fill(smooth, lighter(colour, 0.25), line=LINE * 0.8, ink=darker(colour, 0.5))


@thing("pin")
def rolling_pin(pen: Pen, item: Item) -> None:
    """A rolling pin lying across, its middle at the origin."""
    wood = rgb("wood")
    for side in (-1, 1):
        pen.fill(rounded(min(side * 26, side * 42), -3.4, max(side * 26, side * 42), 3.4, 3), rgb("wood-dark"))
    pen.fill(rounded(-29, -8, 29, 8, 4), wood, shade=4)
    pen.gleam([(-22, -3.6), (14, -3.6)], 2, wood, 0.5)


@thing("cutter")
def cutter(pen: Pen, item: Item) -> None:
    """A biscuit cutter held over the dough, middle at the origin: ``shape``, ``colour``."""
    points = _SHAPES[item["shape"]]
    smooth = points if item["shape"] == "star" else spline(points, steps=4)
    colour = rgb(item["colour"])
    pen.fill([(x * 1.1, y * 0.85 + 5) for x, y in smooth], darker(colour, 0.35))
    pen.fill([(x * 1.1, y * 0.85) for x, y in smooth], colour)
    pen.fill([(x * 0.8, y * 0.6) for x, y in smooth], lighter(colour, 0.5), line=LINE * 0.7)


@thing("piping")
def piping_bag(pen: Pen, item: Item) -> None:
    """An icing bag, its tip at the origin, pointing down: ``colour``."""
    colour = rgb(item["colour"])
    pen.fill([(0, 0), (-4, -8), (4, -8)], rgb("metal"), line=LINE * 0.8)
    pen.fill(
        spline([(-3.4, -8), (-12, -30), (-6, -38), (6, -38), (12, -30), (3.4, -8)], steps=4),
        lighter(colour, 0.35),
        shade=3,
    )
    pen.fill([(-9, -34), (9, -34), (11, -44), (-11, -44)], PAPER, shade=1.6)


_BREADS = {"white": "#f3d9a4", "brown": "#b9814c", "rye": "#8c5f3c"}
_CRUMBS = {"white": "#fdf1d2", "brown": "#e3bd88", "rye": "#c29a6c"}
_FILLINGS = {
    "cheese": "cheese",
    "ham": "ham",
    "tomato": "#e0412f",
    "cucumber": "#9ccf6a",
    "egg": "egg",
    "salmon": "#f7936f",
}


@thing("slice")
def bread_slice(pen: Pen, item: Item) -> None:
    """A slice of bread lying on the table: ``bread``; ``spread`` buttered."""
    pen.shadow(2, 0, 30, 5)
    shape = spline([(-25, -3), (-28, -12), (-20, -19), (0, -18), (20, -19), (28, -12), (25, -3), (0, -1)], steps=4)
    crust = rgb(_BREADS[item["bread"]])
    pen.fill([(x, y + 5) for x, y in shape], darker(crust, 0.2))
    pen.fill(shape, crust)
    pen.fill([(x * 0.86, (y + 10) * 0.78 - 10) for x, y in shape], rgb(_CRUMBS[item["bread"]]), line=0)
    if item.get("spread"):
        pen.fill(
            spline([(-16, -9), (-8, -14), (6, -13), (17, -10), (8, -6), (-6, -6)], steps=4),
            rgb("butter"),
            line=LINE * 0.7,
            ink=(206, 160, 60),
        )


@thing("sandwich")
def sandwich(pen: Pen, item: Item) -> None:
    """A sandwich from the side: ``bread``, ``filling``, ``lettuce``, ``top`` on or off, ``cut`` in two."""
    if item.get("cut"):
        for side in (-1, 1):
            half = pen.at(side * 14, 0, 0.72, -side * 4)
            _stack(half, item)
        return
    pen.shadow(2, -1, 32, 5)
    _stack(pen, item)


def _stack(pen: Pen, item: Item) -> None:
    crust = rgb(_BREADS[item["bread"]])
    pen.fill(rounded(-29, -11, 29, 0, 4), crust, shade=2.5)
    y = -11.0
    if item.get("lettuce"):
        leaf = [
            (-32, y),
            (-24, y - 5),
            (-14, y - 2),
            (-4, y - 6),
            (8, y - 2),
            (18, y - 6),
            (32, y - 1),
            (22, y + 3),
            (10, y + 1),
            (-2, y + 4),
            (-16, y + 1),
            (-26, y + 4),
        ]
        pen.fill(spline(leaf, steps=4), rgb("lettuce"))
        y -= 4
    if "filling" in item:
        filling = rgb(_FILLINGS[item["filling"]])
        if item["filling"] in ("tomato", "cucumber", "egg"):
            for x in (-18, 0, 18):
                pen.fill(rounded(x - 10, y - 6, x + 10, y, 2.6), filling)
                if item["filling"] == "egg":
                    pen.fill(rounded(x - 4, y - 5, x + 4, y - 1.4, 1.6), rgb("yolk"), line=0)
        else:
            pen.fill([(-31, y - 6), (31, y - 6), (31, y), (16, y), (9, y + 6), (2, y), (-31, y)], filling, shade=1.5)
        y -= 6
    if item.get("top"):
        pen.fill(
            [
                *spline(
                    [(-29, y), (-30, y - 8), (-20, y - 15), (0, y - 17), (20, y - 15), (30, y - 8), (29, y)],
                    closed=False,
                    steps=4,
                )
            ],
            crust,
            shade=4,
        )
        pen.gleam([(-18, y - 10), (-8, y - 13)], 2.2, crust, 0.5)


@thing("lolly")
def lolly(pen: Pen, item: Item) -> None:
    """An ice lolly, its stick's end at the origin: ``colour``; ``creamy`` for a milky stripe."""
    colour = rgb(item["colour"])
    pen.fill(rounded(-3.4, -22, 3.4, 0, 3), rgb("wood"))
    body = [*arc(0, -54, 14, 14, 180, 360, 14), (14, -20), (-14, -20)]
    pen.fill(body, colour, shade=4)
    if item.get("creamy"):
        pen.fill([(-13.2, -40), (13.2, -40), (13.2, -30), (-13.2, -30)], PAPER, line=0)
    pen.gleam([(-8.4, -52), (-8.4, -30)], 3, colour, 0.55)


@thing("omelette")
def omelette(pen: Pen, item: Item) -> None:
    """A folded omelette on a plate: ``colour``, ``bits`` colour of the filling."""
    colour = rgb(item["colour"])
    for x in (-12, -4, 4, 12):
        pen.fill(oval(x, -2, 3.4, 2.6), rgb(item["bits"]), line=LINE * 0.8)
    pen.fill(
        spline([(-25, -3), (-20, -13), (-6, -18), (10, -17), (22, -11), (25, -3), (10, -3), (-10, -2.4)], steps=5),
        colour,
        shade=3.6,
    )
    for x in (-11, 0, 11):
        pen.stroke([(x - 2, -12), (x + 1, -7)], 1.6, darker(colour, 0.22))


@thing("turner")
def turner(pen: Pen, item: Item) -> None:
    """A kitchen turner, its blade's tip at the origin, handle up."""
    pen.stroke([(0, -14), (0, -46)], 3, rgb("wood-dark"), line=LINE * 0.8)
    pen.fill([(-7, 2), (7, 2), (6, -15), (-6, -15)], rgb("metal"), shade=1.5)


@thing("marshmallow")
def marshmallow(pen: Pen, item: Item) -> None:
    """One marshmallow, middle at the origin."""
    pen.fill(rounded(-5, -4.4, 5, 4.4, 1.8), (255, 244, 246), shade=1)
