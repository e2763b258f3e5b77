"""A workshop with a tiny real model behind a real web server, for tests."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from illinstr.articles import Article, Provenance, Step, make_id
from illinstr.errors import PlanError
from illinstr.sampling.serving.handler import TOKEN_HEADER
from illinstr.sampling.serving.web import WebServer
from illinstr.sampling.serving.workshop import Workshop
from illinstr.sampling.writing import WritingTask
from tests.support import fork_server


class NumberedSteps:
    """Writes "Step k of GOAL" for every goal, and "Put right: PROBLEM" after a problem."""

    name = "numbers"

    def write(self, task: WritingTask) -> Article:
        if "impossible" in task.goal:
            raise PlanError("nobody can do that", hint="ask for something else", suggestions=["How to do the possible"])
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
    from illinstr.workflows.serve import ModelShelf, Verbs

    def load() -> Any:
        if loads is not None:
            loads.append(1)
        return load_pipeline(str(model), "cpu", None)

    shelf = ModelShelf({"tiny": SharedModel(load, named=str(model))})
    workshop = Workshop(folder, Verbs({"numbers": NumberedSteps()}, shelf, sampling_steps=3))
    server = WebServer("127.0.0.1", 0, workshop)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def ours(server: Any, **changes: str | None) -> dict[str, str]:
    """The headers that our own page sends; a change to None leaves one out."""
    host = f"127.0.0.1:{server.server_port}"
    headers: dict[str, str | None] = {
        "Host": host,
        "Origin": f"http://{host}",
        "Content-Type": "application/json",
        TOKEN_HEADER: server.token,
    }
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    return {name: value for name, value in headers.items() if value is not None}


def call(server: Any, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    connection.request(method, path, content, ours(server) if headers is None else headers)
    response = connection.getresponse()
    answer = response.status, response.read(), dict(response.getheaders())
    connection.close()
    return answer


def follow(server: Any, task: str, after: str | None = None) -> list[tuple[str, dict[str, Any]]]:
    headers = ours(server) | ({"Last-Event-ID": after} if after is not None else {})
    status, content, answered = call(server, "GET", f"/tasks/{task}/events", headers=headers)
    assert status == 200 and answered["Content-Type"].startswith("text/event-stream")
    events = []
    for block in content.decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            events.append((fields["event"], json.loads(fields["data"])))
    return events


def do(server: Any, what: str, **asked: Any) -> list[tuple[str, dict[str, Any]]]:
    status, content, _ = call(server, "POST", f"/tasks/{what}", asked)
    assert status == 202, content
    return follow(server, json.loads(content)["task"])


def make(server: Any, goal: str, steps: int = 2) -> str:
    kind, data = do(server, "generate", goal=goal, steps=steps)[-1]
    assert kind == "done", data
    return str(data["name"])


class Holding:
    """The verbs, of which ``generate`` waits for an event first."""

    def __init__(self, verbs: Any, held: threading.Event) -> None:
        self.verbs, self.held = verbs, held

    def __getattr__(self, name: str) -> Any:
        return getattr(self.verbs, name)

    def generate(self, *arguments: Any) -> Path:
        assert self.held.wait(60)
        return Path(self.verbs.generate(*arguments))


def restarted(folder: Path, model: Path, port: str, *, sampling_steps: int = 60) -> tuple[Any, str]:
    """The real command in a process of its own, and where its page is."""
    words = ["--out", str(folder), "--model", str(model), "--sampling-steps", str(sampling_steps), "--port", port]
    process = fork_server.Popen(
        [sys.executable, "-m", "illinstr", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def killed(process: Any) -> None:
    """End a server as the system does when memory is short."""
    process.kill()
    process.wait()
    process.stdout.close()


class Remote:
    """What ``call`` and ``follow`` need of a server in another process."""

    def __init__(self, url: str) -> None:
        self.server_port = int(url.rstrip("/").rpartition(":")[2])
        self.token = ""
        self.token = json.loads(call(self, "GET", "/token")[1])["token"]


def until(server: Any, task: str, kind: str) -> None:
    """Read a task's events until there is one of that kind."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
    connection.request("GET", f"/tasks/{task}/events", headers=ours(server))
    response = connection.getresponse()
    with response:
        _read_until(response, kind)
    connection.close()


def _read_until(response: Any, kind: str) -> None:
    while (line := response.readline().decode()) != f"event: {kind}\n":
        assert line, "the events ended"
