"""Caring for others and oneself: a dog, a towel, teeth."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, arc, oval, rounded, spline
from illinstr.minihow.palette import INK, PAPER, Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing

_FOAM: Colour = (250, 253, 255)


def _muzzle(pen: Pen, coat: Colour) -> None:
    pen.fill(oval(0, -44, 11, 8.4), lighter(coat, 0.6), line=LINE * 0.8)
    pen.fill(spline([(0, -46), (-5, -50), (5, -50)], steps=4), rgb("charcoal"), line=LINE * 0.6)
    pen.stroke(spline([(-5.4, -42.4), (0, -40.4), (5.4, -42.4)], closed=False), 1.6, INK)
    pen.fill(spline([(-3, -40.6), (3, -40.6), (2.6, -35), (-2.6, -35)], steps=4), (240, 122, 130), line=LINE * 0.7)


@thing("dog")
def dog(pen: Pen, item: Item) -> None:
    """A dog sitting and looking out of the picture, 72 high: ``coat`` colour; ``state`` mud, foam or wet."""
    coat = rgb(item["coat"])
    dark = darker(coat, 0.28) if item["coat"] != "black" else lighter(coat, 0.18)
    if item.get("shadow", True):
        pen.shadow(3, -1, 26, 5)
    pen.stroke(spline([(18, -8), (28, -12), (30, -24)], closed=False), 6, coat, line=LINE)
    pen.fill(spline([(-18, 0), (-21, -14), (-13, -36), (13, -36), (21, -14), (18, 0), (0, 2)], steps=5), coat, shade=4)
    for side in (-1, 1):
        pen.fill(rounded(side * 8 - 5.4, -22, side * 8 + 5.4, 1, 5), coat, shade=1.6)
    pen.fill(oval(0, -53, 20, 18), coat, shade=4)
    for side in (-1, 1):
        ear = [(side * 12, -67), (side * 22, -66), (side * 27, -50), (side * 21, -40), (side * 16, -52)]
        pen.fill(spline(ear, steps=5), dark, shade=2)
        pen.fill(oval(side * 7.4, -56, 2.5, 3), INK if item["coat"] != "black" else PAPER, line=0)
    _muzzle(pen, coat)
    _covered(pen, item.get("state", ""))


def _covered(pen: Pen, state: str) -> None:
    if state == "mud":
        for x, y, r in ((-11, -65, 6), (13, -47, 5), (-10, -24, 7), (11, -12, 6), (-8, -5, 4.6)):
            shape = [
                (x - r, y),
                (x - r * 0.4, y - r * 0.8),
                (x + r * 0.7, y - r * 0.5),
                (x + r, y + 1),
                (x, y + r * 0.7),
            ]
            pen.fill(spline(shape, steps=4), (120, 92, 60), line=0.9, ink=rgb("soil"))
    elif state == "foam":
        for x, y, r in (
            (-9, -72, 7),
            (4, -75, 8),
            (13, -68, 6),
            (-20, -58, 6),
            (21, -54, 6),
            (-14, -30, 7),
            (13, -28, 7),
        ):
            pen.fill(oval(x, y, r, r * 0.9), _FOAM, line=1.0, ink=(140, 170, 200), shade=1.2)
    elif state == "wet":
        for x, y in ((-22, -70), (0, -76), (22, -70), (-27, -50), (28, -46), (-15, -30), (15, -28)):
            tear = spline([(x, y - 5), (x + 2.8, y), (x, y + 3), (x - 2.8, y)], steps=4)
            pen.fill(tear, rgb("water"), line=1.0, ink=(70, 130, 175))


@thing("towel")
def towel(pen: Pen, item: Item) -> None:
    """A folded towel on the table: ``colour``; ``state`` worn wraps a ``dog`` of the same origin."""
    colour = rgb(item["colour"])
    if item.get("state") == "worn":
        left = [(-6, -36), (-24, -36), (-30, -10), (-27, 1), (2, 1), (4, -18)]
        right = [(-2, -36), (24, -36), (30, -10), (27, 1), (-6, 1), (-4, -18)]
        pen.fill(spline(left, steps=5), darker(colour, 0.12), shade=3)
        pen.fill(spline(right, steps=5), colour, shade=4)
        pen.stroke(spline([(14, -32), (20, -18), (18, -5)], closed=False), 3, lighter(colour, 0.55))
        pen.fill(
            spline([(-22, -40), (0, -33), (22, -40), (25, -32), (0, -24), (-25, -32)], steps=5), lighter(colour, 0.25)
        )
        return
    pen.shadow(2, -1, 24, 4)
    for y in (0, -9, -18):
        pen.fill(rounded(-22, y - 9, 22, y, 4), colour, shade=2)
    pen.fill([(-22, -23), (22, -23), (22, -19), (-22, -19)], lighter(colour, 0.6), line=0)


@thing("bristles")
def dog_brush(pen: Pen, item: Item) -> None:
    """A dog brush, its bristles at the origin pointing left, handle to the right: ``colour``."""
    for y in (-9, -3, 3, 9):
        pen.stroke([(0, y), (7, y)], 1.8, PAPER, line=LINE * 0.6)
    pen.fill(rounded(6, -13, 14, 13, 4), rgb(item["colour"]), shade=2)
    pen.fill(rounded(12, -4, 40, 4, 3.4), rgb(item["colour"]), shade=1.4)


@thing("toothbrush")
def toothbrush(pen: Pen, item: Item) -> None:
    """A toothbrush, its bristles above the origin, its handle to the right: ``colour``; ``paste`` colour on it."""
    colour = rgb(item["colour"])
    pen.fill([(-13, -11), (13, -11), (13, -2), (-13, -2)], PAPER, shade=1.4)
    for x in (-6.5, 0, 6.5):
        pen.stroke([(x, -10), (x, -3)], 1.2, (190, 196, 204))
    pen.fill(rounded(-15, -3, 66, 4.4, 3.4), colour, shade=2)
    pen.stroke([(36, 0.4), (58, 0.4)], 2.4, lighter(colour, 0.6))
    if "paste" in item:
        paste = rgb(item["paste"])
        pen.fill(
            spline([(-14, -11), (-12, -18), (-4, -16), (1, -21), (7, -17), (13, -18), (13, -11)], steps=4),
            paste,
            shade=2,
        )


@thing("tube")
def tube(pen: Pen, item: Item) -> None:
    """A tube of toothpaste, its mouth at the origin pointing left: ``colour``; ``squeezed`` shows a drop of paste."""
    colour = rgb(item["colour"])
    if item.get("squeezed"):
        pen.fill(spline([(3, -3.4), (-6, -4.4), (-10, 0), (-6, 4.4), (3, 3.4)], steps=4), colour, shade=1)
    pen.fill(rounded(0, -5, 8, 5, 1.4), PAPER)
    pen.fill([(8, -8), (16, -12), (48, -14), (48, 14), (16, 12), (8, 8)], colour, shade=4)
    pen.fill([(24, -12.4), (34, -13), (34, 13), (24, 12.4)], lighter(colour, 0.65), line=0)
    pen.fill([(47, -15), (53, -15), (53, 15), (47, 15)], lighter(colour, 0.35))


@thing("face")
def face(pen: Pen, item: Item) -> None:
    """A child's face, chin on the origin, 80 high: ``skin``, ``hair``; ``mouth`` smile, open or closed; ``foam``."""
    skin, hair = rgb(item["skin"]), rgb(item["hair"])
    pen.fill([(-10, -8), (10, -8), (14, 16), (-14, 16)], darker(skin, 0.1))
    for side in (-1, 1):
        pen.fill(oval(side * 34, -38, 6.4, 8), skin, shade=1.4)
    pen.fill(oval(0, -38, 34, 38), skin, shade=5)
    pen.fill(
        spline(
            [(-35, -42), (-35, -66), (-16, -82), (12, -83), (34, -68), (35, -42), (26, -58), (0, -63), (-24, -57)],
            steps=5,
        ),
        hair,
        shade=3,
    )
    for side in (-1, 1):
        pen.fill(oval(side * 13, -44, 3.4, 4.2), INK, line=0)
        pen.fill(oval(side * 13 - 1, -45.4, 1.2, 1.4), PAPER, line=0)
        pen.fill(oval(side * 21, -29, 5.4, 3.6), (240, 130, 120), line=0, alpha=0.4)
    pen.stroke(arc(0, -35, 3, 2.6, 20, 160, 6), 1.8, darker(skin, 0.45))
    _mouth(pen, item)


