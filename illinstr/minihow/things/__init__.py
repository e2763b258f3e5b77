"""Everything that can stand in a scene. Importing this package registers every kind with the scene drawer."""

from illinstr.minihow.things import craft, crockery, effects, food, fruit, garden, kitchen, textile

__all__ = ["craft", "crockery", "effects", "food", "fruit", "garden", "kitchen", "textile"]
