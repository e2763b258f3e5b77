"""What ``illinstr generate`` checks and chooses before anything expensive starts."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from illinstr.articles import MAX_STEPS
from illinstr.diffusion import loading
from illinstr.diffusion.loading import DTYPES, EMBEDDED
from illinstr.errors import UsageError
from illinstr.workflows.world import knows

MAX_SAMPLING_STEPS = 1_000
MAX_VARIANTS = 1_000
MAX_PROCESSES = 256
MAX_SEED = 2**32 - 1
METHODS = ("stacked", "independent")
check_model, load_pipeline = loading.check_model, loading.load_pipeline
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_options(options: dict[str, Any]) -> None:
    """Refuse options that are out of range or contradict each other.

    Raises:
        UsageError: the first such option, with what it may be.
    """
    check_range("--steps", options["steps"], 1, MAX_STEPS, "the number of pictures, such as --steps 6")
    check_range("--num-variants", options["num_variants"], 1, MAX_VARIANTS, "the number of articles to make")
    check_range("--seed", options["seed"], 0, MAX_SEED - options["num_variants"] + 1, "any whole number in that range")
    check_drawing(options)
    check_range("--processes", options["processes"], 1, MAX_PROCESSES, "one a GPU, or one a few CPU cores")
    if options["processes"] > 1 and options["goals_file"] is None and options["num_variants"] == 1:
        raise UsageError("--processes shares many articles out", hint="give --goals-file or --num-variants")
    if options["first_picture"] is not None and options["method"] == "independent":
        raise UsageError("--first-picture steers pictures drawn together", hint="leave out --method independent")
    _check_sources(options)


def check_drawing(options: dict[str, Any]) -> None:
    """Refuse what every command that draws may be told wrongly.

    Raises:
        UsageError: the first such option, with what it may be.
    """
    from illinstr.sampling.drawing.illustrator import SAMPLERS

    check_range("--sampling-steps", options["sampling_steps"], 1, MAX_SAMPLING_STEPS, "20 to 50 is usual")
    guidance = options["guidance"]
    if guidance is not None and not (math.isfinite(guidance) and 0 <= guidance <= 100):
        raise UsageError(f"--guidance {guidance:g} is not between 0 and 100", hint="3 is usual; 1 is off")
    check_range("--window", options.get("window"), 1, MAX_STEPS, "how many pictures are drawn together at most")
    for option, known in (("method", METHODS), ("sampler", SAMPLERS), ("dtype", DTYPES)):
        check_choice(f"--{option}", options.get(option), known)
    if not _DEVICE.fullmatch(options["device"]):
        raise UsageError(f"--device {options['device']!r} is unknown", hint="auto, cpu, cuda, cuda:N or mps")


def outside_world_note(goal: str, model: str) -> str | None:
    """A warning for steps of the user's own that the embedded model never learnt to draw; None where it did."""
    if model != EMBEDDED:
        return None
    if knows(goal):
        return None
    return f'note: "{goal}" is outside what the embedded model has seen; the pictures may not show it'


def default_out(goals: list[str], goals_file: Path | None, seed: int, num_variants: int) -> Path:
    """``runs/GOAL-sSEED``; for variants ``runs/GOAL-sSEED-xK``, for a file of goals ``runs/FILE-sSEED``."""
    from illinstr.sampling.writing import check_goal, slug

    variants = f"-x{num_variants}" if num_variants > 1 else ""
    if goals_file is None:
        return Path("runs") / f"{slug(check_goal(goals[0]))}-s{seed}{variants}"
    stem = "goals" if str(goals_file) == "-" else goals_file.stem
    return Path("runs") / f"{slug(stem)}-s{seed}{variants}"


def _check_sources(options: dict[str, Any]) -> None:
    if (options["goal"] is None) == (options["goals_file"] is None):
        raise UsageError(
            "give one goal, or --goals-file", hint='for example: illinstr generate "How to make apple juice" --steps 6'
        )
    if options["step"] and options["steps_file"] is not None:
        raise UsageError("--step and --steps-file cannot be used together", hint="put all steps in the file")
    if options["goals_file"] is not None and (options["step"] or options["steps_file"] is not None):
        raise UsageError("one list of steps cannot serve the goals of a --goals-file", hint="leave out --step")


def check_range(option: str, value: float | None, low: float, high: float | None, hint: str) -> None:
    """Refuse a number out of range; None is the caller's default and always in it.

    Raises:
        UsageError: no number of the kind of its bounds, or out of range.
    """
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise UsageError(f"{option} {value!r} is not a number", hint=hint)
    if isinstance(low, int) and isinstance(high, int | None) and value != value // 1:
        raise UsageError(f"{option} {value!r} is not a whole number", hint=hint)
    if high is None and value < low:
        raise UsageError(f"{option} {value} is below {low}", hint=hint)
    if high is not None and not low <= value <= high:
        raise UsageError(f"{option} {value} is not between {low} and {high}", hint=hint)


def check_choice(option: str, value: str | None, known: tuple[str, ...]) -> None:
    """Refuse a value that is not among the known ones; None is the caller's default.

    Raises:
        UsageError: what it may be.
    """
    if value is not None and value not in known:
        raise UsageError(f"{option} {value!r} is unknown", hint=f"choose from {', '.join(known)}")
