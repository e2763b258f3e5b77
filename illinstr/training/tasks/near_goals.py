"""Goals that nearly are another: the distractors that teach a text tower what a goal names beside its kind."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import torch

NEAREST = 24  # goals that a draw is made from


class NearGoals:
    """For each goal those that share most words with it: their sets of words have the highest Jaccard index.

    Nothing about a world is known here: "a red kite with a blue tail" is near to "a green kite with a blue tail"
    because only one word differs.
    """

    def __init__(self, goals: Iterable[str]) -> None:
        self.goals = sorted(set(goals))
        self.place = {goal: number for number, goal in enumerate(self.goals)}
        words = [set(re.findall(r"\w+", goal.lower())) for goal in self.goals]
        column = {word: number for number, word in enumerate(sorted(set().union(*words)))}
        self.has_word = np.zeros((len(self.goals), len(column)), dtype=np.float32)
        for row, own in enumerate(words):
            self.has_word[row, [column[word] for word in own]] = 1.0
        self.sizes = self.has_word.sum(axis=1)
        self._known: dict[str, np.ndarray] = {}

    def nearest(self, goal: str) -> list[str]:
        """At most ``NEAREST`` other goals, the nearest first; equally near ones in the order of the alphabet.

        Raises:
            KeyError: the goal is not one of them.
        """
        if goal not in self._known:
            place = self.place[goal]
            shared = self.has_word @ self.has_word[place]
            index = shared / np.maximum(self.sizes + self.sizes[place] - shared, 1.0)
            index[place] = -1.0
            self._known[goal] = np.argsort(-index, kind="stable")[: min(NEAREST, len(self.goals) - 1)]
        return [self.goals[place] for place in self._known[goal]]

    def draw(self, goal: str, count: int, generator: torch.Generator) -> list[str]:
        """``count`` of the nearest, without repetition while they last; its own again where there is no other."""
        if not count:
            return []
        nearest = self.nearest(goal)
        picked = [nearest[place] for place in torch.randperm(len(nearest), generator=generator)[:count].tolist()]
        return picked + [goal] * (count - len(picked))
