"""Small works that real workers can do: importable, picklable, each task leaving a file as its marker."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from illinstr.engine.executor import Task, Worker
from illinstr.errors import DataError, ModelError
from illinstr.files import write_text


@dataclass(frozen=True)
class Squares:
    """Squares numbers into files. A payload says what else happens: (number, wish).

    Wishes: ``fail`` is a known failure, ``bug`` an unknown one, ``die`` kills the worker the first time, ``die always``
    every time, ``slow`` takes its time.
    """

    folder: Path
    no_model: bool = False

    def finished(self, task: Task) -> Any | None:
        path = self.folder / task.name
        return int(path.read_text()) if path.exists() else None

    def start(self, worker: Worker) -> Callable[[Task], Any]:
        if self.no_model:
            raise ModelError("no model here", hint="get one")
        worker.reporter.log(f"worker {worker.number} starts")
        (self.folder / f"started-{worker.number}-{os.getpid()}").touch()
        return self.do

    def do(self, task: Task) -> int:
        number, wish = task.payload
        if wish == "fail":
            raise DataError(f"{number} cannot be squared", hint="take another")
        if wish == "bug":
            raise ZeroDivisionError(f"bug at {number}")
        died = self.folder / f"died-{task.name}"
        if wish == "die always" or (wish == "die" and not died.exists()):
            died.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if wish == "slow":
            time.sleep(0.2)
        write_text(self.folder / task.name, str(number**2))
        return int(number**2)


def tasks(*wishes: str) -> list[Task]:
    return [Task(f"t{number}", (number, wish)) for number, wish in enumerate(wishes)]
