"""Tools and machines of the kitchen: blender, kettle, pan, pot, knife, board, oven, tap."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, arc, oval, rounded, spline
from illinstr.minihow.palette import INK, PAPER, darker, lighter, rgb
from illinstr.minihow.things.crockery import GLASS_INK
from illinstr.minihow.things.fruit import draw_pieces
from illinstr.minihow.things.registry import Item, thing


@thing("board")
def board(pen: Pen, item: Item) -> None:
    """A chopping board lying on the table, about 74 wide."""
    pen.shadow(2, 0, 42, 5)
    wood = rgb("wood")
    pen.fill([(-33, -11), (33, -11), (39, -1), (-39, -1)], lighter(wood, 0.25))
    pen.fill([(-39, -1), (39, -1), (39, 3), (-39, 3)], darker(wood, 0.15))
    pen.stroke([(-24, -7.6), (10, -7.6)], 1.1, darker(wood, 0.05))
    pen.stroke([(-6, -4.2), (28, -4.2)], 1.1, darker(wood, 0.05))


@thing("knife")
def knife(pen: Pen, item: Item) -> None:
    """A kitchen knife, its handle at the origin, the blade to the left, edge down."""
    metal = rgb("metal")
    pen.fill([(-4, -4.4), (-28, -4.6), (-40, 1), (-36, 4.6), (-4, 4.6)], lighter(metal, 0.35))
    pen.stroke([(-7, 2.4), (-34, 2.4)], 1.4, metal)
    pen.fill(rounded(-5, -3.8, 17, 4, 2.6), rgb(item.get("colour", "charcoal")))


@thing("blender")
def blender(pen: Pen, item: Item) -> None:
    """A jug blender: ``colour`` of the base, ``fill`` and ``level``, ``pieces`` (produce), ``lid``, ``running``."""
    colour = rgb(item["colour"])
    pen.shadow(4, -1, 24, 5)
    pen.stroke([(15, -60), (24, -57), (23, -34), (14, -30)], 3.4, rgb("charcoal"), line=LINE * 0.9)
    body = [(-19, -68), (19, -68), (14, -21), (-14, -21)]
    pen.fill(body, rgb("glass"), line=0, alpha=0.66)
    if "fill" in item:
        share = item.get("level", 0.6)
        y, half = -22 - 44 * share, 14 + 5 * share - 1
        fill = rgb(item["fill"])
        pen.fill([(-half, y), (half, y), (13, -22), (-13, -22)], fill, line=0, shade=3)
        pen.fill(oval(0, y, half, 2.4), lighter(fill, 0.35), line=0)
        if item.get("running"):
            pen.stroke(spline([(-9, y + 7), (0, y + 11), (9, y + 7)], closed=False), 2.2, lighter(fill, 0.5))
            pen.stroke(spline([(-7, y + 14), (1, y + 18), (7, y + 13)], closed=False), 2.2, lighter(fill, 0.5))
    if "pieces" in item:
        draw_pieces(pen.at(0, -22.5, 0.8), item["pieces"])
    pen.fill(body, rgb("glass"), alpha=0.0, ink=GLASS_INK)
    pen.stroke([(-13.5, -60), (-10.5, -32)], 2.2, (255, 255, 255))
    pen.fill([(-15, -22), (15, -22), (20, 0), (-20, 0)], colour, shade=4)
    pen.fill(oval(0, -10, 5, 5), lighter(colour, 0.65) if not item.get("running") else (255, 224, 110))
    if item.get("lid"):
        pen.fill(rounded(-20.5, -74, 20.5, -66.6, 2.4), rgb("charcoal"))
        pen.fill(rounded(-7, -79, 7, -73.6, 2), rgb("charcoal"))
    else:
        pen.fill(oval(0, -68, 19, 3.4), lighter(rgb("glass"), 0.5), ink=GLASS_INK)


@thing("kettle")
def kettle(pen: Pen, item: Item) -> None:
    """A kettle with its spout to the left: ``colour``."""
    colour = rgb(item["colour"])
    if item.get("shadow", False):
        pen.shadow(3, -1, 26, 5)
    pen.stroke(arc(0, -30, 17, 17, 200, 340, 14), 4, rgb("charcoal"), line=LINE * 0.6)
    pen.fill([(-18, -14), (-34, -32), (-28, -36), (-14, -24)], colour, shade=2)
    pen.fill(
        spline([(-23, -1), (-24, -16), (-14, -31), (0, -34), (14, -31), (24, -16), (23, -1)], steps=5), colour, shade=5
    )
    pen.gleam(spline([(-15, -12), (-13, -20), (-8, -26)], closed=False), 2.8, colour)
    pen.fill(oval(0, -34, 9, 2.6), lighter(colour, 0.3))
    pen.fill(oval(0, -37.4, 3.4, 3), rgb("charcoal"))


@thing("stove")
def stove(pen: Pen, item: Item) -> None:
    """A gas ring on the table: ``on`` shows flames."""
    pen.shadow(2, 0, 36, 5)
    if item.get("on", True):
        for x in (-18, -9, 0, 9, 18):
            pen.fill(
                spline([(x - 4, -6), (x, -15), (x + 4, -6), (x, -4)], steps=4), rgb("fire"), line=1.0, ink=(200, 84, 40)
            )
            pen.fill(oval(x, -6.6, 1.7, 2.6), (255, 232, 140), line=0)
    pen.fill(rounded(-34, -7, 34, 3, 3), rgb("charcoal"))
    for x in (-22, 22):
        pen.fill(oval(x, -2, 2.8, 2.8), rgb("metal"), line=0.9)


@thing("pan")
def pan(pen: Pen, item: Item) -> None:
    """A frying pan from a little above, handle to the right: ``oil``, ``egg`` count, ``omelette``, ``bits`` colour."""
    black = (76, 74, 84)
    if item.get("shadow", True):
        pen.shadow(0, 2, 34, 6)
    pen.fill(rounded(26, -11, 62, -4, 3), rgb("wood-dark"))
    pen.fill([*arc(0, -10, 31, 11, 180, 360, 14), *arc(0, -5, 29, 11, 0, 180, 14)], black, shade=3)
    pen.fill(oval(0, -10, 31, 11), lighter(black, 0.22))
    pen.fill(oval(0, -9.4, 26.6, 8.4), darker(black, 0.1), line=0)
    _in_pan(pen, item)


def _in_pan(pen: Pen, item: Item) -> None:
    if item.get("butter"):
        pen.fill(oval(-2, -8.6, 15, 4.6), (250, 216, 120), line=0.9, ink=(196, 150, 60))
        pen.fill([(-8, -12), (3, -12), (5, -7.6), (-6, -7.6)], rgb("butter"), line=LINE * 0.8)
    for i in range(item.get("egg", 0)):
        x = 0.0 if item["egg"] == 1 else (-9.0, 9.0)[i % 2]
        shape = [(-14, -9), (-9, -14), (0, -15), (9, -14.4), (15, -10), (11, -4), (2, -2.6), (-9, -3.6)]
        wide = 1.15 if item["egg"] == 1 else 0.75
        pen.fill(spline([(x + px * wide, py) for px, py in shape]), rgb("egg"), shade=1.6)
        pen.fill(oval(x, -10, 6.4, 4.6), rgb("yolk"), line=LINE * 0.8)
        pen.stroke([(x - 2.6, -11.6), (x - 1, -12.6)], 1.4, (255, 240, 190))
    if "mix" in item:
        mix = rgb(item["mix"])
        pen.fill(oval(0, -9.4, 25, 7.6), mix, line=LINE * 0.8)
        pen.stroke(arc(0, -9.4, 17, 4.6, 190, 280, 8), 1.5, lighter(mix, 0.5))
    if item.get("folded"):
        mix = rgb(item["folded"])
        pen.fill(spline([(-23, -7), (-16, -16), (0, -19), (16, -16), (23, -7), (12, -4), (-12, -4)]), mix, shade=3)
        pen.stroke(spline([(-18, -6.6), (0, -4.6), (18, -6.6)], closed=False), 1.5, darker(mix, 0.25))
    if "bits" in item:
        bits = rgb(item["bits"])
        for x, y in ((-14, -10), (-5, -6.6), (4, -12), (13, -8), (-3, -12.4), (7, -6)):
            pen.fill(oval(x, y, 2.9, 2.2), bits, line=LINE * 0.7)


@thing("pot")
def pot(pen: Pen, item: Item) -> None:
    """A cooking pot: ``colour``, ``fill`` colour of what shows at the top, ``bits`` colour, ``lid``."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(3, -1, 32, 5)
    for side in (-1, 1):
        pen.stroke(
            [(side * 25, -27), (side * 33, -27), (side * 33, -22), (side * 25, -21)],
            3,
            rgb("charcoal"),
            line=LINE * 0.6,
        )
    body = [*arc(0, -34, 27, 6.4, 180, 360, 14), *arc(0, -6, 26, 6, 0, 180, 14)]
    pen.fill(body, colour, shade=5)
    pen.gleam([(-20.6, -24), (-20.2, -11)], 2.8, colour)
    if item.get("lid"):
        pen.fill([*arc(0, -34, 28, 12, 180, 360, 14), *arc(0, -34, 28, 4, 0, 180, 10)], lighter(colour, 0.3), shade=3)
        pen.fill(oval(0, -47.4, 4.4, 3.4), rgb("charcoal"))
        return
    pen.fill(oval(0, -34, 27, 6.4), lighter(colour, 0.45))
    inside = rgb(item["fill"]) if "fill" in item else darker(colour, 0.35)
    pen.fill(oval(0, -33.4, 23.6, 4.7), inside, line=0)
    if "bits" in item:
        for x, y in ((-14, -34), (-4, -32), (6, -35), (14, -33)):
            pen.fill(oval(x, y, 3.6, 2.5), rgb(item["bits"]), line=LINE * 0.7)


