"""``reproduce.md``: which claims hold, the figures of every arm, the paper's open questions, and how it was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from illinstr.evaluation.reports.verdict import interval, number
from illinstr.evaluation.results import DEFINITIONS, Comparison, Metric, Results
from illinstr.evaluation.samples import Side
from scripts.reproduce_arms import GAP, GOAL, STEP, Verdict, arms_of

COLUMNS = (GOAL, STEP, "consistency", GAP, "diversity", "kid", "cmmd")
WORDS = {"holds": "holds", "reversed": "**the reverse holds**", "open": "cannot be told"}


def report(
    plan: Mapping[str, Any], seeds: Sequence[int], results: Mapping[int, Results], found: Sequence[Verdict]
) -> str:
    """The page, in Markdown: claims first, then a table for each number of steps, the open questions, the method."""
    held = sum(each.outcome == "holds" for each in found)
    turned = sum(each.outcome == "reversed" for each in found)
    lines = [
        "# The paper's table, in miniature",
        "",
        f"Of {len(found)} claims {held} hold here, {turned} are reversed, {len(found) - held - turned} cannot be told.",
        "",
        *_claims(found),
    ]
    for length, one in results.items():
        lines += ["", f"## {length} steps", "", *_table(one)]
    lines += ["", "## The paper's open questions", "", *questions(results, found)]
    return "\n".join([*lines, "", "## How", "", *_method(plan, seeds, next(iter(results.values()))), ""])


def _claims(found: Sequence[Verdict]) -> list[str]:
    lines = ["| steps | claim | of | metric | A − B | p (Holm) | verdict |", "|---|---|---|---|---|---|---|"]
    for each in found:
        p = "< 0.001" if each.p_holm < 0.001 else f"{each.p_holm:.3f}"
        lines.append(
            f"| {each.length} | {each.text} (`{each.a}`, `{each.b}`) | {each.source} | {each.metric} | "
            f"{_signed(each)} | {p} | {_became(each)} |"
        )
    return lines


def _became(each: Verdict) -> str:
    return WORDS[each.outcome] + (" (both at chance)" if each.outcome == "open" and each.at_chance else "")


def _signed(each: Verdict | Comparison) -> str:
    bounds = interval(each.metric, each.low, each.high, signed=True)
    return f"{number(each.metric, each.difference, signed=True)} {bounds}"


def _arms(results: Results) -> dict[str, dict[str, Metric]]:
    """Every arm's metrics by name, then the truth's."""
    sides: list[tuple[Side, tuple[Metric, ...]]] = [("run", results.metrics)]
    sides += [(side, results.side_metrics[side]) for side in results.beside]
    return {_name(results, side): {metric.name: metric for metric in metrics} for side, metrics in sides}


def _name(results: Results, side: Side) -> str:
    return "the truth" if side == "truth" else results.names[side]


def _table(results: Results, only: Sequence[str] | None = None) -> list[str]:
    """Arms by metrics; ``only`` some arms, in that order."""
    arms = _arms(results)
    rows = [(name, arms[name]) for name in (arms if only is None else only) if name in arms]
    columns = [name for name in COLUMNS if any(name in metrics for _, metrics in rows)]
    lines = ["| arm | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name, metrics in rows:
        cells = [name if name == "the truth" else f"`{name}`", *(_cell(metrics.get(column)) for column in columns)]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, *_chance(columns, rows[0][1])] if rows else lines


def _chance(columns: Sequence[str], metrics: Mapping[str, Metric]) -> list[str]:
    """What guessing earns: an arm whose interval reaches it has shown nothing."""
    chances = {name: metric.chance for name, metric in metrics.items() if metric.chance is not None}
    cells = [number(name, chances[name]) if name in chances else "–" for name in columns]
    return ["| guessing | " + " | ".join(cells) + " |"] if chances else []


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return "–"
    bounds = interval(metric.name, metric.low, metric.high)
    return f"{number(metric.name, metric.value)}{'' if bounds == '–' else f' {bounds}'}"


def questions(results: Mapping[int, Results], found: Sequence[Verdict]) -> list[str]:
    """The four questions the paper leaves open, each with the figures that bear on it and no more."""
    asked = (
        ("How does quality grow with data?", _data(results, found)),
        ("Why six steps?", _lengths(results, found)),
        ("What do zero terminal SNR and the step code trade off?", _trades(results)),
        ("Does it hold beyond wikiHow?", _beyond(results)),
    )
    lines = []
    for number_, (question, answer) in enumerate(asked, start=1):
        lines += [f"**{number_}. {question}**", "", *(answer or ["No arm of this run bears on it."]), ""]
    return lines[:-1]


def _judged(found: Sequence[Verdict], arms: set[str]) -> str:
    """How the claims between these arms went, in a sentence."""
    own = [each for each in found if {each.a, each.b} <= arms]
    said = [f"{each.a} over {each.b} on {each.metric} at {each.length} steps: {_became(each)}" for each in own]
    return f"{'; '.join(said)}." if said else ""


def _data(results: Mapping[int, Results], found: Sequence[Verdict]) -> list[str]:
    arms = ("data-10", "data-30", "stacked")
    lines = []
    for length, one in results.items():
        if len(set(arms) & set(_arms(one))) > 1:
            lines += [f"10 %, 30 % and all of the training articles, {length} steps:", "", *_table(one, arms), ""]
    return [*lines, _judged(found, set(arms))] if lines else []


def _lengths(results: Mapping[int, Results], found: Sequence[Verdict]) -> list[str]:
    """Stacked beside the truth at every length, since a judge, too, finds some lengths harder."""
    lines = ["| steps | arm | goal faithfulness | step faithfulness | consistency gap |", "|---|---|---|---|---|"]
    for length, one in results.items():
        arms = _arms(one)
        for name in ("stacked", f"fixed-{length}", "the truth"):
            if name in arms:
                shown = " | ".join(_cell(arms[name].get(metric)) for metric in (GOAL, STEP, GAP))
                lines.append(f"| {length} | {name if name == 'the truth' else f'`{name}`'} | {shown} |")
    said = _judged(found, {"stacked", *(f"fixed-{length}" for length in results)})
    return [*lines, *(["", said] if said else [])] if len(results) > 1 else []


def _trades(results: Mapping[int, Results]) -> list[str]:
    """What the method gains and loses by each, over every metric; each interval is of that comparison alone."""
    lines = []
    for what, without in (("Zero terminal SNR", "no-zero-snr"), ("The step code", "no-step-code")):
        for length, one in results.items():
            own = [each for each in one.comparisons if (one.names[each.a], one.names[each.b]) == ("stacked", without)]
            gains, losses, rest = [], [], []
            for each in own:
                if each.metric in COLUMNS and DEFINITIONS[each.metric].direction != "match_truth":
                    up = DEFINITIONS[each.metric].direction == "higher"
                    clear = each.low is not None and each.high is not None and each.low * each.high > 0
                    place = rest if not clear else gains if (each.difference > 0) == up else losses
                    place.append(f"{each.metric} {_signed(each)}")
            told = [("gains", gains), ("loses", losses), ("is not seen to change", rest)]
            said = [f"{verb} {', '.join(parts)}" for verb, parts in told if parts]
            if said:
                lines.append(f"- {what}, {length} steps: with it `stacked` {'; '.join(said)}.")
    return lines


def _beyond(results: Mapping[int, Results]) -> list[str]:
    """The miniature's own world by category: no page of any site is in it, so that part stays open."""
    length, one = next(iter(results.items()))
    parts = [part for part in one.breakdowns if part.by == "category"]
    lines = ["Training and test goals are MiniHow's, so other sites cannot be spoken of here. "]
    if not parts:
        return lines
    shares = {part.value: {metric.name: metric for metric in part.metrics} for part in parts}
    ranked = sorted((m[STEP].value, name) for name, m in shares.items() if STEP in m)
    if ranked:
        lines[0] += (
            f"Over its {len(ranked)} categories on held-out goals, step faithfulness of `{one.run}` at {length} steps "
            f"runs from {number(STEP, ranked[0][0])} ({ranked[0][1]}) "
            f"to {number(STEP, ranked[-1][0])} ({ranked[-1][1]})."
        )
    lines += ["", "| category | goals | goal faithfulness | step faithfulness |", "|---|---|---|---|"]
    for part in parts:
        cells = [_cell(shares[part.value].get(metric)) for metric in (GOAL, STEP)]
        lines.append(f"| {part.value} | {part.n_articles} | {' | '.join(cells)} |")
    return lines


