"""``illinstr generate``: a goal goes in, a page of steps in words and pictures comes out."""

from __future__ import annotations

import os
import sys
import time
import webbrowser
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from illinstr.cli.options import AsJson, Device, Dtype, Offload, Quiet, VaeSlicing
from illinstr.console import emit, reporter
from illinstr.engine.batch_launching import launch
from illinstr.errors import DataError, IllinstrError, PartialError, UsageError
from illinstr.progress import Reporter
from illinstr.workflows.checks import (
    check_model,
    check_options,
    default_out,
    load_pipeline,
    outside_world_note,
)
from illinstr.workflows.writers import DEFAULT_EXAMPLES, announce, choose_writer, release

if TYPE_CHECKING:
    from illinstr.articles import StepImage
    from illinstr.sampling.drawing.batch import Failure, Job
    from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator
    from illinstr.sampling.writing import Writer


@dataclass(frozen=True)
class Request:
    """The options of one call, checked."""

    goals: list[str]
    seeds: list[int]
    num_steps: int
    planner: Writer
    settings: DrawingSettings
    model: str
    out: Path
    is_batch: bool
    overwrite: bool
    first_picture: StepImage | None
    device: str
    dtype: str | None
    offload: bool
    vae_slicing: bool


def command(
    goal: Annotated[str | None, typer.Argument(help="What to explain.", show_default=False)] = None,
    steps: Annotated[int | None, typer.Option(help="Instruction steps, N. \\[default: 6]", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to make. \\[default: runs/GOAL-sSEED]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the steps and of the noise.")] = 0,
    model: Annotated[str, typer.Option(help="mini (embedded), a model folder, or a hub id ORG/NAME.")] = "mini",
    method: Annotated[
        str | None,
        typer.Option(
            help="stacked (drawn together) or independent (each alone). \\[default: stacked, if the model can]",
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="dpm++2m, dpm++2m-sde, ddim, unipc, euler, euler-a or ddpm. \\[default: dpm++2m; dpm++2m-sde where "
            "pictures are held]",
            show_default=False,
        ),
    ] = None,
    sampling_steps: Annotated[
        int | None, typer.Option(help="Denoising steps. \\[default: the model's own]", show_default=False)
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(help="Classifier-free guidance. \\[default: the model's own]", show_default=False)
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(help='A step in your words, repeated: "headline" or "headline | body".', show_default=False),
    ] = None,
    steps_file: Annotated[
        Path | None, typer.Option(help="Steps in your words, one a line; - is stdin.", show_default=False)
    ] = None,
    llm: Annotated[
        str,
        typer.Option(
            help="Who writes the steps: minihow (offline), hf:ORG/NAME, a folder, FILE.gguf, or http(s)://..."
        ),
    ] = "minihow",
    context: Annotated[
        str | None, typer.Option(help='About the reader, for --llm: "I have no oven".', show_default=False)
    ] = None,
    examples: Annotated[int, typer.Option(help="Articles to show a language model as examples.")] = DEFAULT_EXAMPLES,
    num_variants: Annotated[int, typer.Option(help="Articles to make, with seeds SEED, SEED+1, ...")] = 1,
    goals_file: Annotated[
        Path | None, typer.Option(help="Goals, one a line; - is stdin. One folder each under --out.")
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Pictures drawn together at most. \\[default: as many as the model was trained on]", show_default=False
        ),
    ] = None,
    first_picture: Annotated[
        Path | None, typer.Option(help="Your own picture of step 1; the others are drawn to fit it.")
    ] = None,
    processes: Annotated[int, typer.Option(help="Processes that share a batch, one a GPU where there are.")] = 1,
    no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Keep the recipe out of the PNGs.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace finished articles.")] = False,
    device: Device = "auto",
    dtype: Dtype = None,
    offload: Offload = False,
    vae_slicing: VaeSlicing = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps and settings; make nothing.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the finished page in the browser.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write the steps towards a goal, draw them together, and print them as a page.

    Works offline: without options the embedded miniature model and its own writer are used.

    Example, to [bold]juice/index.html[/bold] with six pictures:

    illinstr generate "How to make apple juice" --steps 6 --out juice

    With steps of your own:

    illinstr generate "How to make tea" --step "Boil water" --step "Pour it on the tea leaves" --step "Serve | Hot."

    The last line of stdout is the page that was made. Exit codes: 0 done, 1 failed, 2 wrong use, 3 some articles of a
    batch failed, 130 interrupted.
    """
    from illinstr.sampling.drawing.illustrator import DrawingSettings
    from illinstr.sampling.drawing.photo import read_photo
    from illinstr.sampling.writing import read_goals

    check_options(locals())
    if processes > 1 and not dry_run and "WORLD_SIZE" not in os.environ:
        raise typer.Exit(launch(processes, sys.argv[1:]))
    planner, num_steps = choose_writer(steps, step, steps_file, llm, context=context, examples=examples, device=device)
    settings = DrawingSettings(
        method=method,  # type: ignore[arg-type]  # checked above
        sampler=sampler,
        sampling_steps=sampling_steps,
        guidance=guidance,
        metadata=not no_metadata,
        window=window,
    )
    goals = [goal or ""] if goals_file is None else read_goals(goals_file)
    request = Request(
        goals=goals,
        seeds=list(range(seed, seed + num_variants)),
        num_steps=num_steps,
        planner=planner,
        settings=settings,
        model=model,
        out=out or default_out(goals, goals_file, seed, num_variants),
        is_batch=goals_file is not None or num_variants > 1,
        overwrite=overwrite,
        first_picture=read_photo(first_picture) if first_picture is not None else None,
        device=device,
        dtype=dtype,
        offload=offload,
        vae_slicing=vae_slicing,
    )
    say = reporter(quiet)
    try:
        result, page, lines, failures = (_batch if request.is_batch else _single)(request, say, dry_run)
    except OSError as error:
        raise DataError(f"cannot write {request.out}: {error.strerror or error}") from error
    emit(result, page, as_json=as_json, lines=lines)
    if open_page and page is not None:
        webbrowser.open(Path(page).as_uri())
    if failures:
        raise PartialError(f"{failures} of {len(request.goals) * num_variants} articles were not made")


Outcome = tuple[dict[str, Any], str | None, tuple[str, ...], int]


def _single(request: Request, say: Reporter, dry_run: bool) -> Outcome:
    from illinstr.runs import check_out
    from illinstr.sampling.drawing.batch import make_article, plan_job, with_first_picture

    check_out(request.out, overwrite=request.overwrite)
    check_model(request.model)
    announce(request.planner, say)
    job = plan_job(request.goals[0], request.seeds[0], request.planner, request.num_steps, request.out)
    if request.first_picture is not None:
        job = with_first_picture(job, request.first_picture)
    if dry_run:
        return _dry(request, [job], [])
    illustrator = _open_illustrator(request, [job], say)
    folder, record = make_article(job, illustrator, say)
    page = str(folder / "index.html")
    return {"page": page, "run": str(folder), "record": record.model_dump(mode="json")}, page, (), 0


def _batch(request: Request, say: Reporter, dry_run: bool) -> Outcome:
    from illinstr.engine.batch_group import join_crew
    from illinstr.runs import is_article_folder
    from illinstr.sampling.drawing.batch import (
        check_batch_out,
        check_same_model,
        make_batch,
        plan_batch,
        write_batch_page,
    )

    out = request.out.expanduser().resolve()
    crew = join_crew(request.device)
    announce(request.planner, say)
    plan = plan_batch(
        request.goals,
        request.seeds,
        request.planner,
        request.num_steps,
        out,
        resume=not request.overwrite,
        crew=crew,
        first_picture=request.first_picture,
    )
    for failure in plan.failures:
        say.log(f"failed: {failure.error.message}")
    left = check_batch_out(out, plan.jobs, request.settings, overwrite=request.overwrite)
    check_model(request.model)
    if not plan.jobs and crew.size == 1:
        raise _nothing_left(plan.failures)
    if dry_run:
        return _dry(request, left, plan.failures)
    finished = [job for job in plan.jobs if job not in left]
    failures = list(plan.failures)
    if finished:
        say.log(f"{len(finished)} of {len(plan.jobs)} articles are there already")
    if left:
        illustrator = _open_illustrator(replace(request, device=crew.device(request.device)), left, say)
        check_same_model(finished, illustrator.pipeline.model_sha256)
        failures += make_batch(left, illustrator, say)
    kept, failures = sum(crew.gather([len(finished)])), crew.gather(failures)
    jobs = sorted(crew.gather([(job.place, job.folder, job.article.goal) for job in plan.jobs]))
    if not crew.leads:
        raise typer.Exit  # the first process speaks for all
    made = [folder for _, folder, _ in jobs if is_article_folder(folder)]
    if not made:
        raise _nothing_left(failures)
    title = jobs[0][2] if len(request.goals) == 1 else "Illustrated instructions"
    page = str(write_batch_page(out, title, made, len(failures)))
    result = {
        "page": page,
        "run": str(out),
        "articles": [str(folder) for folder in made],
        "made": len(made) - kept,
        "kept": kept,
        "failed": _failures(failures),
    }
    say.log(f"made {result['made']}, kept {kept}, failed {len(failures)}")
    for failure in failures:
        say.log(f"  failed: {failure.goal} (seed {failure.seed}): {failure.error.message}")
    return result, page, (), len(failures)


def _open_illustrator(request: Request, jobs: list[Job], say: Reporter) -> Illustrator:
    from illinstr.sampling.drawing.illustrator import Illustrator

    release(request.planner)
    for job in jobs:
        note = outside_world_note(job.goal, request.model)
        if note is not None:
            say.log(note)
    started = time.perf_counter()
    memory = {"offload": request.offload, "vae_slicing": request.vae_slicing}
    pipeline = load_pipeline(request.model, request.device, request.dtype, **memory)
    illustrator = Illustrator(pipeline, request.settings, load_s=time.perf_counter() - started)
    if request.first_picture is not None and illustrator.method == "independent":
        raise UsageError("--first-picture steers pictures drawn together; here each is drawn alone")
    sampler = illustrator.sampler_for(jobs[0].article)
    say.log(
        f"{request.num_steps} instruction steps by {request.planner.name}, {illustrator.sampling_steps} sampling steps "
        f"({sampler}, {illustrator.method}), model {request.model}"
    )
    for note in _notes(illustrator, request):
        say.log(f"note: {note}")
    return illustrator


def _notes(illustrator: Illustrator, request: Request) -> Iterator[str]:
    """What the user should know about how this model will draw so many steps."""
    pipeline, n = illustrator.pipeline, request.num_steps
    if not pipeline.trained_for_stacking:
        if illustrator.method == "stacked":
            yield (
                f"{request.model} was not trained to draw pictures together and will hardly show {n} of them; "
                "use --method independent, or train it: illinstr train --help"
            )
        elif request.settings.method is None:
            yield f"{request.model} was not trained to draw pictures together, so each is drawn alone"
        return
    low, high = pipeline.defaults.trained_steps
    if illustrator.method == "stacked" and n < low:
        yield f"the model was trained on articles of {low} to {high} steps; {n} may look worse"
    if illustrator.method == "stacked" and n > high:
        window = request.settings.window or high
        how = "drawn in parts that share pictures" if window < n else "drawn together as told"
        yield f"the model was trained on articles of {low} to {high} steps; {n} are {how}"


def _dry(request: Request, jobs: list[Job], failures: list[Failure]) -> Outcome:
    lines: list[str] = []
    for job in jobs:
        lines += [f"{job.article.goal} (seed {job.seed}) -> {job.folder}"]
        lines += [f"  {number}. {step.headline}" for number, step in enumerate(job.article.steps, start=1)]
    settings = request.settings
    result = {
        "dry_run": True,
        "out": str(request.out),
        "model": request.model,
        "method": settings.method,
        "sampler": settings.sampler,
        "sampling_steps": settings.sampling_steps,
        "guidance": settings.guidance,
        "articles": [
            {
                "goal": job.article.goal,
                "seed": job.seed,
                "run": str(job.folder),
                "steps": [step.headline for step in job.article.steps],
            }
            for job in jobs
        ],
        "failed": _failures(failures),
    }
    return result, None, tuple(lines), len(failures)


def _failures(failures: list[Failure]) -> list[dict[str, Any]]:
    return [{"goal": failure.goal, "seed": failure.seed, "error": failure.error.message} for failure in failures]


def _nothing_left(failures: list[Failure]) -> IllinstrError:
    last = failures[-1].error
    return DataError(
        f"none of the {len(failures)} articles could be made; the last one: {last.message}", hint=last.hint
    )
