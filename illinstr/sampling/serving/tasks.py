"""What is asked of the workshop, and everything that is said while it is done.

A ``QueuedTask`` is a list of events that only grows, so that a page that lost its connection goes on where it stopped.
Its ``TaskRecord`` is what the journal keeps of it, so that it outlives the server.
"""

from __future__ import annotations

import base64
import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from illinstr.articles import Article
from illinstr.errors import IllinstrError
from illinstr.progress import Advance, Reporter
from illinstr.runs import image_name
from illinstr.sampling.pages.needs import needs_of
from illinstr.sampling.pages.panels import alt_of

if TYPE_CHECKING:
    from PIL import Image

    from illinstr.diffusion.sampling_step import OnStep, SamplingStep

NAME_PATTERN = r"[a-z0-9][a-z0-9-]{0,150}"
PREVIEWS = 4  # looks at unfinished images: after one, two and three quarters of the sampling steps
PREVIEW_PX = 256
Event = tuple[str, dict[str, Any]]
State = Literal["waiting", "running", "done", "failed", "cancelled"]
ENDS: tuple[State, ...] = ("done", "failed", "cancelled")


class Cancelled(IllinstrError):
    """The user no longer wants it."""


class Stopped(IllinstrError):
    """The server ends; the next one takes this up."""


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GenerateAsked(_Asked):
    """A new article.

    Attributes:
        goal: what to explain.
        steps: how many, or what they say: ``"headline | body"`` each.
        seed: None is the first that was not used for this goal.
        image: SHA-256 of an image that was sent before, for step 1.
        model, writer: one of those the server offers; None is the first.
    """

    what: Literal["generate"] = "generate"
    goal: str
    steps: int | tuple[str, ...]
    seed: int | None = None
    image: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    model: str | None = None
    writer: str | None = None


class EditAsked(_Asked):
    """Other words for a step and an image for them, or another image when ``text`` is None."""

    what: Literal["edit"] = "edit"
    name: str
    step: int
    text: str | None = None


class CorrectAsked(_Asked):
    """Steps up to ``after`` stay, the rest is written and drawn again."""

    what: Literal["correct"] = "correct"
    name: str
    after: int
    problem: str


Asked = Annotated[GenerateAsked | EditAsked | CorrectAsked, Field(discriminator="what")]


class TaskRecord(_Asked):
    """A task as the journal keeps it.

    Attributes:
        ident: its number; later tasks have higher ones.
        asked: what is to be done.
        name: the article's folder.
        goal: the article's goal.
        state: where it is.
        starts: how often it was begun; more than once when the server died over it.
        revisions: how many revisions the article had when it was begun, by which a finished change is known.
        message, hint, suggestions: why it failed, and goals that would not.
    """

    ident: int = Field(ge=1, lt=10**12)
    asked: Asked
    name: str = Field(pattern=f"^{NAME_PATTERN}$")
    goal: str
    state: State = "waiting"
    starts: int = 0
    revisions: int = 0
    message: str = ""
    hint: str | None = None
    suggestions: tuple[str, ...] = ()


class QueuedTask:
    """One piece of work and everything that was said about it.

    Args:
        record: what is asked and where it is.
        keep: writes a changed record to the journal.
        said: events to begin with.
    """

    def __init__(self, record: TaskRecord, keep: Callable[[TaskRecord], None], said: tuple[Event, ...] = ()) -> None:
        self.record = record
        self.changed = threading.Condition()
        self.events: list[Event] = list(said)
        self.cancelled = threading.Event()
        self.stopped = threading.Event()
        self._keep = keep

    @property
    def ident(self) -> str:
        """Its number, as addresses spell it."""
        return str(self.record.ident)

    @property
    def ended(self) -> bool:
        """Whether no more will be said."""
        return self.record.state in ENDS

    def say(self, kind: str, **data: Any) -> None:
        """Add an event and wake every listener."""
        with self.changed:
            self.events.append((kind, data))
            self.changed.notify_all()

    def move(self, state: State, told: dict[str, Any] | None = None, **changes: Any) -> None:
        """Change where the task is, on disk first; ``told`` is said with an end of that name.

        Where the disk cannot be written the work goes on: the next server then begins it again.
        """
        with self.changed:
            self.record = self.record.model_copy(update={"state": state, **changes})
            with contextlib.suppress(OSError):
                self._keep(self.record)
            self.events.append((state if state in ENDS else "started", told or {}))
            self.changed.notify_all()

    def follow(self, after: int, wait_s: float) -> tuple[list[Event], bool]:
        """Events from number ``after`` on, waiting up to ``wait_s`` for one; and whether no more will come."""
        with self.changed:
            if len(self.events) <= after and not self.ended:
                self.changed.wait(wait_s)
            return self.events[after:], self.ended

    def check(self) -> None:
        """Go no further if the user wants it no longer, or the server ends.

        Raises:
            Cancelled: the user does not.
            Stopped: the server ends.
        """
        if self.stopped.is_set():
            raise Stopped("the server ends")
        if self.cancelled.is_set():
            raise Cancelled("cancelled")

    def summary(self) -> dict[str, Any]:
        """What a list of tasks says about it."""
        record = self.record
        state = "cancelling" if self.cancelled.is_set() and not self.ended else record.state
        return {
            "id": self.ident,
            "what": record.asked.what,
            "name": record.name,
            "goal": record.goal,
            "state": state,
        }


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
    on_article: Callable[[Article], None] = field(repr=False)
    on_step: OnStep = field(repr=False)


def listen(task: QueuedTask, name: str) -> Listener:
    """Turns what happens to an article into events of a task; ``name`` is the article's, empty for a new one.

    A task that was cancelled ends at the next of them.
    """
    wanted: set[int] = set()
    shown: set[int] = set()

    def on_article(article: Article) -> None:
        task.check()
        wanted.update(index for index, step in enumerate(article.steps) if step.image is None)
        task.say("steps", **described(name, article))

    def on_step(step: SamplingStep) -> None:
        task.check()
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
                "alt": alt_of(step, index),
            }
        )
    needs = [{"title": need.title, "items": list(need.items)} for need in needs_of(article)]
    return {"name": name, "goal": article.goal, "language": article.language, "steps": steps, "needs": needs}


def as_preview(image: Image.Image) -> str:
    """An unfinished image as a data URI, small enough to send three times a panel."""
    small = image.convert("RGB")
    small.thumbnail((PREVIEW_PX, PREVIEW_PX))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=70)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
