"""From a config name to a trained model folder: the one entry the command line and Python callers share."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from illinstr.engine.launching import rank_here
from illinstr.errors import DataError
from illinstr.progress import Reporter, reporting_to
from illinstr.training.config import TrainConfig, load_config

Judge = Callable[[Path, int], dict[str, float]]


@dataclass(frozen=True)
class Request:
    """What to train.

    Attributes:
        name_or_path: a preset's name or a YAML file.
        overrides: ``section.key=value`` each.
        data: data folder.
        out: run folder.
        resume: go on from the newest complete checkpoint.
    """

    name_or_path: str
    overrides: list[str]
    data: Path
    out: Path
    resume: bool = False


def check_request(request: Request, reporter: Reporter) -> TrainConfig:
    """Everything that can be known to be wrong before a model is built or a process started.

    Raises:
        ConfigError, UsageError, DataError: what is wrong.
    """
    # Idle OpenMP threads that spin starve every other process on a small machine; set before torch starts them.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    config = load_config(request.name_or_path, request.overrides)
    from illinstr.training.optimizer import check_extras
    from illinstr.training.run_folder import check_run_folder

    if not (request.data / "index.json").is_file():
        raise DataError(
            f"{request.data} is not a data folder: no index.json", hint="make one: illinstr minihow --out DIR"
        )
    check_extras(config)
    changes = check_run_folder(request.out, config, resume=request.resume)
    if rank_here() == 0:
        for line in changes:
            reporter.log(line)
    return config


def run_training(
    name_or_path: str,
    overrides: list[str],
    *,
    data: Path,
    out: Path,
    resume: bool,
    dry_run: bool,
    reporter: Reporter,
    judge: Judge | None = None,
    num_processes: int = 1,
) -> dict[str, Any]:
    """Train as ``name_or_path`` says and return a summary; with ``dry_run`` only say what would be done.

    In a process that a launcher started this is one process of the run.

    Args:
        name_or_path, overrides, data, out, resume: as in ``Request``.
        dry_run: measure one step on a few articles and estimate; write nothing.
        reporter: hears of progress.
        judge: scores the model at every validation; see ``loop.Extras``.
        num_processes: of the run that ``dry_run`` speaks about.

    Raises:
        ConfigError, UsageError, DataError, ModelError: checked before anything expensive starts.
        TrainingError: the optimisation went wrong.
    """
    request = Request(name_or_path, overrides, data, out, resume)
    config = check_request(request, reporter)
    _silence_libraries()
    with reporting_to(reporter):
        if dry_run:
            from illinstr.training.estimate import estimate, estimate_lines

            figures = estimate(config, data, num_processes)
            lines = estimate_lines(config, figures)
            return {"config": config.model_dump(mode="json"), "estimate": figures, "model": None, "lines": lines}
        model = _train(config, request, reporter, judge)
    return {"config": config.model_dump(mode="json"), "model": str(model), "log": str(out / "log.csv"), "lines": []}


def _train(config: TrainConfig, request: Request, reporter: Reporter, judge: Judge | None) -> Path:
    import torch

    from illinstr.shards import read_index
    from illinstr.shards.table import identity_of
    from illinstr.shards.takedown import Takedown
    from illinstr.training.accelerator import RankReporter, make_accelerator
    from illinstr.training.loop import Extras, Task, Trainer
    from illinstr.training.precision import device_kind, precision_line
    from illinstr.training.tasks import build_task

    accelerator = make_accelerator(config, request.out)
    if not accelerator.is_main_process:
        reporter = RankReporter(reporter, accelerator.process_index)
    if (said := precision_line(config.train.precision, device_kind())) is not None and accelerator.is_main_process:
        reporter.log(said)
    torch.manual_seed(config.train.seed)

    def build() -> Task:
        return build_task(config, request.data, str(accelerator.device))

    with reporting_to(reporter):
        task = build()
    sha256 = identity_of(read_index(request.data), config.data.split, Takedown.of_folder(request.data))
    extras = Extras(judge=judge, rebuild=build, data_sha256=sha256)
    try:
        return Trainer(task, request.out, reporter, accelerator, extras).fit(resume=request.resume)
    finally:
        accelerator.end_training()


def _silence_libraries() -> None:
    """Their bars and advice ignore ``--quiet`` and, in a log, bury what the run itself has to say."""
    import diffusers
    import transformers

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
