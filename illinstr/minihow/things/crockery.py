"""What holds food and drink: mugs, glasses, bowls, plates, jugs, bottles, cartons."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, Point, arc, oval, rounded, spline
from illinstr.minihow.palette import PAPER, Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing

GLASS_INK = (84, 92, 108)


def vessel(top_y: float, top_r: float, foot_r: float, lip: float) -> list[Point]:
    """The outline of a cup seen a little from above: straight sides, round foot, open oval on top."""
    return [*arc(0, top_y, top_r, lip, 180, 360, 12), *arc(0, -1.5, foot_r, lip * 0.7, 0, 180, 12)]


def _level(top_y: float, top_r: float, foot_r: float, level: float) -> tuple[float, float]:
    """Height and half-width of the liquid at ``level`` 0..1."""
    y = -2 + (top_y + 2) * level
    return y, foot_r + (top_r - foot_r) * level


def _handle(pen: Pen, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
    pen.stroke(arc(x, y, rx, ry, -80, 80, 12), 3.6, colour, line=LINE)


@thing("mug")
def mug(pen: Pen, item: Item) -> None:
    """A mug: ``colour``, ``fill`` (a colour, absent when empty), ``topping`` (cream, marshmallows), ``bag``."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(4, -1, 25, 5)
    _handle(pen, 15, -17, 10, 9, colour)
    pen.fill(vessel(-32, 17, 14.5, 5), colour, shade=4.5)
    pen.gleam([(-11.6, -21), (-10.8, -9)], 2.6, colour, 0.55)
    pen.fill(oval(0, -32, 17, 5), lighter(colour, 0.55))
    inside = rgb(item["fill"]) if "fill" in item else darker(colour, 0.25)
    pen.fill(oval(0, -31.2, 13.8, 3.3), inside, line=0)
    if "fill" in item:
        pen.stroke(arc(0, -31.2, 9.4, 1.9, 190, 250, 6), 1.3, lighter(inside, 0.45))
    topping = item.get("topping")
    if topping == "cream":
        cloud(pen.at(0, -31), PAPER)
    elif topping == "marshmallows":
        for x, y, turn in ((-6, -32, -12), (5, -31.4, 10), (0, -35, 4)):
            pen.at(x, y, 1, turn).fill(rounded(-4, -3.4, 4, 3, 1.4), (255, 244, 246), line=LINE * 0.75)
    if item.get("bag"):
        pen.stroke(spline([(6, -33), (13, -34), (18.4, -28), (18.6, -22)], closed=False), 1.3, PAPER, line=0.6)
        pen.fill([(15, -22), (22, -22), (22, -13.5), (15, -13.5)], rgb(item["bag"]), line=LINE * 0.8)


def cloud(pen: Pen, colour: Colour) -> None:
    """A swirl of cream on the origin."""
    pen.fill(
        spline([(-13, -1), (-10, -6), (-4, -8), (0, -13), (5, -8), (11, -5), (13, -1), (6, 2), (-6, 2)]),
        colour,
        shade=2,
    )
    pen.stroke(arc(-1, -4, 7, 3, 20, 150, 8), 1.2, darker(colour, 0.2))


@thing("glass")
def glass(pen: Pen, item: Item) -> None:
    """A drinking glass: ``fill`` colour and ``level`` 0..1, ``straw`` colour, ``ice`` count, ``slice`` rim colour."""
    if item.get("shadow", True):
        pen.shadow(4, -1, 20, 4.5)
    top_y, top_r, foot_r = -42.0, 15.5, 11.5
    body = vessel(top_y, top_r, foot_r, 4)
    pen.fill(body, rgb("glass"), line=0, alpha=0.62)
    if "fill" in item:
        colour = rgb(item["fill"])
        y, half = _level(top_y, top_r, foot_r, item.get("level", 0.78))
        liquid = [(-half + 1, y), *arc(0, y, half - 1, 3, 180, 0, 10), *arc(0, -2.6, foot_r - 1.2, 2, 0, 180, 10)]
        pen.fill(liquid, colour, line=0, shade=3)
        for i in range(item.get("ice", 0)):
            pen.at((-6, 5, -1)[i % 3], y + (5, 7, 14)[i % 3], 1, (15, -20, 30)[i % 3]).fill(
                rounded(-4, -4, 4, 4, 1.2), lighter(rgb("ice"), 0.3), line=LINE * 0.6, ink=(120, 160, 190)
            )
        pen.fill(oval(0, y, half - 1, 3), lighter(colour, 0.35), line=1.0, ink=darker(colour, 0.35))
    if "straw" in item:
        pen.stroke([(0, -26), (8, -60)], 3, rgb(item["straw"]), line=LINE * 0.75)
    pen.fill(body, rgb("glass"), alpha=0.0, ink=GLASS_INK)
    pen.stroke(arc(0, top_y, top_r, 4, 0, 360, 24), LINE, GLASS_INK)
    pen.stroke([(-10.4, -34), (-8.8, -12)], 2, (255, 255, 255))
    if "slice" in item:
        wheel = rgb(item["slice"])
        pen.fill(oval(13, top_y - 1, 7.4, 7.4), wheel)
        pen.fill(oval(13, top_y - 1, 4.8, 4.8), lighter(wheel, 0.55), line=0)


