"""Pots, soil, seeds, plants, tools of the garden, and the snowman."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, arc, oval, rounded, spline
from illinstr.minihow.palette import Colour, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing


@thing("flowerpot")
def flowerpot(pen: Pen, item: Item) -> None:
    """A flower pot: ``colour``, ``soil`` 0..1, ``hole``, ``plant`` and its ``flower`` and ``petals``.

    Plants: sprout, leafy, bud, flower, cactus.
    """
    colour = rgb(item["colour"])
    if item.get("shadow", True):
        pen.shadow(4, -1, 24, 5)
    pen.fill([(-19, -26), (19, -26), (14, 0), (-14, 0)], colour, shade=5)
    pen.gleam([(-13.4, -18), (-11, -6)], 2.6, colour, 0.5)
    pen.fill(
        [*arc(0, -34, 22, 5.4, 180, 360, 14), (22, -26), *arc(0, -27, 22, 3, 0, 180, 10), (-22, -26)], colour, shade=3
    )
    pen.fill(oval(0, -34, 22, 5.4), lighter(colour, 0.35))
    soil = rgb("soil")
    pen.fill(oval(0, -33.5, 18.6, 3.8), soil if item.get("soil") else darker(colour, 0.4), line=0)
    if item.get("soil"):
        pen.fill([*arc(0, -33.6, 18, 6, 180, 360, 12), *arc(0, -33.6, 18, 3.4, 0, 180, 10)], soil, line=LINE * 0.8)
        for x, y in ((-9, -35.6), (2, -37), (9, -35)):
            pen.fill(oval(x, y, 1.5, 1), lighter(soil, 0.3), line=0)
    if item.get("hole"):
        pen.fill(oval(0, -36, 6, 2.6), darker(soil, 0.5), line=0)
    if item.get("plant"):
        plant(pen.at(0, -37), item)


def _leaf(pen: Pen, x: float, y: float, angle: float, size: float = 1.0) -> None:
    local = pen.at(x, y, size, angle)
    local.fill(spline([(0, 0), (5, -5), (14, -4), (17, 0), (12, 3.4), (5, 3)], steps=4), rgb("leaf"), line=LINE * 0.9)
    local.stroke([(3, -0.5), (11, -0.5)], 1.2, rgb("leaf-dark"))


def plant(pen: Pen, item: Item) -> None:
    """A plant rising from the origin, by growth stage."""
    stage = item["plant"]
    if stage == "cactus":
        cactus(pen, item)
        return
    height = {"sprout": 11, "leafy": 22, "bud": 30, "flower": 31}[stage]
    pen.stroke(spline([(0, 1), (1, -height * 0.5), (0, -height)], closed=False), 2.8, rgb("leaf-dark"), line=LINE * 0.7)
    if stage == "sprout":
        _leaf(pen, 0, -10, -32, 0.75)
        _leaf(pen, 0, -10, 212, 0.75)
        return
    _leaf(pen, 0, -6, -26)
    _leaf(pen, 0, -11, 206)
    if stage == "leafy":
        _leaf(pen, 0, -20, -38, 0.85)
        _leaf(pen, 0, -20, 220, 0.85)
        return
    petals = rgb(item["petals"])
    if stage == "bud":
        pen.fill(
            spline(
                [(0, -height - 10), (5, -height - 4), (4, -height + 2), (-4, -height + 2), (-5, -height - 4)], steps=4
            ),
            petals,
            shade=1.4,
        )
        return
    blossom(pen.at(0, -height - 3), item["flower"], petals)


def blossom(pen: Pen, flower: str, petals: Colour) -> None:
    """A flower's head, its middle at the origin."""
    if flower == "tulip":
        pen.fill(
            spline([(-11, -11), (-5.5, -6), (0, -14), (5.5, -6), (11, -11), (10, 2), (0, 8), (-10, 2)], steps=4),
            petals,
            shade=3,
        )
        pen.stroke(spline([(-4, -6), (-2, 1), (0, 5)], closed=False), 1.3, darker(petals, 0.25))
        return
    if flower == "rose":
        pen.fill(oval(0, -2, 12, 11), petals, shade=3)
        pen.stroke(arc(0, -3, 7.4, 6.4, 150, 420, 14), 1.7, darker(petals, 0.3))
        pen.stroke(arc(0.5, -3, 3.4, 3, -30, 240, 10), 1.7, darker(petals, 0.3))
        return
    count, reach, wide, heart = {"daisy": (8, 10, 4.6, 5.4), "sunflower": (12, 12, 4, 8), "poppy": (5, 8, 7.6, 4.6)}[
        flower
    ]
    for x, y in arc(0, -3, reach, reach, 0, 360 - 360 / count, count - 1):
        pen.fill(oval(x, y, wide, wide), petals, line=LINE * 0.9)
    centre = rgb("cocoa") if flower == "sunflower" else rgb("charcoal") if flower == "poppy" else rgb("yellow")
    pen.fill(oval(0, -3, reach * 0.8, reach * 0.8), petals, line=0)
    pen.fill(oval(0, -3, heart, heart), centre, shade=1.4)


