"""A workshop with a tiny real model behind a real web server, for tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from illinstr.articles import Article, Provenance, Step, make_id
from illinstr.errors import PlanError
from illinstr.sampling.serving.web import WebServer
from illinstr.sampling.serving.workshop import Workshop
from illinstr.sampling.writing import WritingTask


class NumberedSteps:
    """Writes "Step k of GOAL" for every goal, and "Put right: PROBLEM" after a problem."""

    name = "numbers"

    def write(self, task: WritingTask) -> Article:
        if "impossible" in task.goal:
            raise PlanError("nobody can do that", hint="ask for something else")
        words = [f"Part {number + 1} <b>{task.goal}</b>" for number in range(task.num_steps)]
        if task.problem:
            words[0] = f"Put right: {task.problem}"
        steps = tuple(Step(headline=text, body="Slowly & surely.") for text in words)
        source = Provenance(source="generated", parser=self.name)
        return Article(id=make_id("generated", *words), goal=task.goal, steps=steps, provenance=source)


@contextmanager
def serving(folder: Path, model: Path, loads: list[int] | None = None) -> Iterator[WebServer]:
    """A running server on a free port; ``loads`` counts how often the model was loaded."""
    from illinstr.diffusion.loading import load_pipeline
    from illinstr.workflows.drawing import SharedModel
    from illinstr.workflows.serve import Verbs

    def load() -> Any:
        if loads is not None:
            loads.append(1)
        return load_pipeline(str(model), "cpu", None)

    workshop = Workshop(folder, Verbs(NumberedSteps(), SharedModel(load), sampling_steps=3))
    server = WebServer("127.0.0.1", 0, workshop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
