"""The protocol of the authors' released scripts beside a second implementation of its rules, on the same images."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.metrics.choices import item_generator
from illinstr.evaluation.metrics.reproduction import BATCH
from illinstr.evaluation.results import Settings
from illinstr.evaluation.subjects import open_panel
from tests.support.eval_world import GOAL_COLOURS, STEP_COLOURS, ColourEncoder, article, noise

SETTINGS = Settings(bootstrap=100, protocol="reproduction", seed=3)
STEPS = tuple(STEP_COLOURS)
LENGTHS = (5, 4, 3, 5, 2)


@pytest.fixture(scope="module")
def run():
    """Five goals, the last twice, of unlike lengths, drawn at random: choices are right and wrong."""
    made = [
        article(colour, STEPS[:length], images=[noise(10 * number + k) for k in range(length)])
        for number, (colour, length) in enumerate(zip(GOAL_COLOURS, LENGTHS, strict=True))
    ]
    again = article("aqua", STEPS, images=[noise(90 + k) for k in range(5)], id="again")
    return [*made, again]


@pytest.fixture(scope="module")
def evaluated(run):
    return score(prepare(Source("run", run), SETTINGS), ColourEncoder())


def scripts_choice(images, texts):
    """As the scripts write it: normalise, einsum, softmax over the images, argmax, compare with 0, 1, 2, 3."""
    images, texts = (torch.nn.functional.normalize(torch.tensor(each), dim=1) for each in (images, texts))
    every = torch.einsum("b m d, b n d -> b m n", images[None], texts[None])
    return (every.softmax(dim=-2).reshape(-1, 4).argmax(dim=-1) == torch.arange(4)).double().tolist()


def test_every_number_equals_the_second_implementation(run, evaluated):
    encoder = ColourEncoder()

    def image(data):
        return encoder.encode_images([open_panel(data, "x")])[0].astype(float)

    seen = {}
    rows = []
    for each in run:
        seen[each.goal] = seen.get(each.goal, 0) + 1
        key = f"{each.goal.removeprefix('How to ').lower()} #{seen[each.goal]}"
        rows += [(each, key, k, image(step.image.data)) for k, step in enumerate(each.steps)]
    keys = {each.id: key for each, key, _, _ in rows}
    assert {s.key.split(" / ")[0] for s in evaluated.samples} <= set(keys.values())

    padding = item_generator(3, "reproduction padding", rows[0][1]).integers(len(rows), size=-len(rows) % 4)
    padded = rows + [rows[place] for place in padding]
    goal_scores = []
    for start in range(0, len(padded), 4):
        query = padded[start]
        others = [row for row in padded if row[0].goal != query[0].goal]
        order = item_generator(3, "reproduction goal", query[1], query[2] + 1, start).permutation(len(others))
        group = [query, *(others[place] for place in order[:3])]
        texts = encoder.encode_texts([row[0].goal for row in group]).astype(float)
        goal_scores += scripts_choice(np.stack([row[3] for row in group]), texts)
    step_scores = []
    for each in run:
        own = [row for row in rows if row[0].id == each.id]
        if len(own) >= 4:
            order = item_generator(3, "reproduction step", keys[each.id]).permutation(len(own))[:4]
            texts = encoder.encode_texts([f"{own[k][2]}. {each.steps[own[k][2]].headline}" for k in order])
            step_scores += scripts_choice(np.stack([own[k][3] for k in order]), texts.astype(float))
    distances = []
    for start in range(0, len(rows) - 3, 4):
        group = [row[3] for row in rows[start : start + 4]]
        distances.append(np.mean([math.dist(a, b) for a, b in itertools.combinations(group, 2)]))

    found = {metric.name: metric for metric in evaluated.results.metrics}
    for name, scores in (("goal_faithfulness", goal_scores), ("step_faithfulness", step_scores)):
        assert 0 < np.mean(scores) < 1
        assert [s.score for s in evaluated.samples if s.metric == name] == scores
        assert found[name].value == pytest.approx(np.mean(scores))
    assert found["feature_distance"].value == pytest.approx(np.mean(distances))
    assert found["feature_distance"].n_items == len(rows) // 4 and found["goal_faithfulness"].n_articles <= len(run)


def test_groups_never_leave_their_batch(monkeypatch, run):
    monkeypatch.setattr("illinstr.evaluation.metrics.reproduction.BATCH", 3)
    assert BATCH == 100
    samples = score(prepare(Source("run", run), SETTINGS), ColourEncoder()).samples
    first = {each.goal for each in run[:3]}
    for sample in samples:
        if sample.metric == "goal_faithfulness":
            assert set(sample.candidates) <= (first if sample.goal in first else {each.goal for each in run[3:]})


def test_steps_are_numbered_from_0(evaluated):
    texts = {text for s in evaluated.samples if s.metric == "step_faithfulness" for text in s.candidates}
    assert {text[0] for text in texts} <= set("01234") and any(text.startswith("0. ") for text in texts)
