"""The arms of the reproduction, the paper's claims about them, and which of these hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from illinstr.evaluation.metrics.statistics import holm
from illinstr.evaluation.results import DEFINITIONS, Comparison, Results

# Stable Diffusion's schedule, as in the paper. The cosine schedule of the presets has no signal left at its end anyway
# (alpha-bar 2e-9), so on it there would be nothing for the rescaling to zero terminal SNR to do.
# Its text encoder is frozen and its timesteps are uniform.
SHARED = ("noise.beta_schedule=scaled_linear", "noise.timestep_shift=1", "train_text=false")
SINGLE = ("data.min_steps=1", "data.max_steps=1", "stacking.step_code=false")


@dataclass(frozen=True)
class Arm:
    """One way to train and draw.

    Attributes:
        name: in folders and tables.
        what: in words.
        settings: what differs from the preset ``mini-unet``.
        single: trained on single images; its batch holds as many panels as the others'.
        method: how it draws.
        weights: draws with the weights of this arm; trains its own when None.
        only: draws this number of steps alone; None draws those that claims are asked at, "all" every one of the plan.
        frozen: where there is a common base, draws with it as it is, untrained.
    """

    name: str
    what: str
    settings: tuple[str, ...] = ()
    single: bool = False
    method: Literal["stacked", "independent"] = "stacked"
    weights: str | None = None
    only: int | Literal["all"] | None = None
    frozen: bool = False

    def settings_on(self, conditioning: str) -> tuple[str, ...]:
        """Its settings, where the arms are built on this conditioning."""
        return settings_on(self.settings, conditioning)

    def lengths(self, planned: Sequence[int], claims_at: Sequence[int]) -> list[int]:
        """Which of the planned numbers of steps this arm draws."""
        if self.only == "all":
            return list(planned)
        if self.only is None:
            return [length for length in planned if length in claims_at]
        return [length for length in planned if length == self.only]


BASE = "base"  # the folder's name of the model that all arms start from, where there is one
BUILT_ON = "stacking.conditioning=BUILT_ON"  # joint, as in the paper, or routed: the same for all but a few arms
BASE_SETTINGS = (*SINGLE, BUILT_ON, "stacking.drop_goal=1")


def settings_on(settings: Sequence[str], conditioning: str) -> tuple[str, ...]:
    """``settings`` with the conditioning that arms are built on in its place."""
    return tuple(each.replace("BUILT_ON", conditioning) for each in settings)


def _built(*settings: str) -> tuple[str, ...]:
    return (BUILT_ON, *settings)


ARMS = (
    Arm(
        "stacked", "the paper's method: panels together, texts encoded apart, step code, zero terminal SNR",
        _built(), only="all",
    ),
    Arm(
        "independent-frozen", "each step alone, by a model that never saw a goal with its steps",
        BASE_SETTINGS, single=True, method="independent", frozen=True,
    ),
    Arm(
        "independent-tuned", "each step alone, by a model trained on single images with goal and step",
        (*SINGLE, BUILT_ON), single=True, method="independent",
    ),
    Arm("stacked-alone", "the weights of stacked, each step drawn alone", method="independent", weights="stacked"),
    Arm("routed", "ours: a panel attends to the goal's and its own step's text", ("stacking.conditioning=routed",)),
    Arm("joint", "the paper's attention, where the others are routed", ("stacking.conditioning=joint",)),
    Arm("single-string", "goal and steps as one string", ("stacking.conditioning=single",)),
    Arm("no-zero-snr", "noise schedule left with signal at its end", _built("noise.zero_snr=false")),
    Arm("no-step-code", "without step-positional encoding", _built("stacking.step_code=false")),
    Arm("data-30", "30 % of the training articles", _built("data.fraction=0.3")),
    Arm("data-10", "10 % of the training articles", _built("data.fraction=0.1")),
    Arm("fixed-6", "trained on six steps only", _built("data.min_steps=6", "data.max_steps=6"), only=6),
    Arm("fixed-4", "trained on four steps only", _built("data.min_steps=4", "data.max_steps=4"), only=4),
    Arm("fixed-8", "trained on eight steps only", _built("data.min_steps=8", "data.max_steps=8"), only=8),
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """``a`` is better than ``b`` on ``metric``, as ``source`` has it; ``at`` is the only length it speaks of."""

    text: str
    a: str
    b: str
    metric: str
    source: str = "paper"
    at: int | None = None


GOAL, STEP, GAP = "goal_faithfulness", "step_faithfulness", "consistency_gap"
CLAIMS = (
    Claim("Drawing together keeps the goal better than a frozen model", "stacked", "independent-frozen", GOAL),
    Claim("... shows the steps better", "stacked", "independent-frozen", STEP),
    Claim("... is nearer to the truth's consistency", "stacked", "independent-frozen", GAP),
    Claim("Drawing together keeps the goal better than a tuned model", "stacked", "independent-tuned", GOAL),
    Claim("... shows the steps better", "stacked", "independent-tuned", STEP),
    Claim("... is nearer to the truth's consistency", "stacked", "independent-tuned", GAP),
    Claim("The same weights are nearer to the truth drawing together", "stacked", "stacked-alone", GAP, "ours"),
    Claim("Zero terminal SNR helps the steps", "stacked", "no-zero-snr", STEP),
    Claim("The step code helps the steps", "stacked", "no-step-code", STEP),
    Claim("Texts encoded apart beat one string", "stacked", "single-string", STEP),
    Claim("Routed text beats joint text on steps", "routed", "stacked", STEP, "ours"),
    Claim("Routed text is nearer to the truth's consistency", "routed", "stacked", GAP, "ours"),
    Claim("Routed text beats joint text on steps", "stacked", "joint", STEP, "ours"),
    Claim("Routed text is nearer to the truth's consistency", "stacked", "joint", GAP, "ours"),
    *(
        Claim(f"More data helps: {more} against {less}", a, b, metric)
        for more, less, a, b in (("100 %", "30 %", "stacked", "data-30"), ("30 %", "10 %", "data-30", "data-10"))
        for metric in (STEP, "kid", "cmmd")
    ),
    *(
        Claim(f"Training on many lengths is better at {n} than {n} alone", "stacked", f"fixed-{n}", STEP, "ours", n)
        for n in (6, 4, 8)
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a claim at a number of steps: ``holds``, ``reversed`` or ``open``, with the figures.

    ``at_chance``: the intervals of both arms reach what guessing earns, so that there was nothing to tell apart.
    """

    length: int
    text: str
    source: str
    a: str
    b: str
    metric: str
    outcome: Literal["holds", "reversed", "open"]
    difference: float
    low: float | None
    high: float | None
    p_holm: float
    n_articles: int
    at_chance: bool


