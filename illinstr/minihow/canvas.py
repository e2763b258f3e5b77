"""A small drawing engine over Pillow: outlined, softly shaded shapes on a supersampled canvas.

Coordinates are panel units: a panel is 100 by 100, the origin top left, y down. Everything, stroke widths included,
scales with the panel's size in pixels, so 128 and 256 pixel panels are the same image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from illinstr.minihow.palette import INK, Colour, darker, lighter

if TYPE_CHECKING:
    from typing import Self

Point = tuple[float, float]

SUPERSAMPLE = 2
LINE = 1.55  # outline width in units: 2 pixels at 128
_CIRCLE = tuple((math.cos(2 * math.pi * i / 36), math.sin(2 * math.pi * i / 36)) for i in range(36))


class Canvas:
    """One panel while it is being drawn, at ``SUPERSAMPLE`` times its size."""

    def __init__(self, background: Image.Image, panel_px: int) -> None:
        self.panel_px = panel_px
        self.k = panel_px * SUPERSAMPLE / 100
        self.image = background
        self.draw = ImageDraw.Draw(background)

    def finish(self) -> Image.Image:
        """The panel at its own size."""
        return self.image.reduce(SUPERSAMPLE)


def spline(points: Sequence[Point], closed: bool = True, steps: int = 6) -> list[Point]:
    """A Catmull-Rom curve through ``points``."""
    return list(_spline(tuple(points), closed, steps))


@lru_cache(maxsize=4096)  # things draw the same local curves again and again
def _spline(points: tuple[Point, ...], closed: bool, steps: int) -> tuple[Point, ...]:
    count = len(points)
    curve: list[Point] = []
    for i in range(count if closed else count - 1):
        p0 = points[i - 1] if closed or i else points[0]
        p1, p2 = points[i], points[(i + 1) % count]
        p3 = points[(i + 2) % count] if closed or i + 2 < count else points[-1]
        for j in range(steps):
            t = j / steps
            t2, t3 = t * t, t * t * t
            a, b, c, d = -t3 + 2 * t2 - t, 3 * t3 - 5 * t2 + 2, -3 * t3 + 4 * t2 + t, t3 - t2
            curve.append(
                (
                    (a * p0[0] + b * p1[0] + c * p2[0] + d * p3[0]) / 2,
                    (a * p0[1] + b * p1[1] + c * p2[1] + d * p3[1]) / 2,
                )
            )
    if not closed:
        curve.append(points[-1])
    return tuple(curve)


def oval(cx: float, cy: float, rx: float, ry: float) -> list[Point]:
    """An ellipse as a polygon."""
    return [(cx + rx * x, cy + ry * y) for x, y in _CIRCLE]


def arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float, steps: int = 16) -> list[Point]:
    """Points along an ellipse from ``start`` to ``end`` degrees (0 is right, 90 is down)."""
    return list(_arc(cx, cy, rx, ry, start, end, steps))


@lru_cache(maxsize=4096)
def _arc(cx: float, cy: float, rx: float, ry: float, start: float, end: float, steps: int) -> tuple[Point, ...]:
    angles = (math.radians(start + (end - start) * i / steps) for i in range(steps + 1))
    return tuple((cx + rx * math.cos(t), cy + ry * math.sin(t)) for t in angles)


def rounded(x0: float, y0: float, x1: float, y1: float, radius: float) -> list[Point]:
    """A rectangle with round corners."""
    corners = (
        (x1 - radius, y0 + radius, -90),
        (x1 - radius, y1 - radius, 0),
        (x0 + radius, y1 - radius, 90),
        (x0 + radius, y0 + radius, 180),
    )
    return [p for cx, cy, start in corners for p in arc(cx, cy, radius, radius, start, start + 90, 4)]


class Pen:
    """Draws on a canvas in a local frame: moved, scaled, turned and mirrored."""

    def __init__(self, canvas: Canvas, matrix: tuple[float, float, float, float, float, float], scale: float) -> None:
        self.canvas = canvas
        self.matrix = matrix
        self.scale = scale

    @classmethod
    def on(cls, canvas: Canvas) -> Self:
        """A pen in panel units."""
        k = canvas.k
        return cls(canvas, (k, 0.0, 0.0, 0.0, k, 0.0), 1.0)

    def at(self, x: float, y: float, scale: float = 1.0, angle: float = 0.0, flip: bool = False) -> Pen:
        """A pen whose origin lies at (x, y), turned clockwise by ``angle`` degrees; ``flip`` mirrors left and right."""
        a, b, c, d, e, f = self.matrix
        cos, sin = math.cos(math.radians(angle)) * scale, math.sin(math.radians(angle)) * scale
        m = -1.0 if flip else 1.0
        # local -> mirror -> turn -> move; mirroring comes last on screen so that angles mirror with it
        la, lb, ld, le = m * cos, -m * sin, sin, cos
        matrix = (
            a * la + b * ld,
            a * lb + b * le,
            a * x + b * y + c,
            d * la + e * ld,
            d * lb + e * le,
            d * x + e * y + f,
        )
        return Pen(self.canvas, matrix, self.scale * scale)

    def pixels(self, points: Iterable[Point]) -> list[Point]:
        """Local points in canvas pixels."""
        a, b, c, d, e, f = self.matrix
        return [(a * x + b * y + c, d * x + e * y + f) for x, y in points]

    def _outline(self, pixels: list[Point], colour: Colour, width: float, closed: bool) -> None:
        thick = max(1, round(width * self.canvas.k))
        draw = self.canvas.draw
        draw.line([*pixels, pixels[0]] if closed else pixels, fill=colour, width=thick)
        r = thick / 2 - 0.5
        if r >= 1:
            for x, y in pixels:
                draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def fill(
        self,
        points: Sequence[Point],
        colour: Colour,
        *,
        line: float = LINE,
        ink: Colour = INK,
        shade: float = 0.0,
        alpha: float = 1.0,
    ) -> None:
        """A closed shape.

        Args:
            points: the outline, local units.
            colour: the fill.
            line: outline width in panel units; 0 for none.
            ink: outline colour.
            shade: depth in panel units of the soft shadow along the lower right edge; 0 for flat.
            alpha: opacity of the fill (not of the outline).
        """
        pixels = self.pixels(points)
        if shade or alpha < 1.0:
            self._masked(pixels, colour, shade * self.canvas.k, alpha)
        else:
            self.canvas.draw.polygon(pixels, fill=colour)
        if line:
            self._outline(pixels, ink, line, True)

    def _masked(self, pixels: list[Point], colour: Colour, shade: float, alpha: float) -> None:
        xs, ys = [p[0] for p in pixels], [p[1] for p in pixels]
        left, top = math.floor(min(xs)) - 1, math.floor(min(ys)) - 1
        size = (math.ceil(max(xs)) - left + 2, math.ceil(max(ys)) - top + 2)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(x - left, y - top) for x, y in pixels], fill=round(255 * alpha))
        if alpha == 1.0:
            self.canvas.draw.polygon(pixels, fill=colour)
        else:
            self.canvas.image.paste(colour, (left, top), mask)
        if not shade:
            return
        # what the same shape, slid towards the light, leaves uncovered
        depth = max(1, round(shade))
        lit = Image.new("L", size)
        lit.paste(mask, (-depth, -depth))
        lit = lit.filter(ImageFilter.BoxBlur(depth * 0.55))
        self.canvas.image.paste(darker(colour, 0.3), (left, top), ImageChops.subtract(mask, lit))

    def clipped(self, shape: Sequence[Point], inside: Sequence[Point], colour: Colour, alpha: float = 1.0) -> None:
        """Fill only the part of ``inside`` that lies within ``shape``."""
        size = self.canvas.image.size
        pixels, others = self.pixels(shape), self.pixels(inside)
        xs, ys = [p[0] for p in pixels], [p[1] for p in pixels]
        left, top = max(0, math.floor(min(xs))), max(0, math.floor(min(ys)))
        box = (max(1, min(size[0], math.ceil(max(xs))) - left), max(1, min(size[1], math.ceil(max(ys))) - top))
        first, second = Image.new("L", box), Image.new("L", box)
        ImageDraw.Draw(first).polygon([(x - left, y - top) for x, y in pixels], fill=round(255 * alpha))
        ImageDraw.Draw(second).polygon([(x - left, y - top) for x, y in others], fill=255)
        self.canvas.image.paste(colour, (left, top), ImageChops.darker(first, second))

    def stroke(
        self,
        points: Sequence[Point],
        width: float,
        colour: Colour,
        *,
        line: float = 0.0,
        ink: Colour = INK,
    ) -> None:
        """A round-ended band of ``width`` local units, with an outline of ``line`` panel units around it."""
        pixels = self.pixels(points)
        wide = width * self.scale
        if line:
            self._band(pixels, ink, wide + 2 * line)
        self._band(pixels, colour, wide)

    def _band(self, pixels: list[Point], colour: Colour, width: float) -> None:
        thick = max(1, round(width * self.canvas.k))
        draw = self.canvas.draw
        draw.line(pixels, fill=colour, width=thick)
        r = thick / 2 - 0.5
        if r >= 0.75:
            for x, y in pixels:
                draw.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def gleam(self, points: Sequence[Point], width: float, colour: Colour, share: float = 0.65) -> None:
        """A highlight: a short light stroke on a surface of ``colour``."""
        self.stroke(points, width, lighter(colour, share))

    def shadow(self, cx: float, cy: float, rx: float, ry: float, strength: float = 0.26) -> None:
        """A soft shadow lying on the table."""
        x, y = self.pixels([(cx, cy)])[0]
        k = self.canvas.k * self.scale
        w, h = max(2, round(rx * k * 1.25)), max(2, round(ry * k * 1.5))
        mask = _shadow(w, h, strength)
        self.canvas.image.paste((46, 26, 50), (round(x) - w, round(y) - h), mask)


@lru_cache(maxsize=512)
def _shadow(w: int, h: int, strength: float) -> Image.Image:
    """The mask of a soft shadow of 2w x 2h pixels."""
    mask = Image.new("L", (2 * w, 2 * h))
    ImageDraw.Draw(mask).ellipse((w * 0.2, h * 0.33, w * 1.8, h * 1.67), fill=round(255 * strength))
    return mask.filter(ImageFilter.BoxBlur(max(1.0, h * 0.2)))
