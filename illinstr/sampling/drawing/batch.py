"""One article or many: what is to be made, what is made already, and making it.

A ``Job`` is one article to be: goal, seed, planned steps and the folder it goes to. A batch that was cut short goes on
where it stopped: a folder appears only when it is whole, so what is there is done. Each article of a batch is exactly
the one that a run of its own with its goal and seed would make.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from illinstr.articles import Article, StepImage
from illinstr.engine.process_group import ProcessGroup
from illinstr.engine.slurm import Shard
from illinstr.errors import IllinstrError, UsageError
from illinstr.files import remove_leftovers, write_text
from illinstr.models.options import Lora
from illinstr.ownership import RUN, check_file, check_folder, check_place
from illinstr.progress import Reporter
from illinstr.runs import (
    LoraRecord,
    RunRecord,
    is_article_folder,
    read_article,
    read_record,
    reference_files,
    write_run,
)
from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator
from illinstr.sampling.drawing.photo import shown_square
from illinstr.sampling.pages.page import PAGE_FILE, Card, render_batch, render_pages
from illinstr.sampling.writing import Writer, check_goal, plan_article, slug, split_writing
from illinstr.sampling.writing.language_model import LanguageModelWriter

ALL = Shard()


@dataclass(frozen=True)
class Job:
    """One article to be made.

    Attributes:
        goal: what the user asked for.
        seed: seed of the steps and of the noise.
        article: the planned steps, without images but those the user gave.
        folder: where the run folder goes.
        plan_s: seconds the planning took.
        place: where it stands in its batch.
    """

    goal: str
    seed: int
    article: Article
    folder: Path
    plan_s: float = 0.0
    place: int = 0


@dataclass(frozen=True)
class Failure:
    """A goal that did not become an article, and why."""

    goal: str
    seed: int
    error: IllinstrError


@dataclass
class Plan:
    """What a batch will do: jobs, and goals that no steps could be written for."""

    jobs: list[Job] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def plan_job(goal: str, seed: int, planner: Writer, num_steps: int, folder: Path) -> Job:
    """Check a goal and write its steps.

    Raises:
        UsageError: the goal is empty, too long or not text.
        PlanError: the planner cannot write the steps.
    """
    goal = check_goal(goal)
    started = time.perf_counter()
    article = plan_article(planner, goal, num_steps, seed=seed)
    return Job(goal, seed, article, folder, plan_s=time.perf_counter() - started)


def with_photos(job: Job, photos: Mapping[int, StepImage]) -> Job:
    """The job with the user's own images, by place (0 the first step, -1 the last): kept, the others drawn to fit."""
    steps = list(job.article.steps)
    for place, image in photos.items():
        number = range(1, len(steps) + 1)[place]
        shown = image.model_copy(update={"alt": f"Step {number}: {steps[place].headline}"})
        steps[place] = steps[place].model_copy(update={"image": shown})
    return replace(job, article=job.article.model_copy(update={"steps": tuple(steps)}))


def with_images(job: Job, images: Mapping[int, StepImage]) -> Job:
    """The job with images of a page for some of its steps: they are kept, and the others are drawn to fit them."""
    steps = [
        step.model_copy(update={"image": shown_square(images[place])}) if place in images else step
        for place, step in enumerate(job.article.steps)
    ]
    return replace(job, article=job.article.model_copy(update={"steps": tuple(steps)}))


def plan_batch(
    goals: Iterable[str],
    seeds: Sequence[int],
    planner: Writer,
    num_steps: int,
    out: Path,
    *,
    resume: bool = True,
    part: ProcessGroup | Shard = ALL,
    photos: Mapping[int, StepImage] | None = None,
) -> Plan:
    """Plan every goal with every seed, of them those of this part; a goal that fails does not stop the others.

    With ``resume`` a finished article that this language model wrote keeps its words: asking again would cost as much
    as the first time, and a server need not say the same twice.
    """
    plan = Plan()
    wanted = [(goal, seed) for goal in goals for seed in seeds]
    for place, (goal, seed) in part.slice_of(list(enumerate(wanted))):
        try:
            folder = out / f"{slug(check_goal(goal))}-s{seed}"
            written = _written_before(folder, planner, num_steps) if resume else None
            if written is not None:
                job = Job(check_goal(goal), seed, written, folder)
            else:
                job = plan_job(goal, seed, planner, num_steps, folder)
            plan.jobs.append(replace(with_photos(job, photos or {}), place=place))
        except IllinstrError as error:
            plan.failures.append(Failure(goal, seed, error))
    return plan


