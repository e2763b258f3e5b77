"""Paper, presents, paint, birdhouses, candles, boats."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, arc, oval, rounded, spline
from illinstr.minihow.palette import INK, PAPER, Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing


@thing("box")
def box(pen: Pen, item: Item) -> None:
    """A box seen from the front and a little above: ``colour``; ``open``; ``ribbon`` colour with ``bow``; ``dots``."""
    colour = rgb(item.get("colour", "card"))
    if item.get("shadow", True):
        pen.shadow(3, -1, 30, 5)
    top = lighter(colour, 0.25)
    if item.get("open"):
        pen.fill([(-24, -34), (-17, -44), (17, -44), (24, -34)], darker(colour, 0.35))
        pen.fill([(-24, -34), (-17, -44), (-32, -50), (-38, -41)], top)
        pen.fill([(24, -34), (17, -44), (32, -50), (38, -41)], top)
    else:
        pen.fill([(-24, -34), (-17, -44), (17, -44), (24, -34)], top)
    pen.fill([(-24, -34), (24, -34), (24, 0), (-24, 0)], colour, shade=5)
    if item.get("dots"):
        for x, y in ((-16, -26), (-16, -9), (16, -26), (16, -9), (-8, -17), (8, -17)):
            pen.fill(oval(x, y, 2.5, 2.5), lighter(colour, 0.6), line=0)
    if "ribbon" in item:
        ribbon = rgb(item["ribbon"])
        pen.fill([(-4, -34), (4, -34), (4, 0), (-4, 0)], ribbon)
        pen.fill([(-4, -34), (-3, -44), (3, -44), (4, -34)], lighter(ribbon, 0.2))
        if item.get("bow"):
            bow(pen.at(0, -42), ribbon)
    elif item.get("taped"):
        pen.fill(rounded(-5, -39, 5, -27, 1), (250, 243, 214), line=LINE * 0.7)


def bow(pen: Pen, colour: Colour) -> None:
    """A tied bow, its knot at the origin."""
    for side in (-1, 1):
        pen.fill([(0, 0), (side * 6, 2), (side * 15, 13), (side * 9, 14)], colour)
        pen.fill(
            spline([(0, 0), (side * 9, -11), (side * 19, -10), (side * 18, 0), (side * 8, 3)], steps=4), colour, shade=2
        )
    pen.fill(oval(0, -1, 4.6, 4.6), lighter(colour, 0.2))


@thing("bow")
def loose_bow(pen: Pen, item: Item) -> None:
    """A bow alone: ``colour``."""
    bow(pen, rgb(item["colour"]))


@thing("sheet")
def sheet(pen: Pen, item: Item) -> None:
    """A sheet of paper lying on the table, 76 wide: ``colour``; ``dots``; ``crease``."""
    colour = rgb(item["colour"])
    pen.shadow(2, -2, 42, 6)
    pen.fill([(-30, -32), (30, -32), (41, 0), (-41, 0)], colour, shade=2)
    if item.get("dots"):
        for x, y in ((-22, -26), (0, -26), (22, -26), (-13, -16), (13, -16), (-30, -6), (0, -6), (30, -6)):
            pen.fill(oval(x, y, 2.8, 2.2), lighter(colour, 0.6), line=0)
    if item.get("crease"):
        pen.stroke([(0, -31), (0, -1)], 1.5, darker(colour, 0.35))


@thing("parcel")
def parcel(pen: Pen, item: Item) -> None:
    """A box half wrapped: paper of ``colour`` stands up on both sides of it, ``sides`` folded in or not."""
    colour = rgb(item["colour"])
    pen.shadow(2, -1, 38, 5)
    pen.fill([(-40, -2), (40, -2), (36, 3), (-36, 3)], colour)
    box(pen, {"colour": "card", "shadow": False})
    for side in (-1, 1):
        flap = [(side * 38, 0), (side * 24, 0), (side * 3, -38), (side * 14, -46), (side * 36, -28)]
        pen.fill(flap, colour, shade=3)
        for x, y in ((28, -24), (18, -34), (29, -10)):
            pen.fill(oval(side * x, y, 2.4, 2.4), lighter(colour, 0.6), line=0)


@thing("scissors")
def scissors(pen: Pen, item: Item) -> None:
    """Scissors open to the left, pivot at the origin: ``colour`` of the rings."""
    colour, metal = rgb(item.get("colour", "tomato")), lighter(rgb("metal"), 0.2)
    for side in (-1, 1):
        pen.fill([(2, side * 2), (-34, side * 9), (-33, side * 5), (4, -side * 2)], metal)
        pen.stroke(arc(20, -side * 8, 8, 6, 0, 360, 18), 3.4, colour, line=LINE * 0.8)
    pen.fill(oval(0, 0, 2.6, 2.6), rgb("metal-dark"), line=LINE * 0.8)


@thing("spool")
def spool(pen: Pen, item: Item) -> None:
    """A roll of ribbon standing on the origin with a loose end: ``colour``."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(2, -1, 18, 4)
    pen.stroke(spline([(8, -3), (20, -4), (28, 2), (40, -3)], closed=False), 5, colour, line=LINE * 0.85)
    pen.fill(oval(0, -16, 16, 16), colour, shade=3)
    pen.fill(oval(0, -16, 11, 11), lighter(colour, 0.35), line=LINE * 0.7)
    pen.fill(oval(0, -16, 5, 5), PAPER, line=LINE * 0.8)


