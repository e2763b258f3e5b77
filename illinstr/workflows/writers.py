"""Who writes the steps: introduces the embedded world and language models to ``sampling``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import MAX_STEPS, Article, Step
from illinstr.errors import UsageError
from illinstr.workflows.world import EMBEDDED_WRITER, MiniHowWriter, nearest_articles

if TYPE_CHECKING:
    from illinstr.progress import Reporter
    from illinstr.sampling.writing import Writer
    from illinstr.sampling.writing.language_model import LanguageModelWriter

DEFAULT_EXAMPLES = 3
MAX_EXAMPLES = 8


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
