"""Do the metrics agree with people? Rank correlation of votes and scores of the same pairs of articles.

Of each pair of articles there are two numbers: how much the raters preferred the one, and by how much a metric puts it
before the other. Which of the two articles is called the first means nothing, so every pair counts both ways round,
and the correlation does not depend on it. Where both numbers say "the same" of all pairs there is none.

Sources: Spearman 1904; Kendall 1945 (tau-b, with ties). Articles on one goal resemble each other, so goals are the unit
of the intervals: a jackknife that leaves out one goal at a time (Efron and Stein 1981), with Student's t at goals - 1
degrees of freedom.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from illinstr.articles import normalise_goal
from illinstr.errors import DataError
from illinstr.evaluation.results import DEFINITIONS, SAMPLES_FILE, Results, read_results
from illinstr.evaluation.samples import Sample, article_key, read_samples
from illinstr.evaluation.study.page import QUESTIONS, Key
from illinstr.evaluation.study.scores import CONFIDENCE, UNLIKE, Correlation, Estimate
from illinstr.evaluation.study.votes import Choice

Floats = NDArray[np.float64]
MIN_GOALS = 5

# System, normal form of the goal, which time the goal comes -> metric -> the article's mean score.
ArticleScores = Mapping[tuple[str, str, int], Mapping[str, float]]


def read_scores(folder: Path, systems: Sequence[str]) -> ArticleScores:
    """Every article's scores in an evaluation of all systems of a study, by one encoder on the same choices.

    Args:
        folder: what ``eval --compare`` or ``eval --against`` wrote: ``results.json`` and ``samples.jsonl``.
        systems: names in the study; each is the name of one side there, or the last part of it.

    Raises:
        DataError: no evaluation, or one that lacks a system.
    """
    side_of = _sides(read_results(folder), systems, folder)
    system_of = {side: system for system, side in side_of.items()}
    items: dict[tuple[str, str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for sample in read_samples(folder / SAMPLES_FILE):
        if sample.side in system_of:
            items[system_of[sample.side], normalise_goal(sample.goal), article_key(sample.key)][sample.metric].append(
                _better_up(sample)
            )
    scores: dict[tuple[str, str, int], dict[str, float]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for system, goal, key in sorted(items, key=lambda name: (name[0], name[1], _time(name[2]))):
        means = {metric: float(np.mean(values)) for metric, values in items[system, goal, key].items()}
        scores[system, goal, times[system, goal]] = means
        times[system, goal] += 1
    return scores


def _sides(results: Results, systems: Sequence[str], folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    named = {side: name for side, name in results.names.items() if side != "truth"}
    for system in systems:
        sides = [side for side, name in named.items() if name == system]
        sides = sides or [side for side, name in named.items() if Path(name).name == system]
        if len(sides) != 1:
            there = ", ".join(named.values())
            raise DataError(
                f"{folder} holds {'no run' if not sides else 'several runs'} called {system}, only {there}",
                hint="score the runs of the study together: illinstr eval --compare RUN_A RUN_B --out board",
            )
        found[system] = sides[0]
    return found


def _better_up(sample: Sample) -> float:
    """The score so that more is better; of what should match the truth less is, as people are asked what fits."""
    definition = DEFINITIONS.get(sample.metric)
    return sample.score if definition is None or definition.direction == "higher" else -sample.score


def _time(key: str) -> int:
    number = key.rpartition(" #")[2]
    return int(number) if number.isdecimal() else 0


def correlate(choices: Iterable[Choice], key: Key, scores: ArticleScores) -> tuple[Correlation, ...]:
    """Each question's votes against each metric, over the pairs that have both.

    Args:
        choices: of the raters who count.
        key: of the study; says which goal a pair is about.
        scores: of ``read_scores``.
    """
    articles = _articles_of(key)
    votes: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    systems: dict[str, tuple[str, str]] = {}
    for choice in choices:
        votes[choice.question][choice.item].append(choice.score - 0.5)
        systems[choice.item] = (choice.first, choice.second)
    metrics = [name for name in _order(scores) if any(name in found for found in scores.values())]
    found = []
    for question in QUESTIONS:
        for metric in metrics:
            rows = []
            for item, given in votes[question].items():
                goal, time = articles[item]
                first, second = (scores.get((name, goal, time), {}).get(metric) for name in systems[item])
                if first is not None and second is not None:
                    rows.append((goal, float(np.mean(given)), first - second))
            if rows:
                preferred, ahead = (np.array([row[place] for row in rows]) for place in (1, 2))
                goals = [row[0] for row in rows]
                found.append(
                    Correlation(
                        question=question,
                        metric=metric,
                        pairs=len(rows),
                        goals=len(set(goals)),
                        spearman=estimate(preferred, ahead, goals, spearman),
                        kendall=estimate(preferred, ahead, goals, kendall),
                    )
                )
    return tuple(found)


def _order(scores: ArticleScores) -> list[str]:
    """Metrics in the order of the report, the user's own behind."""
    names = {metric for found in scores.values() for metric in found}
    return [name for name in DEFINITIONS if name in names] + sorted(names - set(DEFINITIONS))


def _articles_of(key: Key) -> dict[str, tuple[str, int]]:
    """Of each pair: the normal form of its goal, and which time the two systems meet on it, counted from 0."""
    seen: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    found = {}
    for pair in key.pairs:
        if pair.check is None:
            goal, met = normalise_goal(pair.goal), tuple(sorted(pair.sides.values()))
            found[pair.item] = (goal, seen[goal, met])
            seen[goal, met] += 1
    return found


def spearman(preferred: Floats, ahead: Floats) -> float | None:
    """Spearman's rho of n pairs, each counted both ways round; None where one of the two never varies."""
    both = np.concatenate([preferred, -preferred]), np.concatenate([ahead, -ahead])
    return None if not (preferred.any() and ahead.any()) else float(stats.spearmanr(*both).statistic)


def kendall(preferred: Floats, ahead: Floats) -> float | None:
    """Kendall's tau-b of n pairs, each counted both ways round; None where one of the two never varies."""
    both = np.concatenate([preferred, -preferred]), np.concatenate([ahead, -ahead])
    return None if not (preferred.any() and ahead.any()) else float(stats.kendalltau(*both).statistic)


def estimate(
    preferred: Floats, ahead: Floats, goals: Sequence[str], statistic: Callable[[Floats, Floats], float | None]
) -> Estimate | None:
    """A correlation with its 95 % interval over goals, cut at -1 and 1; none under ``MIN_GOALS`` or without spread."""
    value = statistic(preferred, ahead)
    if value is None:
        return None
    names = sorted(set(goals))
    labels = np.array(goals)
    parts = [statistic(preferred[labels != name], ahead[labels != name]) for name in names]
    left_out = np.array([part for part in parts if part is not None])
    if len(names) < MIN_GOALS or len(left_out) < len(names):
        return Estimate(value=value, low=None, high=None)
    count = len(names)
    error = np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())
    reach = float(stats.t.ppf(0.5 + CONFIDENCE / 2, count - 1) * error)
    if reach <= UNLIKE:
        return Estimate(value=value, low=None, high=None)
    return Estimate(value=value, low=max(-1.0, value - reach), high=min(1.0, value + reach))