def arms_on(conditioning: str) -> list[Arm]:
    """The arms there are where they are built on this conditioning: one that says it again would be ``stacked``."""
    return [arm for arm in ARMS if arm.name == "stacked" or arm.settings != (f"stacking.conditioning={conditioning}",)]


def arms_of(names: Sequence[str]) -> list[Arm]:
    """The arms of these names, in the order of ``ARMS``."""
    return [arm for arm in ARMS if arm.name in names]


def claims_at(length: int, names: Sequence[str]) -> list[Claim]:
    """The claims that can be asked at this number of steps of the arms of these names."""
    return [claim for claim in CLAIMS if claim.at in (None, length) and claim.a in names and claim.b in names]


def verdicts(results: Mapping[int, Results]) -> list[Verdict]:
    """Every claim at every number of steps of ``results`` whose two arms were compared there, judged all together."""
    scored: list[tuple[int, Results, Claim, Comparison]] = []
    for length, one in results.items():
        found: dict[tuple[str, str, str], Comparison] = {
            (one.names[each.a], one.names[each.b], each.metric): each for each in one.comparisons
        }
        for claim in claims_at(length, list(one.names.values())):
            comparison = found.get((claim.a, claim.b, claim.metric))
            if comparison is not None:
                scored.append((length, one, claim, comparison))
    adjusted = holm([each.p for _, _, _, each in scored])  # over the claims alone: nothing else is asked here
    said = []
    for (length, one, claim, each), p_holm in zip(scored, adjusted, strict=True):
        outcome: Literal["holds", "reversed", "open"] = "open"
        if p_holm < 1 - one.settings.confidence and each.difference != 0:
            up = DEFINITIONS[claim.metric].direction == "higher"
            outcome = "holds" if (each.difference > 0) == up else "reversed"
        figures = (each.difference, each.low, each.high, p_holm, each.n_articles, _at_chance(one, each))
        said.append(Verdict(length, claim.text, claim.source, claim.a, claim.b, claim.metric, outcome, *figures))
    return said


def _at_chance(results: Results, each: Comparison) -> bool:
    return all(
        metric is not None and metric.chance is not None and metric.low is not None and metric.low <= metric.chance
        for metric in (results.metric(each.metric, each.a), results.metric(each.metric, each.b))
    )
