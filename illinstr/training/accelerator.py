"""One or several processes, through accelerate: what this process is, and what the others are told.

Everything is read from the environment that ``illinstr train --processes``, ``accelerate launch`` or ``torchrun``
prepared, so the three are one way.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch

from illinstr.engine.accelerate_config import check_environment
from illinstr.engine.devices import choose_device
from illinstr.training.config import TrainConfig
from illinstr.training.precision import resolve_precision

# Processes wait here while the first one validates, draws and writes.
PATIENCE = timedelta(hours=2)


def make_accelerator(config: TrainConfig, run: Path) -> Any:
    """The Accelerator of this process.

    Raises:
        UsageError: a precision this device does not have, DeepSpeed, or Muon under FSDP.
    """
    from accelerate import Accelerator, InitProcessGroupKwargs
    from accelerate.state import AcceleratorState, GradientState
    from accelerate.utils import GradientAccumulationPlugin

    device = choose_device()
    precision = resolve_precision(config.train.precision, device)
    check_environment({}, config.optim.algorithm)
    # A second run in one process may ask for another precision than the first.
    AcceleratorState._reset_state()
    GradientState._reset_state()
    accelerator = Accelerator(
        cpu=device == "cpu",
        mixed_precision=precision,
        # As a plugin, because an environment variable would override the plain argument.
        gradient_accumulation_plugin=GradientAccumulationPlugin(
            num_steps=config.train.accumulate, sync_with_dataloader=False
        ),
        dynamo_backend=config.train.compile,
        log_with=list(config.train.trackers) or None,
        project_dir=str(run / "trackers"),
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true":
        _shard_on_cpu(accelerator)
    return accelerator


def _shard_on_cpu(accelerator: Any) -> None:
    """accelerate offers FSDP to accelerators alone; torch's own works on CPUs through gloo just as well."""
    from accelerate.state import PartialState
    from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

    if accelerator.distributed_type != DistributedType.MULTI_CPU:
        return
    plugin = FullyShardedDataParallelPlugin()
    if accelerator.mixed_precision != "no":
        plugin.set_mixed_precision(accelerator.mixed_precision)
    accelerator.state.distributed_type = DistributedType.FSDP
    accelerator.state.fsdp_plugin = plugin
    PartialState._shared_state["distributed_type"] = DistributedType.FSDP


def is_sharded(accelerator: Any) -> bool:
    """Whether no process holds the whole model."""
    from accelerate.utils import DistributedType

    return bool(accelerator.distributed_type == DistributedType.FSDP)


def mean_over_processes(accelerator: Any, values: list[float]) -> list[float]:
    """The mean of each number over all processes, in float64; every process must bring as many."""
    if accelerator.num_processes == 1:
        return values
    kind = torch.float32 if accelerator.device.type == "mps" else torch.float64
    tensor = torch.tensor(values, dtype=kind, device=accelerator.device)
    mean: list[float] = accelerator.reduce(tensor, reduction="mean").tolist()
    return mean
