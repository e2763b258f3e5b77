"""The beach, the orchard and the sky: sand castles, spades, trees, kites."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, arc, oval, rounded, spline
from illinstr.minihow.palette import PAPER, Colour, darker, lighter, rgb
from illinstr.minihow.produce import PRODUCE
from illinstr.minihow.things.registry import Item, thing

SAND: Colour = (231, 194, 126)


@thing("spade")
def spade(pen: Pen, item: Item) -> None:
    """A spade, its blade's tip at the origin, handle up: ``colour`` of blade and grip; ``heap`` colour of its load."""
    colour = rgb(item["colour"])
    pen.fill(rounded(-2.4, -58, 2.4, -22, 2), rgb("wood"))
    pen.stroke([(-7, -59), (7, -59)], 4.4, colour, line=LINE * 0.9)
    pen.fill(
        spline([(0, 2), (-11, -5), (-11, -21), (-8, -25), (8, -25), (11, -21), (11, -5)], steps=4), colour, shade=3
    )
    pen.gleam([(-5.4, -19), (-5.4, -9)], 2.2, colour)
    if "heap" in item:
        load = rgb(item["heap"])
        pen.fill(spline([(-12, -3), (-10, -15), (0, -21), (10, -15), (12, -3), (0, 1)], steps=4), load, shade=2)


@thing("pit")
def pit(pen: Pen, item: Item) -> None:
    """A hole in the ground with a mound behind it: ``colour`` of the earth; ``mound`` only for a filled hole."""
    earth = rgb(item.get("colour", "soil"))
    if item.get("mound"):
        pen.fill([*arc(0, 0, 30, 13, 180, 360, 16), *arc(0, 0, 30, 4, 0, 180, 12)], earth, shade=3)
        for x, y in ((-14, -4), (-3, -8), (10, -5), (18, -1)):
            pen.fill(oval(x, y, 2, 1.4), lighter(earth, 0.3), line=0)
        return
    pen.fill(spline([(-36, -3), (-32, -15), (-22, -20), (-12, -13), (-6, -3)], steps=5), earth, shade=3)
    pen.fill(oval(2, 0, 29, 8), lighter(earth, 0.2))
    pen.fill(oval(2, 1, 24, 5.6), darker(earth, 0.5), line=0)


def _crown(pen: Pen, y: float, size: float) -> None:
    local = pen.at(0, y, size)
    shape = [(-26, -6), (-28, -22), (-18, -36), (0, -42), (18, -36), (28, -22), (26, -6), (12, 1), (-12, 1)]
    local.fill(spline(shape, steps=5), rgb("leaf"), shade=5)
    for x, dy in ((-14, -26), (8, -31), (14, -12), (-8, -10)):
        local.stroke(arc(x, dy, 5, 4, 200, 330, 6), 1.8, rgb("leaf-dark"))


@thing("tree")
def tree(pen: Pen, item: Item) -> None:
    """A tree, its foot on the origin: ``stage`` sapling, young or full; ``fruit`` hangs on it; ``roots`` in a ball."""
    stage = item["stage"]
    if item.get("roots"):
        pen.fill(spline([(-11, -2), (-9, 9), (0, 13), (9, 9), (11, -2), (0, -5)], steps=4), rgb("soil"), shade=2)
    if stage == "sapling":
        pen.stroke([(0, 1), (0, -34)], 4.4, rgb("wood-dark"), line=LINE * 0.9)
        _crown(pen, -22, 0.62)
        return
    tall, wide = (30, 7) if stage == "full" else (27, 5)
    pen.fill([(-wide - 3, 1), (-wide, -tall), (wide, -tall), (wide + 3, 1)], rgb("wood-dark"), shade=2.4)
    _crown(pen, -tall + 6, 1.3 if stage == "full" else 0.95)
    if "fruit" in item:
        skin = rgb(PRODUCE[item["fruit"]][1])
        for x, y in ((-21, -46), (-4, -60), (17, -56), (25, -40), (4, -40), (-13, -32)):
            pen.fill(oval(x, y, 5.6, 5.6), skin, shade=1.6)
            pen.stroke([(x - 2, y - 2.2), (x - 1, y - 3)], 1.4, lighter(skin, 0.6))