def cactus(pen: Pen, item: Item) -> None:
    """A cactus on the origin: ``shape`` round or tall; ``petals`` colour of its flower."""
    green = rgb("green")
    top = -26.0
    if item.get("shape") == "tall":
        pen.stroke([(-12, -24), (-12, -16), (0, -14)], 6.4, green, line=LINE)
        pen.stroke([(12, -30), (12, -21), (0, -19)], 6.4, green, line=LINE)
        pen.fill(rounded(-7, -40, 7, 3, 6.8), green, shade=3)
        top = -40.0
    else:
        pen.fill(oval(0, -12, 17, 14.4), green, shade=4)
    for x in (-8, 0, 8) if top == -26 else (-2.4, 2.4):
        for y in (-18, -11, -4) if top == -26 else (-32, -23, -14, -6):
            pen.stroke([(x, y), (x + 0.1, y - 2.4)], 1.4, (244, 246, 214))
    if "petals" in item:
        for px, py in arc(0, top - 1, 4, 3.4, 180, 360, 4):
            pen.fill(oval(px, py - 1, 3.2, 3.2), rgb(item["petals"]), line=LINE * 0.75)
        pen.fill(oval(0, top - 1.4, 2, 2), rgb("yellow"), line=0)


@thing("plant")
def loose_plant(pen: Pen, item: Item) -> None:
    """A plant without its pot, roots or foot on the origin; keys as of ``flowerpot``."""
    if item.get("roots", False):
        for x in (-5, 0, 5):
            pen.stroke(spline([(0, 0), (x, 5), (x * 1.4, 10)], closed=False), 1.6, rgb("wood-dark"), line=0.6)
    plant(pen, item)


@thing("can")
def watering_can(pen: Pen, item: Item) -> None:
    """A watering can, spout to the left: ``colour``."""
    colour = rgb(item["colour"])
    pen.stroke(arc(14, -17, 13, 12, -90, 90, 12), 3.6, colour, line=LINE * 0.9)
    pen.stroke(arc(1, -28, 13, 10, 190, 350, 10), 3.2, colour, line=LINE * 0.9)
    pen.fill([(-12, -12), (-30, -29), (-26, -33), (-12, -21)], colour, shade=1.5)
    pen.fill([(-36, -27), (-27, -37), (-23.4, -33.6), (-32, -24)], lighter(colour, 0.3))
    pen.fill([*arc(0, -29, 15, 3.4, 180, 360, 10), *arc(0, -2, 17, 3.4, 0, 180, 10)], colour, shade=4)
    pen.gleam([(-9.4, -21), (-10.4, -9)], 2.6, colour)


