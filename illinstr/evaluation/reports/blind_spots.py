"""What the metrics of a report miss, in sentences for its verdict.

``RECORDED`` holds what the table of perturbations (``eval --faults``) found of the encoder inside the package; of other
encoders the verdict says that nobody has looked. Blind spots are those that ``claims`` calls so: a perturbation that a
metric claims to see and does not, or claims not to mind and does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from illinstr.evaluation import claims
from illinstr.evaluation.claims import CLAIMS, NEAR
from illinstr.evaluation.results import Metric, Settings

PIXELS = "pixels"
_SAME_AS = {"consistency_gap": "consistency"}  # a difference of two values misses what the values miss
_WORDING = {"sees": "does not see", "minds_not": "is moved by"}

BlindSpots = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Measured:
    """Blind spots by metric and kind ("sees" or "minds_not"), found on so many true articles of MiniHow."""

    n_articles: int
    spots: BlindSpots


# illinstr minihow --count 40 --test-share 1 --val-share 0 --out data/test
# illinstr eval data/test --split test --faults
_JUDGE = Measured(
    40,
    {
        "goal_faithfulness": {"minds_not": (claims.MIRRORED,)},
        NEAR: {"sees": (claims.SHAPE,), "minds_not": (claims.MIRRORED,)},
        "step_faithfulness": {"minds_not": (claims.MIRRORED,)},
        "clip_score": {"minds_not": (claims.MIRRORED, claims.LIGHTING)},
        "feature_distance": {"sees": claims.LOOK_ROWS, "minds_not": (claims.STATE, claims.MIRRORED)},
    },
)
RECORDED: dict[str, Measured] = {
    "5f48d2769abecbf8f5359ccf20b1c731a435f14eece2314ea8c5bfbcc0cbb13b": _JUDGE,
    PIXELS: Measured(40, {"consistency": {"sees": (claims.look_row("sleeve"),)}}),
}


def told(metrics: Sequence[Metric], settings: Settings, recorded: Mapping[str, Measured] | None = None) -> str:
    """What these metrics miss: a few sentences, empty where no metric makes a claim.

    Args:
        metrics: of the report.
        settings: of the evaluation; near goals have claims of their own.
        recorded: by the SHA-256 of an encoder, or ``PIXELS``; ``RECORDED`` when None.
    """
    recorded = RECORDED if recorded is None else recorded
    sentences = [_beside_steps(metrics)]
    missed, unknown, counts = [], [], set()
    for name, claim, found in _claimed(metrics, settings, recorded):
        if found is None:
            unknown.append(name)
            continue
        counts.add(found.n_articles)
        missed += [f"{name} {_WORDING[kind]} {_and(rows)}" for kind, rows in found.spots.get(claim, {}).items()]
    if missed:
        among = " or ".join(str(count) for count in sorted(counts))
        sentences.append(f"Known blind spots (eval --faults, {among} true articles): {'; '.join(missed)}.")
    if unknown:
        verb = "misses" if len(unknown) == 1 else "miss"
        sentences.append(f"What {_and(unknown)} {verb} was not measured here: illinstr eval DATA --faults shows it.")
    return " ".join(sentence for sentence in sentences if sentence)


def _claimed(
    metrics: Sequence[Metric], settings: Settings, recorded: Mapping[str, Measured]
) -> list[tuple[str, str, Measured | None]]:
    """Metrics that make claims: name, the claim's name, and what was measured of it, if anything was."""
    found = []
    for metric in metrics:
        claim = _SAME_AS.get(metric.name, metric.name)
        if claim == "goal_faithfulness" and settings.goal_distractors == "near":
            claim = NEAR
        if claim not in CLAIMS:
            continue
        # The table was made of our own definitions; those of the released scripts have other groups.
        ours = settings.protocol == "ours"
        found.append((metric.name, claim, recorded.get(metric.encoder_sha256 or PIXELS) if ours else None))
    return found


def _beside_steps(metrics: Sequence[Metric]) -> str:
    """Goal faithfulness can rise where steps are ignored, so it never stands alone."""
    names = {metric.name for metric in metrics}
    if "goal_faithfulness" not in names:
        return ""
    told = "Goal faithfulness does not ask for steps, and images that ignore them can raise it"
    if "step_faithfulness" in names:
        return f"{told}: read it with step faithfulness."
    return f"{told}; step faithfulness could not be scored, so it says little here."


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
