"""From votes to numbers: win rates, Bradley-Terry strengths, and how far raters agree.

A rater's answers resemble each other, so whole raters are the unit: every interval comes from the jackknife that leaves
out one rater at a time (Efron and Stein 1981), with Student's t at raters - 1 degrees of freedom. Where all raters have
one win rate that would be an interval without width; exact binomial limits on how many others would answer differently
(Clopper and Pearson 1934) stand there instead.

Sources: Bradley and Terry 1952; Ford 1957 (when strengths exist); Davidson and Solomon 1973 (a prior as added games);
Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability".
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import stats
from scipy.sparse.csgraph import connected_components

from illinstr.errors import DataError
from illinstr.evaluation.study.page import QUESTIONS, Question
from illinstr.evaluation.study.votes import Choice, Rater

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
PRIOR_WINS = 0.5
MAX_NEWTON, TOLERANCE = 100, 1e-12
UNLIKE = 1e-9


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Estimate(_Record):
    """A value with its 95 % interval, clustered by rater; none where the raters cannot give one."""

    value: float
    low: float | None
    high: float | None


class WinRate(_Record):
    """How often ``first`` was preferred to ``second``; no difference counts half."""

    first: str
    second: str
    rate: Estimate
    wins: int
    losses: int
    ties: int


class QuestionScores(_Record):
    """Everything about one question.

    ``bounded`` is False when a system, or a group of them, never lost (or never won) against the rest: then no finite
    strengths fit (Ford 1957), half a win each way is added to every pair that was compared, and there are no intervals.
    """

    question: Question
    n: int
    raters: int
    win_rates: tuple[WinRate, ...]
    strengths: dict[str, Estimate]
    bounded: bool
    alpha: float | None
    agreement: float | None
    left: float | None


class RaterNotes(_Record):
    """How one rater's answers came about, counted or not; see ``votes.Rater``. ``side_p`` tests a habit of side."""

    right: int
    checks: int
    answers: int
    ties: int
    left: int
    leaning: int
    side_p: float | None
    seconds: float | None


class Correlation(_Record):
    """How far a metric orders pairs of articles as people do; see ``correlation``. 1: always, 0: not at all.

    ``spearman`` and ``kendall`` (tau-b) are None where the votes or the metric tell no article from another; their
    intervals take goals as the unit.
    """

    question: Question
    metric: str
    pairs: int
    goals: int
    spearman: Estimate | None
    kendall: Estimate | None


class StudyScores(_Record):
    """What ``illinstr study score`` writes; ``correlations`` where an evaluation of the same articles is given."""

    schema_version: Literal[1] = 1
    study: str
    confidence: float = CONFIDENCE
    raters: tuple[str, ...]
    excluded: dict[str, str]
    notes: dict[str, RaterNotes] = {}
    questions: tuple[QuestionScores, ...]
    correlations: tuple[Correlation, ...] = ()


def score_study(
    study: str,
    choices: Sequence[Choice],
    raters: Sequence[Rater],
    *,
    min_attention: float,
    min_seconds: float = 0.0,
) -> StudyScores:
    """Score every question over the raters who passed the attention checks and took their time.

    Args:
        study: its token.
        choices: of all raters.
        raters: what is known of each.
        min_attention: share of the attention checks that must be right, on each side by itself.
        min_seconds: least median time for a pair.

    Raises:
        DataError: nobody passed, or the comparisons of a question fall apart into groups that were never compared.
    """
    excluded = {rater.name: reason for rater in raters if (reason := _reason(rater, min_attention, min_seconds))}
    kept = [choice for choice in choices if choice.rater not in excluded]
    if not kept:
        raise DataError(
            "no votes are left to count", hint="look at the attention checks, or lower --min-attention or --min-seconds"
        )
    found = tuple(
        _score_question(question, of) for question in QUESTIONS if (of := [c for c in kept if c.question == question])
    )
    names = tuple(sorted({choice.rater for choice in kept}))
    return StudyScores(study=study, raters=names, excluded=excluded, notes=_notes(raters), questions=found)


def _reason(rater: Rater, min_attention: float, min_seconds: float) -> str | None:
    """Why a rater is not counted; None for one who is."""
    if not rater.passes(min_attention):
        reason = f"{rater.right} of {rater.checks} attention answers right"
        if len(rater.by_side) == 2 and all(checks for _, checks in rater.by_side):
            (left, of_left), (right, of_right) = rater.by_side
            reason += f" ({left} of {of_left} where it stood left, {right} of {of_right} where it stood right)"
        return reason
    if rater.seconds is not None and rater.seconds < min_seconds:
        return f"{rater.seconds:.1f} s for a pair, the median of its answers"
    return None


