"""What is made of votes: strengths by another way to the same maximum, intervals by simulation, agreement by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from illinstr.errors import DataError
from illinstr.evaluation.study.scores import (
    fit_bradley_terry,
    is_bounded,
    jackknife,
    krippendorff_alpha,
    pairwise_agreement,
    score_study,
    unanimous,
)
from illinstr.evaluation.study.votes import Choice, Rater

Table = NDArray[np.float64]


class TestBradleyTerry:
    @given(st.integers(2, 6), st.integers(0, 10_000))
    @settings(deadline=None, max_examples=30)
    def test_equals_the_iteration_of_zermelo(self, count: int, seed: int) -> None:
        """An independent way to the same maximum (Zermelo 1929; Hunter 2004): fixed-point iteration on worths."""
        wins = np.random.default_rng(seed).integers(1, 20, (count, count)).astype(float)
        np.fill_diagonal(wins, 0)
        worth = np.ones(count)
        for _ in range(20_000):
            games = (wins + wins.T) / (worth[:, None] + worth[None, :])
            new = wins.sum(axis=1) / games.sum(axis=1)
            new /= np.exp(np.log(new).mean())
            if np.abs(new - worth).max() < 1e-13:
                break
            worth = new
        assert fit_bradley_terry(wins) == pytest.approx(np.log(worth), abs=1e-8)

    def test_recovers_planted_strengths(self) -> None:
        planted = np.array([-1.0, -0.2, 0.3, 0.9])
        draw = np.random.default_rng(0)
        chance = 1 / (1 + np.exp(planted[None, :] - planted[:, None]))
        wins = np.zeros((4, 4))
        for i, j in itertools.combinations(range(4), 2):
            won = draw.binomial(20_000, chance[i, j])
            wins[i, j], wins[j, i] = won, 20_000 - won
        assert fit_bradley_terry(wins) == pytest.approx(planted, abs=0.03)

    def test_two_systems_have_the_closed_form(self) -> None:
        strengths = fit_bradley_terry(np.array([[0, 30.0], [10.0, 0]]))
        assert strengths[0] - strengths[1] == pytest.approx(np.log(3))

    def test_a_side_that_never_lost_stays_finite_and_first(self) -> None:
        wins = np.array([[0, 5.0, 5], [0, 0, 3], [0, 2, 0]])
        assert not is_bounded(wins)
        strengths = fit_bradley_terry(wins)
        assert np.isfinite(strengths).all() and strengths.argmax() == 0
        assert is_bounded(wins + wins.T)


def simulate(draw: np.random.Generator, raters: int, items: int, planted: Table, taste: float) -> Table:
    """Votes of raters who differ: each has tastes of their own around the planted strengths."""
    count = len(planted)
    wins = np.zeros((raters, count, count))
    for rater in range(raters):
        own = planted + draw.normal(0, taste, count)
        for i, j in itertools.combinations(range(count), 2):
            won = draw.binomial(items, 1 / (1 + np.exp(own[j] - own[i])))
            wins[rater, i, j], wins[rater, j, i] = won, items - won
    return wins


class TestIntervals:
    def test_cover_at_the_stated_rate_although_raters_differ(self) -> None:
        """300 studies of 12 raters; an interval that took votes for independent would cover far less."""
        draw = np.random.default_rng(3)
        planted, taste = np.array([0.6, 0.0, -0.6]), 0.8
        truth = fit_bradley_terry(simulate(draw, 20_000, 40, planted, taste).sum(axis=0))
        covered = naive = 0
        studies = 300
        for _ in range(studies):
            wins = simulate(draw, 12, 20, planted, taste)
            estimate = jackknife(wins, fit_bradley_terry)[0]
            assert estimate.low is not None and estimate.high is not None
            covered += estimate.low <= truth[0] <= estimate.high
            total = wins.sum(axis=0)
            strengths = fit_bradley_terry(total)
            chance = 1 / (1 + np.exp(strengths[None, :] - strengths[:, None]))
            weight = (total + total.T) * chance * (1 - chance)
            error = np.sqrt(np.linalg.pinv(np.diag(weight.sum(axis=1)) - weight)[0, 0])
            naive += abs(strengths[0] - truth[0]) <= 1.96 * error
        # Binomial limits of 300 trials at 95 % are 92.5 % and 97.5 % (two standard errors).
        assert 0.925 <= covered / studies <= 0.98
        assert naive / studies < 0.85

    def test_equals_the_formula_written_out(self) -> None:
        from scipy import stats

        wins = simulate(np.random.default_rng(1), 5, 9, np.array([0.2, -0.2]), 0.3)

        def rate(table: Table) -> Table:
            return np.array([table[0, 1] / (table[0, 1] + table[1, 0])])

        parts = [rate(np.delete(wins, r, axis=0).sum(axis=0))[0] for r in range(5)]
        error = (4 / 5 * sum((p - sum(parts) / 5) ** 2 for p in parts)) ** 0.5
        (estimate,) = jackknife(wins, rate)
        reach = float(stats.t(4).ppf(0.975)) * error
        assert estimate.low == pytest.approx(estimate.value - reach)
        assert estimate.high == pytest.approx(estimate.value + reach)

    def test_raters_who_all_agree_do_not_make_it_certain(self) -> None:
        """As with one system far ahead: many studies are unanimous, and a jackknife would give them no width."""
        from scipy import stats

        draw = np.random.default_rng(7)
        planted, studies = np.array([1.7, -1.7]), 150
        everyone = simulate(draw, 20_000, 6, planted, 0.5).sum(axis=0)
        truth, covered, agreed = everyone[0, 1] / everyone.sum(), 0, 0
        for _ in range(studies):
            wins = simulate(draw, 8, 6, planted, 0.5)
            votes = [
                choice(str(rater), "a", "b", score)
                for rater, table in enumerate(wins)
                for score, count in ((1.0, table[0, 1]), (0.0, table[1, 0]))
                for _ in range(int(count))
            ]
            (rate,) = (each.rate for each in score_study("s", votes, [], min_attention=0).questions[0].win_rates)
            assert rate.low is not None and rate.high is not None and rate.low < rate.high
            agreed += rate.value == 1
            covered += rate.low <= truth <= rate.high
            if rate.value == 1:
                assert (rate.low, rate.high) == (pytest.approx(stats.binomtest(8, 8).proportion_ci().low), 1.0)
        # Without width the unanimous studies would all miss, and the rest would not make up for it.
        assert covered / studies >= 0.93 > (covered - agreed) / studies

    def test_the_limits_where_all_raters_say_the_same(self) -> None:
        half = unanimous(0.5, [0.5] * 4)
        share = 1 - 0.025**0.25
        assert (half.low, half.high) == (pytest.approx(0.5 - share / 2), pytest.approx(0.5 + share / 2))
        assert unanimous(0.5, [0.5]).low is unanimous(0.5, [0.4, 0.6]).low is None

    def test_one_rater_gives_no_interval(self) -> None:
        (first, _) = jackknife(np.array([[[0, 3.0], [1.0, 0]]]), fit_bradley_terry)
        assert (first.low, first.high) == (None, None)


# Krippendorff 2011, section C: four observers, twelve units, missing data; nominal alpha is 0.743.
RELIABILITY = """
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
"""


def test_alpha_of_the_published_example() -> None:
    rows = [line.split() for line in RELIABILITY.split("\n") if line]
    units = [[float(v) for v in column if v != "."] for column in zip(*rows, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.743, abs=5e-4)


def test_alpha_and_agreement_by_brute_force() -> None:
    draw = np.random.default_rng(0)
    units = [list(draw.choice([0.0, 0.5, 1.0], draw.integers(1, 6))) for _ in range(30)]
    judged = [unit for unit in units if len(unit) > 1]
    pairs = [(a, b, len(u)) for u in judged for i, a in enumerate(u) for j, b in enumerate(u) if i != j]
    everything = [value for unit in judged for value in unit]
    observed = sum((a != b) / (m - 1) for a, b, m in pairs) / len(everything)
    crossed = [(a != b) for i, a in enumerate(everything) for j, b in enumerate(everything) if i != j]
    assert krippendorff_alpha(units) == pytest.approx(1 - observed / (sum(crossed) / len(crossed)))
    assert pairwise_agreement(units) == pytest.approx(sum(a == b for a, b, _ in pairs) / len(pairs))
    assert krippendorff_alpha([[1.0, 1.0], [1.0, 1.0]]) is None and pairwise_agreement([[1.0]]) is None


def choice(rater: str, first: str, second: str, score: float, item: str = "i") -> Choice:
    return Choice(rater, item, "goal", first, second, score, None)


def test_comparisons_that_fall_apart_are_refused_and_named() -> None:
    votes = [choice(r, "a", "b", 1.0) for r in "xy"] + [choice(r, "c", "d", 0.0) for r in "xy"]
    raters = [Rater(name, 0, 0) for name in "xy"]
    with pytest.raises(DataError, match=r"nothing connects a, b \| c, d"):
        score_study("s", votes, raters, min_attention=0.8)
    score_study("s", [*votes, choice("x", "b", "c", 0.5)], raters, min_attention=0.8)
