"""Pouring, steam, drops, sparkles, a clock: things that happen rather than stand."""

from __future__ import annotations

from illinstr.minihow.canvas import LINE, Pen, arc, oval, spline
from illinstr.minihow.palette import INK, PAPER, darker, lighter, rgb
from illinstr.minihow.things.registry import Item, thing


@thing("shadow")
def shadow(pen: Pen, item: Item) -> None:
    """A soft patch of shade: ``rx``, ``ry``."""
    pen.shadow(0, 0, item.get("rx", 20), item.get("ry", 4))


@thing("stream")
def stream(pen: Pen, item: Item) -> None:
    """Something poured, falling from (0, 0) to (``dx``, ``length``): ``colour``, ``width``."""
    colour = rgb(item["colour"])
    length, dx, width = item.get("length", 26), item.get("dx", 0), item.get("width", 4.5)
    path = spline([(0, 0), (dx * 0.75, length * 0.35), (dx, length)], closed=False)
    pen.stroke(path, width, colour, line=LINE * 0.8, ink=darker(colour, 0.5))
    pen.stroke(
        [(dx - width * 0.15, length * 0.4), (dx - width * 0.15, length * 0.8)], width * 0.3, lighter(colour, 0.7)
    )


@thing("steam")
def steam(pen: Pen, item: Item) -> None:
    """Rising curls, ``count`` of them."""
    count = item.get("count", 3)
    for i in range(count):
        x = (i - (count - 1) / 2) * 10
        top = -20 if i % 2 == count // 2 % 2 else -15
        path = spline([(x, 0), (x - 3.6, top * 0.3), (x + 3.6, top * 0.66), (x, top)], closed=False)
        pen.stroke(path, 2.6, PAPER, line=0.9, ink=(172, 176, 190))


@thing("drops")
def drops(pen: Pen, item: Item) -> None:
    """Falling drops or grains in a loose triangle: ``colour``, ``shape`` (drop, grain), ``spread``, ``length``."""
    colour = rgb(item["colour"])
    spread, length = item.get("spread", 9), item.get("length", 20)
    grid = ((0, 0.05), (-0.45, 0.3), (0.5, 0.36), (0, 0.52), (-0.85, 0.72), (0.42, 0.78), (-0.2, 0.97), (0.95, 0.98))
    for gx, gy in grid:
        x, y = gx * spread, gy * length
        if item.get("shape", "drop") == "grain":
            pen.fill(oval(x, y, 1.9, 1.7), colour, line=0.9, ink=darker(colour, 0.5))
        else:
            tear = spline([(x, y - 3.6), (x + 1.7, y), (x, y + 1.8), (x - 1.7, y)], steps=4)
            pen.fill(tear, colour, line=1.0, ink=darker(colour, 0.5))


@thing("clock")
def clock(pen: Pen, item: Item) -> None:
    """A wall clock, its middle at the origin; ``hour`` 0..12 turns the hand. ``colour`` of the rim."""
    rim = rgb(item.get("colour", "coral"))
    pen.fill(oval(0, 0, 13, 13), rim, shade=1.6)
    pen.fill(oval(0, 0, 9.6, 9.6), PAPER, line=1.0)
    for degrees in range(0, 360, 90):
        (x0, y0), (x1, y1) = (
            arc(0, 0, 7.2, 7.2, degrees, degrees + 1, 1)[0],
            arc(0, 0, 8, 8, degrees, degrees + 1, 1)[0],
        )
        pen.stroke([(x0, y0), (x1, y1)], 1.2, INK)
    hour = item.get("hour", 3)
    tip = arc(0, 0, 5.4, 5.4, hour * 30 - 90, hour * 30 - 89, 1)[0]
    wedge = [(0.0, 0.0), *arc(0, 0, 7.6, 7.6, -90, hour * 30 - 90, 14)]
    pen.fill(wedge, lighter(rim, 0.55), line=0)
    pen.stroke([(0, 0), (0, -7)], 1.6, INK)
    pen.stroke([(0, 0), tip], 2.0, INK)


