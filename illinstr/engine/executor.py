"""The socket for whatever runs many independent tasks: worker processes here, a Ray cluster, or something of your own.

A *work* says what is done to a task; a *task* has a name and a payload and may be run twice without harm: what it makes
is published whole, and is its marker. *Workers* are places where tasks run, opened by an executor of some name. What is
true of all executors is written here once: finished tasks are skipped, tasks of a lost worker are queued again, memory
is bounded, outcomes come in the order of the tasks where that is wanted.

    register_executor("mine", open_my_workers)      # see docs/extending.md
    for outcome in run_tasks(work, tasks, Placement("mine", workers=8)):
        ...

Importing this module loads no torch and no cluster's library.
"""

from __future__ import annotations

import importlib
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from illinstr.errors import IllinstrError, UsageError
from illinstr.progress import Reporter, SilentReporter

T = TypeVar("T")

MAX_ATTEMPTS = 3  # a task that was on so many workers when they were lost is given up
MAX_LOSSES_IN_A_ROW = 5  # workers lost without a task finished in between: they cannot work at all
AHEAD = 4  # tasks in hand for each worker: enough to keep it busy, few enough for memory


class ExecutorError(IllinstrError):
    """Work could not be carried out where it was to run."""


@dataclass(frozen=True)
class Task:
    """One piece of work.

    Attributes:
        name: unique within the work; names it in messages.
        payload: what it is about; picklable.
    """

    name: str
    payload: Any


@dataclass(frozen=True)
class Outcome:
    """What came of a task.

    Attributes:
        name: the task's.
        result: what the work returned.
        error: why there is no result; a known failure of this task alone.
        kept: it was finished before this run.
    """

    name: str
    result: Any = None
    error: IllinstrError | None = None
    kept: bool = False


@dataclass(frozen=True)
class Worker:
    """Where a work is started.

    Attributes:
        number: from 0; the first one reports for all what is the same for all.
        own_device: which of a machine's accelerators is this worker's; None where it sees no other.
        reporter: receives messages, wherever the worker is.
    """

    number: int = 0
    own_device: int | None = None
    reporter: Reporter = field(default_factory=SilentReporter)


class Work(Protocol):
    """What is done to every task. It is pickled to each worker once; what it loads there serves all its tasks."""

    def finished(self, task: Task) -> Any | None:
        """The result of a task that left its marker, None where it has yet to be done; asked before it is given out."""

    def start(self, worker: Worker) -> Callable[[Task], Any]:
        """Load what the tasks need, and return what does one. A known failure here ends the whole work.

        The function publishes what it makes whole or not at all. A known failure that it raises is the task's alone.
        """


@dataclass(frozen=True)
class Done:
    """A task ended: with a result, or with a known failure of its own."""

    name: str
    result: Any = None
    error: IllinstrError | None = None


@dataclass(frozen=True)
class Lost:
    """A worker is gone, with the tasks it had; whoever opened the workers has replaced it, or goes on without it."""

    worker: str
    names: tuple[str, ...]
    reason: str


class Workers(Protocol):
    """Places where tasks run; what an executor brings."""

    @property
    def slots(self) -> int:
        """How many tasks run at the same time."""

    def submit(self, task: Task) -> None:
        """Queue a task; returns at once."""

    def next(self) -> Done | Lost:
        """Wait for the next thing to happen to a submitted task. Raises what a task or ``start`` raised unforeseen."""

    def close(self) -> None:
        """End all workers. What they were doing may be lost."""


@dataclass(frozen=True)
class Placement:
    """Where work runs.

    Attributes:
        executor: a registered name.
        workers: how many; None is what the executor finds.
        address: of a cluster, for executors that have one.
        accelerator: each worker wants a GPU of its own, where there are any.
    """

    executor: str = "local"
    workers: int | None = 1
    address: str | None = None
    accelerator: bool = False


OpenWorkers = Callable[[Work, Placement, Reporter], Workers]

_EXECUTORS: dict[str, str | OpenWorkers] = {
    "local": "illinstr.engine.local:open_workers",
    "ray": "illinstr.engine.ray:open_workers",
}


def executor_names() -> tuple[str, ...]:
    """The executors that are registered."""
    return tuple(sorted(_EXECUTORS))


def register_executor(name: str, open_workers: OpenWorkers) -> None:
    """Make ``open_workers`` known under a name, which ``--executor`` then takes.

    Raises:
        ValueError: the name is taken.
    """
    if name in _EXECUTORS:
        raise ValueError(f"there is an executor {name!r} already")
    _EXECUTORS[name] = open_workers


