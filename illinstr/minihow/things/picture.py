"""A painting on its easel, and a cake: things finished by colour."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, Point, arc, oval, rounded, spline
from illinstr.minihow.palette import BATTERS, INK, PAPER, Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing


def _star() -> list[Point]:
    return [p for i in range(5) for p in (arc(0, 0, 23, 23, i * 72 - 90, i * 72 - 89, 1)[0],
            arc(0, 0, 10, 10, i * 72 - 54, i * 72 - 53, 1)[0])]  # fmt: skip


_PETALS = [p for i in range(6) for p in (arc(0, -6, 15, 15, i * 60 - 90, i * 60 - 89, 1)[0],
           arc(0, -6, 7, 7, i * 60 - 60, i * 60 - 59, 1)[0])]  # fmt: skip

# The chief outline of each subject, about 46 wide, middle at the origin.
_SUBJECTS: dict[str, list[Point]] = {
    "house": [(-19, 20), (-19, -4), (-24, -4), (0, -24), (24, -4), (19, -4), (19, 20)],
    "boat": [(-25, 8), (-3, 8), (-3, -22), (20, 4), (-3, 4), (-3, 8), (25, 8), (16, 21), (-16, 21)],
    "fish": spline([(-25, 0), (-8, -14), (10, -8), (25, -15), (21, 0), (25, 15), (10, 8), (-8, 14)], steps=5),
    "heart": spline(
        [(0, 23), (-21, 3), (-22, -12), (-11, -20), (0, -11), (11, -20), (22, -12), (21, 3)], steps=5
    ),
    "star": _star(),
    "flower": spline(_PETALS, steps=4),
    "balloon": spline([(0, 14), (-14, 0), (-15, -14), (0, -24), (15, -14), (14, 0)], steps=5),
    "mushroom": [*arc(0, 0, 25, 21, 180, 360, 14), (8, 2), (8, 21), (-8, 21), (-8, 2)],
}  # fmt: skip


def _details(pen: Pen, subject: str, colour: Colour) -> None:
    light = lighter(colour, 0.6)
    if subject == "house":
        pen.fill([(-5, 20), (-5, 7), (5, 7), (5, 20)], light, line=LINE * 0.8)
        pen.stroke([(-19, -4), (19, -4)], 1.5, darker(colour, 0.5))
    elif subject == "boat":
        pen.stroke([(-16, 13), (17, 13)], 2.4, light)
    elif subject == "fish":
        pen.fill(oval(-14, -3, 2.4, 2.4), INK, line=0)
        pen.stroke(arc(-6, 0, 4, 8, -70, 70, 8), 1.8, light)
    elif subject == "flower":
        pen.fill(oval(0, -6, 6, 6), light, line=LINE * 0.8)
    elif subject == "mushroom":
        pen.fill([(-7.4, 1), (7.4, 1), (7.4, 20), (-7.4, 20)], light, line=LINE * 0.7)
        for x, y in ((-12, -7), (1, -13), (13, -6)):
            pen.fill(oval(x, y, 3.6, 3), light, line=0)
    elif subject in ("heart", "balloon", "star"):
        pen.stroke([(-8, -10), (-10, -5)] if subject != "star" else [(-3, -8), (-5, -3)], 3, light)


@thing("painting")
def painting(pen: Pen, item: Item) -> None:
    """A canvas, 78 wide and 72 high, its lower edge on the origin: ``background`` colour.

    ``subject`` is a sketch unless it has a ``colour``; ``easel`` puts it on an easel, ``frame`` frames it.
    """
    if item.get("easel"):
        for side in (-1, 1):
            pen.stroke([(side * 14, -40), (side * 24, 18)], 3.4, rgb("wood"), line=LINE * 0.9)
        pen.fill(rounded(-40, -1, 40, 4, 1.6), rgb("wood"), shade=1)
    if item.get("frame"):
        pen.stroke([(-12, -74), (0, -86), (12, -74)], 1.5, rgb("wood-dark"), line=0.6)
        pen.fill(oval(0, -87, 2.2, 2.2), rgb("metal-dark"), line=LINE * 0.6)
        pen.fill([(-44, -77), (44, -77), (44, 5), (-44, 5)], rgb("gold"), shade=3)
    ground = rgb(item["background"]) if "background" in item else PAPER
    pen.fill([(-39, -72), (39, -72), (39, 0), (-39, 0)], ground, shade=1.6)
    if "subject" not in item:
        return
    local = pen.at(0, -36, 1.22)
    subject = item["subject"]
    shape = _SUBJECTS[subject]
    sketch = darker(ground, 0.55) if sum(ground) > 330 else lighter(ground, 0.6)
    if subject in ("flower", "balloon"):
        stem = spline([(0, 10), (2, 18), (-1, 25)], closed=False)
        local.stroke(stem, 2.4, rgb("leaf") if subject == "flower" and "colour" in item else sketch)
    if "colour" not in item:
        local.stroke([*shape, shape[0]], 1.6, sketch)
        return
    colour = rgb(item["colour"])
    local.fill(shape, colour, shade=2)
    _details(local, subject, colour)


@thing("pencil")
def pencil(pen: Pen, item: Item) -> None:
    """A pencil, its point at the origin, to the right: ``colour``."""
    pen.fill([(0, 0), (9, -3.6), (9, 3.6)], rgb("dough"))
    pen.fill([(0, 0), (3.4, -1.4), (3.4, 1.4)], INK, line=0)
    pen.fill([(9, -3.6), (44, -3.6), (44, 3.6), (9, 3.6)], rgb(item.get("colour", "mustard")), shade=1)


@thing("tin")
def cake_tin(pen: Pen, item: Item) -> None:
    """A round cake tin, 60 wide: ``fill`` colour; ``baked`` lets the cake rise above it."""
    pen.shadow(3, -1, 34, 5)
    if item.get("baked"):
        colour = rgb(item["fill"])
        pen.fill([*arc(0, -26, 27, 16, 180, 360, 16), *arc(0, -26, 27, 5, 0, 180, 12)], colour, shade=4)
    metal = rgb("metal")
    front = [(-31, -26), *arc(0, -26, 31, 6, 180, 0, 14), (31, -26), *arc(0, -4, 29, 6, 0, 180, 14)]
    if not item.get("baked"):
        pen.fill(oval(0, -26, 31, 7), lighter(metal, 0.4))
        pen.fill(oval(0, -25, 27, 5), rgb(item["fill"]) if "fill" in item else darker(metal, 0.4), line=0)
    pen.fill(front, metal, shade=4)
    pen.gleam([(-23, -16), (-22, -7)], 2.6, metal, 0.7)


def _strawberry(pen: Pen) -> None:
    pen.fill(spline([(0, 4), (-6.4, -4), (-4, -9), (4, -9), (6.4, -4)], steps=4), (226, 58, 69), shade=1)
    pen.fill([(-4.4, -8), (0, -12), (4.4, -8), (0, -6)], rgb("leaf"), line=LINE * 0.6)


def topping(pen: Pen, kind: str) -> None:
    """One piece of what tops a cake, standing on the origin."""
    if kind == "strawberries":
        _strawberry(pen)
    elif kind == "cherries":
        pen.stroke(spline([(0, -7), (2, -13), (6, -16)], closed=False), 1.5, rgb("leaf-dark"), line=0.4)
        pen.fill(oval(0, -3, 5.8, 5.8), (186, 32, 56), shade=1.2)
    elif kind == "blueberries":
        for x, y in ((-4.4, -2), (4.4, -2), (0, -7)):
            pen.fill(oval(x, y, 4.6, 4.6), (74, 96, 180), line=LINE * 0.8, shade=0.8)
    elif kind == "candles":
        pen.fill([(-2.4, -18), (2.4, -18), (2.4, 3), (-2.4, 3)], PAPER, line=LINE * 0.8)
        pen.fill(spline([(0, -29), (4, -23), (0, -18), (-4, -23)], steps=4), rgb("fire"), line=LINE * 0.7)
    elif kind == "stars":
        pen.at(0, -4, 0.34).fill(_star(), (255, 206, 62), line=LINE * 0.8)
    else:
        shape = [(0, 5), (-7, -2), (-6.4, -8), (0, -6), (6.4, -8), (7, -2)]
        pen.fill(spline(shape, steps=4), (240, 62, 96), shade=1)


@thing("topping")
def one_topping(pen: Pen, item: Item) -> None:
    """One piece of a cake's ``topping``, standing on the origin."""
    topping(pen, item["topping"])


