"""What ``illinstr eval`` can be asked for: one run's report, a leaderboard of several, or the judge put to the test."""

from __future__ import annotations

import os
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import Article
from illinstr.console import emit, reporter
from illinstr.errors import PartialError, UsageError
from illinstr.evaluation.reports.tables import leaderboard_lines, results_lines, table_lines
from illinstr.workflows.evaluation_sources import open_source
from illinstr.workflows.world import EmbeddedWorld, embedded_world, encode_scene

if TYPE_CHECKING:
    from illinstr.evaluation.encoders.store import FeatureStore
    from illinstr.evaluation.encoders.transformers import ImageEncoder, ImageTextEncoder
    from illinstr.evaluation.encoders.vlm import VlmJudge
    from illinstr.evaluation.evaluate import Evaluation, Prepared, Source
    from illinstr.evaluation.results import Settings
    from illinstr.progress import Reporter


@dataclass(frozen=True)
class Request:
    """The command line, checked and typed."""

    runs: list[Path]
    against: list[Path]
    truth: Path | None
    encoder: str
    consistency_encoder: str | None
    settings: Settings
    split: str | None
    limit: int | None
    vlm: str | None
    vlm_model: str | None
    batch_size: int
    cache: Path | None
    no_cache: bool
    device: str
    as_json: bool
    quiet: bool

    def check(self, *, compare: bool, faults: bool) -> None:
        """Refuse options that do not go together.

        Raises:
            UsageError: which, and what to do instead.
        """
        if compare and faults:
            raise UsageError("--compare and --faults are two things", hint="ask for one of them")
        if compare and (len(self.runs) < 2 or self.against):
            raise UsageError("--compare ranks two or more runs", hint="illinstr eval --compare runs/a runs/b")
        if len(self.runs) > 1 and not compare and (faults or not self.against):
            raise UsageError(
                f"{len(self.runs)} runs given", hint="one at a time; RUN --against OTHER ..., or --compare RUN RUN ..."
            )
        if faults and (self.against or self.truth or self.vlm):
            raise UsageError("--faults compares articles with themselves", hint="leave out --against, --truth, --vlm")
        if faults and self.settings.protocol != "ours":
            raise UsageError("--faults tests our own protocol", hint="leave out --protocol")
        if (self.vlm is None) != (self.vlm_model is None):
            raise UsageError("--vlm and --vlm-model belong together", hint="the server's address, the model's name")
        if self.cache is not None and self.no_cache:
            raise UsageError("--cache and --no-cache contradict each other", hint="give one of them")

    def store(self, messages: Reporter) -> FeatureStore:
        """Where features are kept."""
        from illinstr.evaluation.encoders.store import FeatureStore, default_folder

        return FeatureStore(None if self.no_cache else self.cache or default_folder(), messages)

    def reporter(self) -> Reporter:
        """Progress; of several processes the main one alone speaks."""
        from illinstr.engine.process_group import team

        return reporter(self.quiet or not team().is_main)

    def encoders(self) -> tuple[ImageTextEncoder, ImageEncoder | None]:
        """The encoder of faithfulness, and the one of consistency where it is another."""
        from illinstr.engine.process_group import team
        from illinstr.evaluation.encoders.transformers import load_image_encoder, load_image_text_encoder

        own = team().device if self.device == "auto" else None
        device, size = own or self.device, self.batch_size
        judge = load_image_text_encoder(self.encoder, device=device, batch_size=size)
        if self.consistency_encoder is None or self.consistency_encoder == self.encoder:
            return judge, None
        return judge, load_image_encoder(self.consistency_encoder, device=device, batch_size=size)

    def judge(self, store: FeatureStore) -> VlmJudge | None:
        """The vision-language model, where one is asked for."""
        from illinstr.evaluation.encoders.vlm import VlmJudge

        return None if self.vlm is None or self.vlm_model is None else VlmJudge(self.vlm, self.vlm_model, store)


def one_run(request: Request) -> None:
    """Score one run, against others where there are any, and write RUN/eval."""
    from illinstr.evaluation.reports.report import table_rows, write_eval

    run, *more = request.runs
    _check_writable(run)
    prepared = _prepare(request, run, [*request.against, *more], every_pair=False)
    evaluation = _score(request, prepared)
    if not _is_main():
        return
    report = write_eval(run, evaluation)
    results = evaluation.results
    result = {"report": str(report), "results": results.model_dump(mode="json")}
    lines = () if request.quiet else results_lines(results, table_rows(results))
    emit(result, str(report), as_json=request.as_json, lines=lines)
    coverage = results.coverage
    if not coverage.whole and not (run / "index.json").is_file():
        raise PartialError(
            f"{coverage.steps - coverage.pictures} of the {coverage.steps} steps of {run} have no picture",
            hint="the report speaks of the rest; generate the missing ones and evaluate again",
        )


