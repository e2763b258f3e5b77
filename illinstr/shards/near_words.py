"""Sets of words that overlap enough, joined: near linear in the number of sets.

Two sets of a and b words have a Jaccard similarity of ``share`` or more exactly when they have
``o = ceil(share (a + b) / (1 + share))`` words in common, that is when they have a subset of ``o`` words in common. For
sets as short as goals there are few such subsets, so each is a key of a dictionary; sets with too many are found by
prefix filtering instead (Bayardo et al. 2007, "Scaling up all pairs similarity search"), which is exact as well.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import ceil, comb

MAX_KEYS = 2_000  # subsets of one set

Words = Mapping[str, frozenset[str]]


class Groups:
    """Names that belong together; each group is called by its least name."""

    def __init__(self, names: Sequence[str]) -> None:
        self._leader = {name: name for name in names}

    def find(self, name: str) -> str:
        """The least name of the group."""
        leader = self._leader
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    def join(self, one: str, other: str) -> None:
        """Make one group of two."""
        first, second = sorted((self.find(one), self.find(other)))
        self._leader[second] = first


def join_near(words: Words, share: Fraction) -> Groups:
    """The groups in which every set stands with all that have a Jaccard similarity of ``share`` or more to it.

    Args:
        words: names to sets of words.
        share: over 0 and at most 1.
    """
    groups = Groups(list(words))
    sizes = Counter(len(held) for held in words.values())
    partners = {size: [other for other in sizes if min(size, other) >= share * max(size, other)] for size in sizes}
    long = {
        size for size in sizes if sum(comb(size, _common(size, other, share)) for other in partners[size]) > MAX_KEYS
    }
    of_size: dict[int, list[str]] = defaultdict(list)
    for name, held in words.items():
        if len(held) not in long:
            of_size[len(held)].append(name)
    for size, names in of_size.items():
        for other in partners[size]:
            if size <= other and other in of_size:
                _join_sizes(groups, words, names, of_size[other], _common(size, other, share))
    if long:
        _join_by_prefix(groups, words, share, long)
    return groups


def _common(size: int, other: int, share: Fraction) -> int:
    """How many words sets of so many must have in common."""
    return ceil(share * (size + other) / (1 + share))


def _join_sizes(groups: Groups, words: Words, few: Sequence[str], many: Sequence[str], common: int) -> None:
    """Join sets of one size with sets of another, or of the same, that have ``common`` words in common."""
    holders: dict[tuple[str, ...], str] = {}
    for name in few:
        for key in combinations(sorted(words[name]), common):
            groups.join(holders.setdefault(key, name), name)  # of one size: all that share a key are near each other
    if few is many:
        return
    for name in many:
        for key in combinations(sorted(words[name]), common):
            if key in holders:
                groups.join(holders[key], name)


def _join_by_prefix(groups: Groups, words: Words, share: Fraction, long: set[int]) -> None:
    """Join sets of the sizes ``long`` with all others: near sets share one of their rarest words."""
    rarity = Counter(word for held in words.values() for word in held)
    seen: dict[str, list[str]] = defaultdict(list)
    for name, held in words.items():
        ordered = sorted(held, key=lambda word: (rarity[word], word))
        prefix = ordered[: len(held) - ceil(share * len(held)) + 1]
        for other in {other for word in prefix for other in seen[word]}:
            if len(held) not in long and len(words[other]) not in long:
                continue
            common = len(held & words[other])
            if common >= share * (len(held) + len(words[other]) - common):
                groups.join(name, other)
        for word in prefix:
            seen[word].append(name)