def _method(plan: Mapping[str, Any], seeds: Sequence[int], first: Results) -> list[str]:
    seen = plan["train_steps"] * plan["batch_size"]
    start = ""
    if plan["pretrain_steps"]:
        start = (
            f" All start from one base a seed: {plan['pretrain_steps']} steps on single images of the same articles "
            "with the step's text and no goal. `independent-frozen` is that base."
        )
    settings = f" Settings for all: `{'`, `'.join(plan['set'])}`." if plan["set"] else ""
    return [
        f"Training seeds {', '.join(map(str, seeds))}; every arm {plan['train_steps']} steps of {plan['batch_size']} "
        f"articles ({seen} articles seen; arms of single images as many panels) of {plan['articles']} MiniHow "
        f"articles; VAE and text encoder of `{plan['base']}`, frozen, shared.{start}{settings} {plan['goals']} "
        f"held-out goals at most a length, {plan['sampling_steps']} sampling steps, the same step texts for all. "
        f"Encoder: {first.encoders.encoder.id} ({first.encoders.encoder.sha256[:8]}). Intervals over articles, 95 %; "
        "they do not hold the spread between training seeds. p: randomisation test within articles, for KID and CMMD "
        "Student's t on a jackknife over articles; Holm over the claims at all lengths together. Plots and examples: "
        "`scores/n*/eval/report.html`.",
        "",
        f"Arms, on {plan.get('conditioning', 'joint')} attention to text where nothing else is said:",
        "",
        *(f"- `{arm.name}`: {arm.what}." for arm in arms_of(plan["arms"])),
    ]
