"""Mending: shirts and buttons, lamps, bulbs and plugs."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, Point, arc, oval, rounded, spline
from illinstr.minihow.palette import INK, PAPER, Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing

_SPOTS = (-58.0, -36.0, -14.0)  # heights of a shirt's three buttons


def _star(r: float, inner: float, points: int = 5) -> list[Point]:
    step = 360 / points
    return [p for i in range(points) for p in (arc(0, 0, r, r, i * step - 90, i * step - 89, 1)[0],
            arc(0, 0, inner, inner, (i + 0.5) * step - 90, (i + 0.5) * step - 89, 1)[0])]  # fmt: skip


_BUTTONS: dict[str, list[Point]] = {
    "round": oval(0, 0, 10, 10),
    "square": rounded(-9, -9, 9, 9, 2.4),
    "heart": spline(
        [(0, 11), (-10, 1), (-10.4, -6), (-5, -9.4), (0, -5), (5, -9.4), (10.4, -6), (10, 1)], steps=5
    ),
    "star": _star(12.4, 6.4),
    "flower": spline(_star(11.6, 7.0), steps=4),
}  # fmt: skip


@thing("button")
def button(pen: Pen, item: Item) -> None:
    """A button, middle at the origin, about 20 wide: ``shape`` (round, square, heart, star, flower), ``colour``."""
    colour = rgb(item["colour"])
    pen.fill(_BUTTONS[item["shape"]], colour, shade=2)
    for x in (-2.8, 2.8):
        pen.fill(oval(x, 0, 1.7, 1.7), darker(colour, 0.6), line=0)
    if item.get("sewn"):
        pen.stroke([(-2.8, 0), (2.8, 0)], 1.8, PAPER, line=0.5)


@thing("shirt")
def shirt(pen: Pen, item: Item) -> None:
    """A shirt's front, 84 wide and 84 high: ``colour``; ``shape`` and ``button`` colour; ``missing`` the middle one."""
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(2, -1, 44, 5)
    body = [
        (-22, -78),
        (-42, -66),
        (-50, -40),
        (-36, -36),
        (-34, 0),
        (34, 0),
        (36, -36),
        (50, -40),
        (42, -66),
        (22, -78),
    ]
    pen.fill(body, colour, shade=5)
    pen.fill([(-9, -74), (9, -74), (9, 0), (-9, 0)], lighter(colour, 0.22), line=LINE * 0.8)
    for side in (-1, 1):
        pen.fill([(0, -70), (side * 22, -80), (side * 26, -70), (side * 11, -60)], lighter(colour, 0.3), shade=1.4)
    for i, y in enumerate(_SPOTS[1:] if item.get("small") else _SPOTS[:]):
        if i == 1 and item.get("missing"):
            for x in (-2.4, 2.4):
                pen.stroke([(x - 1.6, y - 1.6), (x + 1.6, y + 1.6)], 1.4, darker(colour, 0.5))
        elif i or not item.get("small"):
            button(pen.at(0, y, 0.86), {"shape": item["shape"], "colour": item["button"], "sewn": True})


@thing("needle")
def needle(pen: Pen, item: Item) -> None:
    """A sewing needle, its point at the origin, its eye to the right: ``thread`` trails from the eye."""
    if item.get("thread", True):
        path = [(33, 0), (42, 8), (38, 20), (26, 22), (18, 32)]
        pen.stroke(spline(path, closed=False), 1.9, PAPER, line=LINE * 0.6)
    pen.fill([(0, 0), (26, -2.6), (36, -2.4), (37.4, 0), (36, 2.4), (26, 2.6)], lighter(rgb("metal"), 0.2), shade=0.8)
    pen.stroke([(30, 0), (34, 0)], 1.4, INK)


@thing("thread")
def thread(pen: Pen, item: Item) -> None:
    """A reel of thread standing on the origin: ``colour`` of its ends."""
    pen.shadow(2, -1, 14, 3.4)
    wood = rgb(item.get("colour", "wood"))
    pen.fill(rounded(-10, -24, 10, -4, 2), PAPER, shade=2.4)
    for y in (-19, -14, -9):
        pen.stroke([(-9, y), (9, y + 1)], 1.2, (200, 192, 182))
    for y in (-26, -3):
        pen.fill(rounded(-13, y - 3, 13, y + 3, 2), wood, shade=1)


