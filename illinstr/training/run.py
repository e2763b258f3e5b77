"""From a config name to a trained model folder: the one entry the command line and Python callers share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from illinstr.errors import DataError
from illinstr.progress import Reporter
from illinstr.training.config import TrainConfig, load_config


def run_training(
    name_or_path: str,
    overrides: list[str],
    *,
    data: Path,
    out: Path,
    resume: bool,
    dry_run: bool,
    reporter: Reporter,
) -> dict[str, Any]:
    """Train as ``name_or_path`` says and return a summary; with ``dry_run`` only say what would be done.

    Raises:
        ConfigError, UsageError, DataError, ModelError: checked before anything expensive starts.
        TrainingError: the optimisation went wrong.
    """
    # Idle OpenMP threads that spin starve every other process on a small machine; set before torch starts them.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    config = load_config(name_or_path, overrides)
    from illinstr.training.loop import check_run_folder, config_text

    if not (data / "index.json").is_file():
        raise DataError(f"{data} is not a data folder: no index.json", hint="make one: illinstr minihow --out DIR")
    check_run_folder(out, config, resume=resume)
    if dry_run:
        lines = [*config_text(config).splitlines(), *_counts(config, data)]
        return {"config": config.model_dump(mode="json"), "model": None, "lines": lines}
    model = _train(config, data, out, resume, reporter)
    return {"config": config.model_dump(mode="json"), "model": str(model), "log": str(out / "log.csv"), "lines": []}


def _counts(config: TrainConfig, data: Path) -> list[str]:
    from illinstr.training.data import read_split, training_articles

    articles = training_articles(data, config.data)
    validation = read_split(data, config.data.val_split, config.data, limit=config.data.val_limit)
    panels = sum(article.num_steps for article in articles)
    seen = config.train.steps * config.train.batch_size
    units = panels if config.kind == "vae" else len(articles)
    return [
        f"# training articles: {len(articles)} ({panels} panels); validation articles: {len(validation)}",
        f"# {config.train.steps} steps of {config.train.batch_size}: {seen / units:.1f} passes over the data",
    ]


def _train(config: TrainConfig, data: Path, out: Path, resume: bool, reporter: Reporter) -> Path:
    import torch
    from accelerate import Accelerator

    from illinstr.training.loop import Trainer
    from illinstr.training.tasks import build_task

    _silence_libraries()
    torch.manual_seed(config.train.seed)
    accelerator = Accelerator(mixed_precision=config.train.precision)
    task = build_task(config, data, str(accelerator.device))
    trainer = Trainer(task, out, reporter, accelerator)
    return trainer.fit(resume=resume)


def _silence_libraries() -> None:
    """Their bars and advice ignore ``--quiet`` and, in a log, bury what the run itself has to say."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
