"""Toy runs of one or more processes that may really die, forked from one program.

    python -m tests.support.forked MODULE:FUNCTION JOB...

A job is a JSON object: ``run`` (folder), ``processes``, ``resume``, ``die`` (None, or a method of Trainer and the step
at which calling it kills the process with SIGKILL) and ``settings`` (of the function). FUNCTION trains:
``function(run, resume=..., **settings)``. Answers one line a job: the exit code of each of its processes.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support import fork_server


def run_jobs(function: str, jobs: list[dict[str, Any]], timeout_s: float = 300.0) -> list[list[int]]:
    """The exit codes of each job's processes: 0, or -9 throughout where the job was to die."""
    words = [sys.executable, "-m", "tests.support.forked", function, *map(json.dumps, jobs)]
    done = fork_server.run(words, capture_output=True, text=True, timeout=timeout_s)
    assert done.returncode == 0, done.stderr[-2000:]
    codes = [json.loads(line) for line in done.stdout.splitlines()]
    for job, each in zip(jobs, codes, strict=True):
        if job.get("die"):  # one that outlives the other for a moment may notice, and end with an error of its own
            assert -9 in each and 0 not in each, done.stderr[-3000:]
            each[:] = [-9] * len(each)
        assert job.get("die") or not any(each), done.stderr[-3000:]
    return codes


def _dying(name: str, at: int) -> None:
    from illinstr.training.loop import Trainer

    method = getattr(Trainer, name)

    def die(self: Trainer, step: int, *more: Any) -> Any:
        if step == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return method(self, step, *more)

    setattr(Trainer, name, die)


def _start(train: Callable[..., Any], job: dict[str, Any]) -> list[int]:
    processes = job.get("processes", 1)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    children = []
    for rank in range(processes):
        if (child := os.fork()) == 0:
            if processes > 1:
                os.environ.update({**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
            if job.get("die"):
                _dying(*job["die"])
            try:
                train(Path(job["run"]), resume=job.get("resume", False), **job.get("settings", {}))
                os._exit(0)
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
        children.append(child)
    return children


def main() -> None:
    """Run the jobs of the command line, one after the other."""
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    module, _, name = sys.argv[1].partition(":")
    train = getattr(importlib.import_module(module), name)
    for text in sys.argv[2:]:
        children = _start(train, json.loads(text))
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))


if __name__ == "__main__":
    main()