@thing("tower")
def tower(pen: Pen, item: Item) -> None:
    """Sand as it comes out of a bucket, 42 wide, with its crenels: ``plain`` leaves the crenels out."""
    if item.get("shadow", True):
        pen.shadow(3, -1, 26, 5)
    pen.fill([(-21, 0), (-16, -34), (16, -34), (21, 0)], SAND, shade=5)
    if not item.get("plain"):
        for x in (-15, -4.5, 6):
            pen.fill([(x, -33), (x, -41), (x + 8.4, -41), (x + 8.4, -33)], SAND, shade=1.4)
    for x, y in ((-8, -24), (6, -14), (-11, -8), (9, -27)):
        pen.stroke([(x, y), (x + 2.4, y)], 1.4, darker(SAND, 0.28))


@thing("castle")
def castle(pen: Pen, item: Item) -> None:
    """A sand castle of three towers: ``with`` what decorates it, ``flag`` colour on the middle tower."""
    pen.shadow(2, -1, 46, 6)
    if "flag" in item:
        flag(pen.at(0, -57), item)
    tower(pen.at(0, -17, 1.0), {"shadow": False})
    for x in (-25, 25):
        tower(pen.at(x, 0, 0.82), {"shadow": False})
    pen.fill([(-14, 1), (-14, -19), (14, -19), (14, 1)], SAND, shade=2)
    pen.fill([*arc(0, -9, 6.6, 7, 180, 360, 10), (6.6, 1), (-6.6, 1)], darker(SAND, 0.55), line=LINE * 0.8)
    if "with" in item:
        for x, y in ((-25, -12), (25, -12), (0, -34)):
            ornament(pen.at(x, y, 0.95), item)


@thing("flag")
def flag(pen: Pen, item: Item) -> None:
    """A little flag, its stick's foot on the origin: ``flag`` colour."""
    pen.stroke([(0, 2), (0, -26)], 2.2, rgb("wood-dark"), line=LINE * 0.7)
    pen.fill([(1, -27), (21, -20), (1, -13)], rgb(item["flag"]), shade=2)


@thing("ornament")
def ornament(pen: Pen, item: Item) -> None:
    """What one finds on a beach, middle at the origin: ``with`` shells, pebbles, starfish or feathers."""
    kind = item["with"]
    if kind == "shells":
        colour = (250, 196, 180)
        pen.fill([*arc(0, 0, 9, 9, 180, 360, 12), (3, 6), (-3, 6)], colour, shade=1.6, line=LINE * 0.9)
        for x in (-5, 0, 5):
            pen.stroke([(x * 0.3, 4), (x, -6)], 1.2, darker(colour, 0.35))
    elif kind == "pebbles":
        for x, y, grey in ((-5, 2, "#8d99a6"), (5, 2, "#b3bcc4"), (0, -5, "#6f7b88")):
            pen.fill(oval(x, y, 5.4, 4.4), rgb(grey), line=LINE * 0.8, shade=1)
    elif kind == "starfish":
        points = [p for i in range(5) for p in (arc(0, 0, 10.5, 10.5, i * 72 - 90, i * 72 - 89, 1)[0],
                                               arc(0, 0, 4.6, 4.6, i * 72 - 54, i * 72 - 53, 1)[0])]  # fmt: skip
        pen.fill(points, (238, 106, 60), line=LINE * 0.9)
    else:
        shape = spline([(0, 9), (-5, 2), (-4, -7), (1, -12), (5, -5), (4, 3)], steps=4)
        pen.fill(shape, (244, 247, 252), line=LINE * 0.9, shade=1.4)
        pen.stroke([(0, 11), (0, -7)], 1.4, (120, 140, 165))


_KITE = [(0.0, -34.0), (25.0, -8.0), (0.0, 34.0), (-25.0, -8.0)]


