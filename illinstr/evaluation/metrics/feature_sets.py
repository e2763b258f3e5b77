"""The features of each side's images as a whole: what metrics over sets are made of, kept beside the samples.

``features.safetensors`` holds two arrays a side, (m, d) in float32, and in its metadata the article of each row, so
that FID, KID and CMMD can be computed again as every other number can.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from illinstr.errors import DataError
from illinstr.evaluation.encoders.features import FeatureTable, Vector
from illinstr.evaluation.metrics.distribution import (
    GROUPS,
    MAX_UNITS,
    Estimate,
    GoalPairs,
    Replicates,
    frechet_replicates,
    goal_groups,
    goal_pairs,
)
from illinstr.evaluation.results import DEFINITIONS, Settings
from illinstr.evaluation.samples import Side
from illinstr.evaluation.subjects import Subject, goal_of


@dataclass(frozen=True)
class SideFeatures:
    """One side's images: the article of each, and the features by both encoders."""

    keys: tuple[str, ...]
    encoder: Vector
    consistency_encoder: Vector

    def of(self, kind: str, wanted: frozenset[str]) -> tuple[Vector, list[str]]:
        """Features and articles of the images whose article is wanted."""
        rows = [place for place, key in enumerate(self.keys) if key in wanted]
        features = self.encoder if kind == "encoder" else self.consistency_encoder
        return features[rows], [self.keys[place] for place in rows]


FeatureSets = dict[Side, SideFeatures]


def gather(sides: Mapping[Side, Sequence[Subject]], table: FeatureTable, consistency: FeatureTable) -> FeatureSets:
    """Every side's features; nothing where there is no truth to compare with."""
    if "truth" not in sides:
        return {}
    sets: FeatureSets = {}
    for side, subjects in sides.items():
        panels = [panel for subject in subjects for panel in subject.panels]
        keys = tuple(subject.key for subject in subjects for _ in subject.panels)
        sets[side] = SideFeatures(keys, table.of_images(panels), consistency.of_images(panels))
    return sets


@dataclass(frozen=True)
class SetDistance:
    """One metric over sets: the distance with what its interval is made of, and how much it rests on."""

    estimate: GoalPairs | Replicates
    n_articles: int
    n_pictures: int


def distances(name: str, sets: FeatureSets, sides: Sequence[Side], settings: Settings) -> list[SetDistance] | None:
    """The distance of each side from the truth, over the goals that all of them and the truth share.

    Returns:
        None where there is no truth, too little to compare, or too little for an FID that means something.
    """
    if "truth" not in sets or any(side not in sets for side in sides):
        return None
    shared = frozenset.intersection(*(frozenset(sets[side].keys) for side in ("truth", *sides)))
    if not shared:
        return None
    kind = DEFINITIONS[name].encoder
    goals = {key: goal_of(key) for key in shared}
    groups = goal_groups(list(goals.values()), settings.seed, GROUPS if name == "fid" else MAX_UNITS)
    units = {key: groups[goal] for key, goal in goals.items()}
    truth, truth_keys = sets["truth"].of(kind, shared)
    found = []
    for side in sides:
        features, keys = sets[side].of(kind, shared)
        smaller = min(len(features), len(truth))
        estimate: GoalPairs | Replicates
        if name == "fid":
            if smaller < settings.min_fid_pictures:
                return None
            estimate = _frechet(features, truth, [units[key] for key in keys], [units[key] for key in truth_keys])
        elif len(groups) < 2:
            return None
        else:
            estimate = goal_pairs(name, features, truth, keys, truth_keys, units)
        found.append(SetDistance(estimate, len(shared), smaller))
    return found


def difference(a: SetDistance, b: SetDistance) -> Estimate:
    """The distance of A less that of B, from the same ground truth over the same goals."""
    if isinstance(a.estimate, GoalPairs) and isinstance(b.estimate, GoalPairs):
        return a.estimate - b.estimate
    assert isinstance(a.estimate, Replicates) and isinstance(b.estimate, Replicates)
    return a.estimate - b.estimate


def _frechet(a: Vector, b: Vector, groups_a: list[int], groups_b: list[int]) -> Replicates:
    # A group that leaves fewer than two images on a side cannot be left out: then there is a value and no interval.
    smallest = min(len(groups) - max(np.bincount(groups)) for groups in (groups_a, groups_b))
    if smallest < 2:
        groups_a, groups_b = [0] * len(a), [0] * len(b)
    return frechet_replicates(a, b, groups_a, groups_b)


def to_bytes(sets: FeatureSets) -> bytes:
    """The content of ``features.safetensors``; the same sets give the same bytes."""
    from safetensors.numpy import save

    arrays = {}
    for side, features in sets.items():
        arrays[f"{side}.encoder"] = np.ascontiguousarray(features.encoder)
        arrays[f"{side}.consistency_encoder"] = np.ascontiguousarray(features.consistency_encoder)
    keys = {side: list(features.keys) for side, features in sets.items()}
    return bytes(save(arrays, metadata={"keys": json.dumps(keys, ensure_ascii=False, sort_keys=True)}))


def read_sets(path: Path) -> FeatureSets:
    """Read ``features.safetensors``; nothing where there is no such file.

    Raises:
        DataError: damaged, or not what ``to_bytes`` writes.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="numpy") as opened:
            keys = json.loads((opened.metadata() or {})["keys"])
            sets = {
                side: SideFeatures(
                    tuple(names),
                    opened.get_tensor(f"{side}.encoder"),
                    opened.get_tensor(f"{side}.consistency_encoder"),
                )
                for side, names in keys.items()
            }
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path} does not hold features", hint="make them again with: illinstr eval RUN") from error
    if any(
        len(each.keys) != len(array) for each in sets.values() for array in (each.encoder, each.consistency_encoder)
    ):
        raise DataError(f"{path} does not hold features", hint="make them again with: illinstr eval RUN")
    return sets
