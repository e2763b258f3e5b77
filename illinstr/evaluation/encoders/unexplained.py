"""The share of each article's even areas that its other images do not explain: found once an article, then kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from illinstr.evaluation.encoders.features import encode
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.metrics import appearance
from illinstr.evaluation.subjects import Subject, open_panel
from illinstr.progress import Reporter


class Pixels:
    """What stands in an encoder's place: the version of the arithmetic decides the numbers."""

    id = "pixels"
    sha256 = hashlib.sha256(f"appearance/{appearance.VERSION}".encode()).hexdigest()


def unexplained_shares(subjects: Iterable[Subject], reporter: Reporter, store: FeatureStore) -> dict[str, float]:
    """``appearance.unexplained_share`` of every article of at least two images, by ``Subject.images``."""
    distinct = {subject.images: subject for subject in subjects if len(subject.panels) > 1}

    def measure(names: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[_share(distinct[name])] for name in names], dtype=np.float32)

    found = encode(Pixels(), "article", sorted(distinct), measure, reporter, store)
    return {name: float(value[0]) for name, value in found.items()}


def _share(subject: Subject) -> float:
    distinct = {panel.sha256: panel for panel in subject.panels}
    palettes = {name: appearance.Palette.of(open_panel(panel.data, subject.id)) for name, panel in distinct.items()}
    return appearance.unexplained_share([palettes[panel.sha256] for panel in subject.panels])
