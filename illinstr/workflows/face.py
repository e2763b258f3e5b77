"""The Python face: every name that ``from illinstr import ...`` gives, written here and nowhere else.

Each verb takes the fields of its request as keywords and returns its result. Importing this module loads no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import Article, Step, StepImage
from illinstr.diffusion.loading import load_pipeline
from illinstr.errors import (
    ConfigError,
    DataError,
    FetchError,
    IllinstrError,
    ModelError,
    PartialError,
    PlanError,
    UsageError,
    speaking_of_arguments,
)
from illinstr.models.embedded import EMBEDDED
from illinstr.progress import Reporter
from illinstr.sampling.drawing import revision
from illinstr.sampling.drawing.revision import FinishedRun as Run
from illinstr.workflows.correct import CorrectRequest, correct_article
from illinstr.workflows.edit import EditRequest, edit_article
from illinstr.workflows.evaluate import EvaluateRequest, evaluate_runs
from illinstr.workflows.export import ExportRequest, export_model
from illinstr.workflows.generate import GenerateRequest, generate_article
from illinstr.workflows.generate_batch import BatchRequest
from illinstr.workflows.generate_batch import generate_batch as make_batch
from illinstr.workflows.keywords import by_keywords
from illinstr.workflows.scrape import ScrapeRequest, scrape_pages
from illinstr.workflows.suggest import SuggestRequest, suggest_goals
from illinstr.workflows.train import TrainRequest, train_model

if TYPE_CHECKING:
    from illinstr.diffusion.pipeline import StackedDiffusionPipeline
    from illinstr.models.options import Quantize

__all__ = [
    "Article",
    "ConfigError",
    "DataError",
    "FetchError",
    "IllinstrError",
    "ModelError",
    "PartialError",
    "PlanError",
    "Reporter",
    "Run",
    "Step",
    "StepImage",
    "UsageError",
    "correct",
    "edit",
    "evaluate",
    "export",
    "generate",
    "generate_batch",
    "load_model",
    "open_run",
    "scrape",
    "suggest",
    "train",
]

generate = by_keywords("generate", GenerateRequest, generate_article)
generate_batch = by_keywords("generate_batch", BatchRequest, make_batch)
edit = by_keywords("edit", EditRequest, edit_article)
correct = by_keywords("correct", CorrectRequest, correct_article)
suggest = by_keywords("suggest", SuggestRequest, suggest_goals)
scrape = by_keywords("scrape", ScrapeRequest, scrape_pages)
train = by_keywords("train", TrainRequest, train_model)
evaluate = by_keywords("evaluate", EvaluateRequest, evaluate_runs)
export = by_keywords("export", ExportRequest, export_model)


def load_model(
    model: str = EMBEDDED,
    *,
    device: str = "auto",
    dtype: str | None = None,
    offload: bool = False,
    offload_text: bool = False,
    vae_slicing: bool = False,
    base: str | Path | None = None,
    quantize: Quantize | None = None,
    lora: Sequence[str] = (),
) -> StackedDiffusionPipeline:
    """Load a model once, to be used for many articles.

    Called with a goal and step texts it gives bare images: ``model("How to make tea", ["Boil water", "Pour it"])``.

    Args:
        model: ``mini`` (embedded), a model folder, or a hub id.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``float32``, ``float16`` or ``bfloat16``; None is what suits the device.
        offload: keep on the accelerator only the part of the model that is working.
        offload_text: keep the text encoders on the accelerator only while they work.
        vae_slicing: decode one image at a time.
        base: the folder of all other parts, where ``model`` is the file of a denoiser.
        quantize: ``int8`` or ``nf4``: bring the weights to that precision as they are loaded.
        lora: adapters to add, ``PATH`` or ``PATH:WEIGHT`` each.

    Raises:
        UsageError: the device is not there, or adapters that cannot be read.
        ModelError: the model is missing, damaged or of another kind.
    """
    from illinstr.engine.devices import check_device
    from illinstr.models.options import LoadOptions, check_quantize, read_loras
    from illinstr.workflows.checks import check_dtype

    with speaking_of_arguments({"--offload": "offload=True", "--offload-text": "offload_text=True"}):
        check_device(device)
        check_dtype(dtype)
        check_quantize(quantize, device)
        options = LoadOptions(None if base is None else str(base), quantize, read_loras(lora))
        return load_pipeline(
            model,
            device,
            dtype,
            offload=offload,
            offload_text=offload_text,
            vae_slicing=vae_slicing,
            options=options,
        )


def open_run(folder: str | Path) -> Run:
    """Read the run folder of one article.

    Raises:
        DataError: not such a folder, or damaged.
        UsageError: a folder of several articles.
    """
    with speaking_of_arguments({}):
        return revision.open_run(Path(folder))
