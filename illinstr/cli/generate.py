"""``illinstr generate``: a goal goes in, a page of steps in words and images comes out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from illinstr.cli.options import (
    Address,
    AsJson,
    Base,
    Device,
    Dtype,
    Executor,
    Fit,
    LlmCa,
    Lora,
    Offload,
    OffloadText,
    Quantize,
    Quiet,
    ShardOfWork,
    VaeSlicing,
    Workers,
)
from illinstr.errors import UsageError

if TYPE_CHECKING:
    from illinstr.articles import Step

DEFAULT_EXAMPLES = 3


def command(
    goal: Annotated[str | None, typer.Argument(help="What to explain.", show_default=False)] = None,
    steps: Annotated[int | None, typer.Option(help="Instruction steps, N. \\[default: 6]", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to make. \\[default: runs/GOAL-sSEED]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the steps and of the noise.")] = 0,
    model: Annotated[str, typer.Option(help="mini or mini-flow (embedded), a folder, or a hub id ORG/NAME.")] = "mini",
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
    llm_ca: LlmCa = None,
    num_variants: Annotated[int, typer.Option(help="Articles to make, with seeds SEED, SEED+1, ...")] = 1,
    from_page: Annotated[
        str | None,
        typer.Option("--from", help="A how-to page whose steps are taken: an address, or a file.", show_default=False),
    ] = None,
    keep_images: Annotated[
        bool, typer.Option("--keep-images", help="Hold the page's images; the others are drawn to fit them.")
    ] = False,
    contact: Annotated[
        str | None, typer.Option(help="E-mail or web address for sites to reach you by, to fetch a page.")
    ] = None,
    accept_terms: Annotated[
        bool, typer.Option("--accept-terms", help="I have read the terms of the page's site.")
    ] = False,
    goals_file: Annotated[
        Path | None, typer.Option(help="Goals, one per line; - is stdin. One folder each under --out.")
    ] = None,
    together: Annotated[
        int, typer.Option(help="Articles of a batch drawn at once: faster where there is room; equal up to rounding.")
    ] = 1,
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
    last_picture: Annotated[
        Path | None,
        typer.Option(help="Your own image of the finished thing, kept as the last step's; a server in --llm must see."),
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
    from illinstr.cli.asking import ask_goal, may_ask, with_goal
    from illinstr.cli.making import Shown, make_batch, make_one
    from illinstr.console import reporter

    asking = may_ask(as_json=as_json)
    goal = "" if goal is None and from_page is not None else goal
    if goal is None and goals_file is None and asking and executor != "slurm":
        goal = ask_goal()
    check_shell_options(goal, goals_file, step, steps_file, num_variants, processes, executor != "local" or bool(part))
    if together != 1 and goals_file is None and num_variants == 1:
        raise UsageError("--together draws several articles at once", hint="give --goals-file or --num-variants")
    common: dict[str, Any] = {
        "out": out,
        "seed": seed,
        "writer": llm,
        "context": context,
        "examples": examples,
        "llm_ca": llm_ca,
        "first_picture": first_picture,
        "last_picture": last_picture,
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
    placed: dict[str, Any] = {
        "num_variants": num_variants,
        "together": together,
        "processes": processes,
        "executor": executor,
        "address": address,
        "workers": workers,
        "shard": part,
    }
    paged = {"page": from_page, "keep_images": keep_images, "contact": contact, "accept_terms": accept_terms}
    check_page_options(paged, several=goals_file is not None or num_variants > 1)
    shown = Shown(dry_run, open_page, as_json)
    if goals_file is not None:
        make_batch(read_named_goals(goals_file), wanted, common | placed, shown)
        return

    def make(meant: str) -> None:
        if num_variants == 1:
            make_one(meant, wanted, common | paged, shown)
        else:
            make_batch({"goals": [meant]}, wanted, common | placed, shown)

    with_goal(goal or "", make, may_ask=asking)


def check_page_options(paged: dict[str, Any], *, several: bool) -> None:
    """Refuse options about a page where there is none, and a page for several articles.

    Raises:
        UsageError: which.
    """
    if paged["page"] is None and any(paged.values()):
        raise UsageError("--keep-images, --contact and --accept-terms are about a page", hint="--from URL or FILE")
    if paged["page"] is not None and several:
        raise UsageError("--from makes one article", hint="leave out --goals-file and --num-variants")


def read_named_goals(goals_file: Path) -> dict[str, Any]:
    """The goals of a file, and what their folder is called by default.

    Raises:
        UsageError: a file that cannot be read.
    """
    from illinstr.sampling.writing import read_goals

    return {"goals": read_goals(goals_file), "name": "goals" if str(goals_file) == "-" else goals_file.stem}


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
