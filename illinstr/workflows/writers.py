"""Who writes the steps: introduces the embedded world and language models to ``sampling``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import MAX_STEPS, Article, Step, StepImage
from illinstr.errors import UsageError
from illinstr.workflows.checks import check_range
from illinstr.workflows.world import EMBEDDED_WRITER, MiniHowWriter, nearest_articles

if TYPE_CHECKING:
    from illinstr.progress import Reporter
    from illinstr.sampling.writing import Writer
    from illinstr.sampling.writing.language_model import LanguageModelWriter

DEFAULT_EXAMPLES = 3
MAX_EXAMPLES = 8


def choose_writer(
    steps: int | Sequence[str | Step],
    writer: Writer | str | None,
    *,
    context: str | None = None,
    examples: int = DEFAULT_EXAMPLES,
    device: str = "auto",
    ca: str | Path | None = None,
    image: StepImage | None = None,
) -> tuple[Writer, int]:
    """Who writes the steps, and how many.

    Args:
        steps: how many, or what they say.
        writer: a name as for ``open_writer``, or a writer; None is MiniHow.
        context, examples, device, ca: as for ``open_writer``.
        image: the finished thing, shown to a language model; who writes without one is not shown it.

    Raises:
        UsageError: parameters that contradict each other, or steps that cannot be.
        ModelError: the language model's file or folder is not there.
    """
    from illinstr.sampling.writing import UserSteps

    check_range("--examples", examples, 0, MAX_EXAMPLES, "3 is usual")
    named = EMBEDDED_WRITER if writer is None else writer
    if not isinstance(steps, int):
        given = own_steps(steps)
        if named != EMBEDDED_WRITER or context is not None:
            option = "--context" if context is not None else "--llm"
            raise UsageError(
                f"{option} has nothing to write when the steps are given; it needs a language model to write them",
                hint=f"leave out {option} or --step",
            )
        return UserSteps(given), len(given)
    check_range("--steps", steps, 1, MAX_STEPS, "the number of images, such as --steps 6")
    if isinstance(named, str):
        return open_writer(named, context=context, examples=examples, device=device, ca=ca, image=image), steps
    if context is not None:
        raise UsageError("--context needs a language model named in --llm", hint="--llm FILE.gguf, for example")
    return named, steps


def read_own_steps(step: Sequence[str] | None, steps_file: Path | None) -> list[Step] | None:
    """Steps given one by one or in a file; None when neither is given.

    Raises:
        UsageError: both are given, they cannot be read, or they are more than an article may have.
    """
    from illinstr.sampling.writing import read_steps

    if step and steps_file is not None:
        raise UsageError("--step and --steps-file cannot be used together", hint="put all steps in the file")
    if step:
        return own_steps(step)
    return None if steps_file is None else own_steps(read_steps(steps_file))


def own_steps(given: Sequence[str | Step]) -> list[Step]:
    """Steps in the caller's words: ``"headline"`` or ``"headline | body"`` each.

    Raises:
        UsageError: no list of texts, none at all, more than an article may have, or one that is empty or too long.
    """
    from illinstr.sampling.writing import parse_step

    hint = 'such as ["Boil water", "Pour it | Slowly."]'
    if isinstance(given, str | bytes) or not isinstance(given, Sequence):
        raise UsageError(f"--steps {given!r} is neither a number nor a list of steps", hint=hint)
    if not given:
        raise UsageError("--steps is empty: an article has one step at least", hint=hint)
    if len(given) > MAX_STEPS:
        raise UsageError(f"{len(given)} steps were given; an article has at most {MAX_STEPS}")
    if wrong := [step for step in given if not isinstance(step, str | Step)]:
        raise UsageError(f"{wrong[0]!r} is not a step in words", hint=hint)
    return [parse_step(step) if isinstance(step, str) else step for step in given]


def open_writer(
    llm: str,
    *,
    context: str | None = None,
    examples: int = DEFAULT_EXAMPLES,
    device: str = "auto",
    ca: str | Path | None = None,
    image: StepImage | None = None,
) -> Writer:
    """The writer that ``--llm`` names; nothing is loaded or asked yet.

    Raises:
        UsageError: an unknown spelling, a number of examples out of range, or a context that this writer cannot heed.
        ModelError: the language model's file or folder is not there.
    """
    check_range("--examples", examples, 0, MAX_EXAMPLES, "3 is usual")
    if llm == EMBEDDED_WRITER:
        check_no_ca(ca)
        if context is not None:
            raise UsageError(
                "the embedded writer cannot take a reader's situation into account",
                hint="--context needs a language model: add --llm FILE.gguf, hf:ORG/NAME, or a server's address",
            )
        return MiniHowWriter()
    return open_language_model(llm, context=context, examples=examples, device=device, ca=ca, image=image)


def check_no_ca(ca: str | Path | None) -> None:
    """Refuse a certificate's authority where no server is asked.

    Raises:
        UsageError: there is one.
    """
    if ca is not None:
        raise UsageError("--llm-ca is for a server behind https", hint="--llm https://HOST/v1#MODEL")


def open_language_model(
    llm: str,
    *,
    context: str | None = None,
    examples: int = DEFAULT_EXAMPLES,
    device: str = "auto",
    ca: str | Path | None = None,
    image: StepImage | None = None,
) -> LanguageModelWriter:
    """The language model that ``--llm`` names, as a writer; ``ca`` signed its https server's certificate.

    Raises:
        UsageError: an unknown spelling, a context that is empty or too long, or an ``image`` for a model that reads
            words alone.
        ModelError: its file or folder is not there.
    """
    from illinstr.sampling.writing import check_context
    from illinstr.sampling.writing.language_model import LanguageModelWriter
    from illinstr.sampling.writing.model_spec import open_model
    from illinstr.sampling.writing.server import ServerModel

    about = check_context(context) if context is not None else ""
    model = open_model(llm, device=device, ca=ca)
    if image is not None and not isinstance(model, ServerModel):
        raise UsageError(
            "--last-picture is shown to the model that writes, and this one reads words alone",
            hint="--llm with the address of a server whose model sees, or the steps themselves with --step",
        )

    def nearest(goal: str, num_steps: int) -> Sequence[Article]:
        return nearest_articles(goal, num_steps, examples)

    return LanguageModelWriter(model, context=about, examples=nearest if examples else None, image=image)


def announce(writer: Writer, reporter: Reporter, *, what: str = "steps") -> None:
    """Say that a language model is at work: it can take a while."""
    from illinstr.sampling.writing.language_model import LanguageModelWriter

    if isinstance(writer, LanguageModelWriter):
        reporter.log(f"{writer.name} writes the {what} ...")


def owns_writer(writer: Writer | str | None) -> bool:
    """Whether the caller brought a writer of their own, which is theirs to close."""
    return writer is not None and not isinstance(writer, str)


def release(writer: Writer) -> None:
    """Free a language model's memory before the images need it."""
    from illinstr.sampling.writing.language_model import LanguageModelWriter

    if isinstance(writer, LanguageModelWriter):
        writer.model.close()
