"""Training runs of tests, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from illinstr.progress import Reporter
from illinstr.workflows.train import TrainRequest, train_model


def run_training(
    config: str,
    settings: Sequence[str],
    *,
    data: Path,
    out: Path,
    resume: bool = False,
    dry_run: bool = False,
    reporter: Reporter | None = None,
    num_processes: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """Train, or estimate; what ``illinstr train --json`` prints, with the estimate's lines as ``lines``.

    ``more`` are further attributes of a TrainRequest.
    """
    request = TrainRequest(
        config, data, out, settings, resume=resume, dry_run=dry_run, processes=num_processes, reporter=reporter, **more
    )
    result = train_model(request)
    return result.as_dict() | {"lines": list(result.lines)}


def units_of_one_length(task: Any, step: int) -> list[int]:
    """What one backward pass may hold of the batch of ``step``: its units of the first N."""
    units = task.units_of(step)
    return [unit for unit in units if task.order.lengths[unit] == task.order.lengths[units[0]]]
