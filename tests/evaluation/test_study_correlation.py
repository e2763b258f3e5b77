"""Votes against metrics: the coefficients by hand, intervals by simulation, and the command from votes to lines."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from illinstr.cli.app import app
from illinstr.errors import DataError
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.reports.leaderboard import make_leaderboard, write_leaderboard
from illinstr.evaluation.results import Settings
from illinstr.evaluation.study.correlation import correlate, estimate, kendall, read_scores, spearman
from illinstr.evaluation.study.page import Key, Pair, make_study
from illinstr.evaluation.study.votes import Choice
from tests.evaluation.test_study import votes_of
from tests.support.eval_world import GOAL_COLOURS, ColourEncoder, article, make_image, write_runs

Table = NDArray[np.float64]


def tau_b_by_hand(preferred: Table, ahead: Table) -> float:
    """Kendall 1945: concordant less discordant over the root of the pairs that are not tied."""
    x, y = [*preferred, *-preferred], [*ahead, *-ahead]
    signs = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in itertools.combinations(range(len(x)), 2)]
    untied = [sum(sign[place] != 0 for sign in signs) for place in (0, 1)]
    return sum(float(a * b) for a, b in signs) / float(np.sqrt(untied[0] * untied[1]))


def rho_by_hand(preferred: Table, ahead: Table) -> float:
    """Spearman 1904: Pearson's coefficient of ranks, equal values sharing the mean of their places."""
    both = []
    for values in (np.concatenate([preferred, -preferred]), np.concatenate([ahead, -ahead])):
        ranks = np.array([sum(o < v for o in values) + (sum(o == v for o in values) + 1) / 2 for v in values])
        both.append(ranks - ranks.mean())
    return float(both[0] @ both[1] / np.sqrt((both[0] @ both[0]) * (both[1] @ both[1])))


@pytest.mark.parametrize("seed", range(8))
def test_the_coefficients_equal_those_by_hand_with_ties_and_whoever_is_called_first(seed: int) -> None:
    draw = np.random.default_rng(seed)
    preferred, ahead = draw.integers(-2, 3, 9) / 2, draw.integers(-3, 4, 9) / 7
    assert spearman(preferred, ahead) == pytest.approx(rho_by_hand(preferred, ahead), abs=1e-12)
    assert kendall(preferred, ahead) == pytest.approx(tau_b_by_hand(preferred, ahead), abs=1e-12)
    turned = draw.choice([-1, 1], 9)
    assert spearman(preferred * turned, ahead * turned) == pytest.approx(spearman(preferred, ahead), abs=1e-12)
    assert kendall(preferred * turned, ahead * turned) == pytest.approx(kendall(preferred, ahead), abs=1e-12)


def test_there_is_no_number_without_spread_and_no_interval_over_few_goals_or_without_doubt() -> None:
    votes = np.array([0.5, -0.5, 0.25, 0.5, -0.25])
    assert estimate(votes, np.zeros(5), list("abcde"), spearman) is None
    few = estimate(votes, votes[::-1], list("aabbc"), kendall)
    assert few is not None and few.low is None and few.value == pytest.approx(tau_b_by_hand(votes, votes[::-1]))
    sure = estimate(votes, 2 * votes, list("abcde"), spearman)
    assert sure is not None and sure.value == pytest.approx(1) and sure.low is None


def simulated(goals: int, draw: np.random.Generator) -> tuple[Table, Table, list[str]]:
    """Three pairs a goal that share what the goal is like; votes follow the metric with noise, in five grades."""
    shared = draw.normal(0, 0.7, (goals, 1))
    ahead = (shared + draw.normal(0, 1, (goals, 3))).ravel()
    preferred = np.round(np.tanh(ahead + (shared + draw.normal(0, 1, (goals, 3))).ravel()) * 2) / 4
    return preferred, ahead, [str(number) for number in range(goals) for _ in range(3)]