def _mouth(pen: Pen, item: Item) -> None:
    if item.get("mouth", "closed") == "closed":
        pen.stroke(arc(0, -23, 9, 6, 20, 160, 10), 2, INK)
        return
    lips = [(-17, -26), (-9, -28), (9, -28), (17, -26), (12, -14), (0, -9), (-12, -14)]
    pen.fill(spline(lips, steps=5), (150, 60, 66))
    pen.fill([*arc(0, -25.4, 14.4, 2, 180, 360, 8), (13, -20), *arc(0, -20, 13, 3, 0, 180, 8)], PAPER, line=LINE * 0.7)
    for x in (-6.5, 0, 6.5):
        pen.stroke([(x, -26), (x, -18)], 1.1, (190, 196, 204))
    if item.get("foam"):
        for x, y, r in ((-14, -15, 5.4), (-5, -10, 6), (6, -10, 5.6), (14, -16, 5)):
            pen.fill(oval(x, y, r, r * 0.9), _FOAM, line=1.0, ink=(140, 170, 200), shade=1)


@thing("bath")
def bath(pen: Pen, item: Item) -> None:
    """The front of a tub of water, drawn over whoever sits in it: ``colour``, ``foam``."""
    colour = rgb(item["colour"])
    pen.fill([*arc(0, -29, 33, 6, 180, 360, 14), *arc(0, -29, 33, 5, 0, 180, 12)], rgb("water"), line=0, alpha=0.75)
    front = [(-36, -30), *arc(0, -29, 33, 5.4, 180, 0, 14), (36, -30), *arc(0, -5, 29, 6, 0, 180, 14)]
    pen.fill(front, colour, shade=5)
    pen.gleam([(-28, -18), (-25, -9)], 2.8, colour)
    if item.get("foam"):
        for x, y, r in ((-25, -27, 6), (-13, -25, 6.4), (0, -24, 6), (13, -25, 6.4), (25, -27, 6)):
            pen.fill(oval(x, y, r, r * 0.9), _FOAM, line=1.0, ink=(140, 170, 200), shade=1)


@thing("bone")
def bone(pen: Pen, item: Item) -> None:
    """A dog's bone, middle at the origin."""
    for x in (-10, 10):
        for y in (-3.6, 3.6):
            pen.fill(oval(x, y, 4.6, 4.6), rgb("cream"))
    pen.stroke([(-9, 0), (9, 0)], 6.4, rgb("cream"), line=LINE * 0.8)
    pen.stroke([(-10, 0), (10, 0)], 6, rgb("cream"))