@thing("spoon")
def spoon(pen: Pen, item: Item) -> None:
    """A spoon, its bowl at the origin, the handle going up: ``colour``, ``length``, ``heap`` colour of its load."""
    colour = rgb(item.get("colour", "wood"))
    pen.stroke([(0, -4), (0, -item.get("length", 40))], 3, colour, line=LINE * 0.85)
    pen.fill(oval(0, 0, 5, 6.4), colour, shade=1.6)
    if "heap" in item:
        pen.fill(oval(0, -1.4, 5.8, 4.4), rgb(item["heap"]), line=LINE * 0.8)


@thing("whisk")
def whisk(pen: Pen, item: Item) -> None:
    """A whisk, its wires at the origin, the handle going up."""
    metal = rgb("metal-dark")
    for wide in (7.4, 3.2):
        pen.stroke(spline([(0, -20), (-wide, -6), (0, 3), (wide, -6), (0, -20)], closed=False), 1.5, metal)
    pen.fill(rounded(-3, -46, 3, -18, 2.4), rgb(item.get("colour", "coral")))


@thing("tap")
def tap(pen: Pen, item: Item) -> None:
    """A tap running from the top of the panel; its mouth at the origin."""
    metal = rgb("metal")
    pen.fill([(-5, -30), (5, -30), (5, -12), (-5, -12)], metal, shade=2)
    pen.stroke([(0, -14), (0, -14.1)], 13, metal, line=LINE)
    pen.fill([(-5, -12), (5, -12), (5, 0), (-5, 0)], metal, shade=2)
    pen.fill(rounded(-15, -24, 15, -18, 2.6), lighter(metal, 0.3))
    water = rgb("water")
    length = item.get("length", 24)
    pen.fill([(-3.4, 0.8), (3.4, 0.8), (4, length), (-4, length)], water, line=LINE * 0.7, ink=(70, 140, 190))
    pen.stroke([(-1, 4), (-1, length - 3)], 1.4, PAPER)
    for x, y in ((-13, length + 3), (13, length + 2), (-19, length + 11), (19, length + 10)):
        pen.fill(
            spline([(x, y - 3.4), (x + 2, y), (x, y + 2), (x - 2, y)], steps=4), water, line=1.0, ink=(70, 140, 190)
        )


