"""Who writes the steps of an article: the one small interface, and what its answers must pass.

A ``Writer`` turns a ``WritingTask`` (a goal, and N steps to be written) into steps in words. The user's own steps are a
writer too. Whatever a writer returns is treated as data: ``plan_article`` and ``replan_article`` count its steps,
strip control characters and cap lengths before anything is drawn or printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, make_id
from illinstr.errors import PlanError, UsageError
from illinstr.runs import Correction, WritingRecord
from illinstr.sampling.writing.similarity import check_goal, clean_article, clean_line, clean_step

DEFAULT_NUM_STEPS = 6
MAX_CONTEXT_CHARS = 1_000
MAX_PROBLEM_CHARS = 500
# Where an article in memory carries how it was written; ``split_writing`` moves it to the run record.
WRITING_KEY = "writing"


@dataclass(frozen=True)
class WritingTask:
    """What a writer is asked for.

    Attributes:
        goal: what the article explains, one clean line.
        num_steps: how many steps to write; ``kept`` does not count.
        seed: the same seed writes the same steps, where the writer can promise it.
        kept: steps that are done already and stay as they are; what is written follows them.
        dropped: the steps that followed ``kept`` before something went wrong.
        problem: what went wrong after ``kept``, in the user's words; empty when nothing did.
    """

    goal: str
    num_steps: int
    seed: int = 0
    kept: tuple[Step, ...] = ()
    dropped: tuple[Step, ...] = ()
    problem: str = ""


class Writer(Protocol):
    """Writes the steps of an article."""

    @property
    def name(self) -> str:
        """How records and pages call this writer; no path and no address of the user's."""

    def write(self, task: WritingTask) -> Article:
        """Write exactly ``task.num_steps`` steps, without images.

        Raises:
            PlanError: this writer cannot write steps for the goal, or not so many.
        """


class UserSteps:
    """The steps that the user wrote: the seed changes nothing."""

    name = "user"

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = tuple(steps)

    def write(self, task: WritingTask) -> Article:
        """The user's steps under the task's goal.

        Raises:
            PlanError: ``task.num_steps`` is not the number of steps given.
        """
        if task.num_steps != len(self.steps):
            raise PlanError(f"{task.num_steps} steps were asked for and {len(self.steps)} were given")
        provenance = Provenance(source=self.name)
        return Article(id=make_id(self.name, task.goal), goal=task.goal, steps=self.steps, provenance=provenance)


def plan_article(writer: Writer, goal: str, num_steps: int, *, seed: int) -> Article:
    """Have ``writer`` write an article and make sure that it is fit to be drawn.

    The result has exactly ``num_steps`` steps, clean text within the caps, no images, an id made from goal, seed and
    steps, and the source ``generated``.

    Raises:
        PlanError: the writer could not, wrote another number of steps, or one that is empty or too long.
    """
    article = writer.write(WritingTask(goal, num_steps, seed))
    steps, written = _checked(writer, article, num_steps)
    ident = make_id("generated", written, seed, *(step.headline for step in steps))
    known = article.provenance  # a page whose steps are told keeps its address and its authors
    provenance = Provenance(
        source="generated", parser=writer.name, url=known.url, authors=known.authors, modified=known.modified
    )
    found = _cleaned(writer, article)
    return found.model_copy(update={"id": ident, "goal": written, "steps": steps, "provenance": provenance})


def replan_article(
    writer: Writer, article: Article, *, after: int, problem: str, num_steps: int | None = None, seed: int
) -> tuple[Article, Correction]:
    """Keep the first steps of an article and have the rest written again, knowing what went wrong.

    Args:
        writer: who writes the rest.
        article: what was made before; images may be attached.
        after: how many steps were done when it went wrong; they stay as they are, images included.
        problem: what went wrong, in the user's words.
        num_steps: N of the corrected article; None leaves room for one more step, the one that puts it right.
        seed: seed of the writing.

    Returns:
        The corrected article, its new steps without images, and the record of what was changed.

    Raises:
        UsageError: ``after`` is not a step of the article, nothing is said about the problem, or ``num_steps`` leaves
            nothing to write or is more than an article may have.
        PlanError: the writer could not.
    """
    total = check_revision(article, after, num_steps)
    problem = check_problem(problem)
    kept, dropped = article.steps[:after], article.steps[after:]
    written = writer.write(WritingTask(article.goal, total - after, seed, kept, dropped, problem))
    steps, _ = _checked(writer, written, total - after)
    ident = make_id("generated", article.id, after, problem, seed, *(step.headline for step in steps))
    record = Correction(
        after=after,
        planner=writer.name,
        removed=tuple(step.headline for step in dropped),
        added=tuple(step.headline for step in steps),
        writing=writing_of(written),
    )
    return article.model_copy(update={"id": ident, "steps": (*kept, *steps)}), record


