"""``illinstr generate``: a goal goes in, a page of steps in words and images comes out."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from illinstr.cli.array_script import print_array_script
from illinstr.cli.options import (
    Address,
    AsJson,
    Base,
    Device,
    Dtype,
    Executor,
    Fit,
    Lora,
    Offload,
    OffloadText,
    Quantize,
    Quiet,
    ShardOfWork,
    VaeSlicing,
    Workers,
)
from illinstr.errors import PartialError, UsageError

if TYPE_CHECKING:
    from illinstr.articles import Step
    from illinstr.workflows.generate import GenerateRequest
    from illinstr.workflows.generate_batch import BatchResult

DEFAULT_EXAMPLES = 3


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
            help="dpm++2m, dpm++2m-sde, ddim, unipc, euler, euler-a or ddpm; euler, euler-a or dpm++2m for flow "
            "matching. \\[default: what suits model and article]",
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
        Path | None, typer.Option(help="Steps in your words, one per line; - is stdin.", show_default=False)
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
        Path | None, typer.Option(help="Goals, one per line; - is stdin. One folder each under --out.")
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            help="Images drawn together at most. \\[default: as many as the model was trained on]", show_default=False
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="Pixels a side of an image, for models that draw several sizes. \\[default: the model's own]",
            show_default=False,
        ),
    ] = None,
    conditioning: Annotated[
        str | None,
        typer.Option(
            help="For transformers: routed (an image reads the goal and its own step), joint (all steps) or single "
            "(one text). \\[default: routed]",
            show_default=False,
        ),
    ] = None,
    positions: Annotated[
        str | None,
        typer.Option(
            help="For transformers: frame (each image a frame of its own), column (one tall image) or reset (all in "
            "one place). \\[default: frame]",
            show_default=False,
        ),
    ] = None,
    shift: Annotated[
        float | None,
        typer.Option(
            help="For flow matching: shift of the noise levels, 1 is none. \\[default: the model's own]",
            show_default=False,
        ),
    ] = None,
    shift_by: Annotated[
        str | None,
        typer.Option(
            help="Whether the model's own shift goes by the size of a panel or of the canvas. \\[default: panel]",
            show_default=False,
        ),
    ] = None,
    upscale: Annotated[
        int | None,
        typer.Option(
            help="Images 1, 2 or 4 times larger than drawn, by the embedded upscaler. \\[default: the model's own; "
            "mini: 4]",
            show_default=False,
        ),
    ] = None,
    first_picture: Annotated[
        Path | None, typer.Option(help="Your own image of step 1; the others are drawn to fit it.")
    ] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            help="An image that all others shall look like, no step's own; repeat for several. For FLUX.2.",
            show_default=False,
        ),
    ] = None,
    style: Annotated[
        str | None,
        typer.Option(help='Joined to the text of every step, for the drawer: "watercolour".', show_default=False),
    ] = None,
    lora: Lora = None,
    base: Base = None,
    processes: Annotated[int, typer.Option(help="Processes that share a batch, one a GPU where there are.")] = 1,
    executor: Executor = "local",
    address: Address = None,
    workers: Workers = None,
    part: ShardOfWork = None,
    no_metadata: Annotated[bool, typer.Option("--no-metadata", help="Keep the recipe out of the PNGs.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace finished articles.")] = False,
    device: Device = "auto",
    dtype: Dtype = None,
    quantize: Quantize = None,
    fit: Fit = None,
    offload: Offload = False,
    offload_text: OffloadText = False,
    vae_slicing: VaeSlicing = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the steps and settings; make nothing.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the finished page in the browser.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write the steps towards a goal, draw them together, and print them as a page.

    Works offline: without options the embedded miniature model and its own writer are used.

    Example, to [bold]juice/index.html[/bold] with six images:

    illinstr generate "How to make apple juice" --steps 6 --out juice

    With steps of your own:

    illinstr generate "How to make tea" --step "Boil water" --step "Pour it on the tea leaves" --step "Serve | Hot."

    The last line of stdout is the page that was made. Exit codes: 0 done, 1 failed, 2 wrong use, 3 some articles of a
    batch failed, 130 interrupted.
    """
    from illinstr.console import emit, reporter
    from illinstr.sampling.writing import read_goals
    from illinstr.workflows.fitting import fit_of
    from illinstr.workflows.generate import GenerateRequest, plan_generate
    from illinstr.workflows.generate_batch import BatchRequest, default_out, generate_batch, plan_generate_batch

    check_shell_options(goal, goals_file, step, steps_file, num_variants, processes, executor != "local" or bool(part))
    common: dict[str, Any] = {
        "out": out,
        "seed": seed,
        "writer": llm,
        "context": context,
        "examples": examples,
        "first_picture": first_picture,
        "references": reference or (),
        "style": style,
        "lora": lora,
        "base": base,
        "method": method,
        "sampler": sampler,
        "sampling_steps": sampling_steps,
        "guidance": guidance,
        "window": window,
        "size": size,
        "conditioning": conditioning,
        "positions": positions,
        "shift": shift,
        "shift_by": shift_by,
        "upscale": upscale,
        "metadata": not no_metadata,
        "overwrite": overwrite,
        "model": model,
        "device": device,
        "dtype": dtype,
        "quantize": quantize,
        "fit": fit,
        "offload": offload,
        "offload_text": offload_text,
        "vae_slicing": vae_slicing,
        "reporter": reporter(quiet),
    }
    wanted = steps_of(steps, step, steps_file)
    goals = [goal or ""]
    if goals_file is None and num_variants == 1:
        request = GenerateRequest(goal or "", wanted, **common)
        if not dry_run:
            print_article(request, open_page=open_page, as_json=as_json)
            return
        plan = plan_generate(request)
    else:
        goals = goals if goals_file is None else read_goals(goals_file)
        name = "" if goals_file is None else "goals" if str(goals_file) == "-" else goals_file.stem
        batch = BatchRequest(
            goals,
            wanted,
            num_variants=num_variants,
            name=name,
            processes=processes,
            executor="local" if executor == "slurm" else executor,
            address=address,
            workers=None if executor == "slurm" else workers,
            shard=part,
            **common,
        )
        if executor == "slurm":
            print_array_script(batch, workers, out or default_out(batch), as_json=as_json)
            return
        if not dry_run:
            print_batch(generate_batch(batch), open_page=open_page, as_json=as_json)
            return
        plan = plan_generate_batch(batch)
    fits = fit_of(plan.prepared.model, plan.prepared.settings.options, device, dtype)
    weights = {} if fits is None else {"weights": fits.as_dict()}
    lines = (*plan.lines, *(() if fits is None else fits.lines))
    emit(plan.as_dict() | weights, None, as_json=as_json, lines=lines)
    if plan.failures:
        total = len(goals) * num_variants
        raise PartialError(f"{len(plan.failures)} of {total} articles were not made")