@thing("juicer")
def juicer(pen: Pen, item: Item) -> None:
    """A strainer over a bowl's rim, handle to the right: ``fill`` colour of the pulp."""
    metal = rgb("metal")
    pen.stroke([(18, -1), (44, -5)], 3.2, rgb("wood-dark"), line=LINE * 0.8)
    pen.fill([*arc(0, 0, 19, 4, 180, 360, 10), *arc(0, 0, 19, 12, 0, 180, 12)], lighter(metal, 0.3), shade=2)
    for x in (-10, -3, 4, 11):
        pen.stroke([(x, 2), (x * 0.8, 9)], 1.1, rgb("metal-dark"))
    pen.fill(oval(0, 0, 19, 4), rgb(item["fill"]) if "fill" in item else PAPER)


@thing("oven")
def oven(pen: Pen, item: Item) -> None:
    """An oven's front, about 66 wide and 60 high: ``colour``, ``tray`` (a list of one drawn colour), ``on``."""
    colour = rgb(item["colour"])
    pen.shadow(3, -1, 38, 5)
    pen.fill(rounded(-34, -64, 34, 0, 4), colour, shade=5)
    for x in (-22, -11, 11, 22):
        pen.fill(oval(x, -56, 3.6, 3.6), PAPER, line=LINE * 0.8)
    pen.fill(rounded(-28, -47, 28, -6, 4), (255, 190, 92) if item.get("on", True) else (96, 84, 92))
    pen.fill(rounded(-24, -43, 24, -10, 3), (255, 217, 130) if item.get("on", True) else (120, 106, 112), line=0)
    pen.stroke([(-22, -14), (22, -14)], 2.4, rgb("metal-dark"))
    for x in (-14, 0, 14) if "baking" in item else ():
        pen.fill([*arc(x, -16, 6.4, item.get("rise", 6), 180, 360, 10)], rgb(item["baking"]), line=LINE * 0.9)
    pen.stroke([(-22, -49.6), (22, -49.6)], 2.6, rgb("metal"), line=LINE * 0.7)


