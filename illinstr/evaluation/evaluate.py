"""One evaluation from articles to results: ``prepare`` checks all data before ``score`` needs an encoder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from illinstr.articles import Article
from illinstr.errors import DataError, UsageError
from illinstr.evaluation import verdict
from illinstr.evaluation.aggregate import aggregate, compare
from illinstr.evaluation.choices import goal_pool
from illinstr.evaluation.encoders import ImageEncoder, ImageTextEncoder
from illinstr.evaluation.results import EncoderRecord, Encoders, Results, Settings, environment
from illinstr.evaluation.samples import Sample, Side
from illinstr.evaluation.scoring import Scene, gap_samples, numbered, score_ours, score_reproduction
from illinstr.evaluation.subjects import (
    FeatureTable,
    Identify,
    Subject,
    encode_pictures,
    encode_texts,
    goal_identity,
    keyed,
    make_subject,
)
from illinstr.progress import Reporter, SilentReporter


@dataclass(frozen=True)
class Source:
    """Articles and what to call them in results."""

    name: str
    articles: Iterable[Article]


@dataclass(frozen=True)
class Prepared:
    """Checked input of ``score``."""

    settings: Settings
    names: dict[Side, str]
    sides: dict[Side, list[Subject]]
    pool: dict[str, str]
    warnings: tuple[str, ...] = ()
    split: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """Results, the samples behind them, and the articles they speak of."""

    results: Results
    samples: list[Sample] = field(repr=False)
    sides: dict[Side, list[Subject]] = field(repr=False)


def prepare(
    run: Source,
    settings: Settings,
    *,
    other: Source | None = None,
    truth: Source | None = None,
    spare_goals: Iterable[str] = (),
    identify: Identify = goal_identity,
    split: str | None = None,
    limit: int | None = None,
) -> Prepared:
    """Decode every picture once, match articles by goal, and gather the goals that serve as distractors.

    Args:
        run: what is evaluated.
        settings: how.
        other: a run to compare with; only goals of ``run`` are kept.
        truth: articles by people or by the program that knows; only goals of ``run`` are kept.
        spare_goals: distractor goals to take where the runs and the truth have too few.
        identify: what two wordings of one goal share; for matching, and so that no distractor is the goal itself.
        split: named in the results.
        limit: take the first so many articles of ``run``.

    Raises:
        DataError: no picture at all, a damaged picture, or no common goal.
        UsageError: settings that contradict each other.
    """
    if settings.protocol == "reproduction" and settings.num_distractors != 3:
        raise UsageError("the reproduction protocol always has 3 distractors", hint="leave out --num-distractors")
    subjects = [make_subject(*named, settings.step_text) for named in islice(keyed(run.articles, identify), limit)]
    drawn = [subject for subject in subjects if subject.panels]
    if not drawn:
        raise DataError(f"no article in {run.name} has a picture", hint="eval scores pictures; draw them first")
    keys = {subject.key for subject in drawn}
    sides: dict[Side, list[Subject]] = {"run": drawn}
    names: dict[Side, str] = {"run": run.name}
    more_goals: list[str] = []
    extra: list[tuple[Side, Source | None]] = [("other", other), ("truth", truth)]
    for side, source in extra:
        if source is None:
            continue
        sides[side], its_goals = _matching(source, keys, settings, identify)
        names[side] = source.name
        more_goals += its_goals
        if not sides[side]:
            raise DataError(
                f"{run.name} and {source.name} have no goal in common",
                hint="both need articles with pictures for the same goals",
            )
    goals = [*(subject.goal for subject in drawn), *more_goals]
    pool = _enough_goals(settings, goals, spare_goals, identify)
    notes = (*verdict.data_warnings(subjects, sides), *verdict.unmatched_warnings(names, sides))
    return Prepared(settings, names, sides, pool, notes, split, limit)


def _matching(
    source: Source, keys: set[str], settings: Settings, identify: Identify
) -> tuple[list[Subject], list[str]]:
    """The source's articles on the wanted goals, and all goals it has; pictures of other articles are never decoded."""
    subjects: list[Subject] = []
    goals: dict[str, None] = {}
    for key, identity, article in keyed(source.articles, identify):
        goals[article.goal] = None
        if key in keys:
            subjects.append(make_subject(key, identity, article, settings.step_text))
    return [subject for subject in subjects if subject.panels], list(goals)


