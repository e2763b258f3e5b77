"""Fruit and vegetables: whole, in halves, in pieces.

``produce`` names one of ``PRODUCE``; its skin, flesh and juice colours live there, because a scene that says "apple"
has said enough.
"""

from __future__ import annotations

from collections.abc import Callable

from illinstr.minihow.canvas import LINE, Pen, Point, arc, oval, spline
from illinstr.minihow.palette import Colour, darker, lighter, rgb
from illinstr.minihow.produce import PRODUCE
from illinstr.minihow.things.registry import Item, thing

_OUTLINES: dict[str, list[Point]] = {
    "apple": [(0, -22.5), (7, -25), (14, -20), (15, -11), (9, -1), (3, 0), (0, -0.6), (-3, 0), (-9, -1),
        (-15, -11), (-14, -20), (-7, -25)],
    "round": oval(0, -13, 13.4, 13)[::3],
    "lemon": [(-18, -11), (-12, -18.5), (0, -21.5), (12, -18.5), (18, -11), (12, -3), (0, 0), (-12, -3)],
    "pear": [(0, -32), (5, -28), (7, -19), (12.4, -10), (10, -2), (0, 0), (-10, -2), (-12.4, -10), (-7, -19),
        (-5, -28)],
    "mango": [(-17, -10), (-10, -20), (4, -22), (15, -17), (17.6, -8), (10, -0.6), (-6, 0), (-15, -4)],
    "strawberry": [(0, 0), (-7, -7), (-13, -17), (-10, -24), (0, -25), (10, -24), (13, -17), (7, -7)],
    "kiwi": [(-15, -10), (-9, -19), (5, -20), (14, -14), (15, -7), (8, -0.6), (-6, 0), (-13, -4)],
    "melon": [(-20, -15), (-13, -28), (0, -31), (13, -28), (20, -15), (13, -2), (0, 0), (-13, -2)],
    "banana": [(-19, -22), (-15, -24), (-12, -14), (-2, -8), (10, -10), (17, -18), (20, -16), (17, -6), (7, 0),
        (-6, 0), (-16, -8)],
    "carrot": [(-21, -2), (-8, -8), (8, -13), (15, -12), (16.5, -6), (12, -1.4), (-4, 0)],
    "tomato": [(0, -21), (8, -22), (15, -16), (15, -8), (8, -0.6), (0, 0), (-8, -0.6), (-15, -8), (-15, -16),
        (-8, -22)],
    "pumpkin": [(0, -26), (10, -27), (19, -21), (20, -10), (12, -1), (0, 0), (-12, -1), (-20, -10), (-19, -21),
        (-10, -27)],
    "beet": [(0, 3), (-3, -2), (-11, -6), (-13.5, -14), (-8, -21), (0, -23), (8, -21), (13.5, -14), (11, -6),
        (3, -2)],
}  # fmt: skip


def colours(produce: str) -> tuple[Colour, Colour, Colour]:
    """Skin, flesh and juice of a fruit or vegetable."""
    _, skin, flesh, juice = PRODUCE[produce]
    return rgb(skin), rgb(flesh), rgb(juice)


def _leaf(pen: Pen, x: float, y: float, angle: float, size: float = 1.0) -> None:
    local = pen.at(x, y, size, angle)
    local.fill(spline([(0, 0), (4, -4.6), (11, -3), (6, 1)], steps=4), rgb("leaf"), line=LINE * 0.85)


def _stem(pen: Pen, x: float, y: float, lean: float = 2) -> None:
    pen.stroke([(x, y + 2), (x + lean, y - 5)], 2.2, rgb("cocoa"), line=LINE * 0.7)


def _crown(pen: Pen, y: float, width: float) -> None:
    for angle in (-152, -118, -62, -28):
        _leaf(pen, 0, y, angle + 32, width)


def _berries(pen: Pen, skin: Colour) -> None:
    for x, y in ((-9, -8), (9, -8), (0, -20), (0, -6)):
        pen.fill(oval(x, y, 8, 7.6), skin, shade=1.8)
        pen.fill(oval(x, y - 3, 2.6, 1.8), darker(skin, 0.4), line=0)
        pen.gleam([(x - 4, y - 2), (x - 3, y - 4)], 1.8, skin, 0.6)


def _cherries(pen: Pen, skin: Colour) -> None:
    pen.stroke(spline([(-9, -14), (-4, -24), (4, -30)], closed=False), 2, rgb("leaf-dark"), line=0.7)
    pen.stroke(spline([(9, -14), (8, -24), (4, -30)], closed=False), 2, rgb("leaf-dark"), line=0.7)
    _leaf(pen, 4, -30, 10, 1.2)
    for x in (-9, 9):
        pen.fill(oval(x, -8.4, 8.8, 8.4), skin, shade=2)
        pen.gleam([(x - 4, -9), (x - 3, -12)], 2.2, skin)


