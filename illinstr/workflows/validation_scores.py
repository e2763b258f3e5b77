"""Quick faithfulness while a U-Net trains: a few validation articles drawn by the model of the moment and judged."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.errors import UsageError

if TYPE_CHECKING:
    from illinstr.articles import Article
    from illinstr.shards import Sources

METRICS = ("goal_faithfulness", "step_faithfulness")
MIN_ARTICLES = 4  # goal faithfulness asks for three other goals


def make_judge(
    config: str, settings: list[str], data: Sources, *, articles: int, judge: str | None
) -> Callable[[Path, int], dict[str, float]]:
    """A function from an exported model folder to ``val_goal_faithfulness`` and ``val_step_faithfulness``.

    The same articles are drawn from the same seeds each time, and judged as ``illinstr eval`` judges.

    Raises:
        UsageError: the config is of a kind that draws nothing, or too few articles were asked for.
        DataError: the validation split has none.
        ModelError: the judge cannot be loaded.
    """
    from illinstr.evaluation.encoders.transformers import JUDGE, load_image_text_encoder
    from illinstr.training.data import read_split
    from illinstr.training.presets import load_config

    resolved = load_config(config, settings)
    if not resolved.draws:
        raise UsageError(f"--faithfulness judges drawings; a run of kind {resolved.kind!r} draws none")
    if articles < MIN_ARTICLES:
        raise UsageError(f"--faithfulness {articles}: at least {MIN_ARTICLES} are needed, for 3 other goals")
    truth = read_split(data, resolved.data.val_split, resolved.data, limit=articles)
    encoder = load_image_text_encoder(judge or JUDGE)

    def score_model(folder: Path, step: int) -> dict[str, float]:
        from illinstr.evaluation.evaluate import Source, prepare, score
        from illinstr.evaluation.results import Settings
        from illinstr.progress import SilentReporter

        drawn = _draw(folder, truth)
        prepared = prepare(Source(f"step {step}", drawn), Settings(bootstrap=100))
        results = score(prepared, encoder, None, SilentReporter()).results
        return {f"val_{metric.name}": metric.value for metric in results.metrics if metric.name in METRICS}

    return score_model


def _draw(folder: Path, truth: list[Article]) -> list[Article]:
    from illinstr.articles import StepImage
    from illinstr.diffusion.pipeline import StackedDiffusionPipeline
    from illinstr.engine.devices import choose_device

    pipe = StackedDiffusionPipeline.from_folder(str(folder), choose_device())
    drawn = []
    for seed, article in enumerate(truth):
        steps = []
        images = pipe(article.goal, [step.headline for step in article.steps], seed=seed)
        for step, image in zip(article.steps, images, strict=True):
            buffer = io.BytesIO()
            image.save(buffer, format="PNG")
            steps.append(step.model_copy(update={"image": StepImage.from_bytes(buffer.getvalue())}))
        drawn.append(article.model_copy(update={"steps": tuple(steps)}))
    return drawn