def _enough_goals(settings: Settings, goals: Sequence[str], spare: Iterable[str], identify: Identify) -> dict[str, str]:
    """The goals distractors come from: those of all sides, spare ones where these are too few, else none."""
    pool = goal_pool(goals, identify)
    if len(pool) <= settings.num_distractors:
        pool = goal_pool([*goals, *spare], identify)
    return pool if len(pool) > settings.num_distractors else {}


def score(
    prepared: Prepared,
    encoder: ImageTextEncoder,
    consistency_encoder: ImageEncoder | None = None,
    reporter: Reporter | None = None,
) -> Evaluation:
    """Encode every distinct picture and text once, score every item, aggregate.

    Args:
        prepared: what ``prepare`` returned.
        encoder: of goal and step faithfulness.
        consistency_encoder: of consistency; ``encoder`` when None.
        reporter: told how far the work is.

    Raises:
        DataError: nothing could be scored.
    """
    reporter = reporter or SilentReporter()
    settings, sides = prepared.settings, prepared.sides
    everyone = [subject for subjects in sides.values() for subject in subjects]
    pictures = encode_pictures(encoder, everyone, reporter)
    table = FeatureTable(pictures, encode_texts(encoder, _texts(prepared), reporter))
    spread = table
    if consistency_encoder is not None:
        spread = FeatureTable(encode_pictures(consistency_encoder, everyone, reporter), {})
    records = Encoders(
        encoder=EncoderRecord(id=encoder.id, sha256=encoder.sha256, cut_share=encoder.cut_share),
        consistency_encoder=_record(consistency_encoder or encoder),
    )

    samples: list[Sample] = []
    for side, subjects in sides.items():
        scene = Scene(side, table, spread, prepared.pool, settings.seed, settings.num_distractors)
        samples += (score_ours if settings.protocol == "ours" else score_reproduction)(scene, subjects)
    if settings.protocol == "ours":
        samples += [*gap_samples(samples, "run"), *gap_samples(samples, "other")]
    return Evaluation(_results(prepared, samples, records), samples, sides)


def _record(encoder: ImageEncoder) -> EncoderRecord:
    return EncoderRecord(id=encoder.id, sha256=encoder.sha256)


def _texts(prepared: Prepared) -> set[str]:
    """Every text that may be scored: goals, distractor goals, steps in the spelling of the protocol."""
    texts = set(prepared.pool.values())
    for subjects in prepared.sides.values():
        for subject in subjects:
            texts.add(subject.goal)
            if prepared.settings.protocol == "ours":
                texts.update(subject.texts)
            else:
                texts.update(numbered(panel) for panel in subject.panels)
    return texts


def _results(prepared: Prepared, samples: list[Sample], encoders: Encoders) -> Results:
    settings, subjects = prepared.settings, prepared.sides["run"]
    metrics = aggregate(samples, "run", settings, encoders)
    if not metrics:
        raise DataError(
            f"nothing in {prepared.names['run']} can be scored",
            hint="a metric needs several goals, several steps or several pictures in an article",
        )
    comparisons = compare(samples, settings)
    return Results(
        run=prepared.names["run"],
        other=prepared.names.get("other"),
        truth=prepared.names.get("truth"),
        split=prepared.split,
        limit=prepared.limit,
        settings=settings,
        encoders=encoders,
        n_articles=len(subjects),
        n_pictures=sum(len(subject.panels) for subject in subjects),
        metrics=metrics,
        truth_metrics=aggregate(samples, "truth", settings, encoders),
        other_metrics=aggregate(samples, "other", settings, encoders),
        comparisons=comparisons,
        skipped=verdict.skipped(metrics, settings, has_truth="truth" in prepared.sides),
        warnings=(*prepared.warnings, *verdict.sample_warnings(samples, encoders, settings)),
        verdict=verdict.sentence(metrics, comparisons, prepared.names, settings),
        environment=environment(),
    )
