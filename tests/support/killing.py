"""Real processes that really die: ``illinstr`` runs forked from a warm parent, killed by SIGKILL at a chosen point.

The parent (this file run as a program) has everything imported, so a run costs a fork and not two seconds of imports.
It reads one job a line on stdin and answers with the run's process id at once, and with its status when it has ended.

A point is (phase, kind, count): the ``count``-th time a file of that kind is ``opened`` (its temporary exists, empty),
``written`` (whole, not yet under its name), ``renamed`` (under its name, nothing after it done) or ``removed``;
``added`` counts articles that went into a tar that is still open. Kind "*" is any.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Point = tuple[str, str, int]
KINDS = {
    ".listed.json": "list",
    ".visit.json": "visit",
    ".body": "body",
    ".tar": "tar",
    ".parquet": "parquet",
    "_stats.json": "stats",
    "scrape.json": "settings",
    "index.json": "index",
    "attribution.tsv": "attribution",
    "README.md": "card",
    "config.yaml": "config",
    ".safetensors": "weights",
    "state.json": "state",
    "article.json": "article",
    "run.json": "record",
    ".png": "image",
    ".html": "page",
    "results.json": "results",
}


def kind_of(name: str, folder: str) -> str:
    if folder == "tasks":
        return "task"
    return next((kind for ending, kind in KINDS.items() if name.endswith(ending)), "entry")


@dataclass(frozen=True)
class Ended:
    killed: bool
    code: int
    errors: str


class Runner:
    """Starts runs; use as a context manager."""

    def __init__(self, folder: Path, *, draws: bool = False) -> None:
        self._errors = folder / "errors.txt"
        self._draws = draws

    def __enter__(self) -> Runner:
        # A forked child of a parent with several threads would wait for those it has not got.
        environment = {**os.environ, "SOURCE_DATE_EPOCH": "1700000000", "OMP_NUM_THREADS": "1"}
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.support.killing", *(["draws"] if self._draws else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=Path(__file__).resolve().parents[2],
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait(timeout=30)
        assert self._parent.stdout is not None
        self._parent.stdout.close()

    def start(self, arguments: list[str], point: Point | None = None, around: str | None = None) -> int:
        """Start ``illinstr ARGUMENTS``; its process id."""
        assert self._parent.stdin is not None and self._parent.stdout is not None
        job = {"arguments": arguments, "point": point, "around": around, "errors": str(self._errors)}
        print(json.dumps(job), file=self._parent.stdin, flush=True)
        return int(self._parent.stdout.readline())

    def wait(self) -> Ended:
        """Wait for the run that was started last."""
        assert self._parent.stdout is not None
        status = int(self._parent.stdout.readline())
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        code = os.waitstatus_to_exitcode(status)
        return Ended(killed, code, self._errors.read_text())

    def run(self, arguments: list[str], point: Point | None = None, around: str | None = None) -> Ended:
        """Start a run, in surroundings of ``tests.support.surroundings``, and wait for it."""
        self.start(arguments, point, around)
        return self.wait()


def _arm(point: Point) -> None:  # noqa: C901
    """Make this process kill itself at the point."""
    import tempfile

    from illinstr.shards.writer import ShardWriter

    phase, kind, count = point
    left = count

    def passed(at: str, what: str) -> None:
        nonlocal left
        if phase in ("*", at) and kind in ("*", what):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    replace, rename, unlink = Path.replace, Path.rename, Path.unlink
    make, write, add = tempfile.mkstemp, Path.write_bytes, ShardWriter.add

    def replacing(self: Path, target: Path) -> Path:
        what = kind_of(target.name, target.parent.name)
        passed("written", what)
        result = replace(self, target)
        passed("renamed", what)
        return result

    def renaming(self: Path, target: Path) -> Path:
        passed("written", "folder")
        result = rename(self, target)
        passed("renamed", "folder")
        return result

    def writing(self: Path, content: bytes) -> int:
        size = write(self, content)
        passed("written", kind_of(self.name, self.parent.name))
        return size

    def unlinking(self: Path, missing_ok: bool = False) -> None:
        there = self.exists()
        unlink(self, missing_ok=missing_ok)
        if there:
            passed("removed", kind_of(self.name, self.parent.name))

    def making(*arguments: object, **named: object) -> tuple[int, str]:
        made = make(*arguments, **named)
        folder = Path(made[1]).parent.name
        name, _, _ = str(named.get("prefix", "")).strip(".").rpartition(".")  # without the writing process
        passed("opened", kind_of(name, folder))
        return made

    def adding(self: ShardWriter, *arguments: object, **named: object) -> bool:
        added = add(self, *arguments, **named)
        passed("added", "article")
        return added

    Path.replace, Path.rename, Path.unlink, Path.write_bytes = replacing, renaming, unlinking, writing  # type: ignore[method-assign]
    tempfile.mkstemp, ShardWriter.add = making, adding  # type: ignore[assignment,method-assign]


def _child(job: dict) -> None:
    code = 1
    try:
        errors = os.open(job["errors"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(errors, 1)
        os.dup2(errors, 2)
        os.fsync = lambda descriptor: None  # a killed process loses nothing it has written; only a power cut would
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if job["point"] is not None:
            _arm(tuple(job["point"]))
        if job["around"] is not None:
            from tests.support.surroundings import SURROUNDINGS

            SURROUNDINGS[job["around"]]()
        from illinstr.cli import app

        sys.argv = ["illinstr", *job["arguments"]]
        try:
            app.main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        with contextlib.suppress(OSError, ValueError):  # closed, by the surroundings
            sys.stderr.flush()
            sys.stdout.flush()
    finally:
        os._exit(code)


def _jobs() -> Iterator[dict]:
    for line in sys.stdin:
        yield json.loads(line)


def _import_what_scrapes() -> None:
    import illinstr.cli.scrape
    import illinstr.workflows.scrape_job  # noqa: F401
    from illinstr.wikihow_scraper.sites.site import NotAnArticle
    from illinstr.wikihow_scraper.sites.wikihow.parse import parse

    with contextlib.suppress(NotAnArticle):
        parse(b"<html><h1>How to Wake Everything Up</h1></html>")  # imports what is imported at first use


def _import_what_draws() -> None:
    import diffusers
    import transformers

    import illinstr.training.tasks.vae
    import illinstr.workflows.evaluate
    import illinstr.workflows.generate
    import illinstr.workflows.train  # noqa: F401

    # Both load a class when it is first named.
    assert diffusers.AutoencoderKL and diffusers.UNet2DConditionModel and diffusers.StableDiffusionPipeline
    assert transformers.CLIPTextModel and transformers.CLIPTokenizer


def main() -> None:
    import pyarrow.parquet  # noqa: F401

    if "draws" in sys.argv[1:]:
        _import_what_draws()
    else:
        _import_what_scrapes()
    for job in _jobs():
        pid = os.fork()
        if pid == 0:
            _child(job)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