@thing("kite")
def kite(pen: Pen, item: Item) -> None:
    """A kite, its crossing near the origin: ``colour``; ``corners`` colour of two quarters; ``tail`` colour."""
    colour = rgb(item["colour"])
    if "tail" in item:
        tail = rgb(item["tail"])
        pen.stroke(spline([(0, 34), (5, 42), (-1, 51), (3, 60)], closed=False), 1.8, PAPER, line=0.8)
        for x, y in ((4, 42), (0, 55)):
            for side in (-1, 1):
                pen.fill([(x, y), (x + side * 11, y - 6.4), (x + side * 11, y + 6.4)], tail, line=LINE * 0.9)
    pen.fill(_KITE, colour, shade=3)
    if "corners" in item:
        second = rgb(item["corners"])
        pen.fill([(0, -34), (25, -8), (0, -8)], second, shade=1.6)
        pen.fill([(0, 34), (-25, -8), (0, -8)], second, shade=1.6)
    pen.stroke([(0, -33), (0, 33)], 1.6, darker(colour, 0.4))
    pen.stroke([(-24, -8), (24, -8)], 1.6, darker(colour, 0.4))


@thing("frame")
def frame(pen: Pen, item: Item) -> None:
    """Two crossed sticks as a kite's frame, crossing at (0, -8): ``tied``."""
    for path in ([(0, -34), (0, 34)], [(-26, -8), (26, -8)]):
        pen.stroke(path, 4, rgb("wood"), line=LINE)
    if item.get("tied"):
        for x in (-3, 0, 3):
            pen.stroke([(x - 4, -13), (x + 4, -3)], 1.8, PAPER, line=0.7)


@thing("kite-paper")
def kite_paper(pen: Pen, item: Item) -> None:
    """A large square of paper for a kite, middle at the origin: ``colour``; ``marked`` shows the kite's outline."""
    colour = rgb(item["colour"])
    pen.fill([(-40, -38), (40, -38), (40, 38), (-40, 38)], colour, shade=3)
    if item.get("marked"):
        pen.stroke([*_KITE, _KITE[0]], 1.6, lighter(colour, 0.75))


@thing("cord")
def cord(pen: Pen, item: Item) -> None:
    """A thin cord from the origin to (``dx``, ``dy``)."""
    dx, dy = item["dx"], item["dy"]
    pen.stroke(spline([(0, 0), (dx * 0.6, dy * 0.4), (dx, dy)], closed=False), 1.5, PAPER, line=0.8)


@thing("reel")
def reel(pen: Pen, item: Item) -> None:
    """A reel of kite string, middle at the origin: ``colour`` of its ends."""
    colour = rgb(item["colour"])
    pen.fill(rounded(-9, -7, 9, 7, 2), PAPER, shade=2)
    for x in (-5, 0, 5):
        pen.stroke([(x, -6), (x, 6)], 1.2, (190, 180, 170))
    for side in (-1, 1):
        pen.fill(rounded(side * 12 - 3.6, -11, side * 12 + 3.6, 11, 2), colour, shade=1.4)


@thing("stick")
def stick(pen: Pen, item: Item) -> None:
    """A straight wooden stick lying along the x axis, middle at the origin."""
    pen.stroke([(-30, 0), (30, 0)], 4, rgb("wood"), line=LINE)


@thing("stake")
def stake(pen: Pen, item: Item) -> None:
    """A wooden post with a band to its left, its foot on the origin."""
    pen.fill(rounded(-3, -54, 3, 0, 2), rgb("wood"), shade=1.4)
    pen.stroke([(-11, -26), (1, -27)], 3, rgb("cream"), line=LINE * 0.8)


@thing("mat")
def mat(pen: Pen, item: Item) -> None:
    """A mat to work on, filling the lower part of the panel: ``colour``."""
    colour = rgb(item.get("colour", "cream"))
    pen.fill([(-42, -78), (42, -78), (56, 4), (-56, 4)], colour, line=LINE * 0.9, shade=2)
    pen.fill([(-38, -74), (38, -74), (50, 0), (-50, 0)], lighter(colour, 0.4), line=0)
