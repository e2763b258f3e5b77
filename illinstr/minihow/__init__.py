"""MiniHow: a small world of how-to articles drawn by program, unlimited, licence-free, and exactly known.

Goals, steps and pictures come from one place, so the truth of every picture is known (``Step.scene``). Importing this
package loads no pictures and no drawing code; Pillow comes in with the first panel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from illinstr.minihow.families.base import SPLITS
from illinstr.minihow.grammar import Goal, all_goals, goals_of_split, nearest_goals, recognise
from illinstr.minihow.world import illustrate, make_article, plan, step_range

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "SPLITS", "Goal", "all_goals", "draw_scene", "goals_of_split", "illustrate", "make_article", "nearest_goals", "plan",
    "recognise", "step_range",
]  # fmt: skip


def draw_scene(scene: dict[str, Any], panel_px: int = 128) -> Image.Image:
    """Draw one panel from its scene; see ``illinstr.minihow.scene.draw_scene``."""
    from illinstr.minihow import scene as drawing

    return drawing.draw_scene(scene, panel_px)
