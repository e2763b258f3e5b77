"""Articles that say the same, or nearly the same: the hashes by which they are known again.

Equal texts share a fingerprint. Near ones share most of their runs of three words; how much is estimated from MinHash
sketches (Broder 1997, "On the resemblance and containment of documents"): of 64 hash functions, the share whose least
value over both sets of runs is equal estimates their Jaccard similarity, with a standard error of 0.05 at 0.8.
"""

from __future__ import annotations

import hashlib
import random
import re
import zlib
from array import array
from collections.abc import Iterable

from illinstr.articles import Article, normalise_goal

NEAR = 0.8  # estimated Jaccard similarity from which texts are near-duplicates
RUN_WORDS = 3
MIN_RUNS = 20  # a shorter text says too little to be like another
HASHES = 64
_BYTES = 2  # of each least value that are kept: chance alone makes one of 65,536 agree
_BANDS, _ROWS = 10, 6  # texts of similarity 0.8 share a band with probability 0.95, of 0.9 with 0.9995
_MAX_RUNS = 20_000
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|\w+")  # scripts without spaces: by letters
_MULTIPLIERS = [random.Random(f"illinstr {number}").getrandbits(64) | 1 for number in range(HASHES)]
_OFFSETS = [random.Random(f"offset {number}").getrandbits(64) for number in range(HASHES)]


def page_of(article: Article) -> str:
    """What belongs together: the articles and images of one page, whatever its methods."""
    origin = article.provenance
    page = origin.url or origin.page_id
    return f"{origin.source} {page}" if page is not None else article.id


def fingerprint(article: Article) -> str:
    """A hash of what the article says, blind to case, punctuation and white space."""
    lines = [article.language, normalise_goal(article.goal)]
    for step in article.steps:
        lines.append(normalise_goal(" ".join((step.headline, step.body, *step.bullets))))
    return hashlib.sha256("\x1f".join(lines).encode()).hexdigest()


def sketch(article: Article) -> str | None:
    """The MinHash sketch of the steps' words in hexadecimal digits; None where they are too few."""
    import numpy as np

    told = (" ".join((step.headline, step.body, *step.bullets)) for step in article.steps)
    words = _WORD.findall(" ".join(told).casefold())[: _MAX_RUNS + RUN_WORDS]
    runs = {" ".join(words[at : at + RUN_WORDS]) for at in range(len(words) - RUN_WORDS + 1)}
    if len(runs) < MIN_RUNS:
        return None
    hashed = np.fromiter((zlib.crc32(run.encode()) for run in runs), dtype=np.uint64, count=len(runs))
    least = [
        int(((hashed * np.uint64(multiplier) + np.uint64(offset)) >> np.uint64(32)).min()) & 0xFFFF
        for multiplier, offset in zip(_MULTIPLIERS, _OFFSETS, strict=True)
    ]
    return b"".join(value.to_bytes(_BYTES, "big") for value in least).hex()


def similarity(one: bytes, other: bytes) -> float:
    """The estimated Jaccard similarity of two texts, by their sketches."""
    equal = sum(one[at : at + _BYTES] == other[at : at + _BYTES] for at in range(0, HASHES * _BYTES, _BYTES))
    return equal / HASHES


class NearTexts:
    """Finds texts that are near-duplicates, by their sketches.

    Each of ten bands of a sketch is a table of chains of sketches that agree on it; entries are "SKETCH PAGE".
    """

    def __init__(self) -> None:
        self._sketches: list[bytes] = []
        self._owners: list[str] = []
        self._known: set[str] = set()
        self._rebuild(1 << 10)

    def __len__(self) -> int:
        return len(self._known)

    def learn(self, entries: Iterable[str]) -> None:
        """Take in entries; those known already change nothing."""
        for entry in entries:
            if entry in self._known:
                continue
            self._known.add(entry)
            digits, _, page = entry.partition(" ")
            self._sketches.append(bytes.fromhex(digits))
            self._owners.append(page)
            if len(self._sketches) > self._slots:
                self._rebuild(2 * self._slots)
            else:
                self._index(len(self._sketches) - 1)

    def elsewhere(self, digits: str, page: str) -> bool:
        """Whether another page holds a near-duplicate."""
        given = bytes.fromhex(digits)
        for (last, before), slot in zip(self._tables, self._places(given), strict=True):
            place = last[slot]
            while place >= 0:
                if self._owners[place] != page and similarity(self._sketches[place], given) >= NEAR:
                    return True
                place = before[place]
        return False

    def _rebuild(self, slots: int) -> None:
        self._slots = slots
        self._tables = [(array("i", [-1]) * slots, array("i")) for _ in range(_BANDS)]
        for place in range(len(self._sketches)):
            self._index(place)

    def _index(self, place: int) -> None:
        for (last, before), slot in zip(self._tables, self._places(self._sketches[place]), strict=True):
            before.append(last[slot])
            last[slot] = place

    def _places(self, given: bytes) -> list[int]:
        width = _ROWS * _BYTES
        return [zlib.crc32(given[band * width : (band + 1) * width]) & (self._slots - 1) for band in range(_BANDS)]