@thing("sweet-cake")
def sweet_cake(pen: Pen, item: Item) -> None:
    """A round cake on a plate, 60 wide: ``flavour``; ``icing`` colour; ``topping``; ``cut`` shows a slice taken out."""
    cake = rgb(BATTERS[item["flavour"]])
    pen.shadow(3, -1, 44, 6)
    plate = rgb(item["colour"])
    pen.fill(oval(0, -3, 42, 7), plate, shade=2)
    side = [(-30, -34), (30, -34), *arc(0, -6, 30, 6, 0, 180, 14)]
    pen.fill(side, cake, shade=4)
    top = oval(0, -34, 30, 8)
    pen.fill(top, lighter(cake, 0.2))
    if "icing" in item:
        icing = rgb(item["icing"])
        drip = [
            (-30.6, -34),
            (30.6, -34),
            (30.6, -22),
            (24, -17),
            (18, -23),
            (10, -15),
            (2, -22),
            (-7, -14),
            (-15, -22),
            (-23, -16),
            (-30.6, -22),
        ]
        pen.fill([*drip[:2], *spline(drip[2:], closed=False, steps=4)], icing, shade=3)
        pen.fill(oval(0, -34, 30.6, 8.4), lighter(icing, 0.2), ink=darker(icing, 0.4), line=1.0)
    if item.get("cut"):
        pen.fill([(2, -34), (26, -27), (26, -3), (2, -8)], lighter(cake, 0.12))
        pen.stroke([(2, -20), (26, -14)], 3, PAPER)
    if "topping" in item:
        places = (
            ((-18, -34), (-6, -37), (6, -31), (18, -36)) if not item.get("cut") else ((-20, -34), (-8, -37), (-10, -30))
        )
        for x, y in places:
            topping(pen.at(x, y, 1.1), item["topping"])


@thing("palette-knife")
def palette_knife(pen: Pen, item: Item) -> None:
    """A palette knife, its tip at the origin, handle to the right: ``load`` colour of the icing on it."""
    pen.fill(rounded(30, -3.4, 56, 3.4, 3), rgb("wood-dark"))
    pen.fill(rounded(-2, -4, 32, 4, 3.6), lighter(rgb("metal"), 0.3), shade=1)
    if "load" in item:
        pen.fill(spline([(-5, 2), (-2, -6), (8, -8), (16, -5), (15, 3), (5, 5)], steps=4), rgb(item["load"]), shade=1.4)
