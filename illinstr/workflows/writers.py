"""Who writes the steps: introduces the embedded world and language models to ``sampling``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, make_id
from illinstr.errors import PlanError, UsageError

if TYPE_CHECKING:
    from illinstr.progress import Reporter
    from illinstr.sampling.writing import Task, Writer
    from illinstr.sampling.writing.language_model import LanguageModelWriter

EMBEDDED_WRITER = "minihow"
DEFAULT_EXAMPLES = 3
MAX_EXAMPLES = 8
_OWN_STEPS = 'give the steps yourself: --step "..." --step "...", or --steps-file FILE'


def choose_writer(
    steps: int | None,
    step: list[str] | None,
    steps_file: Path | None,
    llm: str,
    *,
    context: str | None = None,
    examples: int = DEFAULT_EXAMPLES,
    device: str = "auto",
) -> tuple[Writer, int]:
    """Who writes the steps, and how many.

    Raises:
        UsageError: options that contradict each other, steps that cannot be read, or not as many as ``--steps`` says.
        ModelError: the language model's file or folder is not there.
    """
    from illinstr.sampling.writing import DEFAULT_NUM_STEPS, UserSteps

    given = read_own_steps(step, steps_file)
    if given is None:
        return open_writer(llm, context=context, examples=examples, device=device), steps or DEFAULT_NUM_STEPS
    if llm != EMBEDDED_WRITER or context is not None:
        option = "--context" if context is not None else "--llm"
        raise UsageError(
            f"{option} has nothing to write when the steps are given", hint=f"leave out {option} or --step"
        )
    if steps is not None and steps != len(given):
        raise UsageError(f"--steps {steps}, but the steps given are {len(given)}", hint="leave --steps out")
    return UserSteps(given), len(given)


def read_own_steps(step: list[str] | None, steps_file: Path | None) -> list[Step] | None:
    """The steps of ``--step`` or ``--steps-file``; None when neither is given.

    Raises:
        UsageError: they cannot be read, or are more than an article may have.
    """
    from illinstr.sampling.writing import parse_step, read_steps

    if step:
        given = [parse_step(text) for text in step]
    elif steps_file is not None:
        given = read_steps(steps_file)
    else:
        return None
    if len(given) > MAX_STEPS:
        raise UsageError(f"{len(given)} steps were given; an article has at most {MAX_STEPS}")
    return given


def open_writer(
    llm: str, *, context: str | None = None, examples: int = DEFAULT_EXAMPLES, device: str = "auto"
) -> Writer:
    """The writer that ``--llm`` names; nothing is loaded or asked yet.

    Raises:
        UsageError: an unknown spelling, a number of examples out of range, or a context that this writer cannot heed.
        ModelError: the language model's file or folder is not there.
    """
    if not 0 <= examples <= MAX_EXAMPLES:
        raise UsageError(f"--examples {examples} is not between 0 and {MAX_EXAMPLES}", hint="3 is usual")
    if llm == EMBEDDED_WRITER:
        if context is not None:
            raise UsageError(
                "the embedded writer cannot take a reader's situation into account",
                hint="--context needs a language model: add --llm FILE.gguf, hf:ORG/NAME, or a server's address",
            )
        return MiniHowWriter()
    return open_language_model(llm, context=context, examples=examples, device=device)


def open_language_model(
    llm: str, *, context: str | None = None, examples: int = DEFAULT_EXAMPLES, device: str = "auto"
) -> LanguageModelWriter:
    """The language model that ``--llm`` names, as a writer.

    Raises:
        UsageError: an unknown spelling, or a context that is empty or too long.
        ModelError: its file or folder is not there.
    """
    from illinstr.sampling.writing import check_context
    from illinstr.sampling.writing.language_model import LanguageModelWriter
    from illinstr.sampling.writing.model_spec import open_model

    about = check_context(context) if context is not None else ""
    model = open_model(llm, device=device)

    def nearest(goal: str, num_steps: int) -> Sequence[Article]:
        return nearest_articles(goal, num_steps, examples)

    return LanguageModelWriter(model, context=about, examples=nearest if examples else None)


def nearest_articles(goal: str, num_steps: int, count: int) -> list[Article]:
    """Up to ``count`` articles of the embedded world near a goal, each of another family and of ``num_steps`` steps."""
    from illinstr.minihow import nearest_goals, plan, recognise, steps_of

    found: dict[str, Article] = {}
    for near in nearest_goals(goal, k=10 * count) if count else ():
        known = recognise(near)
        if known is None or known.family in found:
            continue
        fewest, most = steps_of(known.family)
        if fewest <= num_steps <= most:
            found[known.family] = plan(near, num_steps)
        if len(found) == count:
            break
    # The nearest stands last, right before the question: that is the one a small model follows most.
    return list(found.values())[::-1]


def announce(writer: Writer, reporter: Reporter, *, what: str = "steps") -> None:
    """Say that a language model is at work: it can take a while."""
    from illinstr.sampling.writing.language_model import LanguageModelWriter

    if isinstance(writer, LanguageModelWriter):
        reporter.log(f"{writer.name} writes the {what} ...")


def release(writer: Writer) -> None:
    """Free a language model's memory before the pictures need it."""
    from illinstr.sampling.writing.language_model import LanguageModelWriter

    if isinstance(writer, LanguageModelWriter):
        writer.model.close()


class MiniHowWriter:
    """The offline writer of the embedded world."""

    name = EMBEDDED_WRITER

    def write(self, task: Task) -> Article:
        """Write steps for a goal of the embedded world, or put right what went wrong in one of its articles.

        Raises:
            PlanError: the goal is outside the world, its family has no article of so many steps, or the world knows no
                remedy for the problem.
        """
        from illinstr.minihow import nearest_goals, plan, recognise

        if task.problem:
            return self._put_right(task)
        if recognise(task.goal) is None:
            near = "; ".join(nearest_goals(task.goal, k=3))
            raise PlanError(
                f'"{task.goal}" is outside the embedded world; the nearest it can draw: {near}', hint=_OWN_STEPS
            )
        article: Article = plan(task.goal, task.num_steps, seed=task.seed)
        return article

    def _put_right(self, task: Task) -> Article:
        """One step that puts the problem right, and then the article's own next steps."""
        from illinstr.minihow import remedy

        found = remedy(task.goal, task.problem)
        if found is None:
            raise PlanError(
                f'the embedded writer knows no remedy for "{task.problem}" in "{task.goal}"',
                hint=f"add --llm FILE.gguf, hf:ORG/NAME or a server's address; or {_OWN_STEPS}",
            )
        if task.num_steps != len(task.dropped) + 1:
            raise PlanError(
                f"the embedded writer adds one step and keeps the {len(task.dropped)} that follow",
                hint="leave out --steps, or add --llm",
            )
        next_steps = (Step(headline=step.headline, body=step.body, bullets=step.bullets) for step in task.dropped)
        return Article(
            id=make_id(self.name, task.goal, task.problem),
            goal=task.goal,
            steps=(Step(headline=found), *next_steps),
            provenance=Provenance(source=self.name),
        )
