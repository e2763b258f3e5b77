"""Parts and opponents: breakdowns, near distractors, metrics over sets, several runs compared, what is missing said."""

from __future__ import annotations

import re

import numpy as np
import pytest

from illinstr.errors import DataError
from illinstr.evaluation.metrics.aggregate import recompute
from illinstr.evaluation.metrics.comparing import article_means
from illinstr.evaluation.reports.report import write_eval
from illinstr.evaluation.results import Settings
from illinstr.evaluation.subjects import category_of
from tests.evaluation.test_scoring import evaluate
from tests.support.eval_world import GOAL_COLOURS, STEP_COLOURS, article, good_run, make_image, twice

STEPS = tuple(STEP_COLOURS)


def test_breakdowns_add_up_to_the_whole_and_name_every_part():
    run = [
        article("red", STEPS[:3], category="crafts"),
        article("lime", STEPS[:3], category="garden", images=[make_image("red", step) for step in STEPS[:3]]),
        article("blue", STEPS, category="garden"),
        article("yellow", STEPS),
        article("aqua", STEPS, category="crafts"),
    ]
    evaluation = evaluate(run)
    parts = {(part.by, part.value): part for part in evaluation.results.breakdowns}
    assert set(parts) == {
        ("category", "(none)"), ("category", "crafts"), ("category", "garden"), ("num_steps", "3"), ("num_steps", "5")
    }  # fmt: skip
    assert [part.n_articles for part in parts.values()] == [1, 2, 2, 2, 3]
    by_key = article_means([s for s in evaluation.samples if s.metric == "goal_faithfulness"])
    garden = [by_key[s.key] for s in evaluation.samples if s.category == "garden" and s.metric == "consistency"]
    found = {metric.name: metric for metric in parts["category", "garden"].metrics}
    assert found["goal_faithfulness"].value == pytest.approx(float(np.mean(garden)))
    assert found["goal_faithfulness"].value < 1
    whole = evaluation.results.metric("goal_faithfulness").value
    for by in ("category", "num_steps"):
        chosen = [part for (kind, _), part in parts.items() if kind == by]
        means = {part.value: next(m.value for m in part.metrics if m.name == "goal_faithfulness") for part in chosen}
        assert sum(means[part.value] * part.n_articles for part in chosen) / 5 == pytest.approx(whole)
    assert evaluate(good_run()).results.breakdowns == ()


@pytest.mark.parametrize(
    ("extra", "category"),
    [
        ({"category": "care", "categories": ["Food"]}, "care"),
        ({"categories": ["Food and Entertaining", "Recipes"]}, "Food and Entertaining"),
        ({"family": "juice"}, "juice"),
        ({"category": 7, "categories": "Food", "family": ""}, None),
        ({}, None),
    ],
)
def test_what_an_article_is_about(extra, category):
    assert category_of(article("red").model_copy(update={"extra": extra})) == category


def test_near_distractors_come_from_the_same_family_first():
    family = {"red": "warm", "yellow": "warm", "lime": "cold", "blue": "cold", "aqua": "cold"}

    def group_of(goal):
        return next((kind for colour, kind in family.items() if colour in goal), None)

    settings = Settings(bootstrap=200, num_distractors=2, goal_distractors="near")
    evaluation = evaluate(good_run(), settings=settings, group_of=group_of)
    for sample in evaluation.samples:
        if sample.metric == "goal_faithfulness":
            own, *others = [group_of(goal) for goal in sample.candidates]
            expected = {"warm": 1, "cold": 2}[own]  # the other warm goal, then a cold one fills up
            assert others.count(own) == expected
    assert evaluation.results.metric("goal_faithfulness").definition == "goal_faithfulness/near-1"
    by_category = [article(c, category=family[c]) for c in GOAL_COLOURS]
    again = evaluate(by_category, settings=settings)
    assert [s.candidates for s in again.samples] == [s.candidates for s in evaluation.samples]
    assert [s.candidates for s in evaluate(good_run()).samples] != [s.candidates for s in again.samples]


def test_fid_is_refused_under_a_sane_n_and_labelled_over_it():
    refused = evaluate(good_run(), truth=good_run()[::-1])
    assert refused.results.metric("fid") is None
    assert "25 images are too few: under 2048" in refused.results.skipped["fid"]
    stated = evaluate(good_run(), truth=good_run(), settings=Settings(bootstrap=200, min_fid_pictures=25))
    fid, kid = stated.results.metric("fid"), stated.results.metric("kid")
    assert fid.label == "fid (colours, n=25)" and kid.label == "kid (colours, n=25)"
    assert fid.value == pytest.approx(0, abs=1e-6)
    assert any("FID is biased upwards" in warning for warning in stated.results.warnings)
    assert not any("FID" in warning for warning in refused.results.warnings)
    assert stated.results.metric("clip_score").label == "clip_score (colours, n=25)"
    assert stated.results.metric("goal_faithfulness").label == "goal_faithfulness"


