"""The metrics as the authors' released scripts compute them (``--protocol reproduction``), for comparison with numbers
made that way only.

Source: github.com/sachit-menon/generating-illustrated-instructions-reproduction, commit a32e630, ``clip_test_cmd.py``,
``helpers.reshape_for_multiple_choice`` and ``clip_image_test.py``. What still differs is in ``docs/evaluation.md``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from illinstr.evaluation.metrics import definitions as metrics
from illinstr.evaluation.metrics.choices import item_generator
from illinstr.evaluation.metrics.scoring import Scene, make_sample
from illinstr.evaluation.samples import Sample, group_key
from illinstr.evaluation.subjects import Panel, Subject

GROUP = 4
BATCH = 100

Row = list[tuple[Subject, Panel]]


def score_reproduction(scene: Scene, subjects: Sequence[Subject]) -> list[Sample]:
    """Every sample, in batches of 100 articles; the items of one group of four share a key, for averages by group."""
    samples: list[Sample] = []
    for start in range(0, len(subjects), BATCH):
        batch = subjects[start : start + BATCH]
        row = [(subject, panel) for subject in batch for panel in subject.panels]
        samples.extend(_goals(scene, row))
        for subject in batch:
            samples.extend(_steps(scene, subject))
        samples.extend(_consistency(scene, row))
    return samples


def _goals(scene: Scene, row: Row) -> Iterator[Sample]:
    """Every fourth image, with three random images of other goals; all four are scored against the four goals.

    The row is first filled up to a multiple of four with images drawn from it.
    """
    first = row[0][0]
    padding = item_generator(scene.seed, "reproduction padding", first.key).integers(len(row), size=-len(row) % GROUP)
    row = [*row, *(row[place] for place in padding)]
    for start in range(0, len(row), GROUP):
        query, panel = row[start]
        others = [pair for pair in row if pair[0].goal != query.goal]
        if len(others) < GROUP - 1:
            continue
        generator = item_generator(scene.seed, "reproduction goal", query.key, panel.step, start)
        drawn = [others[place] for place in generator.permutation(len(others))[: GROUP - 1]]
        group = [row[start], *drawn]
        yield from _choices(scene, "goal_faithfulness", group, [subject.goal for subject, _ in group], start)


def _steps(scene: Scene, subject: Subject) -> Iterator[Sample]:
    """Four random steps of one article against their four texts, numbered from 0."""
    if len(subject.panels) < GROUP:
        return
    generator = item_generator(scene.seed, "reproduction step", subject.key)
    panels = [subject.panels[place] for place in generator.permutation(len(subject.panels))[:GROUP]]
    group = [(subject, panel) for panel in panels]
    yield from _choices(scene, "step_faithfulness", group, [numbered(panel) for panel in panels], 0)


def _choices(scene: Scene, metric: str, group: Row, texts: list[str], start: int) -> Iterator[Sample]:
    images = scene.table.of_images([panel for _, panel in group])
    found = metrics.softmax_over_images_credit(images, scene.table.of_texts(texts))
    for own, ((subject, panel), credit) in enumerate(zip(group, found, strict=True)):
        candidates = (texts[own], *texts[:own], *texts[own + 1 :])
        sample = make_sample(
            scene, subject, metric, [panel.step], float(credit), chance=1 / GROUP, candidates=candidates
        )
        yield sample.model_copy(update={"key": _group_key(group, start)})


def _consistency(scene: Scene, row: Row) -> Iterator[Sample]:
    """The batch's images in a row, cut into groups of four that straddle articles."""
    for start in range(0, len(row) - GROUP + 1, GROUP):
        group = row[start : start + GROUP]
        panels = [panel for _, panel in group]
        distance = metrics.mean_pairwise_distance(scene.consistency_features.of_images(panels))
        sample = make_sample(scene, group[0][0], "feature_distance", [panel.step for panel in panels], distance)
        yield sample.model_copy(update={"key": _group_key(group, start)})


def _group_key(group: Row, start: int) -> str:
    subject, panel = group[0]
    return group_key(subject.key, panel.step, start)


def numbered(panel: Panel) -> str:
    """A step as the released scripts write it, numbered from 0: "2. Pour the juice into a glass"."""
    return f"{panel.step - 1}. {panel.text}"
