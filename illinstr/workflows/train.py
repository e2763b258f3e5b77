"""``train``: from a config and a data folder to a trained model folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.engine.devices import choose_device, let_idle_threads_sleep, silence_libraries
from illinstr.engine.launching import check_processes
from illinstr.engine.process_group import join_process_group, rank_here
from illinstr.errors import DataError, UsageError
from illinstr.progress import Reporter, reporting_to
from illinstr.workflows.checks import check_choice, check_range
from illinstr.workflows.request import Request

if TYPE_CHECKING:
    from illinstr.shards import Source
    from illinstr.training.config import TrainConfig
    from illinstr.training.loop import Trainer
    from illinstr.training.saved_state import DataIdentity
    from illinstr.training.stopping import StopSignals

SIGNALS = ("USR1", "USR2", "HUP", "INT", "XCPU")
Judge = Callable[[Path, int], dict[str, float]]


@dataclass(frozen=True)
class TrainRequest(Request):
    """What to train, on what.

    Attributes:
        config: a preset's name (``mini-vae``, ``mini-clip``, ``mini-judge``, ``mini-unet``,
            ``mini-flow``, ``mini-upscaler``) or a YAML file.
        data: data folder, as ``minihow`` and ``scrape`` make it, or a list of them. A text may end in ``:WEIGHT``: an
            article of a folder of weight 2 is seen twice as often as one of a folder of weight 1, which is what no
            weight means. None takes the config's ``data.folders``.
        out: run folder to make: log, checkpoints, samples and the trained model.
        settings: ``section.key=value`` each, over the config.
        resume: go on from the newest checkpoint in ``out`` although settings differ; with the same ones, a run goes on
            by itself.
        fresh: begin again whatever is in ``out``, and delete its checkpoints.
        save_on_signal: a further signal, for example ``USR1``, at which the run saves and ends as at SIGTERM.
        delete_invalid: delete damaged checkpoints that are met on the way to a good one.
        dry_run: measure one step on a few articles and estimate; write nothing.
        processes: processes on this machine, one per GPU; they share each batch.
        faithfulness: draw and judge so many validation articles at each validation (U-Net only).
        judge: CLIP folder for ``faithfulness``; the embedded judge when None.
    """

    config: str
    data: str | Path | Sequence[str | Path] | None
    out: str | Path
    settings: Sequence[str] = ()
    resume: bool = False
    fresh: bool = False
    save_on_signal: str | None = None
    delete_invalid: bool = False
    dry_run: bool = False
    processes: int = 1
    faithfulness: int = 0
    judge: str | None = None


@dataclass(frozen=True)
class TrainResult:
    """What came of it.

    Attributes:
        config: the resolved config, as plain values.
        model: the trained model folder; None on a dry run.
        log: the run's log; None on a dry run.
        estimate: counts, memory and time of a step, on a dry run.
        lines: the estimate for a reader.
    """

    config: dict[str, Any]
    model: Path | None = None
    log: Path | None = None
    estimate: dict[str, Any] | None = None
    lines: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        made: dict[str, Any] = {"config": self.config}
        if self.estimate is not None:
            return made | {"estimate": self.estimate, "model": None}
        return made | {"model": str(self.model), "log": str(self.log)}


def train_model(request: TrainRequest) -> TrainResult:
    """Train as the config says; on a dry run only find out what that would take.

    In a process that a launcher started this is one process of the run.

    Raises:
        ConfigError, UsageError, DataError, ModelError: checked before anything expensive starts.
        TrainingError: the optimisation went wrong.
        Stopped: a signal asked the run to end, and it has saved what it had learnt.
    """
    check_launch(request)
    config = check_training(request, request.messages)
    judge = validation_judge(request, config)
    silence_libraries()
    with reporting_to(request.messages):
        if request.dry_run:
            from illinstr.training.estimate import estimate, estimate_lines

            figures = estimate(config, data_of(request, config), request.processes)
            lines = tuple(estimate_lines(config, figures))
            return TrainResult(config.model_dump(mode="json"), estimate=figures, lines=lines)
        model = _train(config, request, judge)
    return TrainResult(config.model_dump(mode="json"), model=model, log=Path(request.out) / "log.csv")


def check_training(request: TrainRequest, reporter: Reporter | None = None) -> TrainConfig:
    """Everything that can be known to be wrong before a model is built or a process started.

    Args:
        request: what was asked for.
        reporter: told of settings that differ from those of the run that is resumed.

    Raises:
        ConfigError, UsageError, DataError: what is wrong.
    """
    let_idle_threads_sleep()
    check_processes(request.processes)
    if request.resume and request.fresh:
        raise UsageError("--resume and --fresh exclude each other", hint="leave both out: the same command goes on")
    check_choice("--save-on-signal", request.save_on_signal, SIGNALS)
    check_range("--faithfulness", request.faithfulness, 0, None, "how many validation articles to draw and judge")
    from illinstr.training.optimizer import check_extras
    from illinstr.training.presets import load_config
    from illinstr.training.run_folder import check_run_folder

    config = load_config(request.config, list(request.settings))
    check_data(data_of(request, config))
    if request.data is not None:  # config.yaml is to name no folders that were not read
        config = config.model_copy(update={"data": config.data.model_copy(update={"folders": ()})})
    check_extras(config)
    changes = check_run_folder(Path(request.out), config, resume=request.resume, fresh=request.fresh)
    if reporter is not None and rank_here() == 0:
        for line in changes:
            reporter.log(line)
    return config


def data_of(request: TrainRequest, config: TrainConfig) -> tuple[Source, ...]:
    """The data folders of a run, with their weights.

    Raises:
        UsageError: none is given, one twice, or a weight that is none.
    """
    from illinstr.shards import parse_sources

    data = config.data.folders if request.data is None else request.data
    said = [data] if isinstance(data, (str, Path)) else list(data)
    if not said:
        raise UsageError("there are no data to train on", hint="give --data DIR, or data.folders in the config")
    return parse_sources(said)


def check_data(sources: Sequence[Source]) -> None:
    """Refuse what is no data folder.

    Raises:
        DataError: it is none.
    """
    for source in sources:
        if not (source.folder / "index.json").is_file():
            raise DataError(
                f"{source.folder} is not a data folder: no index.json", hint="make one: illinstr minihow --out DIR"
            )


def check_launch(request: TrainRequest) -> None:
    """Refuse a run of several processes that nobody has started.

    Raises:
        UsageError: it is.
    """
    if request.processes > 1 and not request.dry_run:
        raise UsageError(
            f"--processes {request.processes}: one Python program is one process of a run",
            hint="start it with accelerate launch or torchrun, or use the command: illinstr train",
        )


def validation_judge(request: TrainRequest, config: TrainConfig) -> Judge | None:
    """Scores the model at every validation, where that is asked for; in the first process alone.

    Raises:
        UsageError, DataError, ModelError: as ``make_judge``.
    """
    if not request.faithfulness or rank_here() != 0:
        return None
    from illinstr.workflows.validation_scores import make_judge

    return make_judge(
        request.config,
        list(request.settings),
        data_of(request, config),
        articles=request.faithfulness,
        judge=request.judge,
    )


def _train(config: TrainConfig, request: TrainRequest, judge: Judge | None) -> Path:
    from illinstr.training.stopping import Stopped, StopSignals

    signals = StopSignals([request.save_on_signal] if request.save_on_signal else [])
    with signals.listening():
        trainer = None
        with signals.interrupting():
            trainer = _trainer(config, request, judge, signals)
        if signals.heard is not None or trainer is None:
            raise Stopped(signals.heard or "a signal", "before the first step")
        try:
            return trainer.fit(resume=not request.fresh)
        finally:
            trainer.accelerator.end_training()


def _trainer(config: TrainConfig, request: TrainRequest, judge: Judge | None, signals: StopSignals) -> Trainer:
    """The trainer of this process, with its data read and its model built."""
    import torch

    from illinstr.training.accelerator import make_accelerator
    from illinstr.training.loop import Extras, Trainer, TrainingTask
    from illinstr.training.precision import precision_line
    from illinstr.training.tasks import build_task

    data, out, reporter = data_of(request, config), Path(request.out), request.messages
    accelerator = make_accelerator(config, out)
    reporter = join_process_group().reporter(reporter)
    if (said := precision_line(config.train.precision, choose_device())) is not None and accelerator.is_main_process:
        reporter.log(said)
    torch.manual_seed(config.train.seed)

    def build() -> TrainingTask:
        return build_task(config, data, str(accelerator.device))

    with reporting_to(reporter):
        task = build()
    extras = Extras(
        judge=judge,
        rebuild=build,
        data=_identity(data, config.data.split),
        signals=signals,
        delete_invalid=request.delete_invalid,
    )
    return Trainer(task, out, reporter, accelerator, extras)


def _identity(sources: Sequence[Source], split: str) -> DataIdentity:
    """That of one folder; of several, what they are in their order and with their weights."""
    from illinstr.training.saved_state import DataIdentity

    if len(sources) == 1:
        return _identity_of(sources[0].folder, split)
    each = [_identity_of(source.folder, None) for source in sources]  # what one holds out is missing in the others
    weights = [source.weight / sources[0].weight for source in sources]
    told = [[identity.sha256, weight] for identity, weight in zip(each, weights, strict=True)]
    hidden = [identity.takedown_sha256 for identity in each]
    return DataIdentity(sha256=_sha256(told), takedown_sha256=_sha256(hidden) if any(hidden) else None)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def _identity_of(data: Path, split: str | None) -> DataIdentity:
    from illinstr.shards import read_index
    from illinstr.shards.table import identity_of
    from illinstr.shards.takedown import Takedown
    from illinstr.training.saved_state import DataIdentity

    index, takedown = read_index(data), Takedown.of_folder(data)
    return DataIdentity(
        sha256=identity_of(index, split, Takedown()),
        takedown_sha256=takedown.sha256,
        with_takedown_sha256=identity_of(index, split, takedown),
    )