@thing("birdhouse")
def birdhouse(pen: Pen, item: Item) -> None:
    """A birdhouse: ``walls`` and ``roof`` colours, ``bird`` looking out, ``parts`` painted only so far."""
    walls, roof = rgb(item.get("walls", "wood")), rgb(item.get("roof", "wood"))
    if item.get("shadow", True):
        pen.shadow(3, -1, 28, 5)
    pen.fill([(-19, 0), (-19, -34), (0, -52), (19, -34), (19, 0)], walls, shade=4)
    for y in (-24, -12):
        pen.stroke([(-17, y), (17, y)], 1.2, darker(walls, 0.16))
    for side in (-1, 1):
        pen.fill([(0, -61), (0, -51), (side * 24, -28), (side * 29, -34)], roof, shade=2)
    pen.fill(oval(0, -26, 8, 8), (74, 52, 50))
    if item.get("bird"):
        pen.fill(oval(0, -24, 6.6, 6), rgb("sky"), line=LINE * 0.7)
        pen.fill([(-1.4, -23), (1.8, -23), (0, -19.4)], rgb("orange"), line=0.7)
        for x in (-3, 3):
            pen.fill(oval(x, -26, 1.2, 1.4), INK, line=0)
    pen.stroke([(0, -12), (0, -10)], 4, rgb("wood-dark"), line=LINE * 0.8)