def check_revision(article: Article, after: int, num_steps: int | None) -> int:
    """How many steps an article has when those after ``after`` are written again; None is one more than it has.

    Raises:
        UsageError: ``after`` is not a step of the article, or ``num_steps`` leaves nothing to write or is more than an
            article may have.
    """
    if not 1 <= after <= article.num_steps:
        raise UsageError(
            f"--after {after} is not between 1 and {article.num_steps}, the steps of this article",
            hint="the number of the last step that was done",
        )
    total = num_steps if num_steps is not None else article.num_steps + 1
    if not after < total <= MAX_STEPS:
        raise UsageError(
            f"--steps {total} is not between {after + 1} and {MAX_STEPS}",
            hint=f"{after} steps are kept, and at least one is written again",
        )
    return total


def check_context(text: str) -> str:
    """What a reader says about themselves, as one clean line.

    Raises:
        UsageError: empty, over ``MAX_CONTEXT_CHARS`` characters, or not valid Unicode.
    """
    return _note(text, "--context", MAX_CONTEXT_CHARS, 'such as --context "I have no oven; I am left-handed"')


def check_at_hand(text: str) -> str:
    """What somebody has at hand, as one clean line.

    Raises:
        UsageError: empty, over ``MAX_CONTEXT_CHARS`` characters, or not valid Unicode.
    """
    return _note(text, "what is at hand", MAX_CONTEXT_CHARS, 'such as illinstr suggest "eggs, stale bread"')


def check_problem(text: str) -> str:
    """What went wrong, as one clean line.

    Raises:
        UsageError: empty, over ``MAX_PROBLEM_CHARS`` characters, or not valid Unicode.
    """
    return _note(text, "--problem", MAX_PROBLEM_CHARS, 'such as --problem "the dough is too wet"')


def writing_of(article: Article) -> WritingRecord | None:
    """How a language model wrote this article; None where none did."""
    found = article.extra.get(WRITING_KEY)
    return None if found is None else WritingRecord.model_validate(found)


def split_writing(article: Article) -> tuple[Article, WritingRecord | None]:
    """An article without what a reader said about themselves, and, apart, how it was written."""
    extra = {key: value for key, value in article.extra.items() if key != WRITING_KEY}
    return article.model_copy(update={"extra": extra}), writing_of(article)


def _note(text: str, name: str, limit: int, hint: str) -> str:
    line = clean_line(text, name)
    if not line:
        raise UsageError(f"{name} is empty", hint=hint)
    if len(line) > limit:
        raise UsageError(f"{name} has {len(line):,} characters; at most {limit:,} are allowed", hint=hint)
    return line


def _cleaned(writer: Writer, article: Article) -> Article:
    try:
        return clean_article(article)
    except UsageError as error:
        raise PlanError(f"{writer.name} wrote an article that cannot be used: {error.message}") from error


def _checked(writer: Writer, article: Article, num_steps: int) -> tuple[tuple[Step, ...], str]:
    if article.num_steps != num_steps:
        raise PlanError(f"{writer.name} wrote {article.num_steps} steps where {num_steps} were asked for")
    try:
        steps = tuple(clean_step(step, f"step {i}") for i, step in enumerate(article.steps, start=1))
        return steps, check_goal(article.goal)
    except UsageError as error:
        raise PlanError(f"{writer.name} wrote steps that cannot be used: {error.message}", hint=error.hint) from error
