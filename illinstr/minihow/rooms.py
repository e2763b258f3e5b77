"""Walls, tables and the ground outdoors: what is behind every object of an article."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from illinstr.errors import DataError
from illinstr.minihow.canvas import Canvas, Pen, oval, rounded, spline
from illinstr.minihow.palette import INK, Colour, darker, lighter, mix, rgb

HORIZON = 64.0


def _gradient(canvas: Canvas, top: Colour, bottom: Colour, y0: float, y1: float) -> None:
    side = canvas.image.size[0]
    height = round((y1 - y0) * canvas.k)
    ramp = Image.linear_gradient("L").resize((side, height), Image.Resampling.BILINEAR)
    blend = Image.composite(Image.new("RGB", (side, height), bottom), Image.new("RGB", (side, height), top), ramp)
    canvas.image.paste(blend, (0, round(y0 * canvas.k)))


def _tiles(pen: Pen, wall: Colour) -> None:
    grout = darker(wall, 0.08)
    for row in range(4):
        y = 4 + row * 16.0
        pen.stroke([(-2, y), (102, y)], 1.1, grout)
        for x in range(-8 if row % 2 else 4, 110, 24):
            pen.stroke([(x, y), (x, y + 16)], 1.1, grout)


def _shelf(pen: Pen, wall: Colour) -> None:
    ink = darker(wall, 0.2)
    board = mix(wall, rgb("wood"), 0.35)
    for x, width, height, colour in ((8, 8, 11, "sage"), (20, 7, 8, "coral"), (76, 9, 9, "sky"), (89, 8, 13, "sunny")):
        body = rounded(x, 17.5 - height, x + width, 17.5, 1.6)
        pen.fill(body, mix(wall, rgb(colour), 0.38), line=0.7, ink=ink)
    pen.fill([(-4, 17), (104, 17), (104, 20.5), (-4, 20.5)], board, line=0.7, ink=ink)


def _window(pen: Pen, wall: Colour) -> None:
    frame = lighter(wall, 0.7)
    ink = darker(wall, 0.2)
    pen.fill(rounded(6, -6, 46, 42, 1), frame, line=0.8, ink=ink)
    pen.fill([(9.5, -4), (42.5, -4), (42.5, 38), (9.5, 38)], (205, 232, 245), line=0.5, ink=ink)
    pen.clipped([(9.5, -4), (42.5, -4), (42.5, 38), (9.5, 38)], oval(15, 42, 18, 16), (186, 220, 178))
    pen.clipped([(9.5, -4), (42.5, -4), (42.5, 38), (9.5, 38)], oval(40, 44, 18, 14), (170, 208, 164))
    pen.stroke([(26, -4), (26, 38)], 2.2, frame)
    pen.stroke([(9.5, 17), (42.5, 17)], 2.2, frame)
    pen.fill(rounded(3, 40, 49, 44, 1), frame, line=0.8, ink=ink)


def _bunting(pen: Pen, wall: Colour) -> None:
    ink = darker(wall, 0.2)
    colours = ("coral", "sunny", "sage", "sky", "lavender")
    for i in range(7):
        x, sag = 2 + i * 16.0, 4.5 - abs(3 - i) * 1.1
        flag = [(x - 6.5, 3 + sag), (x + 6.5, 3 + sag), (x, 15 + sag)]
        pen.fill(flag, mix(wall, rgb(colours[i % 5]), 0.5), line=0.7, ink=ink)
    pen.stroke(spline([(-6, 2), (50, 8), (106, 2)], closed=False), 1.0, ink)


def _panels(pen: Pen, wall: Colour) -> None:
    low = darker(wall, 0.1)
    pen.fill([(-2, 40), (102, 40), (102, 66), (-2, 66)], low, line=0)
    pen.fill([(-2, 38), (102, 38), (102, 42), (-2, 42)], lighter(wall, 0.5), line=0.7, ink=darker(wall, 0.2))
    for x in range(-4, 110, 18):
        pen.stroke([(x, 43), (x, 66)], 1.0, darker(wall, 0.17))


def _plain(pen: Pen, wall: Colour) -> None:
    pen.fill([(-2, 55), (102, 55), (102, 66), (-2, 66)], lighter(wall, 0.55), line=0.8, ink=darker(wall, 0.16))


_DECOR: dict[str, Callable[[Pen, Colour], None]] = {
    "plain": _plain, "tiles": _tiles, "shelf": _shelf, "window": _window, "bunting": _bunting, "panels": _panels,
}  # fmt: skip


def _table(canvas: Canvas, pen: Pen, top: Colour) -> None:
    _gradient(canvas, darker(top, 0.07), lighter(top, 0.1), HORIZON, 94)
    grain = darker(top, 0.09)
    for y, x0, x1 in ((70, 8, 36), (74, 60, 96), (81, -4, 20), (86, 72, 106), (90, 26, 58)):
        pen.stroke([(x0, y), (x1, y)], 1.0, grain)
    pen.fill([(-4, 94), (104, 94), (104, 104), (-4, 104)], darker(top, 0.3), line=0)
    pen.stroke([(-4, 94), (104, 94)], 1.3, INK)
    pen.stroke([(-4, HORIZON), (104, HORIZON)], 1.5, INK)


def _grass(canvas: Canvas, pen: Pen, tint: Colour) -> None:
    _outdoors(canvas, pen, (158, 206, 118), (128, 184, 96), (140, 194, 122))
    for x, y in ((8, 78), (24, 92), (50, 96), (70, 84), (90, 93), (94, 74)):
        pen.stroke([(x - 2.4, y - 4), (x, y), (x + 2.4, y - 4)], 1.3, (96, 156, 76))


def _snow(canvas: Canvas, pen: Pen, tint: Colour) -> None:
    _outdoors(canvas, pen, (246, 250, 253), (216, 230, 242), (226, 237, 247))
    for x, y in ((9, 82), (30, 95), (84, 90), (66, 74)):
        pen.stroke([(x - 4, y), (x, y + 1.2), (x + 5, y)], 1.3, (196, 214, 232))


def _sand(canvas: Canvas, pen: Pen, tint: Colour) -> None:
    _gradient(canvas, (128, 196, 224), (92, 168, 208), 46, HORIZON + 4)
    pen.stroke([(-4, 46), (104, 46)], 1.1, (84, 140, 178))
    for x, y in ((16, 52), (54, 57), (84, 51)):
        pen.stroke([(x - 5, y), (x, y - 1.4), (x + 5, y)], 1.3, (236, 247, 251))
    _gradient(canvas, (248, 226, 172), (240, 208, 146), HORIZON + 3, 100)
    pen.stroke([(-4, HORIZON + 3), (104, HORIZON + 3)], 2.6, (250, 250, 246), line=0.8, ink=(150, 150, 150))
    for x, y in ((10, 80), (30, 94), (62, 76), (86, 90), (94, 77)):
        pen.stroke([(x, y), (x + 2.5, y)], 1.4, (206, 168, 108))


def _outdoors(canvas: Canvas, pen: Pen, near: Colour, low: Colour, hill: Colour) -> None:
    pen.fill(
        spline([(-10, 70), (14, 53), (42, 60), (74, 50), (112, 66), (112, 90), (-10, 90)]),
        hill,
        line=0.9,
        ink=darker(hill, 0.25),
    )
    _gradient(canvas, near, low, HORIZON + 3, 100)
    pen.stroke([(-4, HORIZON + 3), (104, HORIZON + 3)], 1.3, darker(low, 0.4))


_GROUND: dict[str, Callable[[Canvas, Pen, Colour], None]] = {
    "table": _table, "grass": _grass, "snow": _snow, "sand": _sand,
}  # fmt: skip


def draw_wall(canvas: Canvas, wall: str, decor: str) -> None:
    """Paint the wall of a room, or the sky where ``decor`` is empty, over the whole canvas.

    Raises:
        DataError: an unknown colour or decor.
    """
    if decor and decor not in _DECOR:
        raise DataError(f"scene names an unknown decor {decor!r}")
    colour = rgb(wall)
    _gradient(canvas, lighter(colour, 0.25), darker(colour, 0.04), 0, 101)
    if decor:
        _DECOR[decor](Pen.on(canvas), colour)


def draw_ground(canvas: Canvas, table: str, ground: str) -> None:
    """Paint the table, or what lies outdoors, over the lower part of the canvas.

    Raises:
        DataError: an unknown colour or ground.
    """
    if ground not in _GROUND:
        raise DataError(f"scene names an unknown ground {ground!r}")
    _GROUND[ground](canvas, Pen.on(canvas), rgb(table))