def _peas(pen: Pen, skin: Colour) -> None:
    pen.fill(spline([(-21, -12), (-8, -3), (8, -2), (21, -10), (12, -14), (0, -12), (-10, -15)]), skin, shade=2)
    for x, y in ((-10, -11), (0, -9), (10, -11)):
        pen.fill(oval(x, y, 5.4, 5.4), lighter(skin, 0.3), shade=1)


def _carrot_top(pen: Pen, skin: Colour) -> None:
    for angle in (-50, -20, 12):
        _leaf(pen, 14, -8, angle, 1.25)
    for x, y in ((-8, -5), (0, -8), (6, -5)):
        pen.stroke([(x, y - 1.6), (x + 1, y + 1.4)], 1.3, darker(skin, 0.28))


def _mark_strawberry(pen: Pen, produce: str, skin: Colour) -> None:
    for x, y in ((-6, -18), (1, -19), (7, -17), (-3, -12), (4, -11), (0, -5)):
        pen.fill(oval(x, y, 1.1, 1.5), (255, 224, 130), line=0)
    _crown(pen, -24, 0.95)


def _mark_melon(pen: Pen, produce: str, skin: Colour) -> None:
    for x in (-12, -4, 4, 12):
        pen.stroke(spline([(x * 0.5, -29), (x * 1.15, -15), (x * 0.5, -2)], closed=False), 2.2, darker(skin, 0.3))


def _mark_pumpkin(pen: Pen, produce: str, skin: Colour) -> None:
    for x in (-9, 0, 9):
        pen.stroke(spline([(x * 0.5, -26), (x * 1.2, -13), (x * 0.5, -1)], closed=False), 1.4, darker(skin, 0.25))
    pen.stroke([(0, -26), (2, -33)], 4, rgb("leaf-dark"), line=LINE * 0.8)


def _mark_root(pen: Pen, produce: str, skin: Colour) -> None:
    if produce == "onion":
        pen.stroke([(0, -22), (1, -28)], 2.4, skin, line=LINE * 0.8)
        return
    for angle in (-80, -50, -20):
        _leaf(pen, 0, -22, angle - 25, 1.2)


def _mark_banana(pen: Pen, produce: str, skin: Colour) -> None:
    pen.fill([(-20, -22), (-18.4, -27), (-15.4, -27), (-14.6, -23)], rgb("wood-dark"), line=LINE * 0.8)
    pen.stroke(spline([(-14, -14), (-4, -5), (8, -5)], closed=False), 1.2, darker(skin, 0.2))


def _mark_stalk(pen: Pen, produce: str, skin: Colour) -> None:
    top = {"apple": -22.5, "pear": -31, "round": -25}[PRODUCE[produce][0]]
    _stem(pen, 0, top)
    _leaf(pen, 1.5, top - 2, -12)


_MARKS: dict[str, Callable[[Pen, str, Colour], None]] = {
    "strawberry": _mark_strawberry,
    "melon": _mark_melon,
    "pumpkin": _mark_pumpkin,
    "tomato": lambda pen, produce, skin: _crown(pen, -21, 0.75),
    "carrot": lambda pen, produce, skin: _carrot_top(pen, skin),
    "beet": _mark_root,
    "banana": _mark_banana,
    "apple": _mark_stalk,
    "pear": _mark_stalk,
    "round": _mark_stalk,
}


def draw_whole(pen: Pen, produce: str) -> None:
    """The uncut fruit, standing on the origin, about 30 units wide."""
    shape = PRODUCE[produce][0]
    skin = colours(produce)[0]
    special = _SPECIAL.get(shape)
    if special is not None:
        special(pen, skin)
        return
    if shape == "carrot":
        _carrot_top(pen, skin)
    pen.fill(spline(_OUTLINES[shape], steps=4), skin, shade=3.4)
    if produce == "peach":
        pen.stroke(spline([(0, -22), (-3.4, -12), (-1, -3)], closed=False), 1.3, darker(skin, 0.22))
    if shape in _MARKS:
        _MARKS[shape](pen, produce, skin)
    if shape not in ("carrot", "melon", "strawberry", "banana"):
        pen.gleam([(-8.6, -11), (-8.4, -15), (-6, -18)], 2.4, skin, 0.6)


_SPECIAL: dict[str, Callable[[Pen, Colour], None]] = {"berry": _berries, "cherry": _cherries, "pea": _peas}


def draw_half(pen: Pen, produce: str) -> None:
    """A cut half, its face to us, standing on the origin, about 26 units wide."""
    shape = PRODUCE[produce][0]
    skin, flesh, _ = colours(produce)
    if shape in ("carrot", "banana", "pea", "berry", "cherry"):
        draw_pieces(pen, produce)
        return
    points = _OUTLINES[shape]
    pen.fill(spline(points, steps=4), skin, shade=2)
    top = min(y for _, y in points)
    middle = top / 2
    inner = [(x * 0.8, middle + (y - middle) * 0.82) for x, y in points]
    pen.fill(spline(inner, steps=4), flesh, line=0)
    if produce in _CORES:
        _CORES[produce](pen, middle, skin, flesh)


