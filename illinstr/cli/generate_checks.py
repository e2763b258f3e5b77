"""What ``illinstr generate`` checks and chooses before anything expensive starts."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import MAX_STEPS, Article
from illinstr.diffusion import loading
from illinstr.diffusion.loading import DTYPES, EMBEDDED
from illinstr.errors import PlanError, UsageError

if TYPE_CHECKING:
    from illinstr.sampling.planners import Planner

MAX_SAMPLING_STEPS = 1_000
MAX_VARIANTS = 1_000
MAX_PROCESSES = 256
MAX_SEED = 2**32 - 1
METHODS = ("stacked", "independent")
WRITERS = ("minihow",)
check_model, load_pipeline = loading.check_model, loading.load_pipeline
_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_options(options: dict[str, Any]) -> None:
    """Refuse options that are out of range or contradict each other.

    Raises:
        UsageError: the first such option, with what it may be.
    """
    _in_range("--steps", options["steps"], 1, MAX_STEPS, "the number of pictures, such as --steps 6")
    _in_range("--num-variants", options["num_variants"], 1, MAX_VARIANTS, "the number of articles to make")
    _in_range("--seed", options["seed"], 0, MAX_SEED - options["num_variants"] + 1, "any whole number in that range")
    check_drawing(options)
    _in_range("--processes", options["processes"], 1, MAX_PROCESSES, "one a GPU, or one a few CPU cores")
    if options["processes"] > 1 and options["goals_file"] is None and options["num_variants"] == 1:
        raise UsageError("--processes shares many articles out", hint="give --goals-file or --num-variants")
    if options["first_picture"] is not None and options["method"] == "independent":
        raise UsageError("--first-picture steers pictures drawn together", hint="leave out --method independent")
    _one_of("--llm", options["llm"], WRITERS)
    _check_sources(options)


def check_drawing(options: dict[str, Any]) -> None:
    """Refuse what every command that draws may be told wrongly.

    Raises:
        UsageError: the first such option, with what it may be.
    """
    from illinstr.sampling.illustrator import SAMPLERS

    _in_range("--sampling-steps", options["sampling_steps"], 1, MAX_SAMPLING_STEPS, "20 to 50 is usual")
    guidance = options["guidance"]
    if guidance is not None and not (math.isfinite(guidance) and 0 <= guidance <= 100):
        raise UsageError(f"--guidance {guidance:g} is not between 0 and 100", hint="3 is usual; 1 is off")
    _in_range("--window", options.get("window"), 1, MAX_STEPS, "how many pictures are drawn together at most")
    for option, known in (("method", METHODS), ("sampler", SAMPLERS), ("dtype", DTYPES)):
        if options.get(option) is not None:
            _one_of(f"--{option}", options[option], known)
    if not _DEVICE.fullmatch(options["device"]):
        raise UsageError(f"--device {options['device']!r} is unknown", hint="auto, cpu, cuda, cuda:N or mps")


def choose_planner(steps: int | None, step: list[str] | None, steps_file: Path | None, llm: str) -> tuple[Planner, int]:
    """Who writes the steps, and how many.

    Raises:
        UsageError: steps that cannot be read, or not as many as ``--steps`` says.
    """
    from illinstr.sampling.planners import DEFAULT_NUM_STEPS, UserSteps, parse_step, read_steps

    if step:
        given = [parse_step(text) for text in step]
    elif steps_file is not None:
        given = read_steps(steps_file)
    else:
        return MiniHowWriter(), steps or DEFAULT_NUM_STEPS
    if len(given) > MAX_STEPS:
        raise UsageError(f"{len(given)} steps were given; an article has at most {MAX_STEPS}")
    if steps is not None and steps != len(given):
        raise UsageError(f"--steps {steps}, but the steps given are {len(given)}", hint="leave --steps out")
    return UserSteps(given), len(given)


class MiniHowWriter:
    """The offline writer of the embedded world."""

    name = "minihow"

    def plan(self, goal: str, num_steps: int, *, seed: int) -> Article:
        """Write steps for a goal of the embedded world.

        Raises:
            PlanError: the goal is outside the world, or its family has no article of so many steps.
        """
        from illinstr.minihow import nearest_goals, plan, recognise

        if recognise(goal) is None:
            near = "; ".join(nearest_goals(goal, k=3))
            raise PlanError(
                f'"{goal}" is outside the embedded world; the nearest it can draw: {near}',
                hint='give the steps yourself: --step "..." --step "...", or --steps-file FILE',
            )
        article: Article = plan(goal, num_steps, seed=seed)
        return article


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
    from illinstr.sampling.planners import check_goal, slug

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


def _in_range(option: str, value: int | None, low: int, high: int, hint: str) -> None:
    if value is not None and not low <= value <= high:
        raise UsageError(f"{option} {value} is not between {low} and {high}", hint=hint)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"{option} {value!r} is unknown", hint=f"choose from {', '.join(known)}")
