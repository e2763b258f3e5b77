"""``correct``: something went wrong after a step; what is done stays, the rest is written and drawn again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import Article, Step
from illinstr.errors import UsageError
from illinstr.workflows.checks import check_whole
from illinstr.workflows.drawing import DrawRequest, check_drawing
from illinstr.workflows.edit import check_model_of, check_target, finished_run, illustrator_of, settings_of
from illinstr.workflows.generate import cannot_write
from illinstr.workflows.world import EMBEDDED_WRITER
from illinstr.workflows.writers import announce, check_no_ca, open_writer, own_steps, owns_writer, release

if TYPE_CHECKING:
    from illinstr.runs import Correction
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.drawing.revision import FinishedRun
    from illinstr.sampling.writing import Writer


@dataclass(frozen=True)
class CorrectRequest(DrawRequest):
    """What went wrong, where, and who puts it right.

    Attributes:
        run: what ``generate`` returned, or its folder.
        after: the last step that was done, from 1; it and those before it stay.
        problem: what went wrong, in your words.
        steps: how many steps the corrected article has, or what the new ones say; None is one more than it had.
        writer: who writes the new steps, as for ``generate``; MiniHow, which knows a few problems, when None.
        context: about the reader, for a language model; the run's own when None.
        seed: seed of the words and of the noise; the run's own when None.
        out: where the corrected article goes; None replaces it.
        overwrite: replace a finished article in ``out``.
        llm_ca: as for ``generate``.
    """

    run: FinishedRun | str | Path
    after: int
    problem: str
    _: KW_ONLY
    steps: int | Sequence[str | Step] | None = None
    writer: Writer | str | None = None
    context: str | None = None
    seed: int | None = None
    out: str | Path | None = None
    overwrite: bool = False
    llm_ca: str | Path | None = None


@dataclass(frozen=True)
class CorrectionPlan:
    """The corrected article, its new steps without images; what was changed; the article as it was; how to draw."""

    run: FinishedRun
    article: Article
    correction: Correction
    problem: str
    seed: int
    settings: DrawingSettings

    @property
    def lines(self) -> tuple[str, ...]:
        """The steps for a reader."""
        return tuple(f"  {number}. {step.headline}" for number, step in enumerate(self.article.steps, start=1))

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"dry_run": True, "correction": self.correction.model_dump(mode="json")}


def correct_article(request: CorrectRequest) -> FinishedRun:
    """Write and draw again what follows a step after which something went wrong.

    Raises:
        DataError: the run is missing or damaged, or the folder cannot be written.
        UsageError: the correction does not fit the article.
        PlanError: the new steps cannot be written.
        ModelError: the model is missing or fails; nothing was changed.
    """
    from illinstr.sampling.drawing.revision import open_run, redraw

    plan = plan_correction(request)
    request.tell(plan.article)
    illustrator = illustrator_of(request, plan.run, plan.settings)
    out = None if request.out is None else Path(request.out)
    try:
        folder, _ = redraw(
            plan.run,
            plan.article,
            illustrator,
            seed=plan.seed,
            command="correct",
            note=plan.problem,
            correction=plan.correction,
            reporter=request.messages,
            out=out,
        )
    except OSError as error:
        raise cannot_write(out or plan.run.folder, error) from error
    return open_run(folder)


def plan_correction(request: CorrectRequest) -> CorrectionPlan:
    """Check a request and write the new steps; nothing is drawn or changed.

    Raises:
        DataError, UsageError, PlanError, ModelError: as ``correct_article``.
    """
    from illinstr.sampling.writing import check_problem, replan_article

    run, writer, total, settings = check_correct(request)
    announce(writer, request.messages)
    problem = check_problem(request.problem)
    seed = run.record.seed if request.seed is None else request.seed
    article, correction = replan_article(
        writer, run.article, after=request.after, problem=problem, num_steps=total, seed=seed
    )
    if not owns_writer(request.writer):
        release(writer)
    return CorrectionPlan(run, article, correction, problem, seed, settings)


def check_correct(request: CorrectRequest) -> tuple[FinishedRun, Writer, int | None, DrawingSettings]:
    """Everything that can be known to be wrong before anything is loaded or asked.

    Returns:
        The article, who writes the new steps, how many steps the whole then has (None: one more than it had), and how
        the new images are drawn.

    Raises:
        DataError: the run is missing or damaged.
        UsageError: a parameter that cannot be.
        ModelError: a model that is named is not there.
    """
    from illinstr.sampling.writing import check_problem, check_revision

    check_drawing(request, seed=request.seed)
    check_whole("--after", request.after, "the number of the last step that was done")
    check_problem(request.problem)
    run = finished_run(request.run)
    writer, total = _writer(request, run)
    check_revision(run.article, request.after, total)
    check_target(request.out, run, overwrite=request.overwrite)
    settings = settings_of(run, request)
    check_model_of(request, run, settings)
    return run, writer, total, settings


def _writer(request: CorrectRequest, run: FinishedRun) -> tuple[Writer, int | None]:
    from illinstr.sampling.writing import UserSteps

    writer = EMBEDDED_WRITER if request.writer is None else request.writer
    if request.steps is not None and not isinstance(request.steps, int):
        given = own_steps(request.steps)
        if writer != EMBEDDED_WRITER or request.context is not None:
            raise UsageError("--llm, --context and --steps have no part in steps of your own", hint="leave them out")
        check_no_ca(request.llm_ca)
        return UserSteps(given), request.after + len(given)
    if not isinstance(writer, str):
        if request.context is not None:
            raise UsageError("--context needs a language model named in --llm", hint="--llm FILE.gguf, for example")
        check_no_ca(request.llm_ca)
        return writer, request.steps
    context = request.context
    if writer != EMBEDDED_WRITER and context is None and run.record.writing is not None:
        context = run.record.writing.context or None  # who the article was written for is who follows it
    return open_writer(writer, context=context, device=request.device, ca=request.llm_ca), request.steps
