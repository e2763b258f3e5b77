"""The arms of the reproduction, the paper's claims about them, and the page that says which of these hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from illinstr.evaluation.results import DEFINITIONS, Comparison, Metric, Results
from illinstr.evaluation.statistics import holm
from illinstr.evaluation.verdict import interval, number

SINGLE = ("data.min_steps=1", "data.max_steps=1", "stacking.step_code=false")


@dataclass(frozen=True)
class Arm:
    """One way to train and draw.

    Attributes:
        name: in folders and tables.
        what: in words.
        settings: what differs from the preset ``mini-unet``.
        single: trained on single pictures; its batch holds as many panels as the others'.
        method: how it draws.
        weights: draws with the weights of this arm; trains its own when None.
        only: draws this number of steps alone; None draws the first of the plan, "all" every one.
    """

    name: str
    what: str
    settings: tuple[str, ...] = ()
    single: bool = False
    method: Literal["stacked", "independent"] = "stacked"
    weights: str | None = None
    only: int | Literal["all"] | None = None

    def lengths(self, planned: Sequence[int]) -> list[int]:
        """Which of the planned numbers of steps this arm draws; the first planned one carries the claims."""
        if self.only == "all":
            return list(planned)
        if self.only is None:
            return [planned[0]]
        return [length for length in planned if length == self.only]


def _joint(*settings: str) -> tuple[str, ...]:
    return ("stacking.conditioning=joint", *settings)


ARMS = (
    Arm("stacked", "the paper's method: panels together, texts encoded apart, joint attention", _joint(), only="all"),
    Arm(
        "independent-frozen", "each step alone, by a model that never saw a goal with its steps",
        (*SINGLE, "stacking.conditioning=joint", "stacking.drop_goal=1"), single=True, method="independent",
    ),
    Arm(
        "independent-tuned", "each step alone, by a model trained on single pictures with goal and step",
        (*SINGLE, "stacking.conditioning=joint"), single=True, method="independent",
    ),
    Arm("stacked-alone", "the weights of stacked, each step drawn alone", method="independent", weights="stacked"),
    Arm("routed", "ours: a panel attends to the goal's and its own step's text", ("stacking.conditioning=routed",)),
    Arm("single-string", "goal and steps as one string", ("stacking.conditioning=single",)),
    Arm("no-zero-snr", "noise schedule left with signal at its end", _joint("noise.zero_snr=false")),
    Arm("no-step-code", "without step-positional encoding", _joint("stacking.step_code=false")),
    Arm("data-30", "30 % of the training articles", _joint("data.fraction=0.3")),
    Arm("data-10", "10 % of the training articles", _joint("data.fraction=0.1")),
    Arm("fixed-6", "trained on six steps only", _joint("data.min_steps=6", "data.max_steps=6"), only=6),
    Arm("fixed-4", "trained on four steps only", _joint("data.min_steps=4", "data.max_steps=4"), only=4),
    Arm("fixed-8", "trained on eight steps only", _joint("data.min_steps=8", "data.max_steps=8"), only=8),
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """``a`` is better than ``b`` on ``metric``, as ``source`` has it."""

    text: str
    a: str
    b: str
    metric: str
    source: str = "paper"


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
    Claim("More data helps: 100 % against 30 %", "stacked", "data-30", STEP),
    Claim("More data helps: 30 % against 10 %", "data-30", "data-10", STEP),
    Claim("Training on many lengths is better at six than six alone", "stacked", "fixed-6", STEP, "ours"),
)


@dataclass(frozen=True)
class Verdict:
    """What became of a claim: ``holds``, ``reversed`` or ``open``, with the figures."""

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


def arms_of(names: Sequence[str]) -> list[Arm]:
    """The arms of these names, in the order of ``ARMS``."""
    return [arm for arm in ARMS if arm.name in names]


def verdicts(results: Results) -> list[Verdict]:
    """Every claim whose two arms were scored."""
    found: dict[tuple[str, str, str], Comparison] = {
        (results.names[each.a], results.names[each.b], each.metric): each for each in results.comparisons
    }
    scored = [(claim, found[place]) for claim in CLAIMS if (place := (claim.a, claim.b, claim.metric)) in found]
    adjusted = holm([each.p for _, each in scored])  # over the claims alone: nothing else is asked here
    said = []
    for (claim, each), p_holm in zip(scored, adjusted, strict=True):
        outcome: Literal["holds", "reversed", "open"] = "open"
        if p_holm < 1 - results.settings.confidence and each.difference != 0:
            up = DEFINITIONS[claim.metric].direction == "higher"
            outcome = "holds" if (each.difference > 0) == up else "reversed"
        figures = (each.difference, each.low, each.high, p_holm, each.n_articles)
        said.append(Verdict(claim.text, claim.source, claim.a, claim.b, claim.metric, outcome, *figures))
    return said


COLUMNS = ("goal_faithfulness", "step_faithfulness", "consistency", "consistency_gap", "diversity", "kid", "cmmd")
WORDS = {"holds": "holds", "reversed": "**the reverse holds**", "open": "cannot be told"}


def report(
    plan: Mapping[str, Any], seeds: Sequence[int], results: Mapping[int, Results], found: Sequence[Verdict]
) -> str:
    """The page, in Markdown: claims first, then a table for each number of steps, then how it was done."""
    held = sum(each.outcome == "holds" for each in found)
    turned = sum(each.outcome == "reversed" for each in found)
    lines = [
        "# The paper's table, in miniature",
        "",
        f"Of {len(found)} claims {held} hold here, {turned} are reversed, {len(found) - held - turned} cannot be told.",
        "",
        "| claim | of | metric | A − B | p (Holm) | verdict |",
        "|---|---|---|---|---|---|",
    ]
    for each in found:
        bounds = interval(each.metric, each.low, each.high, signed=True)
        figures = f"{number(each.metric, each.difference, signed=True)} {bounds}"
        p = "< 0.001" if each.p_holm < 0.001 else f"{each.p_holm:.3f}"
        lines.append(
            f"| {each.text} (`{each.a}`, `{each.b}`) | {each.source} | {each.metric} | {figures} | {p} | "
            f"{WORDS[each.outcome]} |"
        )
    for length, one in results.items():
        lines += ["", f"## {length} steps", "", *_table(one)]
    first = next(iter(results.values()))
    seen = plan["train_steps"] * plan["batch_size"]
    lines += [
        "",
        "## How",
        "",
        f"Training seeds {', '.join(map(str, seeds))}; every arm {plan['train_steps']} steps of {plan['batch_size']} "
        f"articles ({seen} articles seen; arms of single pictures as many panels) of {plan['articles']} MiniHow "
        f"articles; VAE and text encoder of `{plan['base']}`, frozen, shared. {plan['goals']} held-out goals at most a "
        f"length, {plan['sampling_steps']} sampling steps, the same step texts for all. Encoder: "
        f"{first.encoders.encoder.id} ({first.encoders.encoder.sha256[:8]}). Intervals over articles, 95 %; they do "
        "not hold the spread between training seeds. p: randomisation test within articles, Holm over the claims. "
        "Plots and examples: `scores/n*/eval/report.html`.",
        "",
        "Arms:",
        "",
        *(f"- `{arm.name}`: {arm.what}." for arm in arms_of(plan["arms"])),
        "",
    ]
    return "\n".join(lines)


def _table(results: Results) -> list[str]:
    rows: list[tuple[str, Mapping[str, Metric]]] = [(results.run, {m.name: m for m in results.metrics})]
    for side in results.beside:
        name = "the truth" if side == "truth" else results.names[side]
        rows.append((name, {metric.name: metric for metric in results.side_metrics[side]}))
    columns = [name for name in COLUMNS if any(name in metrics for _, metrics in rows)]
    lines = ["| arm | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, metrics in rows:
        cells = [f"`{name}`" if name != "the truth" else name]
        for column in columns:
            metric = metrics.get(column)
            bounds = interval(column, metric.low, metric.high) if metric else "–"
            cells.append(f"{number(column, metric.value)}{'' if bounds == '–' else f' {bounds}'}" if metric else "–")
        lines.append("| " + " | ".join(cells) + " |")
    return lines