@thing("paint")
def paint_tin(pen: Pen, item: Item) -> None:
    """An open tin of paint: ``colour``."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(3, -1, 17, 4)
    pen.stroke(arc(0, -22, 14, 15, 190, 350, 12), 1.8, rgb("metal-dark"))
    pen.fill(
        [*arc(0, -23, 14, 3.6, 180, 360, 10), *arc(0, -2, 14, 3.6, 0, 180, 10)], lighter(rgb("metal"), 0.2), shade=3
    )
    pen.fill([(-13.4, -17), (13.4, -17), (13.4, -6), (-13.4, -6)], colour, line=0)
    pen.fill(oval(0, -23, 14, 3.6), colour)
    pen.fill(spline([(-13, -22), (-11, -12), (-8, -21)], steps=4), colour, line=LINE * 0.7)


@thing("brush")
def brush(pen: Pen, item: Item) -> None:
    """A paint brush, bristles at the origin pointing left, handle to the right: ``colour`` of the paint on it."""
    pen.fill(rounded(14, -3, 46, 3, 2.6), rgb("wood"))
    pen.fill([(9, -5), (16, -4), (16, 4), (9, 5)], rgb("metal"), line=LINE * 0.8)
    pen.fill(
        spline([(-4, -1), (0, -6), (9, -5.4), (9, 5.4), (0, 5)], steps=4),
        rgb(item["colour"]) if "colour" in item else rgb("dough"),
    )


@thing("sandpaper")
def sandpaper(pen: Pen, item: Item) -> None:
    """A block of sandpaper, middle at the origin."""
    pen.fill(rounded(-12, -5, 12, 5, 1.4), (206, 168, 120), shade=2)


@thing("candle")
def candle(pen: Pen, item: Item) -> None:
    """A candle: ``colour``, ``glass`` (in a jar) or a pillar, ``wick``, ``lit``, ``level`` of wax 0..1."""
    colour = rgb(item["colour"]) if "colour" in item else None
    if item.get("shadow", True):
        pen.shadow(3, -1, 22, 4.6)
    level = item.get("level", 0.85)
    top = -36 * level
    if item.get("glass"):
        body = rounded(-17, -40, 17, 0, 5)
        pen.fill(body, rgb("glass"), line=0, alpha=0.62)
    if colour is not None:
        side = 15.4 if item.get("glass") else 14
        pen.fill(
            [*arc(0, top, side, 3.2, 180, 360, 10), (side, -4), *arc(0, -4, side, 3.4, 0, 180, 10)],
            colour,
            line=0 if item.get("glass") else LINE,
            shade=4,
        )
        pen.fill(oval(0, top, side, 3.2), lighter(colour, 0.35), line=LINE * 0.7, ink=darker(colour, 0.45))
    if item.get("wick"):
        pen.stroke([(0, top), (0, top - 8)] if colour is not None else [(0, -6), (0, -46)], 1.9, PAPER, line=0.9)
    if item.get("lit"):
        flame(pen.at(0, top - 8))
    if item.get("glass"):
        pen.fill(body, rgb("glass"), alpha=0.0, ink=(84, 92, 108))
        pen.stroke([(-12, -33), (-12, -10)], 2.2, (255, 255, 255))


def flame(pen: Pen) -> None:
    """A flame standing on the origin."""
    pen.fill(oval(0, -8, 17, 18), (255, 236, 160), line=0, alpha=0.45)
    pen.fill(
        spline([(0, -20), (5.4, -8), (4, 1), (-4, 1), (-5.4, -8)], steps=5),
        rgb("fire"),
        line=LINE * 0.8,
        ink=(204, 92, 40),
    )
    pen.fill(spline([(0, -10), (2.6, -3), (0, 0.4), (-2.6, -3)], steps=4), (255, 236, 150), line=0)


@thing("match")
def match(pen: Pen, item: Item) -> None:
    """A burning match, its flame at the origin, the stick to the right."""
    pen.stroke([(2, 0), (26, 3)], 2.6, rgb("wood"), line=LINE * 0.7)
    flame(pen.at(0, 3, 0.7))


@thing("string")
def string(pen: Pen, item: Item) -> None:
    """A wick hanging down from the origin: ``length``."""
    pen.stroke([(0, 0), (0, item["length"])], 2.2, PAPER, line=LINE * 0.7)


@thing("wax")
def wax(pen: Pen, item: Item) -> None:
    """A heap of wax flakes: ``colour``."""
    colour = rgb(item["colour"])
    pen.shadow(2, 0, 20, 4)
    for x, y in ((-11, -4), (10, -4), (0, -5), (-5, -11), (6, -11), (0, -17)):
        pen.fill([(x - 7, y + 2), (x - 3, y - 5), (x + 6, y - 4), (x + 7, y + 3)], colour, shade=1.4)


@thing("boat")
def boat(pen: Pen, item: Item) -> None:
    """A folded paper boat: ``colour``; ``flag`` colour."""
    colour = rgb(item["colour"])
    if "flag" in item:
        pen.stroke([(0, -34), (0, -56)], 1.8, rgb("wood-dark"), line=LINE * 0.6)
        pen.fill([(0, -57), (17, -51), (0, -45)], rgb(item["flag"]), shade=1.4)
    pen.fill([(-17, -16), (0, -38), (17, -16)], lighter(colour, 0.3), shade=2)
    pen.stroke([(0, -36), (0, -16)], 1.4, darker(colour, 0.2))
    pen.fill([(-37, -22), (-12, -15), (12, -15), (37, -22), (24, 0), (-24, 0)], colour, shade=4)
    pen.stroke([(0, -14), (0, -1)], 1.4, darker(colour, 0.25))


@thing("fold")
def fold(pen: Pen, item: Item) -> None:
    """A paper boat on its way: ``stage`` half, roof, hat or square; ``colour``."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(2, -1, 32, 5)
    light, dark = lighter(colour, 0.3), darker(colour, 0.25)
    stage = item["stage"]
    if stage == "half":
        pen.fill([(-32, -42), (32, -42), (32, 0), (-32, 0)], colour, shade=4)
        pen.stroke([(-31, -39), (31, -39)], 1.5, light)
    elif stage == "roof":
        pen.fill([(-32, -10), (32, -10), (32, 0), (-32, 0)], light)
        pen.fill([(0, -46), (-32, -10), (0, -10)], colour, shade=2)
        pen.fill([(0, -46), (32, -10), (0, -10)], darker(colour, 0.1), shade=2)
    elif stage == "hat":
        pen.fill([(0, -46), (-32, -6), (32, -6)], colour, shade=3)
        pen.stroke([(0, -44), (0, -14)], 1.5, dark)
        pen.fill([(-37, -13), (37, -13), (33, 0), (-33, 0)], light, shade=2)
    else:
        pen.fill([(0, -50), (26, -25), (0, 0), (-26, -25)], colour, shade=4)
        pen.fill([(-24, -23), (24, -23), (0, 0)], light, line=LINE * 0.8)


@thing("basin")
def basin(pen: Pen, item: Item) -> None:
    """A broad basin of water, for floating things: ``colour``."""
    colour = rgb(item["colour"])
    pen.shadow(2, -1, 46, 5)
    pen.fill([*arc(0, -18, 44, 8, 180, 360, 14), *arc(0, -6, 36, 6, 0, 180, 14)], colour, shade=4)
    pen.fill(oval(0, -18, 44, 8), lighter(colour, 0.45))
    pen.fill(oval(0, -17.4, 40, 6), rgb("water"), line=0)
    for x in (-26, 26):
        pen.stroke(arc(x, -17, 8, 2, 180, 360, 8), 1.4, PAPER)
