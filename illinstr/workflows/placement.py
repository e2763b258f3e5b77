"""Where a verb's independent tasks run: what every request for such work may be told, checked in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from illinstr import files
from illinstr.engine.executor import Placement, executor_names
from illinstr.engine.launching import check_processes
from illinstr.engine.slurm import ARRAY_MARK, MAX_SHARDS, Shard, array_script, parse_shard
from illinstr.errors import UsageError
from illinstr.workflows.checks import check_choice, check_range
from illinstr.workflows.request import Request

MAX_WORKERS = 100_000


@dataclass(frozen=True, kw_only=True)
class PlacedRequest(Request):
    """Work that several workers may share; what it makes does not depend on them.

    Attributes:
        processes: worker processes on this machine.
        executor: who runs the tasks: ``local``, ``ray``, or one registered with ``register_executor``.
        address: of the cluster, for ``ray``; None starts one on this machine.
        workers: how many on the cluster; None is as many as it has room for.
        shard: ``i/n``: do the i-th of n parts of the tasks and leave what they made; the same without it finishes.
    """

    processes: int = 1
    executor: str = "local"
    address: str | None = None
    workers: int | None = None
    shard: str | None = None

    @property
    def part(self) -> Shard:
        """The part of the tasks that is done here."""
        return Shard() if self.shard is None else parse_shard(self.shard)


def write_array_script(out: Path, arguments: Sequence[str], jobs: int | None) -> Path:
    """Write the script of a job array that shares a command's work, as ``OUT.sbatch``, and return its path.

    Args:
        out: what the command makes.
        arguments: the command's, without those about executors.
        jobs: how many jobs.

    Raises:
        UsageError: the number of jobs is not given, or there is a file of that name by someone else.
    """
    if jobs is None:
        raise UsageError("--executor slurm needs --workers", hint="how many jobs share the work, such as --workers 16")
    check_range("--workers", jobs, 1, MAX_SHARDS, "how many jobs share the work")
    path = out.with_name(f"{out.name}.sbatch")
    if path.exists() and ARRAY_MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(f"{path} is in the way, and is not a script of ours", hint="move it, or choose another --out")
    files.write_text(path, array_script(arguments, jobs, name=f"illinstr-{out.name}"))
    return path


def placement_of(request: PlacedRequest, *, accelerator: bool = False) -> Placement:
    """Where the tasks of a request run.

    Args:
        request: what was asked for.
        accelerator: workers compute on a GPU where there are any.

    Raises:
        UsageError: parameters that cannot be or do not go together.
    """
    check_processes(request.processes)
    check_choice("--executor", request.executor, executor_names())
    check_range("--workers", request.workers, 1, MAX_WORKERS, "one a GPU, or one a few cores")
    _ = request.part
    if request.executor == "local":
        if request.address is not None or request.workers is not None:
            raise UsageError("--address and --workers are for a cluster", hint="add --executor ray, or use --processes")
        return Placement(workers=request.processes)
    if request.processes > 1:
        raise UsageError("--processes is for this machine alone", hint="--workers says how many the cluster runs")
    return Placement(request.executor, request.workers, request.address, accelerator)