def print_article(request: GenerateRequest, *, open_page: bool, as_json: bool) -> None:
    """Make one article and print its page; what ``suggest`` goes on with, too."""
    from illinstr.console import emit
    from illinstr.workflows.generate import generate_article

    run = generate_article(request)
    page, record = str(run.page), run.record.model_dump(mode="json")
    emit({"page": page, "run": str(run.folder), "record": record}, page, as_json=as_json)
    if open_page:
        webbrowser.open(run.page.as_uri())


def print_batch(result: BatchResult, *, open_page: bool, as_json: bool) -> None:
    """Print what a batch made, in the process that speaks for it."""
    from illinstr.console import emit

    if result.page is None:
        if result.shard is not None:
            emit(result.as_dict(), str(result.out), as_json=as_json)
        if result.shard is not None and result.error is not None:
            raise result.error
        return
    emit(result.as_dict(), str(result.page), as_json=as_json)
    if open_page:
        webbrowser.open(result.page.as_uri())
    if result.error is not None:
        raise result.error


def check_shell_options(
    goal: str | None,
    goals_file: Path | None,
    step: list[str] | None,
    steps_file: Path | None,
    num_variants: int,
    processes: int,
    elsewhere: bool,
) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: which.
    """
    from illinstr.engine.launching import check_processes

    check_processes(processes)
    if (processes > 1 or elsewhere) and goals_file is None and num_variants == 1:
        option = "--processes shares" if processes > 1 else "--executor, --workers and --shard share"
        raise UsageError(f"{option} many articles out", hint="give --goals-file or --num-variants")
    if (goal is None) == (goals_file is None):
        raise UsageError(
            "give one goal, or --goals-file", hint='for example: illinstr generate "How to make apple juice" --steps 6'
        )
    if goals_file is not None and (step or steps_file is not None):
        raise UsageError("one list of steps cannot serve the goals of a --goals-file", hint="leave out --step")


def steps_of(steps: int | None, step: list[str] | None, steps_file: Path | None) -> int | list[Step]:
    """How many steps, or what they say.

    Raises:
        UsageError: steps that cannot be read, or not as many as ``--steps`` says.
    """
    from illinstr.sampling.writing import DEFAULT_NUM_STEPS
    from illinstr.workflows.writers import read_own_steps

    given = read_own_steps(step, steps_file)
    if given is None:
        return DEFAULT_NUM_STEPS if steps is None else steps
    if steps is not None and steps != len(given):
        raise UsageError(f"--steps {steps}, but the steps given are {len(given)}", hint="leave --steps out")
    return given
