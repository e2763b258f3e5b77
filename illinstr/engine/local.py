"""The executor ``local``: tasks run in this process, or in worker processes of this machine."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Any

from illinstr.engine.devices import threads_per_process
from illinstr.engine.executor import Done, Lost, Placement, Task, Work, Worker, Workers
from illinstr.engine.launching import PARENT_VARIABLE, end_processes
from illinstr.errors import IllinstrError
from illinstr.progress import Reporter

END_S = 2.0  # between closing a worker's line, which ends it after its task, and ending it


def open_workers(work: Work, placement: Placement, reporter: Reporter) -> Workers:
    """This process where one worker is enough, else as many processes as asked for."""
    if placement.workers in (None, 1):
        return InProcess(work, reporter)
    assert placement.workers is not None
    return Processes(work, placement.workers, reporter)


class InProcess:
    """One worker: this process."""

    slots = 1

    def __init__(self, work: Work, reporter: Reporter) -> None:
        self._work, self._reporter = work, reporter
        self._do: Callable[[Task], Any] | None = None
        self._queue: deque[Task] = deque()

    def submit(self, task: Task) -> None:
        """Keep it until ``next``."""
        self._queue.append(task)

    def next(self) -> Done | Lost:
        """Do the task that has waited longest."""
        if self._do is None:
            self._do = self._work.start(Worker(reporter=self._reporter))
        task = self._queue.popleft()
        try:
            return Done(task.name, self._do(task))
        except IllinstrError as error:
            return Done(task.name, error=error)

    def close(self) -> None:
        """Forget what is queued."""
        self._queue.clear()


class _Process:
    """A worker process and the line to it; it has one task at a time."""

    def __init__(self, number: int, work: bytes, processes: int) -> None:
        self.number, self.task = number, ""
        self.line, theirs = Pipe()
        settings = {
            "OMP_NUM_THREADS": str(threads_per_process(processes)),
            "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY", "PASSIVE"),
            PARENT_VARIABLE: str(os.getpid()),
        }
        with theirs:
            self.process = Popen(
                [sys.executable, "-m", "illinstr.engine.worker", str(theirs.fileno())],
                env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                pass_fds=[theirs.fileno()],
                stdout=sys.stderr.fileno() if _has_descriptor(sys.stderr) else None,
                start_new_session=True,  # Ctrl-C reaches this process alone, which ends the workers
            )
        self.line.send((number, str(Path.cwd())))
        self.line.send_bytes(work)

    def give(self, task: Task) -> None:
        """Let it do a task; a worker that is gone is noticed in ``Processes.next``."""
        self.task = task.name
        try:
            self.line.send(task)
        except (BrokenPipeError, ConnectionResetError):
            return

    def reason(self) -> str:
        """How it ended."""
        try:
            code = self.process.wait(timeout=END_S)
        except TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return f"killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def _has_descriptor(stream: Any) -> bool:
    try:
        return bool(stream.fileno() >= 0)
    except (AttributeError, OSError, ValueError):
        return False


class Processes:
    """Worker processes; one that is lost is replaced."""

    def __init__(self, work: Work, count: int, reporter: Reporter) -> None:
        self.slots = count
        self._work, self._reporter = pickle.dumps(work), reporter
        self._queue: deque[Task] = deque()
        self._workers = [_Process(number, self._work, count) for number in range(count)]

    def submit(self, task: Task) -> None:
        """Give it to a free worker, or keep it until there is one."""
        self._queue.append(task)
        self._give_out()

    def next(self) -> Done | Lost:
        """The next task that ended, or worker that was lost."""
        while True:
            lines = {worker.line: worker for worker in self._workers}
            for line in wait(list(lines)):
                assert isinstance(line, Connection)
                worker = lines[line]
                try:
                    kind, value = line.recv()
                except (EOFError, ConnectionResetError):
                    return self._replace(worker)
                if kind == "log":
                    self._reporter.log(value)
                    continue
                if kind == "raised":
                    raise _as_raised(value)
                worker.task = ""
                self._give_out()
                assert isinstance(value, Done)
                return value

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.line.close()
        busy = any(worker.task for worker in self._workers)
        end_processes([worker.process for worker in self._workers], grace_s=0.0 if busy else END_S)

    def _give_out(self) -> None:
        for worker in self._workers:
            if self._queue and not worker.task:
                worker.give(self._queue.popleft())

    def _replace(self, worker: _Process) -> Lost:
        worker.line.close()
        lost = Lost(f"worker {worker.number}", (worker.task,) if worker.task else (), worker.reason())
        self._workers[self._workers.index(worker)] = _Process(worker.number, self._work, self.slots)
        self._give_out()
        return lost


def _as_raised(value: tuple[BaseException, str]) -> BaseException:
    error, trace = value
    error.add_note(f"in a worker process:\n{trace}")
    return error


class _LineReporter:
    """What a worker process reports goes to the process that started it; bars are not shown."""

    def __init__(self, line: Connection) -> None:
        self._line = line

    def task(self, description: str, total: int | None = None) -> Any:
        """A task that is not shown."""
        from illinstr.progress import SilentReporter

        return SilentReporter().task(description, total)

    def log(self, message: str) -> None:
        """Send a line."""
        self._line.send(("log", message))


def work_for(descriptor: int) -> None:
    """Be a worker: take the work and then tasks from a line until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    line = Connection(descriptor)
    number, folder = line.recv()
    os.chdir(folder)
    reporter = _LineReporter(line)
    try:
        work: Work = pickle.loads(line.recv_bytes())  # from the process that started this one, over a private pipe
        do = work.start(Worker(number, own_device=number, reporter=reporter))
        while True:
            try:
                task: Task = line.recv()
            except EOFError:
                return
            try:
                done = Done(task.name, do(task))
            except IllinstrError as error:
                done = Done(task.name, error=error)
            line.send(("done", done))
    except BrokenPipeError:
        return  # the process that started this one is gone
    except Exception as error:
        line.send(("raised", (_sendable(error), traceback.format_exc())))


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
