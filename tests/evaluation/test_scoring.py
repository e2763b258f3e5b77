"""The whole evaluation with a real small encoder: right articles score right, every planted fault is seen."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from illinstr.errors import DataError, UsageError
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.metrics.aggregate import recompute
from illinstr.evaluation.metrics.comparing import article_means
from illinstr.evaluation.reports.report import write_eval
from illinstr.evaluation.results import DEFINITIONS, Results, Settings, read_results
from illinstr.evaluation.samples import Sample, read_samples
from tests.support.eval_world import (
    GOAL_COLOURS,
    STEP_COLOURS,
    ColourEncoder,
    article,
    good_run,
    make_image,
    noise,
    twice,
)

STEPS = tuple(STEP_COLOURS)
FAST = Settings(bootstrap=200)


def evaluate(run, *, settings=FAST, encoder=None, consistency=None, **sources):
    others = [Source(name, sources.pop(name)) for name in ("other", "third") if name in sources]
    truth = Source("truth", sources.pop("truth")) if "truth" in sources else None
    prepared = prepare(Source("run", run), settings, others=others, truth=truth, **sources)
    return score(prepared, encoder or ColourEncoder(), consistency)


def values(evaluation) -> dict[str, float]:
    return {metric.name: metric.value for metric in evaluation.results.metrics}


def test_right_images_find_their_goal_and_step():
    found = values(evaluate(good_run(), truth=good_run()))
    assert set(found) == {
        name for name in DEFINITIONS if name not in ("fid", "attributes_as_named") and not name.startswith("vlm")
    }
    assert found["goal_faithfulness"] == found["step_faithfulness"] == found["diversity"] == 1
    assert found["consistency_gap"] == 0


def test_shuffled_steps_cost_step_faithfulness_alone():
    turned = STEPS[1:] + STEPS[:1]
    run = [article(c, images=[make_image(c, step) for step in turned]) for c in GOAL_COLOURS]
    found = values(evaluate(run, truth=good_run(), settings=Settings(bootstrap=200, num_distractors=4)))
    assert found["step_faithfulness"] == 0
    assert found["goal_faithfulness"] == 1
    assert found["consistency_gap"] == pytest.approx(0)


def test_swapped_goals_cost_goal_faithfulness_alone():
    colours = list(GOAL_COLOURS)
    run = [
        article(c, images=[make_image(other, step) for step in STEPS])
        for c, other in zip(colours, colours[1:] + colours[:1], strict=True)
    ]
    found = values(evaluate(run, settings=Settings(bootstrap=200, num_distractors=4)))
    assert found["goal_faithfulness"] == 0
    assert found["step_faithfulness"] == 1


def test_one_image_over_and_over_is_flagged_and_has_a_gap():
    run = [article(c, images=[make_image(c, "black")] * 5) for c in GOAL_COLOURS]
    evaluation = evaluate(run, truth=good_run(), settings=Settings(bootstrap=200, num_distractors=4))
    found = values(evaluation)
    truth = {metric.name: metric.value for metric in evaluation.results.side_metrics["truth"]}
    assert found["consistency"] == found["diversity"] == 0
    assert found["consistency_gap"] == pytest.approx(truth["consistency"])
    assert found["step_faithfulness"] == pytest.approx(1 / 5)
    assert any("one image over and over" in warning for warning in evaluation.results.warnings)
    assert not any("over and over" in warning for warning in evaluate(good_run()).results.warnings)


def test_noise_scores_near_guessing_and_is_less_consistent_than_the_truth():
    run = [article(c, images=[noise(9 * i + j) for j in range(5)]) for i, c in enumerate(GOAL_COLOURS)]
    evaluation = evaluate(run, truth=good_run())
    goal = evaluation.results.metric("goal_faithfulness")
    assert goal.chance == 0.25
    assert goal.value < 0.6
    assert values(evaluation)["consistency_gap"] > 0.1


def test_the_interval_rests_on_articles_not_on_images():
    colours = list(GOAL_COLOURS)
    run = [article(c, images=[make_image(colours[0], step) for step in STEPS]) for c in colours]
    evaluation = evaluate(run, settings=Settings(bootstrap=500, num_distractors=4))
    goal = evaluation.results.metric("goal_faithfulness")
    assert (goal.value, goal.n_articles, goal.n_items) == (pytest.approx(0.2), 5, 25)
    assert 0 <= goal.low < 0.01
    assert goal.high >= 0.6


def test_articles_weigh_the_same_whatever_their_length():
    long = article("red", STEPS)
    short = article("blue", STEPS[:2], images=[make_image("blue", "white"), make_image("blue", "black")])
    evaluation = evaluate([long, short])
    assert evaluation.results.metric("step_faithfulness").value == pytest.approx(0.5)
    assert evaluation.results.metric("step_faithfulness").chance == pytest.approx((1 / 4 + 1 / 2) / 2)
    assert "goal_faithfulness" in evaluation.results.skipped


def test_choices_stay_inside_the_article_and_spare_goals_fill_a_small_pool():
    evaluation = evaluate(good_run()[:2], spare_goals=["How to bake bread", "How to fly", "How to swim"])
    for sample in evaluation.samples:
        if sample.metric == "step_faithfulness":
            assert set(sample.candidates) <= {f"Draw the {step} square" for step in STEPS}
        if sample.metric == "goal_faithfulness":
            assert len(set(sample.candidates)) == 4
    assert evaluation.results.metric("goal_faithfulness").chance == 0.25
    full = evaluate(good_run(), spare_goals=["How to bake bread"])
    assert not any("How to bake bread" in sample.candidates for sample in full.samples)


def test_the_order_of_articles_changes_no_score():
    run = good_run()
    forward, backward = evaluate(run), evaluate(run[::-1])
    assert sorted(forward.samples, key=repr) == sorted(backward.samples, key=repr)
    assert forward.results.metrics == backward.results.metrics


def test_two_runs_face_the_same_distractors_and_the_better_one_is_named():
    bad = [article(c, images=[make_image("red", "black")] * 5) for c in GOAL_COLOURS]
    evaluation = evaluate(twice(good_run()), other=twice(bad))
    by_side = {
        side: {(s.key, s.steps): s.candidates for s in evaluation.samples if s.side == side and s.metric == metric}
        for side in ("run", "other")
        for metric in ("goal_faithfulness",)
    }
    assert by_side["run"] == by_side["other"]
    verdicts = {comparison.metric: comparison for comparison in evaluation.results.comparisons}
    assert verdicts["goal_faithfulness"].better == verdicts["step_faithfulness"].better == "a"
    assert verdicts["consistency"].better is None and verdicts["consistency"].settled
    assert "run is better than other on goal_faithfulness" in evaluation.results.verdict
    turned = evaluate(twice(bad), other=twice(good_run()))
    assert {c.metric: c.better for c in turned.results.comparisons}["goal_faithfulness"] == "b"
    same = evaluate(good_run(), other=good_run())
    assert all(not comparison.settled for comparison in same.results.comparisons)


def test_the_comparison_equals_means_over_shared_goals():
    evaluation = evaluate(good_run(), other=[article("red", images=[make_image("red", "black")] * 5), article("lime")])
    sides = {}
    for side in ("run", "other"):
        chosen = [s for s in evaluation.samples if s.side == side and s.metric == "step_faithfulness"]
        sides[side] = article_means(chosen)
    shared = [sides["run"][key] - sides["other"][key] for key in sides["other"]]
    comparison = next(c for c in evaluation.results.comparisons if c.metric == "step_faithfulness")
    assert comparison.n_articles == 2
    assert comparison.difference == pytest.approx(float(np.mean(shared)))
    assert any("2 of the 5 articles" in warning for warning in evaluation.results.warnings)


def test_gap_compares_the_same_goal_and_the_same_time_it_comes():
    run = [article("red", STEPS[:2]), article("red", STEPS, id=1)]
    truth = [article("red", STEPS), article("red", STEPS[:2], id=1), article("lime")]
    evaluation = evaluate(run, truth=truth)
    signed = sorted(s.score for s in evaluation.samples if s.metric == "consistency_gap")
    assert signed[0] == pytest.approx(-signed[1]) and evaluation.results.metric("consistency_gap").value < 1e-9
    assert {s.goal for s in evaluation.samples} == {"How to paint a red wall"}


def test_every_distinct_image_is_encoded_once():
    encoder = ColourEncoder()
    evaluate(good_run(), truth=good_run(), encoder=encoder)
    assert encoder.images == 25


def test_consistency_may_have_an_encoder_of_its_own():
    class Doubled(ColourEncoder):
        id, sha256 = "doubled", "2" * 64

        def encode_images(self, images):
            return 2 * super().encode_images(images)

    plain, doubled = evaluate(good_run()), evaluate(good_run(), consistency=Doubled())
    assert values(doubled)["feature_distance"] == pytest.approx(2 * values(plain)["feature_distance"])
    assert values(doubled)["consistency"] == values(plain)["consistency"]
    assert values(doubled)["goal_faithfulness"] == values(plain)["goal_faithfulness"]
    assert doubled.results.metric("feature_distance").encoder == "doubled"
    assert doubled.results.metric("clip_score").encoder == "colours"


def test_step_text_full_reads_the_body_and_cut_texts_are_reported():
    short, full = (
        evaluate(good_run(), encoder=ColourEncoder(max_words=6), settings=Settings(bootstrap=200, step_text=text))
        for text in ("headline", "full")
    )
    assert any("black black black" in c for s in full.samples for c in s.candidates)
    assert not any("black black" in c for s in short.samples for c in s.candidates)
    assert full.results.encoders.encoder.cut_share > 0 and any("were cut" in w for w in full.results.warnings)
    assert short.results.encoders.encoder.cut_share == 0 and not any("were cut" in w for w in short.results.warnings)


def test_reproduction_straddles_articles_and_drops_the_rest():
    evaluation = evaluate(good_run(), settings=Settings(bootstrap=200, protocol="reproduction"))
    found = {metric.name: metric for metric in evaluation.results.metrics}
    assert set(found) == {"goal_faithfulness", "step_faithfulness", "feature_distance"}
    assert found["feature_distance"].n_items == 25 // 4
    assert found["step_faithfulness"].n_items == 5 * 4
    assert found["goal_faithfulness"].definition == "goal_faithfulness/reproduction-2"
    encoder = ColourEncoder()
    row = [make_image(colour, step) for colour in GOAL_COLOURS for step in STEPS]
    from illinstr.evaluation.subjects import open_panel

    features = encoder.encode_images([open_panel(data, "x") for data in row])
    groups = [features[start : start + 4].tolist() for start in range(0, 24, 4)]
    expected = [np.mean([math.dist(a, b) for a, b in itertools.combinations(group, 2)]) for group in groups]
    scores = [s.score for s in evaluation.samples if s.metric == "feature_distance"]
    assert scores == pytest.approx(expected)
    texts = {c for s in evaluation.samples if s.metric == "step_faithfulness" for c in s.candidates}
    assert texts <= {f"{number}. Draw the {step} square" for number, step in enumerate(STEPS)}
    with pytest.raises(UsageError, match="3 distractors"):
        evaluate(good_run(), settings=Settings(protocol="reproduction", num_distractors=2))


def test_seed_and_distractors_change_the_choices():
    base = evaluate(good_run())
    reseeded = evaluate(good_run(), settings=Settings(bootstrap=200, seed=1))
    fewer = evaluate(good_run(), settings=Settings(bootstrap=200, num_distractors=1))
    assert [s.candidates for s in base.samples] != [s.candidates for s in reseeded.samples]
    assert {len(s.candidates) for s in fewer.samples} == {0, 2}
    assert fewer.results.metric("goal_faithfulness").chance == 0.5


def test_recompute_gives_back_every_number(tmp_path):
    bad = [article(c, images=[noise(9 * i + j) for j in range(5)]) for i, c in enumerate(GOAL_COLOURS)]
    evaluation = evaluate(good_run(), other=bad, truth=good_run()[::-1])
    write_eval(tmp_path, evaluation)
    assert recompute(tmp_path / "eval") == read_results(tmp_path / "eval") == evaluation.results
    assert read_samples(tmp_path / "eval" / "samples.jsonl") == evaluation.samples
    lines = (tmp_path / "eval" / "samples.jsonl").read_text().splitlines()
    (tmp_path / "eval" / "samples.jsonl").write_text("\n".join(lines[:-30]) + "\n")
    assert recompute(tmp_path / "eval") != evaluation.results


def test_the_same_evaluation_writes_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_eval(tmp_path / name, evaluate(good_run(), truth=good_run()))
    for file in ("results.json", "samples.jsonl", "report.html"):
        assert (tmp_path / "a/eval" / file).read_bytes() == (tmp_path / "b/eval" / file).read_bytes()


def test_results_schema_is_frozen():
    """A change here is a change of contract: raise ``RESULTS_VERSION``."""
    schema = Results.model_json_schema()
    assert sorted(schema["properties"]) == [
        "breakdowns", "compared", "comparisons", "coverage", "encoders", "environment", "limit", "metrics",
        "n_articles", "n_pictures", "names", "run", "schema_version", "settings", "side_metrics", "skipped", "split",
        "verdict", "warnings",
    ]  # fmt: skip
    assert sorted(schema["$defs"]["Metric"]["properties"]) == [
        "chance", "confidence", "definition", "direction", "encoder", "encoder_sha256", "high", "interval", "label",
        "low", "n_articles", "n_items", "name", "value",
    ]  # fmt: skip
    assert sorted(schema["$defs"]["Comparison"]["properties"]) == [
        "a", "b", "better", "difference", "effect", "high", "interval", "low", "metric", "n_articles", "p", "p_holm",
        "settled", "wins",
    ]  # fmt: skip
    assert schema["properties"]["schema_version"]["const"] == 2
    assert sorted(Sample.model_json_schema()["properties"]) == [
        "article", "candidates", "category", "chance", "goal", "key", "metric", "num_steps", "score", "side",
        "similarities", "steps",
    ]  # fmt: skip


def test_missing_images_mixed_sizes_and_few_articles_are_named():
    run = [
        article("red", images=[make_image("red", STEPS[0]), None, *(make_image("red", s) for s in STEPS[2:])]),
        article("lime", size=24),
        article("blue", images=[None] * 5),
    ]
    evaluation = evaluate(run)
    text = "\n".join(evaluation.results.warnings)
    assert "1 of 3 articles have no image" in text
    assert "1 articles have steps without an image" in text
    assert "2 sizes (16x16, 24x24)" in text
    assert "few articles (2)" in text
    assert evaluation.results.n_pictures == 9


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(DataError, match="no article in run has an image"):
        evaluate([article("red", images=[None] * 5)])
    with pytest.raises(DataError, match="no goal in common"):
        evaluate([article("red")], truth=[article("lime")])
    with pytest.raises(DataError, match="no goal in common"):
        evaluate([article("red")], other=[article("lime")])


def test_a_image_that_cannot_be_read_is_named_whoever_has_it():
    torn = article("red")
    torn = torn.with_images({2: torn.steps[2].image.data[:60]})
    named = f"step 3 of {torn.id} in"
    with pytest.raises(DataError, match=f"{named} run"):
        evaluate([article("lime"), torn])
    with pytest.raises(DataError, match=f"{named} other"):
        evaluate(good_run(), other=[torn])
    with pytest.raises(DataError, match=f"{named} truth"):
        evaluate(good_run(), truth=[torn])
    evaluate([article("lime")], truth=[article("lime"), torn])  # not asked about: never decoded


def test_images_of_several_sizes_in_one_article_are_named():
    images = [make_image("red", step, 16 + 8 * (place == 2)) for place, step in enumerate(STEPS)]
    mixed = evaluate([article("red", images=images), article("lime")]).results
    assert any("2 sizes (16x16, 24x24)" in warning for warning in mixed.warnings)
    assert mixed.metric("step_faithfulness").n_items == 10


def test_wordings_that_mean_one_goal_are_matched_when_told_so():
    run = [article("red", goal="Make the wall red")]
    with pytest.raises(DataError, match="no goal in common"):
        evaluate(run, truth=[article("red")])
    evaluation = evaluate(run, truth=[article("red")], identify=lambda goal: "red" if "red" in goal else goal)
    assert evaluation.results.metric("consistency_gap").value == 0
