"""The executor ``ray``: every worker is an actor of a Ray cluster, which loads what the work needs once.

Ray (extra ``ray``) finds places for the actors and notices when a machine is gone; what happens then is ours. Without
an address a cluster of this machine alone is started, on its loopback, for the time of the command.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from illinstr.engine.executor import Done, ExecutorError, Lost, Placement, Task, Work, Worker, Workers
from illinstr.errors import IllinstrError, UsageError
from illinstr.progress import Reporter
from illinstr.version import __version__

PATIENCE_S = 60.0  # without any news, say what is waited for


def open_workers(work: Work, placement: Placement, reporter: Reporter) -> Workers:
    """Actors of the cluster at ``placement.address``, or of one that is started here.

    Raises:
        UsageError: Ray is not installed, or there is no cluster at the address.
    """
    return RayWorkers(work, placement, reporter)


class _Collector:
    """Keeps lines until the actor's next answer takes them along."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def task(self, description: str, total: int | None = None) -> Any:
        """A task that is not shown."""
        from illinstr.progress import SilentReporter

        return SilentReporter().task(description, total)

    def log(self, message: str) -> None:
        """Keep a line."""
        self.lines.append(message)

    def taken(self) -> list[str]:
        """The lines since the last time."""
        lines, self.lines = self.lines, []
        return lines


class _Actor:
    """One worker, in a process that Ray started somewhere."""

    def __init__(self, work: Work, number: int, folder: str) -> None:
        if Path(folder).is_dir():  # on a shared disk, relative paths mean the same everywhere
            os.chdir(folder)
        self._work, self._number = work, number
        self._reporter = _Collector()
        self._do: Callable[[Task], Any] | None = None

    def start(self) -> tuple[str, IllinstrError | None, list[str]]:
        """Load what the work needs; the version of illinstr here, and a known failure."""
        try:
            self._do = self._work.start(Worker(self._number, reporter=self._reporter))
        except IllinstrError as error:
            return __version__, error, self._reporter.taken()
        return __version__, None, self._reporter.taken()

    def do(self, task: Task) -> tuple[Done, list[str]]:
        """Do a task."""
        assert self._do is not None
        try:
            done = Done(task.name, self._do(task))
        except IllinstrError as error:
            done = Done(task.name, error=error)
        return done, self._reporter.taken()


class RayWorkers:
    """Actors; one that is lost is replaced as soon as the cluster has room for another."""

    def __init__(self, work: Work, placement: Placement, reporter: Reporter) -> None:
        self._ray = _import_ray()
        self._reporter = reporter
        self._owns_cluster = not self._ray.is_initialized()
        if self._owns_cluster:
            self._connect(placement.address)
        resources = self._ray.cluster_resources()
        gpus = 1 if placement.accelerator and resources.get("GPU", 0) >= 1 else 0
        room = int(resources.get("GPU" if gpus else "CPU", 0))
        self.slots = placement.workers or max(room, 1)
        threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "OMP_WAIT_POLICY": "PASSIVE"}
        self._actor = self._ray.remote(
            num_cpus=1, num_gpus=gpus, scheduling_strategy="SPREAD", runtime_env={"env_vars": threads}
        )(_Actor)
        self._work = self._ray.put(work)
        self._queue: deque[Task] = deque()
        self._free: list[int] = []
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, tuple[int, str]] = {}  # by reference: the worker, and its task; "" while it starts
        for number in range(self.slots):
            self._open(number)

    def submit(self, task: Task) -> None:
        """Give it to a free actor, or keep it until there is one."""
        self._queue.append(task)
        self._give_out()

    def next(self) -> Done | Lost:
        """The next task that ended, or actor that was lost."""
        while True:
            ready, _ = self._ray.wait(list(self._pending), num_returns=1, timeout=PATIENCE_S)
            if not ready:
                waiting = sum(not task for _, task in self._pending.values())
                if waiting == self.slots:
                    self._reporter.log(f"waiting for room for {waiting} workers on the cluster")
                continue
            number, name = self._pending.pop(ready[0])
            try:
                answer = self._ray.get(ready[0])
            except self._ray.exceptions.RayActorError as error:
                return self._replace(number, name, error)
            except self._ray.exceptions.RayTaskError as error:
                raise (error.cause if isinstance(error.cause, Exception) else error) from error
            if not name:
                self._started(number, answer)
                continue
            done, lines = answer
            self._log(lines)
            self._free.append(number)
            self._give_out()
            assert isinstance(done, Done)
            return done

    def close(self) -> None:
        """End the actors, and the cluster where it was started here."""
        for actor in self._actors.values():
            self._ray.kill(actor)
        if self._owns_cluster:
            self._ray.shutdown()

    def _connect(self, address: str | None) -> None:
        # Ray's ports take commands from whoever reaches them: a cluster of our own listens on the loopback alone.
        own: dict[str, Any] = {"_node_ip_address": "127.0.0.1", "include_dashboard": False} if address is None else {}
        try:
            self._ray.init(address=address or "local", log_to_driver=False, logging_level="ERROR", **own)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
            raise UsageError(
                f"--address {address}: no Ray cluster answers: {first}", hint="start one: ray start --head"
            ) from error

    def _open(self, number: int) -> None:
        actor = self._actor.remote(self._work, number, str(Path.cwd()))
        self._actors[number] = actor
        self._pending[actor.start.remote()] = (number, "")

    def _started(self, number: int, answer: tuple[str, IllinstrError | None, list[str]]) -> None:
        version, error, lines = answer
        self._log(lines)
        if version != __version__:
            raise ExecutorError(
                f"a worker of the cluster has illinstr {version}, this is {__version__}",
                hint="install the same version on every machine",
            )
        if error is not None:
            raise error
        self._free.append(number)
        self._give_out()

    def _replace(self, number: int, name: str, error: Exception) -> Lost:
        self._open(number)
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)[:120]
        return Lost(f"worker {number}", (name,) if name else (), first)

    def _give_out(self) -> None:
        while self._queue and self._free:
            number, task = self._free.pop(), self._queue.popleft()
            self._pending[self._actors[number].do.remote(task)] = (number, task.name)

    def _log(self, lines: list[str]) -> None:
        for line in lines:
            self._reporter.log(line)


def _import_ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise UsageError("--executor ray needs the package ray", hint="pip install 'illinstr[ray]'") from error
    return ray
