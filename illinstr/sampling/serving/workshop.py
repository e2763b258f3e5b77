"""One worker, a short queue that is kept on disk: makes, edits and corrects articles, and deletes them.

The worker is one thread: a model is loaded once, when it is first needed, and never used by two tasks at a time. A task
has its article's name from the moment it is accepted, so it can be found by either.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from illinstr.articles import Article
from illinstr.errors import DataError, IllinstrError, UsageError
from illinstr.ownership import RUN, refuse_foreign
from illinstr.runs import is_article_folder, read_article, read_record
from illinstr.sampling.drawing.photo import photo_of
from illinstr.sampling.drawing.revision import FinishedRun, open_run
from illinstr.sampling.serving import tasks
from illinstr.sampling.serving.articles import ArticleList
from illinstr.sampling.serving.journal import Journal
from illinstr.sampling.serving.speech import for_page
from illinstr.sampling.serving.tasks import (
    CorrectAsked,
    EditAsked,
    GenerateAsked,
    Listener,
    QueuedTask,
    TaskRecord,
    described,
    listen,
)
from illinstr.sampling.writing import check_goal, slug

MAX_WAITING = 8
MAX_TASKS_KEPT = 100
MAX_SEED = 2**32 - 1
MAX_STARTS = 3
STOPPING_S = 5.0
DELETED = ".deleted.incomplete"


class BusyError(IllinstrError):
    """Too many tasks are waiting."""


class ConflictError(IllinstrError):
    """What is asked does not go with what is under way, or with what lies there."""


class Verbs(Protocol):
    """What the workshop can do with articles, each verb with its check; whoever opens the workshop brings them.

    Checks raise what the verb would raise before anything is loaded: UsageError, DataError, ModelError.
    """

    @property
    def writers(self) -> Sequence[str]: ...
    @property
    def models(self) -> Sequence[str]: ...
    def check_generate(self, asked: GenerateAsked) -> None: ...
    def generate(self, asked: GenerateAsked, seed: int, image: Path | None, out: Path, listener: Listener) -> Path: ...
    def check_edit(self, asked: EditAsked, run: Path) -> None: ...
    def edit(self, asked: EditAsked, run: Path, listener: Listener) -> Path: ...
    def check_correct(self, asked: CorrectAsked, run: Path) -> None: ...
    def correct(self, asked: CorrectAsked, run: Path, listener: Listener) -> Path: ...


class Workshop:
    """Makes and changes articles in one folder.

    Args:
        folder: where the run folders go.
        verbs: what is done with articles; used by one thread, except for the checks.
    """

    def __init__(self, folder: Path, verbs: Verbs) -> None:
        self.folder = folder
        self.verbs = verbs
        self.accepted = 0
        self._journal = Journal(folder)
        self._articles = ArticleList(folder)
        self._tasks: dict[str, QueuedTask] = {}
        self._changed = threading.Condition()
        self._next = 1
        self._closed = False
        self._worker: threading.Thread | None = None

    def open(self) -> None:
        """Take up what a former server left, and begin to work.

        Raises:
            UsageError: another server works in this folder, or it cannot be written.
        """
        for record in self._journal.open():
            self._tasks[str(record.ident)] = self._restored(record)
            self._next = record.ident + 1
        self._worker = threading.Thread(target=self._work, name="workshop", daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop at the next sampling step and let another server have the folder: it takes up what is not done."""
        with self._changed:
            self._closed = True
            for task in self._tasks.values():
                task.stopped.set()
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.join(STOPPING_S)
        self._journal.close()

    def task(self, ident: str) -> QueuedTask | None:
        """A task by its id, while it is kept."""
        return self._tasks.get(ident)

    def unfinished(self) -> list[QueuedTask]:
        """Tasks that are under way or wait, in their order."""
        with self._changed:
            return [task for task in self._tasks.values() if not task.ended]

    def articles(self) -> list[tuple[str, Article]]:
        """Finished articles with their names, the newest first; damaged folders are left out."""
        return self._articles.newest()

    def article(self, name: str) -> FinishedRun:
        """A finished article by its name.

        Raises:
            DataError: there is none of that name, or it is damaged.
        """
        return open_run(self._articles.place(name))

    def generate(self, asked: GenerateAsked) -> QueuedTask:
        """Queue a new article; without a seed the first one that was not used for this goal is taken.

        Raises:
            UsageError: the goal, the steps or the seed cannot be, or the seed was used.
            BusyError: too many tasks are waiting.
        """
        self.verbs.check_generate(asked)
        if asked.image is not None and self._journal.image(asked.image) is None:
            raise UsageError("the image is no longer there", hint="choose it again")
        goal = check_goal(asked.goal)
        with self._changed:
            taken = {task.record.name for task in self._tasks.values() if not task.ended}
            seed = asked.seed
            if seed is None:
                seed = next(number for number in range(MAX_SEED) if self._is_free(_name(goal, number), taken))
            elif not self._is_free(_name(goal, seed), taken):
                raise UsageError(f"seed {seed} was used for this goal already", hint="leave the seed empty")
            return self._queue(asked.model_copy(update={"seed": seed}), _name(goal, seed), goal)

    def edit(self, asked: EditAsked) -> QueuedTask:
        """Queue a change to one step: new words and an image for them, or another image when ``text`` is None.

        Raises:
            DataError: no such article.
            UsageError: no such step, or words that cannot be a step.
            BusyError: too many tasks are waiting.
        """
        folder = self._articles.place(asked.name)
        self.verbs.check_edit(asked, folder)
        return self._queue(asked, asked.name, read_record(folder).goal)

    def correct(self, asked: CorrectAsked) -> QueuedTask:
        """Queue a correction: steps up to ``after`` stay, the rest is written and drawn again.

        Raises:
            DataError: no such article.
            UsageError: no such step, or nothing said about the problem.
            BusyError: too many tasks are waiting.
        """
        folder = self._articles.place(asked.name)
        self.verbs.check_correct(asked, folder)
        return self._queue(asked, asked.name, read_record(folder).goal)

    def cancel(self, ident: str) -> QueuedTask:
        """End a task: at once where it waits, after the sampling step under way where it runs.

        Raises:
            DataError: there is no such task.
        """
        with self._changed:
            task = self._tasks.get(ident)
            if task is None:
                raise DataError("there is no such task")
            task.cancelled.set()
            if task.record.state == "waiting":
                task.move("cancelled")
        return task

    def delete(self, name: str) -> None:
        """Delete a finished article, if all in its folder is what illinstr wrote.

        Raises:
            DataError: there is no such article.
            ConflictError: it is being changed, or its folder holds something else: the first such file is named.
        """
        folder = self._articles.place(name)
        with self._changed:
            if any(task.record.name == name for task in self._tasks.values() if not task.ended):
                raise ConflictError("this article is being worked on", hint="cancel that first")
            try:
                refuse_foreign(folder, RUN)
            except UsageError as error:
                raise ConflictError(error.message, hint="take it out of the folder, then delete the article") from error
            gone = folder.with_name(f".{name}{DELETED}")
            try:
                shutil.rmtree(gone, ignore_errors=True)  # of a deletion that was cut short
                folder.rename(gone)
                shutil.rmtree(gone)
            except OSError as error:
                raise DataError(f"the article cannot be deleted: {error.strerror or error}") from error

    def keep_image(self, data: bytes) -> str:
        """Take in an image for step 1 of an article to be asked for; returns its name.

        Raises:
            UsageError: it is no JPEG, PNG or WebP image, or too large.
        """
        photo = photo_of(data, "your own image")
        assert photo.data is not None
        name = self._journal.keep_image(photo.data)
        self._journal.forget_images({name, *self._images_in_use()})
        return name

    def _images_in_use(self) -> set[str]:
        asked = [task.record.asked for task in self.unfinished()]
        return {each.image for each in asked if isinstance(each, GenerateAsked) and each.image}

    def _is_free(self, name: str, taken: set[str]) -> bool:
        return name not in taken and not (self.folder / name).exists()

    def _queue(self, asked: GenerateAsked | EditAsked | CorrectAsked, name: str, goal: str) -> QueuedTask:
        with self._changed:
            waiting = [task for task in self._tasks.values() if task.record.state == "waiting"]
            if len(waiting) >= MAX_WAITING:
                raise BusyError("too many articles are waiting", hint="try again when one is done")
            record = TaskRecord(ident=self._next, asked=asked, name=name, goal=goal)
            try:
                self._journal.keep(record)
            except OSError as error:
                raise DataError(f"cannot write {self.folder}: {error.strerror or error}") from error
            task = QueuedTask(record, self._journal.keep)
            self._next += 1
            self.accepted += 1
            self._tasks[task.ident] = task
            for old in [one for one in self._tasks.values() if one.ended][:-MAX_TASKS_KEPT]:
                self._journal.forget(old.record.ident)
                del self._tasks[old.ident]
            self._changed.notify_all()
        return task

    def _restored(self, record: TaskRecord) -> QueuedTask:
        """A task of a former server: what ended says how; what did not waits for its turn."""
        told: tuple[tasks.Event, ...] = ()
        if record.state == "done":
            try:
                told = (("done", described(record.name, read_article(self._articles.place(record.name)))),)
            except DataError:
                told = (("failed", {"message": "this article was deleted", "hint": None, "suggestions": []}),)
        elif record.state in tasks.ENDS:
            failure = {"message": record.message, "hint": record.hint, "suggestions": list(record.suggestions)}
            told = ((record.state, failure),)
        return QueuedTask(record, self._journal.keep, told)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closed and not (left := [task for task in self._tasks.values() if not task.ended]):
                    self._changed.wait()
                if self._closed:
                    return
                task = left[0]
            self._do(task)

    def _do(self, task: QueuedTask) -> None:
        try:
            begun = self._begin(task)
            folder = self.folder / task.record.name
            if not (begun and self._was_done(task.record)):
                folder = self._carry_out(task)
            article = read_article(folder)
            for index, step in enumerate(described(folder.name, article)["steps"]):
                task.say("image", step=index + 1, **step)
            task.move("done", described(folder.name, article))
        except tasks.Stopped:
            task.move("running", starts=task.record.starts - 1)
        except tasks.Cancelled:
            if not task.ended:
                task.move("cancelled")
        except IllinstrError as error:
            told = for_page(error)
            task.move("failed", told, **told | {"suggestions": tuple(told["suggestions"])})
        except Exception as error:  # the page must hear of it, and the next task must have its turn
            told = {"message": f"this went wrong unexpectedly: {type(error).__name__}: {error}", "hint": None}
            task.move("failed", told | {"suggestions": []}, **told)

    def _begin(self, task: QueuedTask) -> bool:
        """Mark a task as under way; returns whether a former server had begun it."""
        with self._changed:  # so that it is cancelled before this or after it
            task.check()
            record = task.record
            begun, revisions = record.state == "running", record.revisions
            if not begun and not isinstance(record.asked, GenerateAsked):
                revisions = len(read_record(self._articles.place(record.name)).revisions)
            if record.starts >= MAX_STARTS:
                raise UsageError(
                    f"the program ended {record.starts} times while it worked on this", hint="ask for fewer steps"
                )
            task.move("running", starts=record.starts + 1, revisions=revisions)
        return begun

    def _was_done(self, record: TaskRecord) -> bool:
        """Whether a former server finished this and died before it could say so."""
        if not is_article_folder(self.folder / record.name):
            return False
        found = read_record(self.folder / record.name)
        if isinstance(record.asked, GenerateAsked):
            return (found.goal, found.seed) == (record.goal, record.asked.seed)
        return len(found.revisions) > record.revisions

    def _carry_out(self, task: QueuedTask) -> Path:
        asked, name = task.record.asked, task.record.name
        if isinstance(asked, GenerateAsked):
            image = None if asked.image is None else self._journal.image(asked.image)
            return self.verbs.generate(asked, asked.seed or 0, image, self.folder / name, listen(task, ""))
        place = self._articles.place(name)
        if isinstance(asked, EditAsked):
            return self.verbs.edit(asked, place, listen(task, name))
        return self.verbs.correct(asked, place, listen(task, name))


def _name(goal: str, seed: int) -> str:
    return f"{slug(goal)}-s{seed}"
