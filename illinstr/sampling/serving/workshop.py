"""One model, one worker, a short queue: makes, edits and corrects articles, and tells every listener how far it is.

A ``QueuedTask`` is a list of events that only grows, so that a page that lost its connection goes on where it stopped.
The worker is one thread: the model is loaded once, when it is first needed, and never used by two tasks at a time.
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
from typing import TYPE_CHECKING, Any, Protocol

from illinstr.articles import Article
from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.progress import Advance, Reporter
from illinstr.runs import image_name, is_article_folder, read_article
from illinstr.sampling.drawing.revision import FinishedRun, open_run
from illinstr.sampling.writing import check_goal, slug

if TYPE_CHECKING:
    from PIL import Image

    from illinstr.diffusion.pipeline import OnStep, SamplingStep

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,150}")
MAX_WAITING = 8
MAX_TASKS_KEPT = 100
MAX_SEED = 2**32 - 1
PREVIEWS = 4  # looks at unfinished images: after one, two and three quarters of the sampling steps
PREVIEW_PX = 256
Event = tuple[str, dict[str, Any]]


class BusyError(IllinstrError):
    """Too many tasks are waiting."""


@dataclass
class QueuedTask:
    """One piece of work and everything that was said about it."""

    ident: str
    work: Callable[[QueuedTask], None]
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

    def __init__(self, task: QueuedTask) -> None:
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


@dataclass(frozen=True)
class Listener:
    """What a piece of work tells: progress, the steps when they are written, and every sampling step."""

    reporter: Reporter
    on_article: Callable[[Article], None]
    on_step: OnStep


class Verbs(Protocol):
    """What the workshop can do with articles, each verb with its check; whoever opens the workshop brings them.

    Checks raise what the verb would raise before anything is loaded: UsageError, DataError, ModelError.
    """

    @property
    def writer_name(self) -> str: ...
    def check_generate(self, goal: str, num_steps: int, seed: int) -> None: ...
    def generate(self, goal: str, num_steps: int, seed: int, folder: Path, listener: Listener) -> Path: ...
    def check_edit(self, run: Path, step: int, text: str | None) -> None: ...
    def edit(self, run: Path, step: int, text: str | None, listener: Listener) -> Path: ...
    def check_correct(self, run: Path, after: int, problem: str) -> None: ...
    def correct(self, run: Path, after: int, problem: str, listener: Listener) -> Path: ...


class Workshop:
    """Makes and changes articles in one folder.

    Args:
        folder: where the run folders go.
        verbs: what is done with articles; used by one thread, except for the checks.
    """

    def __init__(self, folder: Path, verbs: Verbs) -> None:
        self.folder = folder
        self.verbs = verbs
        self._waiting: queue.Queue[QueuedTask] = queue.Queue(MAX_WAITING)
        self._tasks: dict[str, QueuedTask] = {}
        self._lock = threading.Lock()
        self._made = 0
        threading.Thread(target=self._work, name="workshop", daemon=True).start()

    def task(self, ident: str) -> QueuedTask | None:
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
        return open_run(self._folder(name))

    def generate(self, goal: str, num_steps: int, seed: int | None = None) -> QueuedTask:
        """Queue a new article; without a seed the first one that was not used for this goal is taken.

        Raises:
            UsageError: the goal, the number of steps or the seed cannot be.
            BusyError: too many tasks are waiting.
        """
        self.verbs.check_generate(goal, num_steps, seed or 0)

        def work(task: QueuedTask) -> None:
            chosen = seed
            if chosen is None:
                chosen = next(number for number in range(MAX_SEED) if not self._place(goal, number).exists())
            elif self._place(goal, chosen).exists():
                raise UsageError(f"seed {chosen} was used for this goal already", hint="leave the seed empty")
            place = self._place(goal, chosen)
            self._finish(task, self.verbs.generate(goal, num_steps, chosen, place, listen(task, "")))

        return self._queue(work)

    def edit(self, name: str, step: int, text: str | None) -> QueuedTask:
        """Queue a change to one step: new words and an image for them, or another image when ``text`` is None.

        Raises:
            DataError: no such article.
            UsageError: no such step, or words that cannot be a step.
            BusyError: too many tasks are waiting.
        """
        folder = self._folder(name)
        self.verbs.check_edit(folder, step, text)
        return self._queue(lambda task: self._finish(task, self.verbs.edit(folder, step, text, listen(task, name))))

    def correct(self, name: str, after: int, problem: str) -> QueuedTask:
        """Queue a correction: steps up to ``after`` stay, the rest is written and drawn again.

        Raises:
            DataError: no such article.
            UsageError: no such step, or nothing said about the problem.
            BusyError: too many tasks are waiting.
        """
        folder = self._folder(name)
        self.verbs.check_correct(folder, after, problem)
        return self._queue(
            lambda task: self._finish(task, self.verbs.correct(folder, after, problem, listen(task, name)))
        )

    def _place(self, goal: str, seed: int) -> Path:
        return self.folder / f"{slug(check_goal(goal))}-s{seed}"

    def _folder(self, name: str) -> Path:
        if not NAME.fullmatch(name) or not is_article_folder(self.folder / name):
            raise DataError("there is no such article")
        return self.folder / name

    def _finish(self, task: QueuedTask, folder: Path) -> None:
        article = read_article(folder)
        for index, step in enumerate(described(folder.name, article)["steps"]):
            task.say("image", step=index + 1, **step)
        task.say("done", **described(folder.name, article))

    def _queue(self, work: Callable[[QueuedTask], None]) -> QueuedTask:
        with self._lock:
            self._made += 1
            task = QueuedTask(str(self._made), work)
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


def listen(task: QueuedTask, name: str) -> Listener:
    """Turns what happens to an article into events of a task; ``name`` is the article's, empty for a new one."""
    wanted: set[int] = set()
    shown: set[int] = set()

    def on_article(article: Article) -> None:
        wanted.update(index for index, step in enumerate(article.steps) if step.image is None)
        task.say("steps", **described(name, article))

    def on_step(step: SamplingStep) -> None:
        share = step.done * PREVIEWS // step.total
        if share in shown or share in (0, PREVIEWS):
            return
        shown.add(share)
        for index, image in enumerate(step.preview()[0]):
            if index in wanted and image is not None:
                task.say("preview", step=index + 1, image=as_preview(image))

    return Listener(TaskReporter(task), on_article, on_step)


def described(name: str, article: Article) -> dict[str, Any]:
    """An article for the page: plain texts, and addresses of its images that change when the image does."""
    steps = []
    for index, step in enumerate(article.steps):
        image = None
        if step.image is not None and name:
            image = f"/articles/{name}/{image_name(index, step.image)}?{step.image.sha256[:12]}"
        steps.append(
            {
                "headline": step.headline,
                "body": " ".join(filter(None, (step.body, *step.bullets))),
                "image": image,
                "alt": (step.image.alt if step.image else None) or f"Step {index + 1}: {step.headline}",
            }
        )
    return {"name": name, "goal": article.goal, "language": article.language, "steps": steps}


def as_preview(image: Image.Image) -> str:
    """An unfinished image as a data URI, small enough to send three times a panel."""
    small = image.convert("RGB")
    small.thumbnail((PREVIEW_PX, PREVIEW_PX))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
