"""``generate`` for several goals and seeds: what is finished is kept, and one failure does not end the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import Step
from illinstr.engine.process_group import ProcessGroup, join_process_group
from illinstr.errors import DataError, IllinstrError, PartialError, UsageError
from illinstr.workflows.checks import check_range
from illinstr.workflows.drawing import check_drawer
from illinstr.workflows.generate import (
    ArticleRequest,
    GeneratePlan,
    Prepared,
    cannot_write,
    failures_as_dicts,
    illustrator_for,
    prepare,
)
from illinstr.workflows.writers import announce

if TYPE_CHECKING:
    from illinstr.sampling.drawing.batch import Failure, Job, Plan

MAX_VARIANTS = 1_000


@dataclass(frozen=True)
class BatchRequest(ArticleRequest):
    """Several articles.

    Attributes:
        goals: what to explain, one article each.
        steps: as for one article; what the steps say only where there is one goal.
        num_variants: articles of each goal, with seeds SEED, SEED + 1, ...
        name: of the default folder; the goal's own when empty.
    """

    goals: Sequence[str]
    steps: int | Sequence[str | Step] = 6
    _: KW_ONLY
    num_variants: int = 1
    name: str = ""


@dataclass(frozen=True)
class BatchResult:
    """What a batch made.

    Attributes:
        out: the folder of the run folders.
        page: the page that links them; None in a process that does not speak for the batch.
        articles: the run folders, in the order of the goals.
        made, kept: articles drawn now, and those that were there.
        failures: goals that did not become an article.
        total: articles that were asked for.
    """

    out: Path
    page: Path | None = None
    articles: list[Path] = field(default_factory=list)
    made: int = 0
    kept: int = 0
    failures: list[Failure] = field(default_factory=list)
    total: int = 0

    @property
    def error(self) -> PartialError | None:
        """What was not made, if anything was not."""
        failed = len(self.failures)
        return PartialError(f"{failed} of {self.total} articles were not made") if failed else None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "page": str(self.page),
            "run": str(self.out),
            "articles": [str(folder) for folder in self.articles],
            "made": self.made,
            "kept": self.kept,
            "failed": failures_as_dicts(self.failures),
        }


def generate_batch(request: BatchRequest) -> BatchResult:
    """Make every article that is not there yet; in one of several processes, this one's share.

    Raises:
        UsageError: something asked for that cannot be, or articles made otherwise that are in the way.
        ModelError: the model is missing.
        DataError: none of the articles could be made, or the folder cannot be written.
    """
    prepared = check_batch(request)
    group = join_process_group(request.device)
    try:
        return _make(request, prepared, group)
    except OSError as error:
        raise cannot_write(prepared.out, error) from error


def plan_generate_batch(request: BatchRequest) -> GeneratePlan:
    """Check a request and write the steps of every article that is not there yet; nothing is drawn.

    Raises:
        UsageError, ModelError, DataError: as ``generate_batch``.
    """
    prepared = check_batch(request)
    plan, left = _plan(request, prepared, ProcessGroup())
    return GeneratePlan(prepared, left, plan.failures)


def check_batch(request: BatchRequest) -> Prepared:
    """Everything that can be known to be wrong before anything is loaded, asked or drawn.

    Raises:
        UsageError: the first parameter that cannot be, with what it may be.
        ModelError: a model that is named is not there.
    """
    if isinstance(request.goals, str) or not request.goals:
        raise UsageError("--goals is a list of goals, one at least", hint='such as ["How to make tea"]')
    check_range("--num-variants", request.num_variants, 1, MAX_VARIANTS, "the number of articles to make")
    if not isinstance(request.steps, int) and len(request.goals) > 1:
        raise UsageError("one list of steps cannot serve several goals", hint="leave out --step")
    out = default_out(request) if request.out is None else Path(request.out)
    prepared = prepare(request, request.steps, out.expanduser().resolve(), variants=request.num_variants)
    check_drawer(prepared.model)
    return prepared


def default_out(request: BatchRequest) -> Path:
    """``runs/GOAL-sSEED-xK`` for variants of one goal, ``runs/NAME-sSEED`` for several goals."""
    from illinstr.sampling.writing import check_goal, slug

    name = request.name or check_goal(request.goals[0])
    variants = f"-x{request.num_variants}" if request.num_variants > 1 else ""
    return Path("runs") / f"{slug(name)}-s{request.seed}{variants}"


def _plan(request: BatchRequest, prepared: Prepared, group: ProcessGroup) -> tuple[Plan, list[Job]]:
    """What this process will make, and what of it is not there yet."""
    from illinstr.sampling.drawing.batch import check_batch_out, plan_batch

    announce(prepared.writer, request.messages)
    plan = plan_batch(
        request.goals,
        range(request.seed, request.seed + request.num_variants),
        prepared.writer,
        prepared.num_steps,
        prepared.out,
        resume=not request.overwrite,
        group=group,
        first_picture=prepared.first_picture,
    )
    for failure in plan.failures:
        request.messages.log(f"failed: {failure.error.message}")
    left = check_batch_out(prepared.out, plan.jobs, prepared.settings, overwrite=request.overwrite)
    if not plan.jobs and group.world_size == 1:
        raise _nothing_left(plan.failures)
    return plan, left


def _make(request: BatchRequest, prepared: Prepared, group: ProcessGroup) -> BatchResult:
    from illinstr.runs import is_article_folder
    from illinstr.sampling.drawing.batch import check_same_model, make_batch, write_batch_page

    reporter, out = group.reporter(request.messages), prepared.out
    plan, left = _plan(request, prepared, group)
    finished = [job for job in plan.jobs if job not in left]
    failures = list(plan.failures)
    if finished:
        reporter.log(f"{len(finished)} of {len(plan.jobs)} articles are there already")
    if left:
        illustrator = illustrator_for(request, prepared, left, device=group.device(request.device))
        check_same_model(finished, illustrator.pipeline.model_sha256)
        failures += make_batch(left, illustrator, reporter)
    kept, failures = sum(group.gather([len(finished)])), group.gather(failures)
    jobs = sorted(group.gather([(job.place, job.folder, job.article.goal) for job in plan.jobs]))
    if not group.is_main:
        return BatchResult(out)  # the first process speaks for all
    articles = [folder for _, folder, _ in jobs if is_article_folder(folder)]
    if not articles:
        raise _nothing_left(failures)
    title = jobs[0][2] if len(request.goals) == 1 else "Illustrated instructions"
    page = write_batch_page(out, title, articles, len(failures))
    total = len(request.goals) * request.num_variants
    result = BatchResult(out, page, articles, len(articles) - kept, kept, failures, total)
    reporter.log(f"made {result.made}, kept {kept}, failed {len(failures)}")
    for failure in failures:
        reporter.log(f"  failed: {failure.goal} (seed {failure.seed}): {failure.error.message}")
    return result


def _nothing_left(failures: Sequence[Failure]) -> IllinstrError:
    last = failures[-1].error
    return DataError(
        f"none of the {len(failures)} articles could be made; the last one: {last.message}", hint=last.hint
    )
