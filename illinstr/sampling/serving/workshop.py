"""One model, one worker, a short queue: makes, edits and corrects articles, and tells every listener how far it is.

A ``Task`` is a list of events that only grows, so that a page that lost its connection goes on where it stopped. The
worker is one thread: the model is loaded once, when it is first needed, and never used by two tasks at a time.
"""

from __future__ import annotations

import base64
import io
import queue
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import MAX_STEPS, Article
from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.progress import Advance
from illinstr.runs import is_article_folder, picture_name, read_article
from illinstr.sampling.drawing.batch import make_article, plan_job
from illinstr.sampling.drawing.illustrator import ArticlePipeline, DrawingSettings, Illustrator
from illinstr.sampling.drawing.revision import Edit, FinishedRun, edit_run, open_run, redraw
from illinstr.sampling.writing import Writer, check_goal, check_problem, parse_step, replan_article, slug

if TYPE_CHECKING:
    from PIL import Image

    from illinstr.diffusion.pipeline import SamplingStep

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,150}")
MAX_WAITING = 8
MAX_TASKS_KEPT = 100
MAX_SEED = 2**32 - 1
PREVIEWS = 4  # looks at unfinished pictures: after one, two and three quarters of the sampling steps
PREVIEW_PX = 256
Event = tuple[str, dict[str, Any]]


class BusyError(IllinstrError):
    """Too many tasks are waiting."""


@dataclass
class Task:
    """One piece of work and everything that was said about it."""

    ident: str
    work: Callable[[Task], None]
    events: list[Event] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    ended: bool = False

    def say(self, kind: str, **data: Any) -> None:
        """Add an event and wake every listener."""
        with self.changed:
            self.events.append((kind, data))
            self.ended = self.ended or kind in ("done", "failed")
            self.changed.notify_all()

    def follow(self, after: int, wait_s: float) -> tuple[list[Event], bool]:
        """Events from number ``after`` on, waiting up to ``wait_s`` for one; and whether no more will come."""
        with self.changed:
            if len(self.events) <= after and not self.ended:
                self.changed.wait(wait_s)
            return self.events[after:], self.ended


