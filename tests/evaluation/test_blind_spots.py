"""What a report says of its own metrics: known blind spots, unknown ones, and goals never without steps."""

from __future__ import annotations

import pytest

from illinstr.evaluation.claims import CLAIMS, NEAR
from illinstr.evaluation.encoders.transformers import JUDGE_FOLDER, fingerprint
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.reports import blind_spots, perturbation_table
from illinstr.evaluation.reports.leaderboard import board_cells, make_leaderboard
from illinstr.evaluation.reports.report import render, table_rows
from illinstr.evaluation.results import Settings
from tests.evaluation.test_scoring import evaluate
from tests.support.eval_world import GOAL_COLOURS, ColourEncoder, article, good_run, make_image

SPOTS = {
    ColourEncoder.sha256: blind_spots.Measured(
        40, {"goal_faithfulness": {"minds_not": ("mirrored",)}, NEAR: {"sees": ("one shape wrong everywhere", "grey")}}
    ),
    blind_spots.PIXELS: blind_spots.Measured(40, {"consistency": {"sees": ("skin changed per image",)}}),
}


def single_steps():
    """Articles of one step, whose images have no other step to be told from."""
    return [article(colour, steps=("black",)) for colour in GOAL_COLOURS]


def test_what_was_measured_of_an_encoder_is_said_of_its_metrics_alone(monkeypatch):
    monkeypatch.setattr(blind_spots, "RECORDED", SPOTS)
    verdict = evaluate(good_run(), truth=good_run()).results.verdict
    assert "Known blind spots (eval --faults, 40 true articles): goal_faithfulness is moved by mirrored;" in verdict
    assert "consistency does not see skin changed per image" in verdict
    assert "consistency_gap does not see skin changed per image" in verdict
    assert "one shape wrong everywhere" not in verdict and "was not measured" not in verdict


def test_near_goals_have_blind_spots_of_their_own():
    results = evaluate(good_run()).results
    near = blind_spots.told(results.metrics, Settings(goal_distractors="near"), SPOTS)
    assert "goal_faithfulness does not see one shape wrong everywhere and grey" in near and "mirrored" not in near


def test_of_another_encoder_and_of_the_scripts_definitions_the_verdict_says_that_nobody_looked(monkeypatch):
    monkeypatch.setattr(blind_spots, "RECORDED", {blind_spots.PIXELS: SPOTS[blind_spots.PIXELS]})
    verdict = evaluate(good_run()).results.verdict
    assert "What goal_faithfulness, step_faithfulness, clip_score, feature_distance and diversity miss was" in verdict
    assert "consistency does not see" in verdict
    monkeypatch.setattr(blind_spots, "RECORDED", SPOTS)
    scripts = score(prepare(Source("run", good_run()), Settings(protocol="reproduction")), ColourEncoder())
    assert "was not measured here" in scripts.results.verdict and "Known blind" not in scripts.results.verdict


def test_goal_faithfulness_never_stands_without_step_faithfulness():
    whole = evaluate(good_run()).results.verdict
    assert "Goal faithfulness does not ask for steps" in whole and "read it with step faithfulness." in whole
    evaluation = evaluate(single_steps(), other=single_steps(), every_pair=True)
    results = evaluation.results
    assert results.metric("goal_faithfulness") and results.metric("step_faithfulness") is None
    assert "step faithfulness could not be scored, so it says little here" in results.verdict
    rows = table_rows(results)
    assert [row.metric for row in rows[:2]] == ["goal_faithfulness", "step_faithfulness"]
    assert (rows[1].value, rows[1].interval, rows[1].sides) == ("–", "–", ("–",))
    assert "<td>step_faithfulness<small>" in render(evaluation)
    board = make_leaderboard(results)
    assert "step faithfulness could not be scored" in board.verdict
    header, lines = board_cells(board)
    place = header.index("goal_faithfulness")
    assert header[place + 1] == "step_faithfulness" and lines[0][place + 1] == "–"


@pytest.mark.parametrize("spots", [measured.spots for measured in blind_spots.RECORDED.values()])
def test_the_record_speaks_of_claims_that_are_made(spots):
    for metric, kinds in spots.items():
        assert set(kinds.get("sees", ())) <= set(CLAIMS[metric].sees)
        assert set(kinds.get("minds_not", ())) <= set(CLAIMS[metric].minds_not)


def test_the_judge_inside_the_package_is_on_record():
    assert {fingerprint(JUDGE_FOLDER), blind_spots.PIXELS} <= set(blind_spots.RECORDED)


def test_a_table_of_faults_gives_what_the_record_holds():
    """One image repeated in every step: right goals, no steps. A judge that sees colours sees that."""
    true = [*good_run(), *good_run()]
    repeated = [article(c, images=[make_image(c, "black")] * 5) for c in (*GOAL_COLOURS, *GOAL_COLOURS)]
    scored = evaluate(repeated, other=true).results
    row = perturbation_table.FaultRow(
        name="one image repeated",
        metrics={each.name: each for each in scored.metrics},
        comparisons={each.metric: each for each in scored.comparisons},
    )
    claims = perturbation_table.tested_claims([row])
    table = perturbation_table.FaultTable(
        source="test", n_articles=10, n_pictures=50, settings=scored.settings, encoders=scored.encoders,
        rows=(row,), claims=claims,
    )  # fmt: skip
    assert {claim.metric for claim in claims} == {"step_faithfulness", "diversity"} and not table.blind_spots()
