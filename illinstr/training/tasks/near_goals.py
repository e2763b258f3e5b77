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

    Memory holds each goal's words once and, for each word, the goals that have it. A search goes through a goal's words
    from the rarest on, and stops where goals that have none of those seen so far cannot be near enough any more.
    """

    def __init__(self, goals: Iterable[str]) -> None:
        self.goals = sorted(set(goals))
        self.place = {goal: number for number, goal in enumerate(self.goals)}
        words = [sorted(set(re.findall(r"\w+", goal.lower()))) for goal in self.goals]
        column = {word: number for number, word in enumerate(sorted({word for own in words for word in own}))}
        self.sizes = np.array([len(own) for own in words], dtype=np.int64)
        self._starts = np.concatenate(([0], np.cumsum(self.sizes)))
        self._words = np.fromiter((column[word] for own in words for word in own), np.int32, int(self._starts[-1]))
        # The same pairs sorted by word: the goals that have word w are _having[_firsts[w] : _firsts[w + 1]].
        goal_of = np.repeat(np.arange(len(self.goals), dtype=np.int32), self.sizes)
        self._having = goal_of[np.argsort(self._words, kind="stable")]
        self._firsts = np.concatenate(([0], np.cumsum(np.bincount(self._words, minlength=len(column)))))
        self._is_own = np.zeros(len(column), dtype=bool)  # scratch of one search
        self._known: dict[str, np.ndarray] = {}

    def nearest(self, goal: str) -> list[str]:
        """At most ``NEAREST`` other goals, the nearest first; equally near ones in the order of the alphabet.

        Raises:
            KeyError: the goal is not one of them.
        """
        if goal not in self._known:
            self._known[goal] = self._search(self.place[goal])
        return [self.goals[place] for place in self._known[goal]]

    def _search(self, place: int) -> np.ndarray:
        wanted = min(NEAREST, len(self.goals) - 1)
        if wanted == 0:
            return np.empty(0, dtype=np.int64)
        own = self._words[self._starts[place] : self._starts[place + 1]]
        rarest_first = own[np.argsort(self._firsts[own + 1] - self._firsts[own], kind="stable")]
        found = np.empty(0, dtype=np.int64)
        for seen, word in enumerate(rarest_first, start=1):
            having = self._having[self._firsts[word] : self._firsts[word + 1]]
            found = np.union1d(found, having[having != place])
            if len(found) < wanted:
                continue
            index = self._jaccard(place, found)
            # A goal with none of the words seen shares at most the others, out of a union no smaller than this goal.
            if np.partition(index, len(index) - wanted)[len(index) - wanted] > (len(own) - seen) / len(own):
                return self._best(found, index, wanted)
        rest = np.delete(np.arange(len(self.goals)), place)
        if len(found) >= wanted:  # what shares no word at all is not among the nearest
            return self._best(found, self._jaccard(place, found), wanted)
        return self._best(rest, self._jaccard(place, rest), wanted)

    def _jaccard(self, place: int, others: np.ndarray) -> np.ndarray:
        own = self._words[self._starts[place] : self._starts[place + 1]]
        sizes = self.sizes[others]
        ends = np.cumsum(sizes)
        within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - sizes, sizes)
        self._is_own[own] = True
        held = self._is_own[self._words[np.repeat(self._starts[others], sizes) + within]]
        self._is_own[own] = False
        shared = np.bincount(np.repeat(np.arange(len(others)), sizes), weights=held, minlength=len(others))
        index: np.ndarray = shared / np.maximum(sizes + len(own) - shared, 1.0)
        return index

    @staticmethod
    def _best(places: np.ndarray, index: np.ndarray, wanted: int) -> np.ndarray:
        order = np.argsort(-index, kind="stable")  # places ascend, so equally near ones come by the alphabet
        best: np.ndarray = places[order[:wanted]]
        return best

    def draw(self, goal: str, count: int, generator: torch.Generator) -> list[str]:
        """``count`` of the nearest, without repetition while they last; its own again where there is no other."""
        if not count:
            return []
        nearest = self.nearest(goal)
        picked = [nearest[place] for place in torch.randperm(len(nearest), generator=generator)[:count].tolist()]
        return picked + [goal] * (count - len(picked))
