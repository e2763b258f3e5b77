"""Everything that can stand in a scene. Importing this package registers every kind with the scene drawer."""

from illinstr.minihow.things import crockery, effects, fruit, garden, kitchen, textile

__all__ = ["crockery", "effects", "fruit", "garden", "kitchen", "textile"]