def _core_citrus(pen: Pen, y: float, skin: Colour, flesh: Colour, wide: float = 9.4) -> None:
    for px, py in arc(0, 0, 1, 1, 0, 315, 7):
        pen.stroke([(px * 2, y + py * 2), (px * wide, y + py * 8.4)], 1.3, lighter(flesh, 0.7))


def _core_pips(pen: Pen, y: float, skin: Colour, flesh: Colour) -> None:
    for x in (-3, 3):
        pen.fill(oval(x, y + 2, 1.6, 2.8), rgb("cocoa"), line=0)


def _core_stone(pen: Pen, y: float, skin: Colour, flesh: Colour) -> None:
    pen.fill(oval(0, y + 1, 5, 6.2), rgb("wood-dark"), line=1.1)


def _core_kiwi(pen: Pen, y: float, skin: Colour, flesh: Colour) -> None:
    pen.fill(oval(0, y, 3, 2.4), (246, 248, 214), line=0)
    for px, py in arc(0, 0, 1, 1, 0, 330, 9):
        pen.fill(oval(px * 5.6, y + py * 4.6, 0.9, 0.9), (52, 44, 40), line=0)


def _core_seeds(pen: Pen, y: float, skin: Colour, flesh: Colour, seed: Colour = (255, 226, 150)) -> None:
    for x, dy in ((-6, -3), (5, -4), (0, 2), (-5, 5), (6, 4)):
        pen.fill(oval(x, y + dy, 1.2, 1.8), seed, line=0)


def _core_strawberry(pen: Pen, y: float, skin: Colour, flesh: Colour) -> None:
    heart = [(0, y + 4), (-3, y - 2), (0, y - 6), (3, y - 2)]
    pen.fill(spline(heart, steps=4), lighter(flesh, 0.7), line=0)
    _crown(pen, -24, 0.8)


def _core_onion(pen: Pen, y: float, skin: Colour, flesh: Colour) -> None:
    pen.stroke(arc(0, y, 6, 6, 0, 360), 1.2, darker(skin, 0.05))


_CORES: dict[str, Callable[[Pen, float, Colour, Colour], None]] = {
    "orange": _core_citrus,
    "grapefruit": _core_citrus,
    "lemon": lambda pen, y, skin, flesh: _core_citrus(pen, y, skin, flesh, 12),
    "lime": lambda pen, y, skin, flesh: _core_citrus(pen, y, skin, flesh, 12),
    "apple": _core_pips,
    "pear": _core_pips,
    "peach": _core_stone,
    "plum": _core_stone,
    "mango": _core_stone,
    "kiwi": _core_kiwi,
    "melon": lambda pen, y, skin, flesh: _core_seeds(pen, y, skin, flesh, (70, 40, 40)),
    "tomato": _core_seeds,
    "pumpkin": _core_seeds,
    "strawberry": _core_strawberry,
    "onion": _core_onion,
}


def draw_pieces(pen: Pen, produce: str, spots: tuple[Point, ...] = ((-9, 0), (9, 0), (0, 0.6), (0, -8))) -> None:
    """A little heap of cut pieces on the origin."""
    shape = PRODUCE[produce][0]
    skin, flesh, _ = colours(produce)
    for x, y in spots:
        if shape in ("carrot", "banana", "berry", "cherry", "pea", "kiwi"):
            pen.fill(oval(x, y - 5.6, 6.2, 5.6), skin, line=LINE * 0.9)
            pen.fill(oval(x, y - 5.6, 4.4, 3.8), flesh, line=0)
            pen.fill(oval(x, y - 5.6, 1.5, 1.2), darker(flesh, 0.16), line=0)
        else:
            wedge = [(x - 7.4, y - 7), (x + 7.4, y - 7), (x + 4.4, y - 1), (x, y + 0.6), (x - 4.4, y - 1)]
            pen.fill(wedge, skin, line=LINE * 0.9)
            pen.fill([(x - 6.6, y - 7.6), (x + 6.6, y - 7.6), (x + 3.4, y - 3.4), (x - 3.4, y - 3.4)], flesh, line=0)


@thing("produce")
def produce_thing(pen: Pen, item: Item) -> None:
    """Fruit or vegetable: ``produce`` name, ``state`` whole, half or pieces, ``shadow`` on the table or not."""
    name, state = item["produce"], item.get("state", "whole")
    if item.get("shadow", True):
        pen.shadow(2, -0.5, 18, 4)
    {"whole": draw_whole, "half": draw_half, "pieces": draw_pieces}[state](pen, name)
