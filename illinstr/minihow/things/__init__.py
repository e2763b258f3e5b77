"""Everything that can stand in a scene. Importing this package registers every kind with the scene drawer."""

from illinstr.minihow.things import (
    care,
    craft,
    crockery,
    effects,
    food,
    fruit,
    garden,
    kitchen,
    outdoors,
    pane,
    picture,
    repair,
    textile,
    vehicle,
)
from illinstr.minihow.things.registry import DRAWERS

__all__ = [
    "DRAWERS",
    "care", "craft", "crockery", "effects", "food", "fruit", "garden", "kitchen", "outdoors", "pane", "picture",
    "repair", "textile", "vehicle",
]  # fmt: skip