@thing("bowl")
def bowl(pen: Pen, item: Item) -> None:
    """A wide bowl: ``colour``, ``fill`` colour, ``heap`` (a mound), ``bits`` (colour of pieces in it)."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(3, -1, 30, 5)
    pen.fill([(-12, -6), (12, -6), (10, 0), (-10, 0)], darker(colour, 0.12))
    body = [
        *arc(0, -26, 29, 6.5, 180, 360, 14),
        *spline([(29, -26), (24, -12), (12, -4), (-12, -4), (-24, -12), (-29, -26)], closed=False),
    ]
    pen.fill(body, colour, shade=5)
    pen.gleam(spline([(-23, -18), (-20, -13), (-15, -9.4)], closed=False), 2.6, colour, 0.6)
    pen.fill(oval(0, -26, 29, 6.5), lighter(colour, 0.5))
    if "fill" not in item:
        pen.fill(oval(0, -25.4, 25, 4.6), darker(colour, 0.2), line=0)
        return
    fill = rgb(item["fill"])
    pen.fill(oval(0, -25.2, 25, 4.7), fill, line=0)
    if item.get("heap"):
        pen.fill([*arc(0, -25.4, 23, 11, 180, 360, 14), *arc(0, -25.4, 23, 4, 0, 180, 10)], fill, shade=3)
    if "bits" in item:
        bits = rgb(item["bits"])
        rise = -5 if item.get("heap") else 0
        for x, y in ((-14, -26), (-5, -24), (5, -27), (14, -25), (0, -28.4)):
            pen.fill(oval(x, y + rise, 3.3, 2.5), bits, line=LINE * 0.7)


@thing("plate")
def plate(pen: Pen, item: Item) -> None:
    """A plate lying on the table: ``colour``."""
    colour = rgb(item["colour"])
    pen.shadow(3, -0.6, 38, 6.4)
    pen.fill(oval(0, -4, 36, 7.6), colour, shade=2.4)
    pen.fill(oval(0, -4.8, 27, 5), lighter(colour, 0.45), line=1.0, ink=darker(colour, 0.3))


@thing("carton")
def carton(pen: Pen, item: Item) -> None:
    """A drinks carton, foot on the origin: ``colour`` of the label; turn it to pour."""
    colour = rgb(item["colour"])
    pen.fill([(-11, -30), (11, -30), (11, 0), (-11, 0)], PAPER, shade=3.4)
    pen.fill([(-11, -30), (-6, -40), (6, -40), (11, -30)], lighter(colour, 0.2))
    pen.fill([(-7, -46), (7, -46), (7, -39.4), (-7, -39.4)], colour)
    pen.fill([(-10.2, -20), (10.2, -20), (10.2, -7), (-10.2, -7)], colour, line=0)
    pen.fill(oval(0, -13.5, 4.4, 4.4), PAPER, line=0)


@thing("jug")
def jug(pen: Pen, item: Item) -> None:
    """A jug with its spout to the left: ``colour``; ``fill`` shows at the mouth."""
    colour = rgb(item["colour"])
    if item.get("shadow", False):
        pen.shadow(3, -1, 22, 4.4)
    _handle(pen, 12, -20, 11, 11, colour)
    body = spline(
        [
            (-11, -34),
            (-9, -27),
            (-15, -14),
            (-11, -1),
            (11, -1),
            (15, -14),
            (10, -27),
            (12, -38),
            (-2, -37),
            (-15, -43),
            (-20.5, -39),
        ],
        steps=5,
    )
    pen.fill(body, colour, shade=4)
    pen.gleam([(-9.4, -18), (-9, -8)], 2.6, colour)
    if "fill" in item:
        pen.fill(spline([(-15, -39.4), (-4, -35), (9, -37), (0, -34)], steps=4), rgb(item["fill"]), line=0)


@thing("bottle")
def bottle(pen: Pen, item: Item) -> None:
    """A bottle with a label: ``colour`` of what is in it, ``label`` colour, ``open`` or capped."""
    colour = rgb(item["colour"])
    if item.get("shadow", False):
        pen.shadow(3, -1, 15, 4)
    pen.fill(
        spline(
            [(-10.5, -1), (-10.5, -24), (-4.6, -32), (-4.4, -40), (4.4, -40), (4.6, -32), (10.5, -24), (10.5, -1)],
            steps=4,
        ),
        colour,
        shade=3,
    )
    label = rgb(item.get("label", "cream"))
    pen.fill([(-9.6, -19), (9.6, -19), (9.6, -7), (-9.6, -7)], label, line=LINE * 0.7)
    pen.fill(oval(0, -13, 3.4, 3.4), colour, line=0)
    if not item.get("open"):
        pen.fill(rounded(-5.6, -46, 5.6, -38.6, 1.5), darker(colour, 0.35))
    pen.gleam([(-6.6, -28), (-7.4, -22)], 1.8, colour)


@thing("jar")
def jar(pen: Pen, item: Item) -> None:
    """A glass jar: ``fill`` colour and ``level``, ``lid`` colour when closed."""
    if item.get("shadow", True):
        pen.shadow(3, -1, 21, 4.5)
    body = rounded(-16, -34, 16, 0, 5)
    pen.fill(body, rgb("glass"), line=0, alpha=0.62)
    if "fill" in item:
        y = -34 * item.get("level", 0.8)
        pen.fill(
            [(-14.4, y), (14.4, y), (14.4, -4), (12, -1.6), (-12, -1.6), (-14.4, -4)],
            rgb(item["fill"]),
            line=0,
            shade=3,
        )
    pen.fill(body, rgb("glass"), alpha=0.0, ink=GLASS_INK)
    pen.stroke([(-11.6, -26), (-11.6, -10)], 2, (255, 255, 255))
    if "lid" in item:
        pen.fill(rounded(-15, -42, 15, -33, 2), rgb(item["lid"]), shade=2)
    else:
        pen.fill(oval(0, -34, 13, 3.2), lighter(rgb("glass"), 0.5), ink=GLASS_INK)


@thing("bag")
def bag(pen: Pen, item: Item) -> None:
    """A paper bag (flour, soil, seeds, sugar): ``colour`` of the band, ``mark`` the colour of its picture."""
    colour, mark = rgb(item["colour"]), rgb(item.get("mark", "white"))
    if item.get("shadow", False):
        pen.shadow(3, -1, 20, 4)
    pen.fill([(-14, 0), (-15, -30), (-13, -36), (13, -36), (15, -30), (14, 0)], colour, shade=4)
    pen.fill([(-13, -36), (-14, -42), (14, -42), (13, -36)], lighter(colour, 0.4))
    pen.fill(oval(0, -17, 8, 8), lighter(colour, 0.75), line=LINE * 0.8)
    pen.fill(oval(0, -17, 4, 4), mark, line=0)


@thing("teabag")
def teabag(pen: Pen, item: Item) -> None:
    """A tea bag hanging from the origin on its string: ``colour`` of the leaves."""
    pen.stroke([(0, -8), (0, 4)], 1.4, PAPER, line=0.6)
    pen.fill([(-6, 3), (6, 3), (7, 16), (-7, 16)], (250, 243, 226), shade=1.4)
    pen.fill([(-5.4, 9), (5.4, 9), (6, 15), (-6, 15)], rgb(item["colour"]), line=0)
