"""One evaluation from articles to results: ``prepare`` checks all data before ``score`` needs an encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice

from illinstr.articles import Article
from illinstr.errors import DataError, UsageError
from illinstr.evaluation.encoders.features import FeatureTable, encode_images, encode_texts
from illinstr.evaluation.encoders.store import FeatureStore
from illinstr.evaluation.encoders.transformers import ImageEncoder, ImageTextEncoder
from illinstr.evaluation.encoders.unexplained import unexplained_shares
from illinstr.evaluation.encoders.vlm import VlmJudge
from illinstr.evaluation.metrics import feature_sets
from illinstr.evaluation.metrics.aggregate import aggregate, break_down
from illinstr.evaluation.metrics.choices import goal_pool
from illinstr.evaluation.metrics.comparing import compare
from illinstr.evaluation.metrics.reproduction import numbered, score_reproduction
from illinstr.evaluation.metrics.scoring import Scene, gap_samples, goal_candidates, score_ours
from illinstr.evaluation.reports import verdict
from illinstr.evaluation.results import Coverage, EncoderRecord, Encoders, Results, Settings, environment
from illinstr.evaluation.samples import Sample, Side, other_side
from illinstr.evaluation.subjects import Identify, Measure, Subject, category_of, goal_identity, keyed, make_subject
from illinstr.progress import Reporter, SilentReporter

GroupOf = Callable[[str], str | None]


@dataclass(frozen=True)
class Source:
    """Articles and what to call them in results."""

    name: str
    articles: Iterable[Article]


@dataclass(frozen=True)
class Prepared:
    """Checked input of ``score``.

    ``pairs`` are the sides to compare. ``near`` says which goals of the pool are near a goal, by identity.
    """

    settings: Settings
    names: dict[Side, str]
    sides: dict[Side, list[Subject]]
    pool: dict[str, str]
    coverage: Coverage
    near: dict[str, frozenset[str]] = field(default_factory=dict)
    pairs: tuple[tuple[Side, Side], ...] = ()
    warnings: tuple[str, ...] = ()
    split: str | None = None
    limit: int | None = None


@dataclass(frozen=True)
class Evaluation:
    """Results, the samples and features behind them, and the articles they speak of."""

    results: Results
    samples: list[Sample] = field(repr=False)
    sets: feature_sets.FeatureSets = field(repr=False)
    sides: dict[Side, list[Subject]] = field(repr=False)


def prepare(
    run: Source,
    settings: Settings,
    *,
    others: Sequence[Source] = (),
    truth: Source | None = None,
    spare_goals: Iterable[str] = (),
    identify: Identify = goal_identity,
    group_of: GroupOf | None = None,
    measure: Measure | None = None,
    every_pair: bool = False,
    split: str | None = None,
    limit: int | None = None,
) -> Prepared:
    """Decode every image once, match articles by goal, and gather the goals that serve as distractors.

    Args:
        run: what is evaluated.
        settings: how.
        others: runs to compare with; only goals of ``run`` are kept.
        truth: articles by people or by the program that knows; only goals of ``run`` are kept.
        spare_goals: distractor goals to take where the runs and the truth have too few.
        identify: what two wordings of one goal share; for matching, and so that no distractor is the goal itself.
        group_of: what near goals share; the article's category where it says nothing.
        measure: what whoever knows the world of these articles says of an article's images.
        every_pair: compare the others with one another too, on the goals that all of them have: a leaderboard.
        split: named in the results.
        limit: take the first so many articles of ``run``.

    Raises:
        DataError: no image at all, a damaged image, or no common goal.
        UsageError: settings that contradict each other.
    """
    if settings.protocol == "reproduction" and settings.num_distractors != 3:
        raise UsageError("the reproduction protocol always has 3 distractors", hint="leave out --num-distractors")
    own = islice(keyed(run.articles, identify), limit)
    subjects = [make_subject(*named, settings.step_text, run.name, measure) for named in own]
    drawn = [subject for subject in subjects if subject.panels]
    if not drawn:
        raise DataError(f"no article in {run.name} has an image", hint="eval scores images; draw them first")
    keys = {subject.key for subject in drawn}
    sides: dict[Side, list[Subject]] = {"run": drawn}
    names: dict[Side, str] = {"run": run.name}
    goals = {subject.goal: subject.category for subject in drawn}
    extra = [*((other_side(number), source) for number, source in enumerate(others, start=1)), ("truth", truth)]
    for side, source in extra:
        if source is None:
            continue
        sides[side], its_goals = _matching(source, keys, settings, identify, measure)
        names[side] = source.name
        goals = its_goals | goals
        if not sides[side]:
            raise DataError(
                f"{run.name} and {source.name} have no goal in common",
                hint="both need articles with images for the same goals",
            )
    if every_pair:
        _keep_shared(sides, run.name)
    pool = _enough_goals(settings, list(goals), spare_goals, identify)
    notes = (*verdict.data_warnings(subjects, names, sides), *verdict.unmatched_warnings(names, sides))
    return Prepared(
        settings,
        names,
        sides,
        pool,
        _coverage(subjects),
        _near(settings, pool, drawn, {identify(goal): category for goal, category in goals.items()}, group_of),
        _pairs([side for side in sides if side != "truth"], every_pair=every_pair),
        notes,
        split,
        limit,
    )


def _keep_shared(sides: dict[Side, list[Subject]], name: str) -> None:
    runs = [side for side in sides if side != "truth"]
    shared = set.intersection(*({subject.key for subject in sides[side]} for side in runs))
    if not shared:
        raise DataError(f"{name} and the others have no goal that all of them drew", hint="compare fewer runs")
    for side, subjects in sides.items():
        sides[side] = [subject for subject in subjects if subject.key in shared]


def _coverage(subjects: Sequence[Subject]) -> Coverage:
    return Coverage(
        articles=len(subjects),
        articles_with_pictures=sum(bool(subject.panels) for subject in subjects),
        steps=sum(len(subject.texts) for subject in subjects),
        pictures=sum(len(subject.panels) for subject in subjects),
    )


def _pairs(sides: Sequence[Side], *, every_pair: bool) -> tuple[tuple[Side, Side], ...]:
    return tuple((a, b) for a, b in combinations(sides, 2) if every_pair or a == "run")


def _near(
    settings: Settings,
    pool: Mapping[str, str],
    subjects: Sequence[Subject],
    known: Mapping[str, str | None],
    group_of: GroupOf | None,
) -> dict[str, frozenset[str]]:
    """For each goal of the run the goals of the pool that share its family or, where none is known, its category."""
    if settings.goal_distractors == "any":
        return {}

    def group(identity: str, goal: str) -> str | None:
        return (group_of(goal) if group_of else None) or known.get(identity)

    groups = {identity: group(identity, goal) for identity, goal in pool.items()}
    near = {}
    for subject in subjects:
        own = group(subject.identity, subject.goal)
        near[subject.identity] = frozenset(name for name, each in groups.items() if own is not None and each == own)
    return near


def _matching(
    source: Source, keys: set[str], settings: Settings, identify: Identify, measure: Measure | None
) -> tuple[list[Subject], dict[str, str | None]]:
    """The source's articles on the wanted goals, and all goals it has with what they are about.

    Images of other articles are never decoded.
    """
    subjects: list[Subject] = []
    goals: dict[str, str | None] = {}
    for key, identity, article in keyed(source.articles, identify):
        goals[article.goal] = category_of(article)
        if key in keys:
            subjects.append(make_subject(key, identity, article, settings.step_text, source.name, measure))
    return [subject for subject in subjects if subject.panels], goals


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
    *,
    store: FeatureStore | None = None,
    vlm: VlmJudge | None = None,
) -> Evaluation:
    """Encode every distinct image and text once, score every item, aggregate.

    Args:
        prepared: what ``prepare`` returned.
        encoder: of goal and step faithfulness, CLIPScore and CMMD.
        consistency_encoder: of feature distances, diversity, FID and KID; ``encoder`` when None.
        reporter: told how far the work is.
        store: where features are kept between evaluations; kept nowhere when None.
        vlm: a vision-language model to ask as well.

    Raises:
        DataError: nothing could be scored.
        FetchError: the vision-language model cannot be reached.
    """
    reporter, store = reporter or SilentReporter(), store or FeatureStore()
    settings, sides = prepared.settings, prepared.sides
    everyone = [subject for subjects in sides.values() for subject in subjects]
    texts, cut_share = encode_texts(encoder, _texts(prepared), reporter, store)
    table = FeatureTable(encode_images(encoder, everyone, reporter, store), texts)
    consistency = table
    if consistency_encoder is not None:
        consistency = FeatureTable(encode_images(consistency_encoder, everyone, reporter, store), {})

    samples: list[Sample] = []
    ours = settings.protocol == "ours"
    shares = unexplained_shares(everyone, reporter, store) if ours else {}
    for side, subjects in sides.items():
        scene = Scene(
            side, table, consistency, prepared.pool, settings.seed, settings.num_distractors, prepared.near, shares
        )
        samples += (score_ours if ours else score_reproduction)(scene, subjects)
        if vlm is not None:
            samples += vlm.samples(side, subjects, reporter)
    if ours:
        for side in sides:
            samples += gap_samples(samples, side) if side != "truth" else []
    records = Encoders(
        encoder=EncoderRecord(id=encoder.id, sha256=encoder.sha256, cut_share=cut_share),
        consistency_encoder=_record(consistency_encoder or encoder),
        vlm=vlm.record() if vlm is not None else None,
    )
    sets = feature_sets.gather(sides, table, consistency) if ours else {}
    return Evaluation(_results(prepared, samples, sets, records), samples, sets, sides)


def _record(encoder: ImageEncoder) -> EncoderRecord:
    return EncoderRecord(id=encoder.id, sha256=encoder.sha256)


def _texts(prepared: Prepared) -> set[str]:
    """Every text that is scored: goals, the distractor goals drawn, steps in the spelling of the protocol."""
    texts: set[str] = set()
    for subject in (subject for subjects in prepared.sides.values() for subject in subjects):
        texts.add(subject.goal)
        if prepared.settings.protocol == "reproduction":
            texts.update(numbered(panel) for panel in subject.panels)
            continue
        texts.update(subject.texts)
        for panel in subject.panels if prepared.pool else ():
            drawn = (prepared.pool, prepared.settings.seed, prepared.settings.num_distractors, prepared.near)
            texts.update(goal_candidates(subject, panel, *drawn))
    return texts


def _results(prepared: Prepared, samples: list[Sample], sets: feature_sets.FeatureSets, encoders: Encoders) -> Results:
    settings, subjects = prepared.settings, prepared.sides["run"]
    metrics = aggregate(samples, "run", settings, encoders, sets)
    if not metrics:
        raise DataError(
            f"nothing in {prepared.names['run']} can be scored",
            hint="a metric needs several goals, several steps or several images in an article",
        )
    comparisons = compare(samples, settings, prepared.pairs, sets)
    return Results(
        run=prepared.names["run"],
        names=prepared.names,
        split=prepared.split,
        limit=prepared.limit,
        settings=settings,
        encoders=encoders,
        coverage=prepared.coverage,
        n_articles=len(subjects),
        n_pictures=sum(len(subject.panels) for subject in subjects),
        metrics=metrics,
        side_metrics={
            side: aggregate(samples, side, settings, encoders, sets) for side in prepared.sides if side != "run"
        },
        compared=prepared.pairs,
        comparisons=comparisons,
        breakdowns=break_down(samples, settings, encoders),
        skipped=verdict.skipped(metrics, settings, sets, has_truth="truth" in prepared.sides),
        warnings=(*prepared.warnings, *verdict.sample_warnings(samples, metrics, encoders, settings)),
        verdict=verdict.sentence(metrics, comparisons, prepared.names, settings, prepared.coverage),
        environment=environment(),
    )
