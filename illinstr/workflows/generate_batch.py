"""``generate`` for several goals and seeds: what is finished is kept, and one failure does not end the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import Article, Step
from illinstr.engine.devices import device_of_worker
from illinstr.engine.executor import Placement, Task, Worker, run_tasks
from illinstr.engine.process_group import ProcessGroup, join_process_group
from illinstr.engine.slurm import Shard
from illinstr.errors import DataError, IllinstrError, PartialError, PlanError, UsageError
from illinstr.workflows.checks import check_range
from illinstr.workflows.generate import (
    ArticleRequest,
    GeneratePlan,
    Prepared,
    cannot_write,
    check_prepared,
    failures_as_dicts,
    prepare,
)
from illinstr.workflows.placement import PlacedRequest, placement_of
from illinstr.workflows.world import UnknownGoal
from illinstr.workflows.writers import announce, owns_writer, release

if TYPE_CHECKING:
    from illinstr.sampling.drawing.batch import Failure, Job, Plan
    from illinstr.sampling.writing.base import WritingTask

MAX_VARIANTS = 1_000
MAX_TOGETHER = 64


@dataclass(frozen=True)
class BatchRequest(ArticleRequest, PlacedRequest):
    """Several articles.

    Attributes:
        goals: what to explain, one article each.
        steps: as for one article; what the steps say only where there is one goal.
        num_variants: articles of each goal, with seeds SEED, SEED + 1, ...
        name: of the default folder; the goal's own when empty.
        together: articles of one N that are drawn at once: faster where the device has room, the same up to rounding.
    """

    goals: Sequence[str]
    steps: int | Sequence[str | Step] = 6
    _: KW_ONLY
    num_variants: int = 1
    name: str = ""
    together: int = 1


@dataclass(frozen=True)
class BatchResult:
    """What a batch made.

    Attributes:
        out: the folder of the run folders.
        page: the page that links them; None in a process or a part that does not speak for the batch.
        articles: the run folders, in the order of the goals.
        made, kept: articles drawn now, and those that were there.
        failures: goals that did not become an article.
        total: articles that were asked for.
        shard: which part of the batch this is; None is all of it.
    """

    out: Path
    page: Path | None = None
    articles: list[Path] = field(default_factory=list)
    made: int = 0
    kept: int = 0
    failures: list[Failure] = field(default_factory=list)
    total: int = 0
    shard: str | None = None

    @property
    def error(self) -> PartialError | None:
        """What was not made, if anything was not."""
        failed = len(self.failures)
        return PartialError(f"{failed} of {self.total} articles were not made") if failed else None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "page": str(self.page) if self.page else None,
            "run": str(self.out),
            "articles": [str(folder) for folder in self.articles],
            "made": self.made,
            "kept": self.kept,
            "failed": failures_as_dicts(self.failures),
        }


def generate_batch(request: BatchRequest) -> BatchResult:
    """Make every article that is not there yet; in a part of several, those that are this one's.

    Raises:
        UsageError: something asked for that cannot be, or articles made otherwise that are in the way.
        ModelError: the model is missing.
        DataError: none of the articles could be made, or the folder cannot be written.
    """
    prepared = check_batch(request)
    placement = placement_of(request, accelerator=True)
    if not isinstance(prepared.model, str) and placement != Placement():
        raise UsageError(
            "--model is a loaded model, which stays in its process", hint="name it: mini, a folder, a hub id"
        )
    group = join_process_group(request.device)
    try:
        return _make(request, prepared, group, placement)
    except OSError as error:
        raise cannot_write(prepared.out, error) from error


def plan_generate_batch(request: BatchRequest) -> GeneratePlan:
    """Check a request and write the steps of every article that is not there yet; nothing is drawn.

    Raises:
        UsageError, ModelError, DataError: as ``generate_batch``.
    """
    prepared = check_batch(request)
    plan, left = _plan(request, prepared, request.part)
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
    check_range("--together", request.together, 1, MAX_TOGETHER, "as many as the device has room for")
    if request.together > 1 and (request.part != Shard() or request.executor == "slurm"):
        raise UsageError(
            "--together groups a whole batch, not a part of one", hint="leave it out where parts are made on their own"
        )
    if not isinstance(request.steps, int) and len(request.goals) > 1:
        raise UsageError("one list of steps cannot serve several goals", hint="leave out --step")
    placement_of(request)
    out = default_out(request) if request.out is None else Path(request.out)
    prepared = prepare(request, request.steps, out.expanduser().resolve(), variants=request.num_variants)
    check_prepared(request, prepared)
    return prepared


def default_out(request: BatchRequest) -> Path:
    """``runs/GOAL-sSEED-xK`` for variants of one goal, ``runs/NAME-sSEED`` for several goals."""
    from illinstr.sampling.writing import check_goal, slug

    name = request.name or check_goal(request.goals[0])
    variants = f"-x{request.num_variants}" if request.num_variants > 1 else ""
    return Path("runs") / f"{slug(name)}-s{request.seed}{variants}"


def _plan(request: BatchRequest, prepared: Prepared, part: ProcessGroup | Shard) -> tuple[Plan, list[Job]]:
    """What this part will make, and what of it is not there yet."""
    from illinstr.sampling.drawing.batch import check_batch_out, plan_batch

    announce(prepared.writer, request.messages)
    plan = plan_batch(
        request.goals,
        range(request.seed, request.seed + request.num_variants),
        prepared.writer,
        prepared.num_steps,
        prepared.out,
        resume=not request.overwrite,
        part=part,
        photos=prepared.photos,
    )
    for failure in plan.failures:
        request.messages.log(f"failed: {failure.error.message}")
    left = check_batch_out(prepared.out, plan.jobs, prepared.settings, overwrite=request.overwrite)
    if not plan.jobs and part in (ProcessGroup(), Shard()):
        raise _nothing_left(request, plan.failures)
    return plan, left


def _make(request: BatchRequest, prepared: Prepared, group: ProcessGroup, placement: Placement) -> BatchResult:
    from illinstr.runs import is_article_folder
    from illinstr.sampling.drawing.batch import write_batch_page

    reporter, out = group.reporter(request.messages), prepared.out
    plan, left = _plan(request, prepared, request.part if group.world_size == 1 else group)
    unfinished = {job.place for job in left}
    finished = [job for job in plan.jobs if job.place not in unfinished]
    failures = list(plan.failures)
    if finished:
        reporter.log(f"{len(finished)} of {len(plan.jobs)} articles are there already")
    if left:
        failures += _draw(request, prepared, left, finished, placement)
    if request.part != Shard():
        made = [job.folder for job in plan.jobs if is_article_folder(job.folder)]
        reporter.log(f"part {request.shard}: {len(made)} of {len(plan.jobs)} articles are there")
        return BatchResult(
            out, None, made, len(made) - len(finished), len(finished), failures, len(plan.jobs), request.shard
        )
    kept, failures = sum(group.gather([len(finished)])), group.gather(failures)
    jobs = sorted(group.gather([(job.place, job.folder, job.article.goal) for job in plan.jobs]))
    if not group.is_main:
        return BatchResult(out)  # the first process speaks for all
    articles = [folder for _, folder, _ in jobs if is_article_folder(folder)]
    if not articles:
        raise _nothing_left(request, failures)
    title = jobs[0][2] if len(request.goals) == 1 else "Illustrated instructions"
    page = write_batch_page(out, title, articles, len(failures))
    total = len(request.goals) * request.num_variants
    result = BatchResult(out, page, articles, len(articles) - kept, kept, failures, total)
    reporter.log(f"made {result.made}, kept {kept}, failed {len(failures)}")
    for failure in failures:
        reporter.log(f"  failed: {failure.goal} (seed {failure.seed}): {failure.error.message}")
    return result


@dataclass(frozen=True)
class DrawArticles:
    """Draws planned articles and publishes their run folders, each with one model for all that a worker is given.

    A task's payload is a group of jobs that are drawn together; those that are not in ``jobs`` are there already.
    """

    request: BatchRequest
    prepared: Prepared
    jobs: tuple[Job, ...]
    finished_folders: tuple[Job, ...]

    def finished(self, task: Task) -> None:
        """Finished articles were sorted out when the batch was planned."""
        return None

    def start(self, worker: Worker) -> Callable[[Task], str]:
        """Load the model; the first worker reports how it will draw."""
        from illinstr.sampling.drawing.batch import check_same_model, make_articles
        from illinstr.workflows.generate import illustrator_for

        request = self.request if worker.number else replace(self.request, reporter=worker.reporter)
        device = device_of_worker(request.device, worker.own_device)
        illustrator = illustrator_for(request, self.prepared, self.jobs, device=device)
        check_same_model(self.finished_folders, illustrator.pipeline.model_sha256)

        numbers = {job.folder: number for number, job in enumerate(self.jobs, start=1)}

        def draw(task: Task) -> str:
            for job in task.payload:
                if job.folder in numbers:
                    number = numbers[job.folder]
                    worker.reporter.log(f"article {number} of {len(self.jobs)}: {job.goal} (seed {job.seed})")
            made = make_articles(task.payload, illustrator, worker.reporter, only=set(numbers))
            return " ".join(folder.name for folder in made)

        return draw


@dataclass(frozen=True)
class _Written:
    """Stands for a writer that has written its steps: its name is what is left of it."""

    name: str

    def write(self, task: WritingTask) -> Article:
        """Not asked for."""
        raise PlanError(f"{self.name} has written its steps already")


def _draw(
    request: BatchRequest, prepared: Prepared, left: list[Job], finished: list[Job], placement: Placement
) -> list[Failure]:
    """Draw and publish every job; one that fails does not end the others.

    Raises:
        OSError: a folder could not be written (a full disk would fail all that follow).
    """
    from illinstr.sampling.drawing.batch import Failure

    group = join_process_group(request.device)
    reporter = group.reporter(request.messages)
    if not owns_writer(request.writer):
        release(prepared.writer)
    prepared = replace(prepared, writer=_Written(prepared.writer.name))
    device = group.device(request.device)
    alone = placement == Placement()
    told = request if alone else replace(request, on_article=None, on_step=None)
    told = replace(told, writer=None, reporter=None, device=device)
    by_folder = {job.folder: job for job in left}  # a goal that is asked for twice is drawn once
    work = DrawArticles(told, prepared, tuple(by_folder.values()), tuple(finished))
    groups = _groups(by_folder, finished, request.together)
    failures = []
    with reporter.task("articles", len(by_folder)) as advance:
        tasks = [Task(name, group) for name, group in groups.items()]
        for outcome in run_tasks(work, tasks, placement, ordered=True, reporter=reporter):
            jobs = [job for job in groups[outcome.name] if job.folder in by_folder]
            advance(len(jobs))
            if outcome.error is not None:
                reporter.log(f"failed: {outcome.error.message}")
                failures += [Failure(job.goal, job.seed, outcome.error) for job in jobs]
    return failures


def _groups(left: Mapping[Path, Job], finished: Sequence[Job], together: int) -> dict[str, tuple[Job, ...]]:
    """What is drawn at once, by the name of the first that is left; finished articles hold their places in it."""
    from illinstr.sampling.drawing.batch import grouped

    whole = {job.folder: job for job in sorted([*left.values(), *finished], key=lambda job: job.place)}
    named = {}
    for group in grouped(list(whole.values()), together):
        missing = [job for job in group if job.folder in left]
        if missing:
            named[missing[0].folder.name] = group
    return named


def _nothing_left(request: BatchRequest, failures: Sequence[Failure]) -> IllinstrError:
    last = failures[-1].error
    if isinstance(last, UnknownGoal) and not request.name and len(request.goals) == 1:
        return last
    return DataError(
        f"none of the {len(failures)} articles could be made; the last one: {last.message}", hint=last.hint
    )
