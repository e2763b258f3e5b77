"""How long an article takes with the model loaded, and against diffusers' own StableDiffusionPipeline.

    python benchmarks/generate.py --steps 6 --repeats 5 --threads 2

The rival draws as many images with the same weights, sampler, sampling steps, precision and threads, each alone: once a
call an image (the naive way), once all in one call (the careful way). Guidance is the model's own, and 1 for all three
with ``--guidance 1``: the embedded model leaves guidance out at the noisiest timesteps (``guidance_from``), which saves
passes for us alone; with guidance off the passes are the same, and the ratio is that of drawing together.

After one warm-up of each, the three are run in turn, so that a busy machine slows all alike. Prints the ratios beside
their goal with the least and the most of the paired runs, then one JSON object: medians of wall-clock and CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from illinstr import minihow
from illinstr.diffusion.loading import check_model, load_pipeline
from illinstr.diffusion.schedule import DEFAULT_SAMPLER, make_sampler
from illinstr.engine.devices import available_cores, choose_device, choose_dtype, multiplies_bfloat16

GOAL = "How to make apple juice"


GOAL_RATIO = 0.95  # CPU seconds of six panels together, to those of diffusers' six in one call
Seconds = list[tuple[float, float]]


def measure(draws: list[Callable[[], object]], repeats: int) -> list[Seconds]:
    """Wall-clock and CPU seconds of each of ``draws``, ``repeats`` times in turn after one warm-up."""
    seconds: list[Seconds] = [[] for _ in draws]
    for repeat in range(repeats + 1):
        for draw, found in zip(draws, seconds, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            draw()
            if repeat:
                found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return seconds


def medians(seconds: Seconds) -> dict[str, float]:
    """Of wall-clock and CPU seconds."""
    walls, cpus = zip(*seconds, strict=True)
    return {"wall_s": round(statistics.median(walls), 3), "cpu_s": round(statistics.median(cpus), 3)}


def ratios(ours: Seconds, theirs: Seconds) -> dict[str, float]:
    """Ours divided by theirs, CPU seconds of paired runs: median, least and most."""
    paired = [mine[1] / its[1] for mine, its in zip(ours, theirs, strict=True)]
    found = {"median": statistics.median(paired), "least": min(paired), "most": max(paired)}
    return {name: round(value, 2) for name, value in found.items()}


def rival(model: str, device: str, dtype: str) -> Any:
    """StableDiffusionPipeline with the same folder's weights."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(check_model(model), safety_checker=None, use_safetensors=True)
    pipe.to(device, getattr(torch, dtype))
    pipe.scheduler = make_sampler(DEFAULT_SAMPLER, pipe.scheduler)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def main() -> None:
    """Parse the numbers and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--dtype", default=None)
    parser.add_argument("--guidance", type=float, default=None)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device("auto")
    dtype = options.dtype or choose_dtype(device)
    ours = load_pipeline(options.model, device, dtype)
    article = minihow.plan(GOAL, options.steps, seed=0)
    steps = [step.headline for step in article.steps]
    prompts = [f"{article.goal}: {step}" for step in steps]
    theirs = rival(options.model, device, dtype)
    how: dict[str, Any] = {
        "num_inference_steps": ours.defaults.sampling_steps,
        "guidance_scale": ours.defaults.guidance if options.guidance is None else options.guidance,
        "height": ours.panel_px,
        "width": ours.panel_px,
    }
    stacked, alone, at_once = measure(
        [
            lambda: ours(article.goal, steps, guidance=options.guidance),
            lambda: [theirs(prompt, **how) for prompt in prompts],
            lambda: theirs(prompts, **how),
        ],
        options.repeats,
    )
    result: dict[str, Any] = {
        "steps": options.steps,
        "sampling_steps": ours.defaults.sampling_steps,
        "guidance": how["guidance_scale"],
        "panel_px": ours.panel_px,
        "device": device,
        "dtype": dtype,
        "multiplies_bfloat16": multiplies_bfloat16(device),
        "cores": available_cores(),
        "threads": options.threads,
        "warm_up": 1,
        "repeats": options.repeats,
        "stacked": medians(stacked),
        "diffusers_one_by_one": medians(alone),
        "diffusers_in_one_call": medians(at_once),
        "cpu_ratio_to_one_by_one": ratios(stacked, alone),
        "cpu_ratio_to_one_call": ratios(stacked, at_once),
    }
    for name in ("cpu_ratio_to_one_by_one", "cpu_ratio_to_one_call"):
        found = result[name]
        goal = f"   goal {GOAL_RATIO}" if name.endswith("call") else ""
        print(f"{name.replace('_', ' ')}: {found['median']} ({found['least']} to {found['most']}){goal}")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
