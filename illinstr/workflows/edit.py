"""``edit``: steps of a finished article are changed; every other image stays as it is, to the byte."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import Step
from illinstr.errors import UsageError
from illinstr.models.options import check_quantize, read_loras
from illinstr.workflows.drawing import DrawRequest, check_drawer, check_drawing, open_illustrator
from illinstr.workflows.generate import cannot_write

if TYPE_CHECKING:
    from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator
    from illinstr.sampling.drawing.revision import Edit, FinishedRun


@dataclass(frozen=True)
class EditRequest(DrawRequest):
    """What to change in which article.

    Attributes:
        run: what ``generate`` returned, or its folder.
        step: which step, from 1, or several.
        text: what the one step shall say, as for ``generate``; None draws the steps again as they are.
        seed: seed of the new noise; the run's own for new words, the next unused one to draw again.
        out: where the changed article goes; None replaces it.
        overwrite: replace a finished article in ``out``.
        sampler: None is the one for held images.
        sampling_steps, guidance, style: None is as the article was drawn.
        references: images to look like in place of the article's own; None keeps those.
    """

    run: FinishedRun | str | Path
    step: int | Sequence[int]
    _: KW_ONLY
    text: str | Step | None = None
    seed: int | None = None
    out: str | Path | None = None
    overwrite: bool = False
    sampler: str | None = None
    sampling_steps: int | None = None
    guidance: float | None = None
    style: str | None = None
    references: Sequence[str | Path] | None = None


def edit_article(request: EditRequest) -> FinishedRun:
    """Change steps of a finished article; it is replaced whole or not at all.

    Raises:
        DataError: the run is missing or damaged, or the folder cannot be written.
        UsageError: the edit does not fit the article.
        ModelError: the model is missing or fails; nothing was changed.
    """
    from illinstr.sampling.drawing.revision import edit_run

    run, edit, settings = check_edit(request)
    request.tell(edit.apply(run.article))
    illustrator = illustrator_of(request, run, settings)
    out = None if request.out is None else Path(request.out)
    try:
        return edit_run(run, edit, illustrator, seed=request.seed, reporter=request.messages, out=out)
    except OSError as error:
        raise cannot_write(out or run.folder, error) from error


def check_edit(request: EditRequest) -> tuple[FinishedRun, Edit, DrawingSettings]:
    """Everything that can be known to be wrong before a model is loaded.

    Raises:
        DataError: the run is missing or damaged.
        UsageError: the edit does not fit the article, or a parameter that cannot be.
        ModelError: a model that is named is not there.
    """
    from illinstr.sampling.drawing.photo import read_references, read_style
    from illinstr.sampling.drawing.revision import Edit

    check_drawing(
        request,
        seed=request.seed,
        sampler=request.sampler,
        sampling_steps=request.sampling_steps,
        guidance=request.guidance,
    )
    edit = Edit(_steps(request.step), as_step(request.text))
    run = finished_run(request.run)
    edit.apply(run.article)
    check_target(request.out, run, overwrite=request.overwrite)
    settings = settings_of(run, request)
    settings = replace(
        settings,
        sampler=request.sampler,
        sampling_steps=request.sampling_steps or settings.sampling_steps,
        guidance=settings.guidance if request.guidance is None else request.guidance,
        style=settings.style if request.style is None else read_style(request.style),
        references=settings.references if request.references is None else read_references(request.references),
    )
    check_model_of(request, run, settings)
    return run, edit, settings


def finished_run(run: FinishedRun | str | Path) -> FinishedRun:
    """A finished article, read where only its folder is named.

    Raises:
        DataError: not such a folder, or damaged.
        UsageError: a folder of several articles.
    """
    from illinstr.sampling.drawing.revision import FinishedRun, open_run

    return run if isinstance(run, FinishedRun) else open_run(Path(run))


def check_target(out: str | Path | None, run: FinishedRun, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, where a changed article is to go to a place of its own.

    Raises:
        UsageError: it does, or cannot be written.
    """
    from illinstr.ownership import check_apart
    from illinstr.runs import check_out

    if out is not None:
        check_apart(Path(out), [run.folder])
        check_out(Path(out), overwrite=overwrite)


def settings_of(run: FinishedRun, request: DrawRequest) -> DrawingSettings:
    """How a finished article was drawn, so that what is drawn into it fits; held images choose the sampler.

    Another model than the article's takes nothing of what was asked of the weights of that one.

    Raises:
        UsageError: adapters that cannot be read.
        DataError: a reference image of the article's that is damaged.
    """
    from illinstr.runs import read_references
    from illinstr.sampling.drawing.illustrator import DrawingSettings

    record = run.record
    options = request.options
    if request.model is None:
        loras = read_loras([f"{lora.path}:{lora.weight:g}" for lora in record.loras] if request.lora is None else [])
        options = replace(
            options,
            base=options.base or record.base,
            quantize=options.quantize or (None if request.fit else record.quantize),
            loras=options.loras or loras,
        )
    return DrawingSettings(
        method=record.method,
        sampling_steps=record.sampling_steps,
        guidance=record.guidance,
        metadata=run.metadata,
        window=record.window,
        changes=record.changes,
        style=record.style,
        references=read_references(run.folder, record),
        options=options,
    )


def check_model_of(request: DrawRequest, run: FinishedRun, settings: DrawingSettings) -> None:
    """Make sure that the model of a finished article, or the one in its place, can do what is asked.

    Raises:
        UsageError, ModelError: as ``check_drawer``.
    """
    check_quantize(settings.options.quantize, request.device)
    check_drawer(
        model_named(request, run),
        settings.options,
        sampler=settings.sampler,
        references=bool(settings.references),
    )


def model_named(request: DrawRequest, run: FinishedRun) -> Any:
    """The model that a request names, or the one that drew the article; an empty name is one that is not there."""
    return run.record.model_id if request.model is None else request.model


def illustrator_of(request: DrawRequest, run: FinishedRun, settings: DrawingSettings) -> Illustrator:
    """Load the model for a finished article; report it when it is not the one that drew it.

    Raises:
        UsageError: the device is not there.
        ModelError: the model is missing, damaged or of another kind.
    """
    illustrator = open_illustrator(request, settings, model=model_named(request, run))
    drawn_with = [(lora.sha256, lora.weight) for lora in run.record.loras]
    given = [(lora.sha256, lora.weight) for lora in illustrator.pipeline.options.loras]
    if illustrator.pipeline.model_sha256 != run.record.model_sha256 or given != drawn_with:
        request.messages.log(
            "note: this is not the model that drew the article; the new image may not match the others"
        )
    return illustrator


def as_step(text: str | Step | None) -> Step | None:
    """``"headline | body"`` as a step.

    Raises:
        UsageError: empty, too long or no text.
    """
    from illinstr.sampling.writing import parse_step

    return parse_step(text) if isinstance(text, str) else text


def _steps(given: int | Sequence[int]) -> tuple[int, ...]:
    numbers = (given,) if isinstance(given, int) else tuple(dict.fromkeys(given))
    if any(isinstance(number, bool) or not isinstance(number, int) for number in numbers):
        raise UsageError("--step takes whole numbers, from 1", hint="the number of a step")
    if not numbers:
        raise UsageError("no step is named", hint='for example: illinstr edit RUN --step 3 --text "..."')
    return numbers