@thing("mould")
def mould(pen: Pen, item: Item) -> None:
    """An ice-lolly mould of three: ``fill`` colour, ``sticks``."""
    pen.shadow(3, -1, 30, 4.6)
    for x in (-18, 0, 18):
        if item.get("sticks"):
            pen.fill(rounded(x - 2, -50, x + 2, -34, 1.6), rgb("wood"), line=LINE * 0.8)
        pen.fill(
            [*arc(x, -30, 7.6, 3, 180, 360, 8), (x + 7.4, -6), *arc(x, -6, 7.4, 6, 0, 180, 8)],
            rgb(item["fill"]) if "fill" in item else rgb("glass"),
            shade=2,
        )
    pen.fill(rounded(-30, -36, 30, -29, 2.4), rgb(item.get("colour", "sky")))


@thing("fridge")
def fridge(pen: Pen, item: Item) -> None:
    """A fridge's front, 52 wide and 80 high: ``colour``."""
    colour = rgb(item["colour"])
    pen.shadow(3, -1, 30, 5)
    pen.fill(rounded(-26, -80, 26, 0, 5), colour, shade=5)
    pen.stroke([(-26, -52), (26, -52)], LINE, INK)
    for y0, y1 in ((-72, -60), (-44, -28)):
        pen.stroke([(-19, y0), (-19, y1)], 3, rgb("metal"), line=LINE * 0.7)
    pen.at(6, -66, 1.1).fill(spline([(0, -5), (4, 0), (0, 5), (-4, 0)], steps=3), rgb("ice"), line=LINE * 0.7)
