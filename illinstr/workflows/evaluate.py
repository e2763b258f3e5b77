"""``evaluate``: one run's report, a leaderboard of several, or the metrics put to the test by perturbations."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import Article
from illinstr.engine.devices import check_device
from illinstr.engine.process_group import join_process_group
from illinstr.errors import DataError, PartialError, UsageError
from illinstr.ownership import EVALUATION, FAULTS, Contents, check_apart, refuse_foreign
from illinstr.progress import Reporter, SilentReporter
from illinstr.workflows.checks import check_choice, check_range, validated
from illinstr.workflows.evaluation_sources import open_source
from illinstr.workflows.request import Request, unread_articles
from illinstr.workflows.world import EmbeddedWorld, embedded_world, encode_scene

if TYPE_CHECKING:
    from illinstr.evaluation.encoders.store import FeatureStore
    from illinstr.evaluation.encoders.transformers import ImageEncoder, ImageTextEncoder
    from illinstr.evaluation.encoders.vlm import VlmJudge
    from illinstr.evaluation.evaluate import Evaluation, Prepared, Source
    from illinstr.evaluation.results import Settings

PROTOCOLS = ("ours", "reproduction")
STEP_TEXTS = ("headline", "full")
DISTRACTORS = ("any", "near")
MAX_SEED = 2**63 - 1
MAX_LIMIT = 2**31 - 1


@dataclass(frozen=True)
class EvaluateRequest(Request):
    """What to evaluate, against what, by which encoders.

    Attributes:
        runs: what ``generate`` made (one article or many), or a data folder; several with ``compare``.
        against: compare with these runs on the goals both have.
        compare: rank several runs: a leaderboard in ``out``.
        faults: test the metrics: perturb the run's true articles and see what each metric makes of it.
        out: where ``compare`` writes.
        truth: real articles on the same goals, a data or run folder; goals of MiniHow need none.
        encoder: ``judge`` (embedded), a CLIP or SigLIP folder, or a hub id ORG/NAME.
        consistency_encoder: for feature distances, FID and KID: DINOv2, CLIP or SigLIP; ``encoder`` when None.
        protocol: ``ours``, or ``reproduction`` (the authors' released scripts).
        goals: table of goals and steps (TSV, CSV, JSON lines) whose images, by any system, lie in runs that hold no
            articles; see ``illinstr.evaluation.arena``.
        split: of a data folder, evaluate this split only.
        limit: evaluate the first so many articles only.
        seed: of distractors and resampling.
        num_distractors: other texts that an image chooses among.
        goal_distractors: ``any`` other goals, or ``near`` ones first: of the same family or category.
        min_fid: fewest images for which FID is stated at all.
        bootstrap: resamples behind each interval.
        step_text: what stands for a step: ``headline``, or ``full`` (with its body).
        vlm: base URL of an OpenAI-compatible server of a vision-language model.
        vlm_model: its name on that server.
        batch_size: images or texts per forward pass; changes no result.
        cache: where features are kept; the user's cache folder when None.
        no_cache: neither use nor keep features.
        device: as for ``generate``.
    """

    runs: str | Path | Sequence[str | Path]
    _: KW_ONLY
    against: Sequence[str | Path] = ()
    compare: bool = False
    faults: bool = False
    out: str | Path = "leaderboard"
    truth: str | Path | None = None
    encoder: str = "judge"
    consistency_encoder: str | None = None
    protocol: str = "ours"
    goals: str | Path | None = None
    split: str | None = None
    limit: int | None = None
    seed: int = 0
    num_distractors: int = 3
    goal_distractors: str = "any"
    min_fid: int = 2048
    bootstrap: int = 2000
    step_text: str = "headline"
    vlm: str | None = None
    vlm_model: str | None = None
    batch_size: int = 32
    cache: str | Path | None = None
    no_cache: bool = False
    device: str = "auto"

    @property
    def folders(self) -> list[Path]:
        """The runs, as paths."""
        return [Path(self.runs)] if isinstance(self.runs, str | Path) else [Path(run) for run in self.runs]

    @property
    def table(self) -> Path | None:
        """The table of goals, as a path."""
        return None if self.goals is None else Path(self.goals)

    @property
    def others(self) -> list[Path]:
        """The runs to compare with."""
        return [Path(self.against)] if isinstance(self.against, str | Path) else [Path(run) for run in self.against]


@dataclass(frozen=True)
class EvaluateResult:
    """What an evaluation made.

    Attributes:
        page: the report, leaderboard or table of perturbations; None in a process that does not speak for all.
        kind: what the page is: ``report``, ``leaderboard`` or ``faults``.
        values: the numbers, as plain JSON values, by their name in the command's output.
        lines: the numbers for a reader.
        error: what the page does not speak of.
    """

    page: Path | None = None
    kind: str = ""
    values: dict[str, Any] | None = None
    lines: tuple[str, ...] = ()
    error: PartialError | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {self.kind: str(self.page)} | (self.values or {})


@dataclass(frozen=True)
class Evaluating:
    """A request that was checked: its settings, and what reads, encodes and keeps features."""

    request: EvaluateRequest
    settings: Settings
    reporter: Reporter
    left_out: list[DataError] = field(default_factory=list)

    @property
    def unread(self) -> PartialError | None:
        """The articles that could not be read, if there are any."""
        hint = self.left_out[0].hint if self.left_out else None
        return unread_articles([error.message for error in self.left_out], hint=hint)

    def store(self) -> FeatureStore:
        """Where features are kept."""
        from illinstr.evaluation.encoders.store import FeatureStore, default_folder

        asked = self.request
        kept = None if asked.no_cache else default_folder() if asked.cache is None else Path(asked.cache)
        return FeatureStore(kept, self.reporter)

    def encoders(self) -> tuple[ImageTextEncoder, ImageEncoder | None]:
        """The encoder of faithfulness, and the one of consistency where it is another."""
        from illinstr.evaluation.encoders.transformers import load_image_encoder, load_image_text_encoder

        asked = self.request
        device, size = join_process_group(asked.device).device(asked.device), asked.batch_size
        judge = load_image_text_encoder(asked.encoder, device=device, batch_size=size)
        if asked.consistency_encoder is None or asked.consistency_encoder == asked.encoder:
            return judge, None
        return judge, load_image_encoder(asked.consistency_encoder, device=device, batch_size=size)

    def judge(self, store: FeatureStore) -> VlmJudge | None:
        """The vision-language model, where one is asked for."""
        from illinstr.evaluation.encoders.vlm import VlmJudge

        asked = self.request
        return None if asked.vlm is None or asked.vlm_model is None else VlmJudge(asked.vlm, asked.vlm_model, store)


def evaluate_runs(request: EvaluateRequest) -> EvaluateResult:
    """Score a run: goal and step faithfulness, consistency, FID, KID and CMMD, with intervals over its articles.

    Writes RUN/eval, or a leaderboard in ``out``, or a table of perturbations in RUN/eval.

    Raises:
        UsageError: parameters that cannot be or do not go together, or a folder that cannot be written.
        DataError: no such run, or nothing readable in it.
        ModelError: an encoder is missing or damaged.
        FetchError: the vision-language model cannot be asked.
    """
    settings = check_evaluate(request)
    reporter = request.messages if join_process_group(request.device).is_main else SilentReporter()
    work = Evaluating(request, settings, reporter)
    if request.compare:
        return _leaderboard(work)
    return _faults(work) if request.faults else _one_run(work)


def check_evaluate(request: EvaluateRequest) -> Settings:
    """Everything that can be known to be wrong before a run is read or an encoder loaded.

    Raises:
        UsageError: which parameter, and what it may be or what to do instead.
    """
    check_choice("--protocol", request.protocol, PROTOCOLS)
    check_choice("--step-text", request.step_text, STEP_TEXTS)
    check_choice("--goal-distractors", request.goal_distractors, DISTRACTORS)
    check_range("--seed", request.seed, 0, MAX_SEED, "any whole number in that range")
    settings = _settings(request)
    check_range("--limit", request.limit, 1, MAX_LIMIT, "at least 1 article is needed")
    check_range("--batch-size", request.batch_size, 1, None, "at least 1 is needed")
    check_device(request.device)
    _check_together(request)
    return settings


def _settings(request: EvaluateRequest) -> Settings:
    from illinstr.evaluation.results import Settings

    values = {
        "protocol": request.protocol,
        "step_text": request.step_text,
        "goal_distractors": request.goal_distractors,
        "seed": request.seed,
        "num_distractors": request.num_distractors,
        "bootstrap": request.bootstrap,
        "min_fid_pictures": request.min_fid,
    }
    return validated(Settings, values, {"min_fid_pictures": "--min-fid"})


def _check_together(request: EvaluateRequest) -> None:
    """Refuse parameters that do not go together.

    Raises:
        UsageError: which, and what to do instead.
    """
    runs, compare, faults = request.folders, request.compare, request.faults
    if not runs:
        raise UsageError("no run is named", hint="what generate made, or a data folder")
    if compare and faults:
        raise UsageError("--compare and --faults are two things", hint="ask for one of them")
    if compare and (len(runs) < 2 or request.others):
        raise UsageError("--compare ranks two or more runs", hint="illinstr eval --compare runs/a runs/b")
    if len(runs) > 1 and not compare and (faults or not request.others):
        raise UsageError(
            f"{len(runs)} runs given", hint="one at a time; RUN --against OTHER ..., or --compare RUN RUN ..."
        )
    if faults and (request.others or request.truth or request.vlm):
        raise UsageError("--faults compares articles with themselves", hint="leave out --against, --truth, --vlm")
    if faults and request.protocol != "ours":
        raise UsageError("--faults tests our own protocol", hint="leave out --protocol")
    if request.table is not None and not request.table.is_file():
        raise UsageError(f"--goals {request.table} is no file", hint="a table of goals and steps; see docs/arena.md")
    if (request.vlm is None) != (request.vlm_model is None):
        raise UsageError("--vlm and --vlm-model belong together", hint="the server's address, the model's name")
    if request.cache is not None and request.no_cache:
        raise UsageError("--cache and --no-cache contradict each other", hint="give one of them")


def _one_run(work: Evaluating) -> EvaluateResult:
    """Score one run, against others where there are any, and write RUN/eval."""
    from illinstr.evaluation.reports.report import table_rows, write_eval
    from illinstr.evaluation.reports.tables import results_lines

    run, *more = work.request.folders
    _check_writable(run, EVALUATION, "eval")
    prepared = _prepare(work, run, [*work.request.others, *more], every_pair=False)
    evaluation = _score(work, prepared)
    if not join_process_group().is_main:
        return EvaluateResult()
    report = write_eval(run, evaluation)
    results = evaluation.results
    coverage, error = results.coverage, work.unread
    if not coverage.whole and not (run / "index.json").is_file():
        error = PartialError(
            f"{coverage.steps - coverage.pictures} of the {coverage.steps} steps of {run} have no image",
            hint="the report speaks of the rest; generate the missing ones and evaluate again",
        )
    values = {"results": results.model_dump(mode="json")}
    return EvaluateResult(report, "report", values, tuple(results_lines(results, table_rows(results))), error)


def _leaderboard(work: Evaluating) -> EvaluateResult:
    """Rank several runs on the goals that all of them have."""
    from illinstr.evaluation.reports.leaderboard import check_out, make_leaderboard, write_leaderboard
    from illinstr.evaluation.reports.tables import leaderboard_lines

    out = Path(work.request.out)
    check_out(out)
    check_apart(out, work.request.folders)
    first, *others = work.request.folders
    evaluation = _score(work, _prepare(work, first, others, every_pair=True))
    if not join_process_group().is_main:
        return EvaluateResult()
    board = make_leaderboard(evaluation.results)
    page = write_leaderboard(out, board, evaluation)
    values = {"board": board.model_dump(mode="json")}
    return EvaluateResult(page, "leaderboard", values, tuple(leaderboard_lines(board)), work.unread)


def _faults(work: Evaluating) -> EvaluateResult:
    """Plant faults in true articles and show what each metric makes of them."""
    from illinstr.evaluation.encoders.store import FeatureStore
    from illinstr.evaluation.evaluate import Source, prepare
    from illinstr.evaluation.perturbations import Fault, plant
    from illinstr.evaluation.reports.perturbation_table import fault_table, table_cells, write_faults
    from illinstr.evaluation.reports.tables import table_lines
    from illinstr.evaluation.subjects import goal_identity

    request, reporter = work.request, work.reporter
    run = request.folders[0]
    _check_writable(run, FAULTS, "eval-faults")
    source = open_source(run, split=request.split, goals=request.table)
    articles = list(islice(source.articles, request.limit))
    world = embedded_world(articles, draw=False)
    articles = list(_sized(articles, world))
    identify = world.identify if world else goal_identity
    true = Source(source.name, articles)

    def prepare_one(spoilt: Source, settings: Settings) -> Prepared:
        group = world.family if world else None
        spare = world.goals if world else ()
        return prepare(
            spoilt, settings, others=[true], truth=true, spare_goals=spare, identify=identify, group_of=group
        )

    prepare_one(true, work.settings)  # every check before the encoder is loaded and anything is drawn
    encoder, consistency_encoder = work.encoders()
    # Spoilt images are seen once: they stay in memory, the truth's may be kept.
    store = FeatureStore(None) if request.no_cache else work.store()
    # Scenes of a run say what should have been drawn, not what was: only a data folder's may be drawn again.
    draw = encode_scene() if world and (run / "index.json").is_file() else None
    faults = [
        Fault("the truth", articles),
        *plant(articles, seed=request.seed, draw=draw, identify=identify),
    ]
    table = fault_table(source.name, faults, prepare_one, work.settings, encoder, consistency_encoder, reporter, store)
    if not join_process_group().is_main:
        return EvaluateResult()
    path = write_faults(run, table)
    lines = (*table_lines(*table_cells(table)), "", "* differs from the truth after Holm's correction")
    return EvaluateResult(path, "faults", {"table": table.model_dump(mode="json")}, lines)


def _prepare(work: Evaluating, run: Path, others: list[Path], *, every_pair: bool) -> Prepared:
    """Read and check everything that an encoder is not needed for."""
    from illinstr.evaluation.evaluate import Source, prepare
    from illinstr.evaluation.subjects import goal_identity

    request = work.request
    opened = partial(open_source, left_out=work.left_out, goals=request.table)
    source = opened(run, split=request.split)
    articles = list(islice(source.articles, request.limit))
    world = embedded_world(articles, draw=request.truth is None)
    return prepare(
        Source(source.name, _sized(articles, world)),
        work.settings,
        others=[_sized_source(opened(other), world) for other in others],
        truth=_truth(request, world),
        spare_goals=world.goals if world else (),
        identify=world.identify if world else goal_identity,
        group_of=world.family if world else None,
        measure=world.measure if world and request.protocol == "ours" else None,
        every_pair=every_pair,
        split=request.split,
        limit=request.limit,
    )


def _truth(request: EvaluateRequest, world: EmbeddedWorld | None) -> Source | None:
    if request.truth is not None:
        return _sized_source(open_source(Path(request.truth), goals=request.table), world)
    return world.truth if world else None


def _sized_source(source: Source, world: EmbeddedWorld | None) -> Source:
    from illinstr.evaluation.evaluate import Source

    return Source(source.name, _sized(source.articles, world))


def _sized(articles: Iterable[Article], world: EmbeddedWorld | None) -> Iterable[Article]:
    """Articles of the embedded world at the size it is scored at; others as they are."""
    from illinstr.evaluation.subjects import at_most

    return at_most(articles, world.panel_px) if world else articles


def _score(work: Evaluating, prepared: Prepared) -> Evaluation:
    from illinstr.evaluation.evaluate import score

    store = work.store()
    vlm = work.judge(store)
    encoder, consistency_encoder = work.encoders()
    return score(prepared, encoder, consistency_encoder, work.reporter, store=store, vlm=vlm)


def _check_writable(run: Path, contents: Contents, name: str) -> None:
    if run.exists() and not os.access(run, os.W_OK | os.X_OK):
        raise UsageError(f"no permission to write in {run}", hint="results go to RUN/eval; copy the run elsewhere")
    refuse_foreign(run / name, contents)
