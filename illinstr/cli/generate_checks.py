"""What ``illinstr generate`` checks and chooses before anything expensive starts."""

from __future__ import annotations

import math
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import MAX_STEPS
from illinstr.errors import ModelError, UsageError

if TYPE_CHECKING:
    from illinstr.sampling.illustrator import ArticlePipeline

MAX_SAMPLING_STEPS = 1_000
MAX_VARIANTS = 1_000
MAX_SEED = 2**32 - 1
METHODS = ("stacked", "independent")
DTYPES = ("float32", "float16", "bfloat16")
EMBEDDED = "mini"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_options(options: dict[str, Any]) -> None:
    """Refuse options that are out of range or contradict each other.

    Raises:
        UsageError: the first such option, with what it may be.
    """
    from illinstr.sampling.illustrator import SAMPLERS

    _in_range("--steps", options["steps"], 1, MAX_STEPS, "the number of pictures, such as --steps 6")
    _in_range("--sampling-steps", options["sampling_steps"], 1, MAX_SAMPLING_STEPS, "20 to 50 is usual")
    _in_range("--num-variants", options["num_variants"], 1, MAX_VARIANTS, "the number of articles to make")
    _in_range("--seed", options["seed"], 0, MAX_SEED - options["num_variants"] + 1, "any whole number in that range")
    guidance = options["guidance"]
    if guidance is not None and not (math.isfinite(guidance) and 0 <= guidance <= 100):
        raise UsageError(f"--guidance {guidance:g} is not between 0 and 100", hint="3 is usual; 1 is off")
    _one_of("--method", options["method"], METHODS)
    _one_of("--sampler", options["sampler"], SAMPLERS)
    if options["dtype"] is not None:
        _one_of("--dtype", options["dtype"], DTYPES)
    if not _DEVICE.fullmatch(options["device"]):
        raise UsageError(f"--device {options['device']!r} is unknown", hint="auto, cpu, cuda, cuda:N or mps")
    _check_sources(options)


def outside_world_note(goal: str, model: str) -> str | None:
    """A warning for steps of the user's own that the embedded model never learnt to draw; None where it did."""
    if model != EMBEDDED:
        return None
    from illinstr.minihow import recognise

    if recognise(goal) is not None:
        return None
    return f'note: "{goal}" is outside what the embedded model has seen; the pictures may not show it'


def default_out(goals: list[str], goals_file: Path | None, seed: int, num_variants: int) -> Path:
    """``runs/GOAL-sSEED``; for variants ``runs/GOAL-sSEED-xK``, for a file of goals ``runs/FILE-sSEED``."""
    from illinstr.sampling.writers import check_goal, slug

    variants = f"-x{num_variants}" if num_variants > 1 else ""
    if goals_file is None:
        return Path("runs") / f"{slug(check_goal(goals[0]))}-s{seed}{variants}"
    stem = "goals" if str(goals_file) == "-" else goals_file.stem
    return Path("runs") / f"{slug(stem)}-s{seed}{variants}"


def check_model(model: str) -> str:
    """The model folder or hub id that ``--model`` names; only the presence of its files is looked at.

    Raises:
        ModelError: no such folder, or a folder that holds no model.
    """
    if model == EMBEDDED:
        folder = Path(str(resources.files("illinstr"))) / "assets" / EMBEDDED
        if not (folder / "model_index.json").is_file():
            hint = "name a model folder with --model, or train one: illinstr train --help"
            raise ModelError("the embedded model is not part of this installation", hint=hint)
        return str(folder)
    try:
        path = Path(model).expanduser()
        exists = path.exists()
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"--model {model[:80]!r} cannot be read: {error}") from error
    if exists:
        if not (path / "model_index.json").is_file():
            raise ModelError(
                f"{model} is not a model folder: it holds no model_index.json",
                hint="a model folder is what illinstr train writes, or a diffusers pipeline's save_pretrained",
            )
        return str(path)
    if not _HUB_ID.fullmatch(model):
        raise ModelError(f"no such model folder: {model}", hint="mini is the embedded model; a hub id reads ORG/NAME")
    return model


def load_pipeline(model: str, device: str, dtype: str | None) -> ArticlePipeline:
    """Load the model onto the device; this is where torch comes in.

    Raises:
        UsageError: the device is not there.
        ModelError: the model is missing, damaged or of another kind.
    """
    import diffusers
    import torch
    import transformers

    from illinstr.diffusion.pipeline import StackedDiffusionPipeline

    has_mps = torch.backends.mps.is_available()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu"
    elif device.startswith("cuda"):
        index = int(device.partition(":")[2] or 0)
        if index >= torch.cuda.device_count():
            raise UsageError(f"--device {device}: there is no such CUDA device here", hint="--device cpu always works")
    elif device == "mps" and not has_mps:
        raise UsageError("--device mps: there is no Metal device here", hint="--device cpu always works")
    diffusers.utils.logging.disable_progress_bar()  # theirs ignore --quiet
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()  # it advises on image processors that nobody here uses
    pipeline: ArticlePipeline = StackedDiffusionPipeline.from_folder(
        model, device=device, dtype=getattr(torch, dtype) if dtype else None
    )
    return pipeline


def _check_sources(options: dict[str, Any]) -> None:
    if (options["goal"] is None) == (options["goals_file"] is None):
        raise UsageError(
            "give one goal, or --goals-file", hint='for example: illinstr generate "How to make apple juice" --steps 6'
        )
    if options["step"] and options["steps_file"] is not None:
        raise UsageError("--step and --steps-file cannot be used together", hint="put all steps in the file")
    if options["goals_file"] is not None and (options["step"] or options["steps_file"] is not None):
        raise UsageError("one list of steps cannot serve the goals of a --goals-file", hint="leave out --step")


def _in_range(option: str, value: int | None, low: int, high: int, hint: str) -> None:
    if value is not None and not low <= value <= high:
        raise UsageError(f"{option} {value} is not between {low} and {high}", hint=hint)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{option} {value!r} is unknown", hint=f"choose from {', '.join(known)}")