@thing("sparkles")
def sparkles(pen: Pen, item: Item) -> None:
    """Little stars around a finished thing, ``spread`` apart."""
    spread = item.get("spread", 32)
    for x, y, r in ((-1, -0.5, 5.2), (0.95, -0.85, 4.4), (1.08, 0.08, 3.4), (-0.82, 0.3, 3.0)):
        cx, cy = x * spread, y * spread
        star = [(cx, cy - r), (cx + r * 0.3, cy - r * 0.3), (cx + r, cy), (cx + r * 0.3, cy + r * 0.3), (cx, cy + r),
                (cx - r * 0.3, cy + r * 0.3), (cx - r, cy), (cx - r * 0.3, cy - r * 0.3)]  # fmt: skip
        pen.fill(star, (255, 214, 84), line=1.1, ink=(196, 130, 40))


@thing("swirl")
def swirl(pen: Pen, item: Item) -> None:
    """A curling arrow of motion: ``colour``, ``rx``, ``ry``."""
    rx, ry = item.get("rx", 13), item.get("ry", 4)
    path = arc(0, 0, rx, ry, 200, 510, 22)
    colour = rgb(item.get("colour", "white"))
    pen.stroke(path, 2.2, colour, line=0.8, ink=darker(colour, 0.45))
    x, y = path[-1]
    pen.fill([(x - 4.4, y - 1.6), (x + 2.6, y - 3.4), (x + 0.4, y + 3.6)], colour, line=0.9, ink=darker(colour, 0.45))


@thing("bubbles")
def bubbles(pen: Pen, item: Item) -> None:
    """Soap bubbles: ``spread``."""
    spread = item.get("spread", 20)
    for x, y, r in (
        (-0.9, 0.1, 5),
        (-0.45, -0.5, 3.6),
        (0.1, -0.1, 5.6),
        (0.55, -0.65, 4),
        (0.95, 0.0, 4.6),
        (-0.2, 0.3, 4),
    ):
        cx, cy = x * spread, y * spread * 0.6
        pen.fill(oval(cx, cy, r, r), (240, 250, 255), line=1.1, ink=(120, 160, 195), shade=1.0)
        pen.stroke([(cx - r * 0.4, cy - r * 0.35), (cx - r * 0.3, cy - r * 0.5)], 1.3, (255, 255, 255))


@thing("sun")
def sun(pen: Pen, item: Item) -> None:
    """The sun, middle at the origin."""
    for x, y in arc(0, 0, 1, 1, 0, 330, 11):
        pen.stroke([(x * 13, y * 13), (x * 17, y * 17)], 2.4, (250, 196, 60), line=0.7, ink=(214, 140, 40))
    pen.fill(oval(0, 0, 10, 10), (255, 213, 77), shade=1.8, ink=(190, 112, 36))


@thing("motion")
def motion(pen: Pen, item: Item) -> None:
    """Two short arcs beside a thing that shakes or turns; ``gap`` half the width between."""
    gap = item.get("gap", 20)
    for side in (-1, 1):
        for extra in (0, 5):
            turn = 0 if side > 0 else 180
            path = arc(side * gap, 0, 4 + extra, 8 + extra, turn - 45, turn + 45, 8)
            pen.stroke(path, 1.9, (255, 255, 255), line=0.8, ink=(120, 116, 130))


@thing("heart")
def heart(pen: Pen, item: Item) -> None:
    """A heart, middle at the origin: ``colour``."""
    shape = spline([(0, 7), (-7, 0), (-6.4, -5.4), (-2.6, -6), (0, -3), (2.6, -6), (6.4, -5.4), (7, 0)], steps=5)
    pen.fill(shape, rgb(item.get("colour", "red")), shade=1.2)
