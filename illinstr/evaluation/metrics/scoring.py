"""From articles and features to samples: one function a metric."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from illinstr.evaluation.encoders.features import FeatureTable
from illinstr.evaluation.metrics import definitions as metrics
from illinstr.evaluation.metrics.choices import goal_choices, item_generator, step_choices
from illinstr.evaluation.results import DEFINITIONS, Definition
from illinstr.evaluation.samples import Sample, Side
from illinstr.evaluation.subjects import Panel, Subject


@dataclass(frozen=True)
class Scene:
    """What scoring one side needs beside its articles.

    ``pool`` holds the goals distractors are drawn from, by identity; empty leaves goal faithfulness out. ``near`` says
    which identities are near a goal's, where near distractors are asked for. ``unexplained`` holds the share of an
    article's even areas that its other images do not explain (``encoders.unexplained``), by ``Subject.images``.
    """

    side: Side
    table: FeatureTable
    consistency_features: FeatureTable
    pool: dict[str, str]
    seed: int
    distractors: int
    near: Mapping[str, frozenset[str]] = field(default_factory=dict)
    unexplained: Mapping[str, float] = field(default_factory=dict)


def make_sample(
    scene: Scene, subject: Subject, metric: str, steps: Sequence[int], score: float, **rest: object
) -> Sample:
    """The score of an item of one article."""
    return Sample(
        side=scene.side,
        metric=metric,
        article=subject.id,
        key=subject.key,
        goal=subject.goal,
        category=subject.category,
        num_steps=len(subject.texts),
        steps=tuple(steps),
        score=score,
        **rest,
    )


# What a metric of one's own says of one article: (steps counted from 1, score) for each scored item.
ScoreArticle = Callable[[Scene, Subject], Iterable[tuple[Sequence[int], float]]]
_registered: dict[str, ScoreArticle] = {}


def register_metric(name: str, definition: Definition, score: ScoreArticle) -> None:
    """Add a metric to every evaluation by our protocol: samples, intervals, comparisons and reports include it.

    Args:
        name: its name in results; a metric that came with the package cannot be replaced.
        definition: what it says of itself.
        score: the scores of one article, from the features in ``Scene``.

    Raises:
        ValueError: the name is taken.
    """
    if name in DEFINITIONS:
        raise ValueError(f"there is a metric called {name} already")
    DEFINITIONS[name], _registered[name] = definition, score


def unregister_metric(name: str) -> None:
    """Remove a metric that was added."""
    del DEFINITIONS[name], _registered[name]


def score_ours(scene: Scene, subjects: Sequence[Subject]) -> list[Sample]:
    """Every sample of DESIGN's metrics, article by article."""
    samples: list[Sample] = []
    for subject in subjects:
        for panel in subject.panels:
            if scene.pool:
                samples.append(_goal_choice(scene, subject, panel))
            samples.extend(_step_choice(scene, subject, panel))
            samples.append(_clip_score(scene, subject, panel))
        samples.extend(_consistency(scene, subject))
        samples.extend(make_sample(scene, subject, name, [step], value) for name, step, value in subject.measured)
        for name, score in _registered.items():
            samples.extend(make_sample(scene, subject, name, steps, value) for steps, value in score(scene, subject))
    return samples


def _goal_choice(scene: Scene, subject: Subject, panel: Panel) -> Sample:
    """Goal faithfulness of one image: its goal among 1 + distractors goals, cosine argmax over the texts."""
    candidates = goal_candidates(subject, panel, scene.pool, scene.seed, scene.distractors, scene.near)
    return _choice(scene, subject, panel, "goal_faithfulness", candidates)


def goal_candidates(
    subject: Subject,
    panel: Panel,
    pool: dict[str, str],
    seed: int,
    distractors: int,
    near: Mapping[str, frozenset[str]],
) -> tuple[str, ...]:
    """The goals that one image chooses among, its own first; the arguments are those of ``Scene``."""
    generator = item_generator(seed, "goal", subject.key, panel.step)
    close = near.get(subject.identity, frozenset())
    return goal_choices(subject.goal, subject.identity, pool, distractors, generator, close)


def _step_choice(scene: Scene, subject: Subject, panel: Panel) -> Iterator[Sample]:
    """Step faithfulness of one image: its step among steps of the same article; none where all steps read alike."""
    generator = item_generator(scene.seed, "step", subject.key, panel.step)
    candidates = step_choices(panel.step, subject.texts, scene.distractors, generator)
    if len(candidates) > 1:
        yield _choice(scene, subject, panel, "step_faithfulness", candidates)


def _choice(scene: Scene, subject: Subject, panel: Panel, metric: str, candidates: tuple[str, ...]) -> Sample:
    similarities = metrics.cosine_similarity(scene.table.of_images([panel]), scene.table.of_texts(candidates))[0]
    return make_sample(
        scene,
        subject,
        metric,
        [panel.step],
        metrics.choice_credit(similarities),
        chance=1 / len(candidates),
        candidates=candidates,
        similarities=tuple(similarities.tolist()),
    )


def _clip_score(scene: Scene, subject: Subject, panel: Panel) -> Sample:
    score = metrics.clip_score(scene.table.of_images([panel])[0], scene.table.of_texts([panel.text])[0])
    return make_sample(scene, subject, "clip_score", [panel.step], score)


def _consistency(scene: Scene, subject: Subject) -> Iterator[Sample]:
    """Both consistencies of one article, and whether its images stand above the diversity floor."""
    if len(subject.panels) < 2:
        return
    features = scene.consistency_features.of_images(subject.panels)
    steps = [panel.step for panel in subject.panels]
    yield make_sample(scene, subject, "consistency", steps, 100 * scene.unexplained[subject.images])
    yield make_sample(scene, subject, "feature_distance", steps, metrics.mean_pairwise_distance(features))
    above = float(metrics.relative_spread(features) >= metrics.DIVERSITY_FLOOR)
    yield make_sample(scene, subject, "diversity", steps, above)


def gap_samples(samples: Sequence[Sample], side: Side) -> list[Sample]:
    """Consistency of each article less that of the truth on the same goal, signed."""
    own = {sample.key: sample for sample in samples if sample.metric == "consistency" and sample.side == side}
    truth = {sample.key: sample for sample in samples if sample.metric == "consistency" and sample.side == "truth"}
    return [
        sample.model_copy(update={"metric": "consistency_gap", "score": sample.score - truth[key].score})
        for key, sample in own.items()
        if key in truth
    ]
