"""MiniHow: a small world of how-to articles drawn by program, unlimited, licence-free, and exactly known.

Goals, steps and images come from one place, so the truth of every image is known (``Step.scene``). Importing this
package loads no images and no drawing code; Pillow comes in with the first panel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from illinstr.minihow.families.base import CATEGORIES, SPLITS
from illinstr.minihow.grammar import Goal, all_goals, family_categories, goals_of_split, nearest_goals, recognise
from illinstr.minihow.matching import suggest_near, titles
from illinstr.minihow.narration import narrate
from illinstr.minihow.pantry import AtHand, Suggestion, suggest_goals
from illinstr.minihow.repairs import remedy
from illinstr.minihow.world import held_out_goals, illustrate, make_article, plan, steps_of

if TYPE_CHECKING:
    from PIL import Image

    from illinstr.minihow.dataset import write_dataset

__all__ = [
    "CATEGORIES", "SPLITS", "AtHand", "Goal", "Suggestion", "all_goals", "draw_scene", "family_categories",
    "goals_of_split", "held_out_goals", "illustrate", "make_article", "narrate", "nearest_goals", "plan", "recognise",
    "remedy", "steps_of", "suggest_goals", "suggest_near", "titles", "write_dataset",
]  # fmt: skip


def draw_scene(scene: dict[str, Any], panel_px: int = 128) -> Image.Image:
    """Draw one panel from its scene; see ``illinstr.minihow.scene.draw_scene``."""
    from illinstr.minihow import scene as drawing

    return drawing.draw_scene(scene, panel_px)


def __getattr__(name: str) -> Any:
    if name == "write_dataset":  # brings in Pillow and the shards
        from illinstr.minihow.dataset import write_dataset

        return write_dataset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