def check_batch_out(out: Path, jobs: Sequence[Job], settings: DrawingSettings, *, overwrite: bool) -> list[Job]:
    """The jobs that are left to do in ``out``.

    Raises:
        UsageError: ``out`` cannot be written to, is itself an article's folder, or holds an article under a job's name
            that was made in another way, and ``overwrite`` is False.
    """
    out = check_place(out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, not a folder", hint="name another folder with --out")
    if is_article_folder(out):
        raise UsageError(f"{out} is one article's folder", hint="name another folder for the batch with --out")
    check_file(out / PAGE_FILE)
    left = []
    for job in jobs:
        check_folder(job.folder, RUN)
        if overwrite or not is_article_folder(job.folder):
            left.append(job)
        else:
            _check_same(job, settings)
    return left


def check_same_model(jobs: Sequence[Job], model_sha256: str) -> None:
    """Make sure that the finished articles among ``jobs`` were drawn by this model: a batch mixes no models.

    Raises:
        UsageError: one was drawn by another model.
    """
    for job in jobs:
        if read_record(job.folder).model_sha256 != model_sha256:
            raise UsageError(
                f"{job.folder} was drawn by another model", hint="add --overwrite, or name another folder with --out"
            )


def make_article(job: Job, illustrator: Illustrator, reporter: Reporter) -> tuple[Path, RunRecord]:
    """Draw one planned article and publish its run folder.

    Raises:
        ModelError: the model failed.
        OSError: the folder could not be written.
    """
    article, record = illustrator.draw(job.article, goal=job.goal, seed=job.seed, reporter=reporter)
    return _publish(job, article, record, illustrator)


def _publish(job: Job, article: Article, record: RunRecord, illustrator: Illustrator) -> tuple[Path, RunRecord]:
    article, writing = split_writing(article)
    given = tuple(number for number, step in enumerate(job.article.steps, start=1) if step.image)
    timings = record.timings | {"plan_s": round(job.plan_s, 3)}
    record = record.model_copy(update={"timings": timings, "writing": writing, "given": given})
    settings = illustrator.settings
    pages = render_pages(article, record, metadata=settings.metadata) | reference_files(settings.references)
    return write_run(job.folder, article, record, pages), record


def grouped(jobs: Sequence[Job], together: int) -> list[tuple[Job, ...]]:
    """Jobs in their order, of one N each, at most ``together`` in a group; one that holds images stays alone.

    A function of the whole batch, so that what an article is drawn with does not hang on what is finished already.
    """
    groups: list[list[Job]] = []
    open_groups: dict[int, list[Job]] = {}
    for job in jobs:
        n, alone = job.article.num_steps, any(step.image for step in job.article.steps)
        if alone or len(open_groups.get(n, ())) in (0, together):
            groups.append([])
            if not alone:
                open_groups[n] = groups[-1]
        (groups[-1] if alone else open_groups[n]).append(job)
    return [tuple(group) for group in groups]


def make_articles(jobs: Sequence[Job], illustrator: Illustrator, reporter: Reporter, *, only: set[Path]) -> list[Path]:
    """Draw planned articles of one N together and publish the run folders of those in ``only``.

    Raises:
        ModelError: the model failed.
        OSError: a folder could not be written.
    """
    if len(jobs) == 1:
        return [make_article(jobs[0], illustrator, reporter)[0]]
    drawn = illustrator.draw_together(
        [job.article for job in jobs],
        goals=[job.goal for job in jobs],
        seeds=[job.seed for job in jobs],
        reporter=reporter,
    )
    return [
        _publish(job, article, record, illustrator)[0]
        for job, (article, record) in zip(jobs, drawn, strict=True)
        if job.folder in only
    ]


def write_batch_page(out: Path, title: str, folders: Sequence[Path], failures: int) -> Path:
    """Write the page that links to every finished article of ``folders`` and return its path."""
    remove_leftovers(out, PAGE_FILE)
    cards = [
        Card(folder.name, read_article(folder), read_record(folder)) for folder in folders if is_article_folder(folder)
    ]
    path = out / PAGE_FILE
    write_text(path, render_batch(title, cards, failures))
    return path


def _written_before(folder: Path, planner: Writer, num_steps: int) -> Article | None:
    if not isinstance(planner, LanguageModelWriter) or not is_article_folder(folder):
        return None
    record = read_record(folder)
    same = record.num_steps == num_steps and planner.wrote(record.writing)
    if not same:
        return None
    article = read_article(folder)
    bare = tuple(step.model_copy(update={"image": None}) for step in article.steps)
    return article.model_copy(update={"steps": bare})


def _check_same(job: Job, settings: DrawingSettings) -> None:
    record = read_record(job.folder)
    article = read_article(job.folder)
    last = job.article.num_steps
    asked: list[tuple[str, object, object]] = [
        ("goal", record.goal, job.goal),
        ("seed", record.seed, job.seed),
        ("steps", record.num_steps, job.article.num_steps),
        ("method", record.method, settings.method or record.method),
        ("sampler", record.sampler, settings.sampler or record.sampler),
        ("sampling steps", record.sampling_steps, settings.sampling_steps or record.sampling_steps),
        ("guidance", record.guidance, record.guidance if settings.guidance is None else settings.guidance),
        ("window", record.window, settings.window),
        ("settings of the model", record.changes, dict(settings.changes)),
        ("style", record.style, settings.style),
        ("references", [each.sha256 for each in record.references], [each.sha256 for each in settings.references]),
        ("base", record.base, settings.options.base),
        ("quantize", record.quantize, settings.options.quantize or record.quantize),
        ("adapters", adapters_of(record.loras), adapters_of(settings.options.loras)),
        ("text", article.id, job.article.id),
        ("first image", _given_image(article, record.given, 1), _given_image(job.article, (1,), 1)),
        ("last image", _given_image(article, record.given, last), _given_image(job.article, (last,), last)),
    ]
    for name, found, wanted in asked:
        if found != wanted:
            raise UsageError(
                f"{job.folder} holds an article made otherwise ({name}: {found}, not {wanted})",
                hint="add --overwrite, or name another folder with --out",
            )


def adapters_of(loras: Sequence[Lora | LoraRecord]) -> list[tuple[str, float]]:
    """What tells one choice of adapters from another: hashes and weights."""
    return [(lora.sha256, lora.weight) for lora in loras]


def _given_image(article: Article, given: Sequence[int], number: int) -> str | None:
    image = article.steps[number - 1].image if number <= article.num_steps else None
    return image.sha256 if image and number in given else None
