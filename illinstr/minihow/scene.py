"""A scene is plain JSON that says everything a panel shows; drawing it is a pure function.

    {"wall": "wall-sky", "decor": "tiles", "table": "table-oak", "ground": "table",
     "objects": [{"kind": "mug", "x": 50, "y": 86, "colour": "clay", "fill": "tea"}, ...]}

Objects are drawn in order, back to front. Every object has ``kind``, ``x`` and ``y`` (panel units 0..100, the middle of
its foot), and may have ``size``, ``angle`` and ``flip``; the other keys belong to its kind.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from PIL import Image, ImageChops

from illinstr.errors import DataError, UsageError
from illinstr.minihow.canvas import SUPERSAMPLE, Canvas, Pen
from illinstr.minihow.rooms import draw_ground, draw_wall
from illinstr.minihow.things import DRAWERS

MIN_PANEL_PX, MAX_PANEL_PX = 32, 2048


def kinds() -> tuple[str, ...]:
    """Every kind of object that can be drawn."""
    return tuple(sorted(DRAWERS))


@lru_cache(maxsize=128)
def _wall(wall: str, decor: str, panel_px: int) -> Image.Image:
    side = panel_px * SUPERSAMPLE
    canvas = Canvas(Image.new("RGB", (side, side)), panel_px)
    draw_wall(canvas, wall, decor)
    return canvas.image


@lru_cache(maxsize=32)
def _ground(table: str, ground: str, panel_px: int) -> tuple[Image.Image, Image.Image, tuple[int, int]]:
    """What stands before a wall, a mask of where it covers the wall, and the place of both.

    Drawn on black and on white: what stays equal covers the wall. The images of a room are thus made once for each
    wall and once for each table, not once for each pair.
    """
    side = panel_px * SUPERSAMPLE
    drawn = []
    for shade in ((0, 0, 0), (255, 255, 255)):
        canvas = Canvas(Image.new("RGB", (side, side), shade), panel_px)
        draw_ground(canvas, table, ground)
        drawn.append(canvas.image)
    covers = ImageChops.difference(*drawn).convert("L").point(lambda value: 0 if value else 255)
    box = covers.getbbox() or (0, 0, side, side)
    return drawn[0].crop(box), covers.crop(box), (box[0], box[1])


def _room(wall: str, decor: str, table: str, ground: str, panel_px: int) -> Image.Image:
    """The background of a scene, to be drawn upon."""
    image = _wall(wall, decor if ground == "table" else "", panel_px).copy()
    front, covers, place = _ground(table, ground, panel_px)
    image.paste(front, place, covers)
    return image


def draw_scene(scene: dict[str, Any], panel_px: int = 128) -> Image.Image:
    """Draw one panel.

    Args:
        scene: as described above.
        panel_px: side of the square image in pixels, 32..2048.

    Returns:
        RGB image of (panel_px, panel_px).

    Raises:
        DataError: an object, colour or key that the world does not know.
        UsageError: ``panel_px`` out of range.
    """
    if not MIN_PANEL_PX <= panel_px <= MAX_PANEL_PX:
        raise UsageError(f"panel size {panel_px} is outside {MIN_PANEL_PX}..{MAX_PANEL_PX} pixels")
    try:
        room = (scene["wall"], scene["decor"], scene["table"], scene.get("ground", "table"))
        canvas = Canvas(_room(*room, panel_px), panel_px)
        pen = Pen.on(canvas)
        for item in scene["objects"]:
            drawer = DRAWERS.get(item["kind"])
            if drawer is None:
                raise DataError(f"scene holds an object of unknown kind {item['kind']!r}")
            place = pen.at(item["x"], item["y"], item.get("size", 1.0), item.get("angle", 0.0), item.get("flip", False))
            drawer(place, item)
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"scene does not fit the drawing: {type(error).__name__}: {error}") from error
    return canvas.finish()
