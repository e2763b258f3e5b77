"""Illustrated instructions from Python, by the functions that the command line uses.

    from illinstr import edit, generate

    run = generate("How to make apple juice", steps=6, out="juice")
    run.pictures[0].show()
    edit(run, step=3, text="Cut the apple into thin slices")

Everything here can be imported from ``illinstr`` itself, where names are loaded when they are used.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.diffusion.loading import EMBEDDED, load_pipeline
from illinstr.progress import Reporter, SilentReporter
from illinstr.sampling.drawing.revision import Edit, FinishedRun, edit_run, open_run

if TYPE_CHECKING:
    from illinstr.diffusion.pipeline import OnStep, StackedDiffusionPipeline
    from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator, Method
    from illinstr.sampling.writing import Writer

Run = FinishedRun


def load_model(
    model: str = EMBEDDED,
    *,
    device: str = "auto",
    dtype: str | None = None,
    offload: bool = False,
    vae_slicing: bool = False,
) -> StackedDiffusionPipeline:
    """Load a model once, to be used for many articles.

    Called with a goal and step texts it gives bare pictures: ``model("How to make tea", ["Boil water", "Pour it"])``.

    Args:
        model: ``mini`` (embedded), a model folder, or a hub id.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``float32``, ``float16`` or ``bfloat16``; None is what suits the device.
        offload: keep on the accelerator only the part of the model that is working.
        vae_slicing: decode one picture at a time.

    Raises:
        UsageError: the device is not there.
        ModelError: the model is missing, damaged or of another kind.
    """
    return load_pipeline(model, device, dtype, offload=offload, vae_slicing=vae_slicing)


def generate(
    goal: str,
    steps: int | Sequence[str] = 6,
    *,
    out: str | Path | None = None,
    seed: int = 0,
    model: str | StackedDiffusionPipeline = EMBEDDED,
    writer: Writer | str | None = None,
    context: str | None = None,
    first_picture: str | Path | None = None,
    method: Method | None = None,
    sampler: str | None = None,
    sampling_steps: int | None = None,
    guidance: float | None = None,
    window: int | None = None,
    metadata: bool = True,
    overwrite: bool = False,
    on_step: OnStep | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Write the steps towards a goal, draw them together, and publish the run folder: ``illinstr generate``.

    Args:
        goal: what to explain.
        steps: how many, or what they say: ``"headline"`` or ``"headline | body"`` each.
        out: the folder to make; ``runs/GOAL-sSEED`` unless given.
        seed: seed of the steps and of the noise.
        model: a name as for ``load_model``, or what it returned.
        writer: who writes the steps when only their number is given: a spelling as for ``--llm``, or a ``Writer`` of
            your own; MiniHow unless given.
        context: about the reader, for a language model named in ``writer``.
        first_picture: a picture of the user's own for step 1, kept while the others are drawn to fit it.
        method: ``stacked`` or ``independent``; None is stacked, if the model can.
        sampler, sampling_steps, guidance: None is the model's own default.
        window: pictures drawn together at most; None is as many as the model was trained on.
        metadata: whether pictures carry their recipes.
        overwrite: replace a finished article in ``out``.
        on_step: called after each sampling step with a ``SamplingStep``; what it raises ends the drawing.
        reporter: shown progress and messages.

    Raises:
        UsageError: something asked for that cannot be, found before a model is loaded.
        PlanError: the steps cannot be written.
        ModelError: the model is missing or fails.
    """
    from illinstr.runs import check_out
    from illinstr.sampling.drawing.batch import make_article, plan_job, with_first_picture
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.drawing.photo import read_photo
    from illinstr.workflows.checks import check_drawing, default_out
    from illinstr.workflows.writers import release

    folder = default_out([goal], None, seed, 1) if out is None else Path(out)
    options = {"sampling_steps": sampling_steps, "guidance": guidance, "method": method, "sampler": sampler}
    check_drawing(options | {"window": window, "device": "auto"})
    planner, count = _writer(steps, writer, context)
    photo = None if first_picture is None else read_photo(Path(first_picture), "first_picture")
    check_out(folder, overwrite=overwrite)
    job = plan_job(goal, seed, planner, count, folder)
    release(planner)
    if photo is not None:
        job = with_first_picture(job, photo)
    settings = DrawingSettings(method, sampler, sampling_steps, guidance, metadata, window)
    illustrator = _illustrator(model, settings, on_step)
    made, _ = make_article(job, illustrator, reporter or SilentReporter())
    return open_run(made)


def edit(
    run: Run | str | Path,
    step: int | Sequence[int],
    *,
    text: str | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    model: str | StackedDiffusionPipeline | None = None,
    sampler: str | None = None,
    sampling_steps: int | None = None,
    guidance: float | None = None,
    on_step: OnStep | None = None,
    reporter: Reporter | None = None,
) -> Run:
    """Change steps of a finished article and keep all other pictures to the byte: ``illinstr edit``.

    Args:
        run: what ``generate`` returned, or its folder.
        step: which step, from 1, or several.
        text: what the one step shall say, as for ``generate``; None draws the steps again as they are.
        seed: seed of the new noise; the run's own for new words, the next unused one to draw again.
        out: where the changed article goes; None replaces it.
        model: as for ``generate``; None is the model that drew the article.
        sampler: None is the one for held pictures.
        sampling_steps, guidance: None is as the article was drawn.
        on_step, reporter: as for ``generate``.

    Raises:
        DataError: the run is missing or damaged.
        UsageError: the edit does not fit the article.
        ModelError: the model is missing or fails; nothing was changed.
    """
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.writing import parse_step

    finished = run if isinstance(run, FinishedRun) else open_run(Path(run))
    wanted = Edit((step,) if isinstance(step, int) else tuple(step), None if text is None else parse_step(text))
    wanted.apply(finished.article)
    record = finished.record
    settings = DrawingSettings(
        record.method,
        sampler,
        sampling_steps or record.sampling_steps,
        record.guidance if guidance is None else guidance,
        finished.metadata,
        record.window,
    )
    illustrator = _illustrator(model or record.model_id, settings, on_step)
    target = None if out is None else Path(out)
    return edit_run(finished, wanted, illustrator, seed=seed, reporter=reporter or SilentReporter(), out=target)


def _writer(steps: int | Sequence[str], writer: Writer | str | None, context: str | None) -> tuple[Writer, int]:
    from illinstr.errors import UsageError
    from illinstr.sampling.writing import UserSteps, parse_step
    from illinstr.workflows.world import EMBEDDED_WRITER
    from illinstr.workflows.writers import open_writer

    spelling = EMBEDDED_WRITER if writer is None else writer
    if isinstance(steps, int) and isinstance(spelling, str):
        return open_writer(spelling, context=context), steps
    if context is not None:
        raise UsageError("context needs a language model named in writer", hint='writer="FILE.gguf", for example')
    if isinstance(steps, int) and not isinstance(spelling, str):
        return spelling, steps
    assert not isinstance(steps, int)
    given = [parse_step(text) for text in steps]
    return UserSteps(given), len(given)


def _illustrator(
    model: str | StackedDiffusionPipeline, settings: DrawingSettings, on_step: OnStep | None
) -> Illustrator:
    from illinstr.sampling.drawing.illustrator import Illustrator

    started = time.perf_counter()
    pipeline = load_pipeline(model) if isinstance(model, str) else model
    return Illustrator(pipeline, settings, load_s=time.perf_counter() - started, on_step=on_step)
