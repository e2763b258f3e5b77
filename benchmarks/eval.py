"""Images per second of a whole evaluation, beside the sum of torchmetrics runs for the metrics that both have.

python benchmarks/eval.py --articles 40

Ours: check and decode every image of run and truth, look at each once, goal and step faithfulness, consistency, gap,
diversity, CLIPScore, KID, CMMD and FID with their intervals, report written. torchmetrics: CLIPScore, FID and KID over
the same decoded images with the same encoder in the same batches, one metric after the other, values without
intervals. The cache is off. Both values are printed, so that a fast wrong number cannot win; CLIPScore may differ in
the third figure, because torchmetrics cuts the mean at 0 where the paper (and we) cut each image's score. Time is CPU
time of the one process, which other work on the machine does not change.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from illinstr import minihow
from illinstr.evaluation.encoders.transformers import TransformersImageTextEncoder, load_image_text_encoder
from illinstr.evaluation.evaluate import Prepared, Source, prepare, score
from illinstr.evaluation.reports.report import write_eval
from illinstr.evaluation.results import Results, Settings
from illinstr.evaluation.subjects import Subject, open_panel

NUM_STEPS = 5


def articles(seed: int, count: int) -> list[Any]:
    """MiniHow articles on ``count`` goals, the same goals for every seed, each time drawn differently."""
    goals = minihow.all_goals()[:count]
    return [minihow.illustrate(minihow.plan(goal, NUM_STEPS, seed=seed)) for goal in goals]


def ours(run: list[Any], truth: list[Any], encoder: Any) -> tuple[float, Results, Prepared]:
    """Seconds of a whole evaluation, from encoded images in memory to the written report."""
    started = time.process_time()
    prepared = prepare(Source("run", run), Settings(min_fid_pictures=2), truth=Source("truth", truth))
    evaluation = score(prepared, encoder)
    with tempfile.TemporaryDirectory() as folder:
        write_eval(Path(folder), evaluation)
    return time.process_time() - started, evaluation.results, prepared


def torchmetrics_runs(
    prepared: Prepared, encoder: TransformersImageTextEncoder
) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds and values of CLIPScore, FID and KID through torchmetrics, each with its own pass over the images."""
    import numpy as np
    import torch
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance
    from torchmetrics.multimodal.clip_score import CLIPScore
    from transformers import CLIPModel, CLIPProcessor

    model = CLIPModel.from_pretrained(encoder.folder, use_safetensors=True).eval()

    class Plain(torch.nn.Module):
        config, device = model.config, torch.device("cpu")

        def get_image_features(self, pixel_values: Any) -> Any:
            return model.get_image_features(pixel_values=pixel_values).pooler_output

        def get_text_features(self, input_ids: Any, attention_mask: Any) -> Any:
            return model.get_text_features(input_ids=input_ids, attention_mask=attention_mask).pooler_output

        def eval(self) -> Any:
            return self

    class Features(torch.nn.Module):
        num_features = model.config.projection_dim

        def forward(self, images: Any) -> Any:
            return torch.from_numpy(encoder.encode_images([to_image(each) for each in images]))

    def decoded(subjects: Sequence[Subject]) -> list[Any]:
        found = [open_panel(panel.data, "x") for subject in subjects for panel in subject.panels]
        return [torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in found]

    run, truth = prepared.sides["run"], prepared.sides["truth"]
    texts = [panel.text for subject in run for panel in subject.panels]
    size = encoder.batch_size
    seconds, values = {}, {}
    with torch.inference_mode():
        started = time.process_time()
        processor = CLIPProcessor(encoder._processor, encoder._tokenizer)
        clip = CLIPScore(model_name_or_path=lambda: (Plain(), processor))
        images = decoded(run)
        for start in range(0, len(images), size):
            clip.update(images[start : start + size], texts[start : start + size])
        values["clip_score"] = float(clip.compute())
        seconds["clip_score"] = time.process_time() - started
        for name, metric in (
            ("fid", FrechetInceptionDistance(feature=Features())),
            ("kid", KernelInceptionDistance(feature=Features(), subsets=1, subset_size=len(images))),
        ):
            started = time.process_time()
            metric.set_dtype(torch.float64)
            for subjects, real in ((truth, True), (run, False)):
                images = decoded(subjects)
                for start in range(0, len(images), size):
                    metric.update(torch.stack(images[start : start + size]), real=real)
            found = metric.compute()
            values[name] = float(found[0] if isinstance(found, tuple) else found)
            seconds[name] = time.process_time() - started
    return seconds, values


def to_image(pixels: Any) -> Any:
    """A (3, h, w) uint8 tensor as a Pillow image."""
    from PIL import Image

    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def main() -> None:
    """Print one JSON object: images per second of both, their ratio, the values."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="judge")
    parser.add_argument("--articles", type=int, default=40)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)
    encoder = load_image_text_encoder(options.encoder, device="cpu")
    run, truth = articles(1, options.articles), articles(2, options.articles)
    ours(run[:5], truth[:5], encoder)  # warm-up: imports, fonts, thread pools
    whole, results, prepared = ours(run, truth, encoder)
    seconds, values = torchmetrics_runs(prepared, encoder)
    metrics = {metric.name: metric.value for metric in results.metrics}
    images = 2 * results.n_pictures  # run and truth
    theirs = sum(seconds.values())
    print(
        json.dumps(
            {
                "articles": results.n_articles,
                "pictures": images,
                "ours": {
                    "seconds": round(whole, 2),
                    "pictures_per_s": round(images / whole, 1),
                    "metrics": len(metrics),
                },
                "torchmetrics": {
                    "seconds": {name: round(value, 2) for name, value in seconds.items()},
                    "pictures_per_s": round(images / theirs, 1),
                    "metrics": len(values),
                },
                "ours_over_torchmetrics": round(theirs / whole, 2),
                "values": {name: [round(metrics[name], 4), round(value, 4)] for name, value in values.items()},
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