def test_metrics_over_sets_compare_the_same_goals_and_see_what_is_off():
    grey = [article(c, images=[make_image(c, "gray")] * 5) for c in GOAL_COLOURS]
    evaluation = evaluate(twice(good_run()), other=twice(grey)[:8], truth=twice(good_run()))
    results = evaluation.results
    assert results.metric("kid").n_articles == 10
    assert results.metric("kid", "other").n_articles == 8
    compared = {each.metric: each for each in results.comparisons}
    for name in ("kid", "cmmd"):
        assert results.metric(name).value < results.metric(name, "other").value
        assert (compared[name].n_articles, compared[name].better) == (8, "a")
        assert compared[name].low <= compared[name].difference <= compared[name].high < 0


def test_several_others_are_compared_and_holm_counts_them_all():
    bad = [article(c, images=[make_image("red", "black")] * 5) for c in GOAL_COLOURS]
    one = evaluate(twice(good_run()), other=twice(bad)).results
    two = evaluate(twice(good_run()), other=twice(bad), third=twice(good_run())).results
    assert two.names == {"run": "run", "other": "other", "other-2": "third"}
    assert {(each.a, each.b) for each in two.comparisons} == {("run", "other"), ("run", "other-2")}
    p = [next(e for e in r.comparisons if (e.b, e.metric) == ("other", "step_faithfulness")) for r in (one, two)]
    assert p[0].p == p[1].p and p[0].p_holm < p[1].p_holm
    assert p[0].p_holm == pytest.approx(min(len(one.comparisons) * p[0].p, 1), rel=1)
    assert f"all {len(two.comparisons)} comparisons (Holm)" in two.verdict
    assert all(not each.settled for each in two.comparisons if each.b == "other-2")
    better = next(each for each in one.comparisons if each.metric == "step_faithfulness")
    assert better.wins == 1 and (better.effect is None or better.effect > 1)


def test_an_interval_that_leaves_out_zero_is_no_difference_before_holm():
    """All of five articles differ, and five articles cannot settle it: neither their interval nor their p."""
    bad = [article(c, images=[make_image("red", "black")] * 5) for c in GOAL_COLOURS]
    comparison = next(
        each for each in evaluate(good_run(), other=bad).results.comparisons if each.metric == "step_faithfulness"
    )
    assert comparison.low < 0 and comparison.p == pytest.approx(2 / 2**5)
    assert not comparison.settled and comparison.better is None


def test_a_part_is_said_in_the_verdict_too():
    run = [
        article(c, images=[make_image(c, STEPS[0]), None, *(make_image(c, s) for s in STEPS[2:])]) for c in GOAL_COLOURS
    ]
    assert "Only 20 of 25 steps have an image" in evaluate(run).results.verdict
    assert "Only 20 of 25" in evaluate(run, other=good_run()).results.verdict
    assert "Only" not in evaluate(good_run()).results.verdict
    beside = "\n".join(evaluate(good_run(), other=run, truth=[article("red", size=24)]).results.warnings)
    assert "5 articles of other have steps without an image" in beside
    assert "truth has 1 of the 5 articles" in beside and "2 sizes (16x16, 24x24)" in beside
    assert evaluate(run).results.coverage.model_dump() == {
        "articles": 5, "articles_with_pictures": 5, "steps": 25, "pictures": 20,
    }  # fmt: skip


def test_damaged_features_are_named(tmp_path):
    write_eval(tmp_path, evaluate(good_run(), truth=good_run()))
    (tmp_path / "eval" / "features.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0garbage")
    with pytest.raises(DataError, match="does not hold features"):
        recompute(tmp_path / "eval")


def test_the_verdict_names_winners_with_figures_and_gathers_what_cannot_be_told():
    turned = STEPS[1:] + STEPS[:1]
    bad = [article(c, images=[make_image(c, step) for step in turned]) for c in GOAL_COLOURS]
    verdict = evaluate(twice(good_run()), other=twice(bad), truth=twice(good_run())).results.verdict
    assert re.match(
        r"run is better than other on step_faithfulness \(\+9.* % \[.*\], d \+.*, 10 shared goals, p = 0", verdict
    )
    assert (
        "On goal_faithfulness, consistency, consistency_gap and kid 10 shared goals cannot tell run from other."
        in verdict
    )
    assert verdict.count("is better than") == 1 and "Holm" in verdict
    backwards = evaluate(twice(bad), other=twice(good_run())).results.verdict
    assert backwards.startswith("other is better than run on step_faithfulness (-9")
    same = [article(c, images=[make_image(c, "black")] * 5) for c in GOAL_COLOURS]
    assert "run and other differ on consistency (" in evaluate(twice(good_run()), other=twice(same)).results.verdict
