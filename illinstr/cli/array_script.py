"""``--executor slurm``: the command writes a job array that shares its work, instead of working."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from illinstr.workflows.placement import PlacedRequest


def print_array_script(request: PlacedRequest, jobs: int | None, out: Path, *, as_json: bool) -> None:
    """Write the script for this command's own arguments and print its path.

    Raises:
        UsageError: no number of jobs, or options that do not go together.
    """
    from illinstr.console import emit
    from illinstr.engine.launching import arguments_without
    from illinstr.errors import UsageError
    from illinstr.workflows.placement import placement_of, write_array_script

    placement_of(request)
    if request.shard is not None or request.address is not None:
        raise UsageError("--executor slurm writes the parts itself", hint="leave out --shard and --address")
    arguments = arguments_without(sys.argv[1:], "--executor", "--workers")
    path = write_array_script(out, arguments, jobs)
    emit({"script": str(path), "jobs": jobs}, str(path), as_json=as_json, lines=(f"submit it: sbatch {path}",))