class TaskReporter:
    """Progress of the rooms below, as events of a task."""

    def __init__(self, task: Task) -> None:
        self._task = task

    @contextmanager
    def task(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """Say ``progress`` at every advance."""
        done = 0

        def advance(amount: int = 1, *, status: str | None = None) -> None:
            nonlocal done
            done += amount
            self._task.say("progress", what=description, done=done, total=total)

        self._task.say("progress", what=description, done=0, total=total)
        yield advance

    def log(self, message: str) -> None:
        """Say ``note``."""
        self._task.say("note", text=message)


class Workshop:
    """Makes and changes articles in one folder.

    Args:
        folder: where the run folders go.
        writer: who writes the steps.
        load: loads the model; called once, by the worker, when the first picture is wanted.
        settings: how to draw new articles; changes to an article are drawn as it was.
    """

    def __init__(
        self, folder: Path, writer: Writer, load: Callable[[], ArticlePipeline], settings: DrawingSettings
    ) -> None:
        self.folder = folder
        self.writer = writer
        self.settings = settings
        self._load = load
        self._pipeline: ArticlePipeline | None = None
        self._waiting: queue.Queue[Task] = queue.Queue(MAX_WAITING)
        self._tasks: dict[str, Task] = {}
        self._lock = threading.Lock()
        self._made = 0
        threading.Thread(target=self._work, name="workshop", daemon=True).start()

    def task(self, ident: str) -> Task | None:
        """A task by its id, while it is kept."""
        return self._tasks.get(ident)

    def articles(self) -> list[tuple[str, Article]]:
        """Finished articles with their names, the newest first; damaged folders are left out."""
        if not self.folder.is_dir():
            return []
        folders = [path for path in self.folder.iterdir() if NAME.fullmatch(path.name) and is_article_folder(path)]
        found = []
        for path in sorted(folders, key=lambda path: path.stat().st_mtime_ns, reverse=True)[:MAX_TASKS_KEPT]:
            try:
                found.append((path.name, read_article(path)))
            except DataError:
                continue
        return found

    def open(self, name: str) -> FinishedRun:
        """A finished article by its name.

        Raises:
            DataError: there is none of that name, or it is damaged.
        """
        if not NAME.fullmatch(name) or not is_article_folder(self.folder / name):
            raise DataError("there is no such article")
        return open_run(self.folder / name)

    def generate(self, goal: str, num_steps: int, seed: int | None = None) -> Task:
        """Queue a new article; without a seed the first one that was not used for this goal is taken.

        Raises:
            UsageError: the goal, the number of steps or the seed cannot be.
            BusyError: too many tasks are waiting.
        """
        goal = check_goal(goal)
        if not 1 <= num_steps <= MAX_STEPS:
            raise UsageError(f"{num_steps} is not between 1 and {MAX_STEPS} steps")
        if seed is not None and not 0 <= seed <= MAX_SEED:
            raise UsageError(f"seed {seed} is not between 0 and {MAX_SEED}")

        def work(task: Task) -> None:
            chosen = seed
            if chosen is None:
                chosen = next(number for number in range(MAX_SEED) if not self._place(goal, number).exists())
            elif self._place(goal, chosen).exists():
                raise UsageError(f"seed {chosen} was used for this goal already", hint="leave the seed empty")
            job = plan_job(goal, chosen, self.writer, num_steps, self._place(goal, chosen))
            task.say("steps", **described("", job.article))
            folder, _ = make_article(job, self._illustrator(self.settings, task, job.article), TaskReporter(task))
            self._finish(task, folder)

        return self._queue(work)

    def edit(self, name: str, step: int, text: str | None) -> Task:
        """Queue a change to one step: new words and a picture for them, or another picture when ``text`` is None.

        Raises:
            DataError: no such article.
            UsageError: no such step, or words that cannot be a step.
            BusyError: too many tasks are waiting.
        """
        edit = Edit((step,), parse_step(text) if text is not None else None)
        edit.apply(self.open(name).article)

        def work(task: Task) -> None:
            run = self.open(name)
            article = edit.apply(run.article)
            task.say("steps", **described(name, article))
            illustrator = self._illustrator(settings_of(run), task, article)
            self._finish(task, edit_run(run, edit, illustrator, reporter=TaskReporter(task)).folder)

        return self._queue(work)

    def correct(self, name: str, after: int, problem: str) -> Task:
        """Queue a correction: steps up to ``after`` stay, the rest is written and drawn anew.

        Raises:
            DataError: no such article.
            UsageError: no such step, or nothing said about the problem.
            BusyError: too many tasks are waiting.
        """
        problem = check_problem(problem)
        self._check_step(self.open(name), after)

        def work(task: Task) -> None:
            run = self.open(name)
            seed = run.record.seed
            article, correction = replan_article(self.writer, run.article, after=after, problem=problem, seed=seed)
            task.say("steps", **described(name, article))
            folder, _ = redraw(
                run,
                article,
                self._illustrator(settings_of(run), task, article),
                seed=seed,
                command="correct",
                note=problem,
                correction=correction,
                reporter=TaskReporter(task),
            )
            self._finish(task, folder)

        return self._queue(work)

    def _place(self, goal: str, seed: int) -> Path:
        return self.folder / f"{slug(goal)}-s{seed}"

    def _check_step(self, run: FinishedRun, step: int) -> None:
        if not 1 <= step <= run.article.num_steps:
            raise UsageError(f"there is no step {step}")

    def _illustrator(self, settings: DrawingSettings, task: Task, article: Article) -> Illustrator:
        if self._pipeline is None:
            self._pipeline = self._load()
        wanted = {index for index, step in enumerate(article.steps) if step.image is None}
        shown: set[int] = set()

        def on_step(step: SamplingStep) -> None:
            share = step.done * PREVIEWS // step.total
            if share in shown or share in (0, PREVIEWS):
                return
            shown.add(share)
            for index, picture in enumerate(step.preview()[0]):
                if index in wanted and picture is not None:
                    task.say("preview", step=index + 1, picture=as_preview(picture))

        return Illustrator(self._pipeline, settings, on_step=on_step)

    def _finish(self, task: Task, folder: Path) -> None:
        article = read_article(folder)
        for index, step in enumerate(described(folder.name, article)["steps"]):
            task.say("picture", step=index + 1, **step)
        task.say("done", **described(folder.name, article))

    def _queue(self, work: Callable[[Task], None]) -> Task:
        with self._lock:
            self._made += 1
            task = Task(str(self._made), work)
            try:
                self._waiting.put_nowait(task)
            except queue.Full:
                raise BusyError("too many articles are waiting", hint="try again when one is done") from None
            self._tasks[task.ident] = task
            for old in [ident for ident, one in self._tasks.items() if one.ended][:-MAX_TASKS_KEPT]:
                del self._tasks[old]
        return task

    def _work(self) -> None:
        while True:
            task = self._waiting.get()
            task.say("started")
            try:
                task.work(task)
            except IllinstrError as error:
                task.say("failed", message=error.message, hint=error.hint)
            except Exception as error:  # the page must hear of it, and the next task must have its turn
                task.say("failed", message=f"this went wrong unexpectedly: {type(error).__name__}: {error}", hint=None)


def described(name: str, article: Article) -> dict[str, Any]:
    """An article for the page: plain texts, and addresses of its pictures that change when the picture does."""
    steps = []
    for index, step in enumerate(article.steps):
        picture = None
        if step.image is not None and name:
            picture = f"/articles/{name}/{picture_name(index, step.image)}?{step.image.sha256[:12]}"
        steps.append(
            {
                "headline": step.headline,
                "body": " ".join(filter(None, (step.body, *step.bullets))),
                "picture": picture,
                "alt": (step.image.alt if step.image else None) or f"Step {index + 1}: {step.headline}",
            }
        )
    return {"name": name, "goal": article.goal, "language": article.language, "steps": steps}


def as_preview(picture: Image.Image) -> str:
    """An unfinished picture as a data URI, small enough to send three times a panel."""
    small = picture.convert("RGB")
    small.thumbnail((PREVIEW_PX, PREVIEW_PX))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def settings_of(run: FinishedRun) -> DrawingSettings:
    """How a finished article was drawn, so that what is drawn into it fits."""
    record = run.record
    return DrawingSettings(
        method=record.method,
        sampling_steps=record.sampling_steps,
        guidance=record.guidance,
        metadata=run.metadata,
        window=record.window,
    )