@thing("trowel")
def trowel(pen: Pen, item: Item) -> None:
    """A trowel, its blade's tip at the origin, handle up: ``heap`` colour of what it carries."""
    pen.fill(rounded(-2.8, -44, 2.8, -24, 2.4), rgb("wood"))
    pen.fill(spline([(0, 0), (-7, -8), (-7, -20), (7, -20), (7, -8)], steps=4), rgb("metal"), shade=2)
    if "heap" in item:
        pen.fill(
            spline([(-7, -10), (-5, -18), (0, -20), (5, -18), (7, -10), (0, -6)], steps=4),
            rgb(item["heap"]),
            line=LINE * 0.8,
        )


@thing("seed")
def seed(pen: Pen, item: Item) -> None:
    """One large seed, middle at the origin."""
    pen.fill(spline([(0, -4.6), (3.2, 0.6), (0, 4), (-3.2, 0.6)], steps=5), rgb(item.get("colour", "wood")), shade=1)


@thing("snowball")
def snowball(pen: Pen, item: Item) -> None:
    """A ball of snow standing on the origin: ``r``."""
    r = item["r"]
    if item.get("shadow", True):
        pen.shadow(3, -1, r * 1.15, 4)
    pen.fill(oval(0, -r, r, r * 0.96), rgb("snowy"), shade=r * 0.22)
    pen.stroke(arc(-1, -r, r * 0.62, r * 0.62, 195, 245, 6), 2.4, (255, 255, 255))


@thing("snowman")
def snowman(pen: Pen, item: Item) -> None:
    """A snowman: ``balls`` 1..3, ``face``, ``hat`` and ``scarf`` colours, ``arms``, ``buttons``."""
    balls = item.get("balls", 3)
    pen.shadow(3, -1, 30, 5)
    if item.get("arms"):
        for side in (-1, 1):
            pen.stroke([(side * 14, -42), (side * 34, -54)], 2.6, rgb("wood-dark"), line=LINE * 0.7)
            pen.stroke([(side * 28, -50.4), (side * 30, -59)], 2.2, rgb("wood-dark"), line=LINE * 0.6)
    for y, r in ((0, 21), (-33, 15.5), (-57, 11.5))[:balls]:
        snowball(pen.at(0, y), {"r": r, "shadow": False})
    if item.get("buttons"):
        for y in (-54, -46, -38):
            pen.fill(oval(0, y, 1.9, 1.9), rgb("charcoal"), line=0)
    if item.get("face"):
        for x in (-4, 4):
            pen.fill(oval(x, -72, 1.7, 1.9), rgb("charcoal"), line=0)
        pen.fill([(0, -70), (0, -66), (12, -67)], rgb("orange"), line=LINE * 0.75)
        pen.stroke(arc(0, -66, 5, 4, 25, 155, 8), 1.5, rgb("charcoal"))
    if "scarf" in item:
        scarf = rgb(item["scarf"])
        pen.fill(rounded(-12.4, -61, 12.4, -55, 3), scarf)
        pen.fill([(4, -57), (11, -57), (13, -40), (6, -40)], scarf, shade=1.6)
    if "hat" in item:
        tophat(pen.at(0, -77), item)


@thing("tophat")
def tophat(pen: Pen, item: Item) -> None:
    """A hat, its brim on the origin: ``hat`` colour."""
    hat = rgb(item["hat"])
    pen.fill(rounded(-9.4, -17, 9.4, 1, 2), hat, shade=3)
    pen.fill([(-9.4, -6), (9.4, -6), (9.4, -1.6), (-9.4, -1.6)], lighter(hat, 0.55), line=LINE * 0.7)
    pen.fill(rounded(-15, -2, 15, 2.4, 2), hat)


@thing("carrot-nose")
def carrot_nose(pen: Pen, item: Item) -> None:
    """A small carrot pointing left, its thick end at the origin."""
    pen.fill([(0, -4), (0, 4), (-17, 1)], rgb("orange"))
    for angle in (-40, -10):
        _leaf(pen, 0, -1, angle, 0.6)
