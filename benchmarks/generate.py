"""How long an article takes with the model loaded, and against diffusers' own StableDiffusionPipeline.

    python benchmarks/generate.py --steps 6 --repeats 5 --threads 2

The rival draws as many images with the same weights, sampler, sampling steps, guidance, precision and threads, each
alone: once a call an image, once all in one call. Prints one JSON object: medians of wall-clock seconds and of CPU
seconds (a busy machine stretches the former), and ours divided by theirs.
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
from illinstr.engine.devices import choose_device, choose_dtype

GOAL = "How to make apple juice"


def measure(draw: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median wall-clock and CPU seconds of ``draw`` after one warm-up."""
    draw()
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        draw()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"wall_s": round(statistics.median(walls), 3), "cpu_s": round(statistics.median(cpus), 3)}


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
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = choose_device("auto")
    dtype = options.dtype or choose_dtype(device)
    ours = load_pipeline(options.model, device, dtype)
    article = minihow.plan(GOAL, options.steps, seed=0)
    steps = [step.headline for step in article.steps]
    prompts = [f"{article.goal}: {step}" for step in steps]
    theirs = rival(options.model, device, dtype)
    how = {
        "num_inference_steps": ours.defaults.sampling_steps,
        "guidance_scale": ours.defaults.guidance,
        "height": ours.panel_px,
        "width": ours.panel_px,
    }
    stacked = measure(lambda: ours(article.goal, steps), options.repeats)
    alone = measure(lambda: [theirs(prompt, **how) for prompt in prompts], options.repeats)
    at_once = measure(lambda: theirs(prompts, **how), options.repeats)
    result = {
        "steps": options.steps,
        "sampling_steps": ours.defaults.sampling_steps,
        "panel_px": ours.panel_px,
        "device": device,
        "dtype": dtype,
        "threads": options.threads,
        "stacked": stacked,
        "diffusers_one_by_one": alone,
        "diffusers_in_one_call": at_once,
        "cpu_ratio_to_one_by_one": round(stacked["cpu_s"] / alone["cpu_s"], 2),
        "cpu_ratio_to_one_call": round(stacked["cpu_s"] / at_once["cpu_s"], 2),
        "wall_ratio_to_one_by_one": round(stacked["wall_s"] / alone["wall_s"], 2),
        "wall_ratio_to_one_call": round(stacked["wall_s"] / at_once["wall_s"], 2),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