def _pattern(pen: Pen, shape: list[Point], pattern: str, colour: Colour) -> None:
    light = lighter(colour, 0.68)
    if pattern == "striped":
        for x in (-26, -9, 8, 25):
            pen.clipped(shape, [(x * 0.5 - 2, -86), (x * 0.5 + 3, -86), (x + 4.5, -40), (x - 4.5, -40)], light)
    elif pattern == "dotted":
        for x, y in ((-9, -73), (9, -73), (-19, -62), (0, -61), (19, -62), (-12, -50), (12, -50)):
            pen.fill(oval(x, y, 3.8, 3.8), light, line=0)
    elif pattern == "zigzag":
        tops = [(-36 + 9 * i, -67.0 if i % 2 else -57.0) for i in range(9)]
        pen.clipped(shape, [*tops, *[(x, y + 8) for x, y in reversed(tops)]], light)


@thing("shade")
def shade(pen: Pen, item: Item) -> None:
    """A lamp shade as it sits on a ``lamp`` of the same origin: ``colour``, ``pattern``, ``on``."""
    colour = rgb(item["colour"])
    lit = lighter(colour, 0.1) if item.get("on") else colour
    shape: list[Point] = [(-16, -82), (16, -82), (30, -42), (-30, -42)]
    pen.fill(shape, lit, shade=4)
    _pattern(pen, shape, item["pattern"], lit)
    pen.stroke([*shape, shape[0]], LINE, INK)


def bulb_at(pen: Pen, on: bool, dead: bool = False) -> None:
    """A light bulb, its thread's foot on the origin."""
    pen.fill(rounded(-5, -8, 5, 1, 1.4), rgb("metal-dark"))
    pen.stroke([(-4.4, -4), (4.4, -5)], 1.3, rgb("metal"))
    glass: Colour = (255, 226, 110) if on else (150, 146, 150) if dead else (244, 248, 250)
    pen.fill(spline([(-5, -8), (-12, -20), (-8, -31), (0, -34), (8, -31), (12, -20), (5, -8)], steps=5), glass, shade=2)
    if dead:
        pen.stroke([(-3, -14), (1, -20), (-2, -22), (3, -27)], 1.5, INK)
    else:
        pen.stroke([(-6.4, -24), (-5, -28)], 2, (255, 255, 255))


@thing("bulb")
def bulb(pen: Pen, item: Item) -> None:
    """A light bulb, its thread's foot on the origin: ``on``, ``dead`` when burnt out."""
    if item.get("on"):
        pen.fill(oval(0, -20, 30, 30), (255, 240, 170), line=0, alpha=0.5)
    bulb_at(pen, bool(item.get("on")), bool(item.get("dead")))


@thing("lamp")
def lamp(pen: Pen, item: Item) -> None:
    """A table lamp, 84 high: ``foot`` colour; ``colour`` and ``pattern`` of its shade; ``bare`` without it; ``on``.

    ``bulb`` is none, dead or new and shows only on a bare lamp.
    """
    foot = rgb(item["foot"])
    pen.shadow(3, -1, 26, 5)
    if item.get("on"):
        pen.fill([(-28, -44), (28, -44), (50, 2), (-50, 2)], (255, 240, 160), line=0, alpha=0.5)
        pen.fill(oval(0, -62, 48, 36), (255, 240, 170), line=0, alpha=0.4)
    body = [(-5, -38), (-14, -24), (-14, -12), (-20, -5), (-20, 0), (20, 0), (20, -5), (14, -12), (14, -24), (5, -38)]
    pen.fill(spline(body, steps=4), foot, shade=4)
    pen.gleam([(-8.4, -24), (-8.4, -14)], 2.6, foot)
    pen.fill(rounded(-6, -44, 6, -36, 1.4), rgb("metal"), shade=1)
    if not item.get("bare"):
        shade(pen, item)
    elif item.get("bulb", "none") != "none":
        bulb_at(pen.at(0, -42), False, item["bulb"] == "dead")


@thing("socket")
def socket(pen: Pen, item: Item) -> None:
    """A wall socket, middle at the origin."""
    pen.fill(rounded(-17, -19, 17, 19, 4), PAPER, shade=2)
    pen.fill(oval(0, 0, 11, 11), (226, 222, 216), line=LINE * 0.8)
    for y in (-4, 4):
        pen.fill(oval(0, y, 2, 2), INK, line=0)


@thing("plug")
def plug(pen: Pen, item: Item) -> None:
    """A plug, its pins at the origin pointing left: ``colour``; its cable runs off to the lower right."""
    colour = rgb(item.get("colour", "charcoal"))
    pen.stroke(spline([(24, 0), (40, 4), (46, 22), (60, 48)], closed=False), 4, colour, line=LINE * 0.9)
    for y in (-4, 4):
        pen.stroke([(0, y), (10, y)], 2.6, rgb("metal"), line=LINE * 0.7)
    pen.fill([(8, -10), (18, -10), (27, -4), (27, 4), (18, 10), (8, 10)], colour, shade=2)
