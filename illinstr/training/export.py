"""A run folder as a model folder: any checkpoint, averaged weights or raw ones, in any precision."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from illinstr import files
from illinstr.errors import DataError, UsageError
from illinstr.ownership import MODEL, check_apart, check_place
from illinstr.progress import Reporter
from illinstr.training.presets import load_config

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from illinstr.training.tasks.stacked.config import StackedConfig

Weights = Literal["ema", "raw"]
Dtype = Literal["float16", "bfloat16", "float32"]


def export_run(
    run: Path, out: Path, *, weights: Weights, checkpoint: str | None, dtype: Dtype | None, reporter: Reporter
) -> Path:
    """Write the model of a denoiser's run into ``out``; neither the data nor a finished run is needed.

    Args:
        run: run folder with a ``config.yaml`` and ``checkpoints/``.
        out: made; must be absent or empty.
        weights: the moving average, or the weights as the last step left them.
        checkpoint: folder name below ``checkpoints/``; the newest complete one when None.
        dtype: of the stored weights; as the config says when None.
        reporter: receives skipped checkpoints and of what is exported.

    Returns:
        ``out``.

    Raises:
        UsageError: no run of a denoiser, no such checkpoint, no averaged weights, or ``out`` is taken.
        DataError: the checkpoint does not fit the run's config.
        ModelError: the base of the run is gone.
    """
    from illinstr.engine.devices import silence_libraries

    silence_libraries()
    check_apart(check_place(out), [run])
    config = _config_of(run, dtype)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is not empty", hint="choose another --out")
    path = _checkpoint_of(run, checkpoint, config.train.keep_checkpoints, reporter)
    if weights == "ema" and not (path / "ema.safetensors").is_file():
        raise UsageError(f"{path.name} has no moving average", hint="export its raw weights: --weights raw")

    module, write = _rebuilt(config)
    _load_weights(module, path, weights)
    reporter.log(f"exporting {weights} weights of {path.name} in {config.export.dtype}")
    with files.atomic_folder(out, MODEL) as folder:
        write(folder, _trained_steps(run, config))
    return out


def _rebuilt(config: StackedConfig) -> tuple[nn.Module, Callable[[Path, tuple[int, int]], None]]:
    """What a run trains, as its checkpoints name it, still with the weights of its base; and what writes the folder."""
    from illinstr.training.tasks.flow.config import FlowConfig
    from illinstr.training.tasks.stacked.config import UNetConfig, stacked_settings

    if isinstance(config, FlowConfig):
        from illinstr.training.tasks.flow.export import write_flow_folder
        from illinstr.training.tasks.flow.parts import build_model, flow_settings
        from illinstr.training.tasks.flow.task import FlowModel

        model = build_model(config)
        return FlowModel(model), lambda folder, trained: write_flow_folder(
            folder, model, config, flow_settings(config, model, trained)
        )
    assert isinstance(config, UNetConfig)
    from illinstr.training.tasks.stacked.export import write_unet_folder
    from illinstr.training.tasks.stacked.parts import build_parts
    from illinstr.training.tasks.stacked.task import model_of

    parts = build_parts(config)
    return model_of(parts, config), lambda folder, trained: write_unet_folder(
        folder, parts, config, stacked_settings(config, trained)
    )


def _config_of(run: Path, dtype: Dtype | None) -> StackedConfig:
    from illinstr.training.tasks.stacked.config import StackedConfig

    saved = run / "config.yaml"
    if not saved.is_file():
        raise UsageError(f"{run} holds no training run: no config.yaml", hint="give the --out folder of illinstr train")
    config = load_config(str(saved), [])
    if not isinstance(config, StackedConfig):
        raise UsageError(
            f"{run} is a run of kind {config.kind!r}; only U-Nets and transformers can be exported again",
            hint=f"its model folder is {run / 'model'}",
        )
    if dtype is None:
        return config
    return config.model_copy(update={"export": config.export.model_copy(update={"dtype": dtype})})


def _checkpoint_of(run: Path, name: str | None, keep: int, reporter: Reporter) -> Path:
    from illinstr.training.checkpoint import Checkpointer, problem_with

    folder = run / "checkpoints"
    if name is None:
        newest = Checkpointer(folder, keep, reporter).latest()
        if newest is None:
            raise UsageError(f"{run} has no complete checkpoint", hint="train first, or longer")
        return newest
    known = sorted(path.name for path in folder.glob("step-????????"))
    if name not in known:
        raise UsageError(f"{run} has no checkpoint {name!r}", hint=f"there are: {', '.join(known) or 'none'}")
    if (problem := problem_with(folder / name, hashes=True)) is not None:
        raise DataError(f"checkpoint {name} is damaged: {problem}", hint="name another one with --checkpoint")
    return folder / name


def _load_weights(model: nn.Module, path: Path, weights: Weights) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path / "model.safetensors")
        if weights == "ema":
            state |= load_file(path / "ema.safetensors")
        model.load_state_dict(state)
    except (RuntimeError, OSError, SafetensorError) as error:
        raise DataError(
            f"checkpoint {path} does not fit the config of its run: {str(error).splitlines()[0]}",
            hint="name another one with --checkpoint",
        ) from error


def _trained_steps(run: Path, config: StackedConfig) -> tuple[int, int]:
    """As the finished run found them in its data; before that, the range the config lets in."""
    from illinstr.models.folder import read_settings

    known = read_settings(run / "model")
    return known.trained_steps if known is not None else (config.data.min_steps, config.data.max_steps)
