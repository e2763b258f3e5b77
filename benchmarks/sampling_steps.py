"""How many sampling steps a model needs: the judge's figures and the CPU time for each number, on held-out goals.

    python benchmarks/sampling_steps.py --articles 8 --sampling-steps 6 10 20 40

All settings draw the same goals from the same noise. Prints one JSON object a setting.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from illinstr import minihow
from illinstr.articles import Article
from illinstr.diffusion.loading import load_pipeline
from illinstr.evaluation.encoders.transformers import load_image_text_encoder
from illinstr.evaluation.evaluate import Source, prepare, score
from illinstr.evaluation.results import Settings
from illinstr.progress import SilentReporter
from illinstr.sampling.drawing.illustrator import DrawingSettings, Illustrator


def figures(drawn: list[Article], truth: list[Article], encoder: Any) -> dict[str, object]:
    """Each metric of the run with its interval."""
    spare = [str(goal) for goal in minihow.all_goals()[:50]]
    prepared = prepare(Source("drawn", drawn), Settings(), truth=Source("truth", truth), spare_goals=spare)
    metrics = score(prepared, encoder).results.metrics
    return {metric.name: [metric.value, metric.low, metric.high] for metric in metrics}


def main() -> None:
    """Parse the numbers and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="mini")
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--articles", type=int, default=8)
    parser.add_argument("--sampling-steps", type=int, nargs="+", default=[6, 10, 20, 40])
    parser.add_argument("--samplers", nargs="+", default=["dpm++2m"])
    parser.add_argument("--dtype", default=None)
    options = parser.parse_args()
    pipeline = load_pipeline(options.model, dtype=options.dtype)
    encoder = load_image_text_encoder("judge")
    indices = range(options.articles)
    truth = [minihow.make_article(i, split="test", num_steps=options.steps) for i in indices]
    bare = [minihow.make_article(i, split="test", num_steps=options.steps, image=False) for i in indices]
    for sampler in options.samplers:
        for sampling_steps in options.sampling_steps:
            artist = Illustrator(pipeline, DrawingSettings(sampler=sampler, sampling_steps=sampling_steps))
            started = time.process_time()
            drawn = [
                artist.draw(article, goal=article.goal, seed=seed, reporter=SilentReporter())[0]
                for seed, article in enumerate(bare)
            ]
            seconds = (time.process_time() - started) / len(drawn)
            setting = {"sampler": sampler, "sampling_steps": sampling_steps, "cpu_s_per_article": round(seconds, 2)}
            print(json.dumps(setting | figures(drawn, truth, encoder)), flush=True)


if __name__ == "__main__":
    main()
