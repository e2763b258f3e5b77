"""Whoever does not look must not be counted, on whichever side the right answers happen to stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from illinstr.cli.app import app
from illinstr.evaluation.study.page import QUESTIONS, Made, make_study
from illinstr.evaluation.study.scores import score_study
from illinstr.evaluation.study.votes import Rater, Votes, resolve
from tests.evaluation.test_study import GOALS, data_of, make_system


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("study")
    systems = {name: make_system(folder / name, "m", 40 * k, GOALS[:2]) for k, name in enumerate(("alpha", "beta"))}
    return make_study(systems, folder / "study", seed=3, checks=4)


def shown(made: Made, turned: bool) -> list[tuple[str, str, str]]:
    """Item, left and right token as a browser shows them that turns every first twin round, or does not."""
    items = data_of((made.folder / "index.html").read_text())["items"]
    out = []
    for place, item in enumerate(items):
        swap = turned != (item["twin"] is not None and item["twin"] < place)
        left, right = (side["token"] for side in (item["sides"][::-1] if swap else item["sides"]))
        out.append((item["item"], left, right))
    return out


def votes_of(made: Made, turned: bool, side: int, ms: int = 4000, rater: str = "r") -> Votes:
    """A rater who always chooses the left (1), the right (2) or neither (0)."""
    answers = [
        {
            "item": item,
            "question": question,
            "left": left,
            "right": right,
            "ms": ms,
            "choice": ("tie", left, right)[side],
        }
        for item, left, right in shown(made, turned)
        for question in QUESTIONS
    ]
    head = {"format": "illinstr-votes", "schema_version": 1, "study": made.key.study, "rater": rater}
    return Votes.model_validate(head | {"answers": answers})


def rater_of(made: Made, votes: Votes) -> Rater:
    _, (rater,) = resolve(made.key, [Path("votes.json")], [votes])
    return rater


@pytest.mark.parametrize("turned", [True, False])
@pytest.mark.parametrize("side", [1, 2])
def test_always_one_side_is_right_in_half_of_the_checks_and_fails(made: Made, turned: bool, side: int) -> None:
    rater = rater_of(made, votes_of(made, turned, side))
    assert (rater.right, rater.checks) == (6, 12)
    assert sorted(rater.by_side) == [(0, 6), (6, 6)]
    assert not rater.passes(0.8) and not rater.passes(0.5) and rater.passes(0)


def test_checks_are_judged_by_side() -> None:
    assert Rater("x", 3, 3, by_side=((3, 3), (0, 0))).passes(0.8)
    assert not Rater("x", 9, 12, by_side=((9, 9), (0, 3))).passes(0.7)
    assert Rater("x", 3, 3).passes(0.8) and not Rater("x", 2, 3).passes(0.8) and Rater("x", 0, 0).passes(1)


def test_couples_do_not_mix_checks_and_pairs(made: Made) -> None:
    items = data_of((made.folder / "index.html").read_text())["items"]
    checks = {pair.item for pair in made.key.pairs if pair.check is not None}
    for place, item in enumerate(items):
        twin = items[item["twin"]]
        assert twin["twin"] == place and (item["item"] in checks) == (twin["item"] in checks)


def test_a_habit_of_side_ties_and_time_are_told(made: Made) -> None:
    """The p is the binomial one, summed by hand: 2 of 2 pairs on one side under chance, two-sided."""
    rater = rater_of(made, votes_of(made, False, 1))
    assert (rater.left, rater.leaning, rater.ties, rater.answers, rater.seconds) == (2, 2, 0, 6, 4.0)
    assert rater.side_p == pytest.approx(2 * 0.5**2)
    assert Rater("x", 0, 0, left=9, leaning=10).side_p == pytest.approx(2 * (10 + 1) / 2**10)
    none = rater_of(made, votes_of(made, False, 0))
    assert (none.leaning, none.ties, none.side_p) == (0, 6, None)


def test_who_is_too_fast_is_left_out_with_the_reason(made: Made, tmp_path: Path, capsys) -> None:
    paths = []
    for name, ms in (("slow", 4000), ("fast", 300)):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(votes_of(made, False, 1, ms, name).model_dump_json())
    words = ["study", "score", *map(str, paths), "--study", str(made.folder), "--min-attention", "0", "--json"]
    app([*words, "--quiet"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["excluded"] == {}
    app([*words, "--quiet", "--min-seconds", "1"], standalone_mode=False)
    said = json.loads(capsys.readouterr().out)
    assert said["excluded"] == {"fast": "0.3 s for a pair, the median of its answers"}
    assert said["raters"] == ["slow"] and said["notes"]["fast"]["seconds"] == 0.3
    app([*words[:-1], "--min-seconds", "1"], standalone_mode=False)
    assert "rater fast: 6 answers, 0 of them no difference, 0.3 s a pair, left in 2 of 2 pairs (p 0.5); left out" in (
        capsys.readouterr().out
    )


def test_the_reason_names_the_sides(made: Made) -> None:
    choices, raters = resolve(made.key, [Path("v")], [votes_of(made, False, 1)])
    other = [choice for choice in choices if choice.question == "goal"]
    kept = [each.__class__(**(each.__dict__ | {"rater": "good"})) for each in other]
    scores = score_study("s", [*choices, *kept], [*raters, Rater("good", 0, 0)], min_attention=0.8)
    assert scores.excluded == {
        "r": "6 of 12 attention answers right (6 of 6 where it stood left, 0 of 6 where it stood right)"
    }