def open_workers(work: Work, placement: Placement, reporter: Reporter) -> Workers:
    """Workers of the executor that ``placement`` names, ready for tasks of ``work``.

    Raises:
        UsageError: no such executor, or it cannot do what the placement asks for.
    """
    found = _EXECUTORS.get(placement.executor)
    if found is None:
        raise UsageError(
            f"--executor {placement.executor!r} is unknown", hint=f"choose from {', '.join(executor_names())}"
        )
    if isinstance(found, str):
        module, _, name = found.partition(":")
        found = getattr(importlib.import_module(module), name)
    return found(work, placement, reporter)


def run_tasks(
    work: Work,
    tasks: Iterable[Task],
    placement: Placement | None = None,
    *,
    ordered: bool = False,
    reporter: Reporter | None = None,
) -> Iterator[Outcome]:
    """Do every task that has no marker yet, and yield what came of each.

    Tasks are taken from ``tasks`` as workers get free, so that a long series need not be held in memory. Leaving the
    iterator early ends the workers.

    Args:
        work: what is done.
        tasks: to what; names are unique.
        placement: where; in this process when None.
        ordered: yield outcomes in the order of the tasks, whatever order they end in.
        reporter: receives messages of workers, and receives workers that were lost.

    Raises:
        UsageError: no such executor.
        ExecutorError: workers are lost one after the other, with no task finished in between.
        IllinstrError: the work could not be started.
        Exception: whatever a task raised that is not a known failure.
    """
    run = _Run(work, placement or Placement(), reporter or SilentReporter())
    try:
        outcomes = run.outcomes(iter(tasks), in_order=ordered)
        yield from _in_order(outcomes, run.order) if ordered else outcomes
    finally:
        run.close()


class _Run:
    """One call of ``run_tasks``: workers are opened when the first task needs them."""

    def __init__(self, work: Work, placement: Placement, reporter: Reporter) -> None:
        self.work, self.placement, self.reporter = work, placement, reporter
        self.order: deque[str] = deque()  # names in the order of the tasks, those that are not yielded yet
        self._workers: Workers | None = None
        self._submitted: dict[str, Task] = {}
        self._attempts: Counter[str] = Counter()
        self._losses = 0

    def outcomes(self, tasks: Iterator[Task], *, in_order: bool) -> Iterator[Outcome]:
        """Outcomes as they come."""
        for task in tasks:
            if in_order:
                self.order.append(task.name)
            result = self.work.finished(task)
            if result is not None:
                yield Outcome(task.name, result, kept=True)
                continue
            workers = self._opened()
            self._submitted[task.name] = task
            workers.submit(task)
            # In order, what waits for an earlier task counts too: one slow task must not fill the memory.
            while (len(self.order) if in_order else len(self._submitted)) >= AHEAD * workers.slots and self._submitted:
                yield from self._next(workers)
        while self._submitted:
            yield from self._next(self._opened())

    def close(self) -> None:
        """End the workers."""
        if self._workers is not None:
            self._workers.close()

    def _opened(self) -> Workers:
        if self._workers is None:
            self._workers = open_workers(self.work, self.placement, self.reporter)
        return self._workers

    def _next(self, workers: Workers) -> Iterator[Outcome]:
        event = workers.next()
        if isinstance(event, Done):
            self._losses = 0
            if self._submitted.pop(event.name, None) is not None:  # else it ended twice: queued again, then heard of
                yield Outcome(event.name, event.result, event.error)
            return
        self._losses += 1
        if self._losses >= MAX_LOSSES_IN_A_ROW:
            raise ExecutorError(f"{self._losses} workers were lost in a row: {event.reason}")
        for name in event.names:
            task = self._submitted.get(name)
            if task is None:
                continue
            self._attempts[name] += 1
            if self._attempts[name] >= MAX_ATTEMPTS:
                del self._submitted[name]
                reason = f"{name}: the worker was lost {MAX_ATTEMPTS} times ({event.reason})"
                yield Outcome(name, error=ExecutorError(reason))
            else:
                workers.submit(task)
        again = f"; done again: {', '.join(event.names)}" if event.names else ""
        self.reporter.log(f"lost {event.worker} ({event.reason}){again}")


def _in_order(outcomes: Iterator[Outcome], order: deque[str]) -> Iterator[Outcome]:
    waiting: dict[str, Outcome] = {}
    for outcome in outcomes:
        waiting[outcome.name] = outcome
        while order and order[0] in waiting:
            yield waiting.pop(order.popleft())


def chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Runs of ``size`` items, the last one shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
