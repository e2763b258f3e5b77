"""From images and texts to features: each distinct one once, from the store where it was seen before.

Distinct means by SHA-256 of an image's bytes and by the letters of a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from illinstr.engine.process_group import join_process_group
from illinstr.evaluation.encoders.store import FeatureStore, Fingerprinted, Kind, text_name
from illinstr.evaluation.encoders.transformers import ImageEncoder, ImageTextEncoder
from illinstr.evaluation.subjects import Panel, Subject, open_panel
from illinstr.progress import Reporter

Vector = NDArray[np.float32]
PIECE = 256  # looked at between two savings: bounds memory, moves the progress bar, is all that a kill can lose


@dataclass(frozen=True)
class FeatureTable:
    """Features of distinct images and texts, looked up by SHA-256 and by text."""

    images: dict[str, Vector]
    texts: dict[str, Vector]

    def of_images(self, panels: Sequence[Panel]) -> Vector:
        """(m, d) in the order of ``panels``."""
        return np.stack([self.images[panel.sha256] for panel in panels])

    def of_texts(self, texts: Sequence[str]) -> Vector:
        """(k, d) in the order of ``texts``."""
        return np.stack([self.texts[text] for text in texts])


def encode_images(
    encoder: ImageEncoder, subjects: Iterable[Subject], reporter: Reporter, store: FeatureStore
) -> dict[str, Vector]:
    """Features of every distinct image, by the SHA-256 of its bytes."""
    distinct = {panel.sha256: panel.data for subject in subjects for panel in subject.panels}

    def look(names: Sequence[str]) -> Vector:
        return encoder.encode_images([open_panel(distinct[name], name) for name in names])

    return encode(encoder, "picture", sorted(distinct), look, reporter, store)


def encode_texts(
    encoder: ImageTextEncoder, texts: Iterable[str], reporter: Reporter, store: FeatureStore
) -> tuple[dict[str, Vector], float]:
    """Features of every distinct text, and the share of the texts that were longer than the encoder reads."""
    distinct = {text_name(text): text for text in sorted(set(texts))}

    def read(names: Sequence[str]) -> Vector:
        return encoder.encode_texts([distinct[name] for name in names])

    features = encode(encoder, "text", sorted(distinct), read, reporter, store)
    cut = encoder.is_cut(list(distinct.values()))
    return {distinct[name]: vector for name, vector in features.items()}, float(np.mean(cut)) if cut else 0.0


class Named(Fingerprinted, Protocol):
    """Whoever gives features, with a name for messages."""

    @property
    def id(self) -> str:
        """How messages name it."""


def encode(
    encoder: Named,
    kind: Kind,
    names: Sequence[str],
    look: Callable[[Sequence[str]], Vector],
    reporter: Reporter,
    store: FeatureStore,
) -> dict[str, Vector]:
    """The vectors behind ``names``: from the store, else from ``look``, shared by the processes of a group."""
    group = join_process_group()
    # The main process says what is known: parts that were split by different lists would leave holes.
    features: dict[str, Vector] = group.broadcast(store.load(encoder, kind, names))
    missing = [name for name in names if name not in features]
    if not missing:
        return features
    own: dict[str, Vector] = {}
    mine = group.slice_of(missing)
    what = "images" if kind == "picture" else f"{kind}s"  # rows of older caches are filed under the old word
    with reporter.task(f"{what} through {encoder.id}", len(mine)) as advance:
        for start in range(0, len(mine), PIECE):
            piece = mine[start : start + PIECE]
            found = dict(zip(piece, look(piece), strict=True))
            store.save(encoder, kind, found)
            own.update(found)
            advance(len(piece))
    for part in group.gather([own]):
        features.update(part)
    return features