def leaderboard(request: Request, out: Path) -> None:
    """Rank several runs on the goals that all of them have."""
    from illinstr.evaluation.reports.leaderboard import check_out, make_leaderboard, write_leaderboard

    check_out(out)
    first, *others = request.runs
    evaluation = _score(request, _prepare(request, first, others, every_pair=True))
    if not _is_main():
        return
    board = make_leaderboard(evaluation.results)
    page = write_leaderboard(out, board, evaluation)
    result = {"leaderboard": str(page), "board": board.model_dump(mode="json")}
    emit(result, str(page), as_json=request.as_json, lines=() if request.quiet else leaderboard_lines(board))


def judge_faults(request: Request) -> None:
    """Plant faults in true articles and show what each metric makes of them."""
    from illinstr.evaluation.encoders.store import FeatureStore
    from illinstr.evaluation.evaluate import Source, prepare
    from illinstr.evaluation.perturbations import Fault, plant
    from illinstr.evaluation.reports.perturbation_table import fault_table, table_cells, write_faults
    from illinstr.evaluation.subjects import goal_identity

    run = request.runs[0]
    _check_writable(run)
    source = open_source(run, split=request.split)
    articles = list(islice(source.articles, request.limit))
    world = embedded_world(articles, draw=False)
    identify = world.identify if world else goal_identity
    true = Source(source.name, articles)

    def prepare_one(spoilt: Source, settings: Settings) -> Prepared:
        kin = world.family if world else None
        spare = world.goals if world else ()
        return prepare(spoilt, settings, others=[true], truth=true, spare_goals=spare, identify=identify, kin=kin)

    prepare_one(true, request.settings)  # every check before the encoder is loaded and anything is drawn
    messages = request.reporter()
    encoder, consistency_encoder = request.encoders()
    # Spoilt pictures are seen once: they stay in memory, the truth's may be kept.
    store = FeatureStore(None) if request.no_cache else request.store(messages)
    # Scenes of a run say what should have been drawn, not what was: only a data folder's may be drawn again.
    draw = encode_scene() if world and (run / "index.json").is_file() else None
    faults = [
        Fault("the truth", "", articles),
        *plant(articles, seed=request.settings.seed, draw=draw, identify=identify),
    ]
    table = fault_table(
        source.name, faults, prepare_one, request.settings, encoder, consistency_encoder, messages, store
    )
    if not _is_main():
        return
    path = write_faults(run, table)
    result = {"faults": str(path), "table": table.model_dump(mode="json")}
    lines = [*table_lines(*table_cells(table)), "", "* differs from the truth after Holm's correction"]
    emit(result, str(path), as_json=request.as_json, lines=() if request.quiet else tuple(lines))


def _prepare(request: Request, run: Path, others: list[Path], *, every_pair: bool) -> Prepared:
    """Read and check everything that an encoder is not needed for."""
    from illinstr.evaluation.evaluate import Source, prepare
    from illinstr.evaluation.subjects import goal_identity

    source = open_source(run, split=request.split)
    articles = list(islice(source.articles, request.limit))
    world = embedded_world(articles, draw=request.truth is None)
    return prepare(
        Source(source.name, articles),
        request.settings,
        others=[open_source(other) for other in others],
        truth=_truth(request, articles, world),
        spare_goals=world.goals if world else (),
        identify=world.identify if world else goal_identity,
        kin=world.family if world else None,
        every_pair=every_pair,
        split=request.split,
        limit=request.limit,
    )


def _truth(request: Request, articles: list[Article], world: EmbeddedWorld | None) -> Source | None:
    if request.truth is not None:
        return open_source(request.truth)
    return world.truth if world else None


def _score(request: Request, prepared: Prepared) -> Evaluation:
    from illinstr.evaluation.evaluate import score

    messages = request.reporter()
    store = request.store(messages)
    vlm = request.judge(store)
    encoder, consistency_encoder = request.encoders()
    return score(prepared, encoder, consistency_encoder, messages, store=store, vlm=vlm)


def _is_main() -> bool:
    from illinstr.engine.process_group import team

    return team().is_main


def _check_writable(run: Path) -> None:
    if run.exists() and not os.access(run, os.W_OK | os.X_OK):
        raise UsageError(f"no permission to write in {run}", hint="results go to RUN/eval; copy the run elsewhere")