def _notes(raters: Sequence[Rater]) -> dict[str, RaterNotes]:
    return {
        rater.name: RaterNotes(
            right=rater.right,
            checks=rater.checks,
            answers=rater.answers,
            ties=rater.ties,
            left=rater.left,
            leaning=rater.leaning,
            side_p=rater.side_p,
            seconds=rater.seconds,
        )
        for rater in raters
    }


def _score_question(question: Question, choices: Sequence[Choice]) -> QuestionScores:
    systems = sorted({name for choice in choices for name in (choice.first, choice.second)})
    raters = sorted({choice.rater for choice in choices})
    wins_rss = wins_by_rater(choices, systems, raters)
    check_connected(wins_rss.sum(axis=0), systems, question)
    bounded = is_bounded(wins_rss.sum(axis=0))
    strengths = jackknife(wins_rss, lambda wins: fit_bradley_terry(wins))
    if not bounded:  # an interval around a strength that the added wins alone keep finite would be theirs
        strengths = [Estimate(value=each.value, low=None, high=None) for each in strengths]
    rates = []
    for i, first in enumerate(systems):
        for j in range(i + 1, len(systems)):
            of = [c for c in choices if (c.first, c.second) == (first, systems[j])]
            if of:
                rates.append(_win_rate(first, systems[j], of, wins_rss[:, [i, j]][:, :, [i, j]]))
    sides = [choice.left for choice in choices if choice.left is not None]
    return QuestionScores(
        question=question,
        n=len(choices),
        raters=len(raters),
        win_rates=tuple(rates),
        strengths=dict(zip(systems, strengths, strict=True)),
        bounded=bounded,
        alpha=krippendorff_alpha(_by_item(choices)),
        agreement=pairwise_agreement(_by_item(choices)),
        left=sum(sides) / len(sides) if sides else None,
    )


def _win_rate(first: str, second: str, choices: Sequence[Choice], wins_r22: Floats) -> WinRate:
    def rate(wins: Floats) -> Floats:
        return np.array([wins[0, 1] / (wins[0, 1] + wins[1, 0])])

    counts = Counter(choice.score for choice in choices)
    own = wins_r22[wins_r22.sum(axis=(1, 2)) > 0]
    (found,) = jackknife(own, rate)
    if found.low is not None and found.high is not None:
        limited = Estimate(value=found.value, low=max(0.0, found.low), high=min(1.0, found.high))
    else:
        limited = unanimous(found.value, [float(rate(table)[0]) for table in own])
    return WinRate(first=first, second=second, rate=limited, wins=counts[1.0], losses=counts[0.0], ties=counts[0.5])


