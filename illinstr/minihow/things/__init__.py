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

__all__ = [
    "care", "craft", "crockery", "effects", "food", "fruit", "garden", "kitchen", "outdoors", "pane", "picture",
    "repair", "textile", "vehicle",
]  # fmt: skip