@pytest.mark.slow
def test_intervals_hold_the_true_value_at_their_rate() -> None:
    draw = np.random.default_rng(5)
    preferred, ahead, _ = simulated(40_000, draw)
    true = spearman(preferred, ahead)
    assert true is not None
    held = 0
    for _ in range(300):
        found = estimate(*simulated(20, draw), spearman)
        assert found is not None and found.low is not None and found.high is not None
        held += found.low <= true <= found.high
    assert 0.91 <= held / 300 <= 0.99


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Key]:
    """A study of a system that is right on some goals and one that is right on the others, and their evaluation."""
    folder = tmp_path_factory.mktemp("world")
    wrong = {c: article(c, images=[make_image(c, "black")] * 5) for c in GOAL_COLOURS}
    right = {c: article(c) for c in GOAL_COLOURS}
    good_at = {"alpha": ("red", "lime", "blue"), "beta": ("yellow", "aqua")}
    made = {name: [(right if c in good else wrong)[c] for c in GOAL_COLOURS] for name, good in good_at.items()}
    runs = {name: write_runs(folder / name, articles) for name, articles in made.items()}
    sources = [Source(str(runs[name]), articles) for name, articles in made.items()]
    evaluation = score(
        prepare(sources[0], Settings(bootstrap=100), others=sources[1:], every_pair=True), ColourEncoder()
    )
    write_leaderboard(folder / "board", make_leaderboard(evaluation.results), evaluation)
    study = make_study(runs, folder / "study", seed=1, checks=0)
    page = (folder / "study" / "index.html").read_text()
    for rater in ("ann", "bob", "cy"):

        def prefer(pair: Pair, question: str, rater: str = rater) -> str | None:
            who = "alpha" if any(c in pair.goal for c in good_at["alpha"]) else "beta"
            other = "beta" if who == "alpha" else "alpha"
            return who if question == "steps" else other if (question, rater) == ("goal", "ann") else None

        (folder / f"{rater}.json").write_text(json.dumps(votes_of(study.key, page, rater, prefer)))
    return folder, study.key


def test_the_command_says_how_far_metrics_agree_with_people(
    world: tuple[Path, Key], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, _ = world
    words = ["study", "score", *(str(folder / f"{name}.json") for name in ("ann", "bob", "cy"))]
    words += ["--study", str(folder / "study"), "--out", str(tmp_path / "scores.json"), "--quiet"]
    app(words, standalone_mode=False)
    assert "Spearman" not in capsys.readouterr().out
    assert json.loads((tmp_path / "scores.json").read_text())["correlations"] == []
    app([*words, "--scores", str(folder / "board")], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "steps and clip_score, 5 pairs on 5 goals: Spearman 1.00 (no interval), Kendall 1.00" in printed
    assert "steps and step_faithfulness, 5 pairs on 5 goals: Spearman 0.89 [0.80, 0.99], Kendall 0.80 [" in printed
    assert "goal and step_faithfulness, 5 pairs on 5 goals: Spearman -0.89 [" in printed
    assert "steps and goal_faithfulness, 5 pairs on 5 goals: nothing to rank" in printed
    assert "consistency and step_faithfulness, 5 pairs on 5 goals: nothing to rank" in printed
    found = {
        (e["question"], e["metric"]): e for e in json.loads((tmp_path / "scores.json").read_text())["correlations"]
    }
    assert found["steps", "feature_distance"]["spearman"]["value"] == pytest.approx(-1)  # alike is no match of steps
    with pytest.raises(DataError, match="no results in"):
        app([*words, "--scores", str(tmp_path)], standalone_mode=False)


def test_an_evaluation_without_a_run_of_the_study_is_refused_by_name(world: tuple[Path, Key]) -> None:
    with pytest.raises(DataError, match="no run called gamma, only "):
        read_scores(world[0] / "board", ["alpha", "gamma"])


def test_a_goal_that_comes_twice_is_matched_in_order_and_attention_checks_are_no_pairs() -> None:
    pairs = [Pair(item=i, goal="How to rest", sides={f"{i}1": "a", f"{i}2": "b"}) for i in ("p", "q")]
    check = Pair(item="c", goal="How to rest", sides={"c1": "a", "c2": ""}, check="c1")
    key = Key(study="s", systems=("a", "b"), pairs=(pairs[0], check, pairs[1]))
    choices = [Choice("r", "p", "goal", "a", "b", 1.0, None), Choice("r", "q", "goal", "a", "b", 0.0, None)]
    goal = "rest"
    ups = {
        ("a", goal, 0): {"m": 2.0},
        ("b", goal, 0): {"m": 1.0},
        ("a", goal, 1): {"m": 1.0},
        ("b", goal, 1): {"m": 4.0},
    }
    from illinstr.articles import normalise_goal

    named = {(system, normalise_goal("How to rest"), time): found for (system, _, time), found in ups.items()}
    (found,) = correlate(choices, key, named)
    assert (found.pairs, found.goals) == (2, 1) and found.kendall is not None
    assert found.kendall.value == pytest.approx(tau_b_by_hand(np.array([0.5, -0.5]), np.array([1.0, -3.0])))