def unanimous(value: float, rates: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The limits of a win rate that every one of the raters gave.

    Had a share q of all raters been of another mind, none of n would have shown it with probability (1 - q) ** n. The
    largest q that this does not rule out moves the rate down to value (1 - q) or up to value + (1 - value) q.
    """
    if len(rates) < 2 or max(rates) - min(rates) > UNLIKE:
        return Estimate(value=value, low=None, high=None)
    share = 1 - ((1 - confidence) / 2) ** (1 / len(rates))
    return Estimate(value=value, low=value * (1 - share), high=value + (1 - value) * share)


def wins_by_rater(choices: Sequence[Choice], systems: Sequence[str], raters: Sequence[str]) -> Floats:
    """(raters, systems, systems): how often each rater preferred the row's system to the column's."""
    place = {name: index for index, name in enumerate(systems)}
    row = {name: index for index, name in enumerate(raters)}
    wins = np.zeros((len(raters), len(systems), len(systems)))
    for choice in choices:
        i, j, r = place[choice.first], place[choice.second], row[choice.rater]
        wins[r, i, j] += choice.score
        wins[r, j, i] += 1 - choice.score
    return wins


def check_connected(wins_ss: Floats, systems: Sequence[str], question: str) -> None:
    """Refuse comparisons that fall apart: strengths of systems that nothing connects do not compare.

    Raises:
        DataError: they do; the groups are named.
    """
    groups, label = connected_components(wins_ss + wins_ss.T > 0, directed=False)
    if groups > 1:
        parts = [", ".join(name for name, at in zip(systems, label, strict=True) if at == g) for g in range(groups)]
        raise DataError(
            f"for the question {question} nothing connects {' | '.join(parts)}",
            hint="let people compare systems across these groups, or score them as separate studies",
        )


def is_bounded(wins_ss: Floats) -> bool:
    """Whether finite strengths exist: from every system a chain of wins leads to every other (Ford 1957)."""
    groups, _ = connected_components(wins_ss > 0, directed=True, connection="strong")
    return bool(groups == 1)


def fit_bradley_terry(wins_ss: Floats) -> Floats:
    """Maximum-likelihood strengths on the logit scale, with mean 0: P(i beats j) = 1 / (1 + exp(s_j - s_i)).

    Args:
        wins_ss: (systems, systems) how often the row was preferred to the column; ties are half a win each.

    Newton's method on the concave log-likelihood. Where no finite maximum exists, ``PRIOR_WINS`` each way are added to
    every pair that was compared.
    """
    games = wins_ss + wins_ss.T
    if not is_bounded(wins_ss):
        wins_ss = wins_ss + PRIOR_WINS * (games > 0)
        games = wins_ss + wins_ss.T
    count = len(wins_ss)
    strengths = np.zeros(count)
    for _ in range(MAX_NEWTON):
        chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
        gradient = wins_ss.sum(axis=1) - (games * chance).sum(axis=1)
        weight = games * chance * (1 - chance)
        # The likelihood knows differences alone; the added constant fixes the mean, along which the gradient is 0.
        hessian = np.diag(weight.sum(axis=1)) - weight + 1 / count
        step = np.linalg.solve(hessian, gradient)
        strengths = strengths + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < TOLERANCE:
            break
    centred: Floats = strengths - strengths.mean()
    return centred


def jackknife(
    wins_rss: Floats, statistic: Callable[[Floats], Floats], confidence: float = CONFIDENCE
) -> list[Estimate]:
    """A statistic of the summed wins, with intervals that take whole raters as the unit; none where all are alike.

    Args:
        wins_rss: (raters, ...) one table a rater.
        statistic: from a table to k values.
        confidence: of the intervals.
    """
    whole = statistic(wins_rss.sum(axis=0))
    raters = len(wins_rss)
    parts = []
    if raters > 1:
        total = wins_rss.sum(axis=0)
        for own in wins_rss:
            rest = total - own
            if connected_components(rest + rest.T > 0, directed=False)[0] > 1:
                break  # one rater alone holds the comparison together: no interval is honest
            parts.append(statistic(rest))
    if len(parts) < max(raters, 2):
        return [Estimate(value=float(value), low=None, high=None) for value in whole]
    left_out = np.stack(parts)
    error = np.sqrt((raters - 1) / raters * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0))
    reach = stats.t.ppf(0.5 + confidence / 2, raters - 1) * error
    return [
        Estimate(value=float(v), low=float(v - r), high=float(v + r))
        if r > UNLIKE
        else Estimate(value=float(v), low=None, high=None)
        for v, r in zip(whole, reach, strict=True)
    ]


def _by_item(choices: Sequence[Choice]) -> list[list[float]]:
    items: dict[str, list[float]] = defaultdict(list)
    for choice in choices:
        items[choice.item].append(choice.score)
    return list(items.values())


def krippendorff_alpha(units: Sequence[Sequence[float]]) -> float | None:
    """Nominal alpha over units that two or more raters judged: 1 is full agreement, 0 what chance would give.

    None where no unit was judged twice, or where everybody always said the same.
    """
    judged = [unit for unit in units if len(unit) > 1]
    totals: Counter[float] = Counter(value for unit in judged for value in unit)
    n = sum(totals.values())
    by_chance = n * n - sum(count * count for count in totals.values())
    if by_chance == 0:
        return None
    observed = sum(
        (len(unit) ** 2 - sum(count * count for count in Counter(unit).values())) / (len(unit) - 1) for unit in judged
    )
    return 1 - (n - 1) * observed / by_chance


def pairwise_agreement(units: Sequence[Sequence[float]]) -> float | None:
    """Share of pairs of raters who said the same of the same pair; None where nobody shares one."""
    same = total = 0
    for unit in units:
        total += len(unit) * (len(unit) - 1)
        same += sum(count * (count - 1) for count in Counter(unit).values())
    return same / total if total else None
