"""The data folder, made one shard task at a time.

A task is a run of pages: it judges them, writes their shards, and then, last, a marker ``tasks/000000.json`` that names
its shards and what later tasks must know (which texts were seen, the lines of attribution, the funnel so far). Tasks
form a chain: a marker's digest covers the settings, the task's pages as they were fetched, and the digest before it. A
run therefore skips the longest chain of tasks that are done and still true, removes everything behind it, and writes
on. Doing a task twice gives the same bytes, so a kill at any moment costs at most the task in hand.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from illinstr.errors import DataError, UsageError
from illinstr.files import INCOMPLETE_SUFFIX, canonical_json, fsync_folder, write_json
from illinstr.progress import Reporter
from illinstr.shards import ShardWriter, attribution, read_index
from illinstr.shards.layout import INDEX_NAME, SHARDS_FOLDER, ShardInfo
from illinstr.wikihow_scraper.cleaning.funnel import Funnel
from illinstr.wikihow_scraper.cleaning.rules import Cleaner, Memory
from illinstr.wikihow_scraper.pipeline import build, card
from illinstr.wikihow_scraper.source import Source

SETTINGS_NAME = "scrape.json"
TASKS_FOLDER = "tasks"
_ENDINGS = (".tar", ".parquet", "_stats.json")


class Marker(BaseModel):
    """``tasks/<number>.json``: a task that is done. ``memory`` and ``owed`` are what it added."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: int
    digest: str
    shards: tuple[ShardInfo, ...]
    funnel: dict[str, dict[str, int]]
    memory: Memory
    owed: tuple[str, ...]


class Tasks:
    """Use as a context manager; call ``run`` for every task in order, then ``finish``.

    Args:
        out: the data folder.
        settings: what decides the data; kept in ``scrape.json`` and in the index.
        cleaner: judges the articles of all tasks, and remembers.
        reporter: receives every shard.
        again: trust no marker.
        site: the only site whose parser reads pages.
        workers: processes that read pages; the data does not depend on how many.
    """

    def __init__(
        self,
        out: Path,
        settings: dict[str, Any],
        cleaner: Cleaner,
        reporter: Reporter,
        *,
        rebuild: bool = False,
        site: str | None = None,
        workers: int = 1,
    ) -> None:
        self.out = out
        self.funnel = Funnel()
        self.done = self.skipped = 0
        self._settings = settings
        self._cleaner = cleaner
        self._reporter = reporter
        self._rebuild = rebuild
        self._site, self._workers = site, workers
        self._digest = sha256(canonical_json(settings).encode()).hexdigest()
        self._trusted: list[Marker] = []
        self._attributions: list[str] = []
        self._writer: ShardWriter | None = None
        self._lock = contextlib.ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:  # not finished: what is half written goes, what is published stays
            unfinished = error if error is not None else DataError("not finished")
            self._writer.__exit__(type(unfinished), unfinished, trace)
            self._writer = None
        self._lock.close()

    def run(self, pages: str, sources: Iterable[Source]) -> bool:
        """Do the next task, or skip it where it is done already.

        Args:
            pages: a digest of the pages as they were fetched; the same digest must mean the same sources.
            sources: the pages; not looked at when the task is skipped.

        Returns:
            Whether there was anything to do.
        """
        number = self.done
        digest = sha256(f"{self._digest}\n{number}\n{pages}".encode()).hexdigest()
        self._digest = digest
        self.done += 1
        if self._writer is None and self._trust(number, digest):
            self.skipped += 1
            return False
        writer = self._writer or self._begin()
        self._cleaner.take_new()
        known = {info.name for info in writer.publish_open()}
        funnel, spool = Funnel(), build.Spool()
        try:
            build.judge(sources, self._cleaner, funnel, spool, self._site, self._workers)
            attributions = build.write(spool, writer)
        finally:
            spool.close()
        marker = Marker(
            number=number,
            digest=digest,
            shards=tuple(info for info in writer.publish_open() if info.name not in known),
            funnel=funnel.counts(),
            memory=self._cleaner.take_new(),
            owed=tuple(attributions),
        )
        write_json(self._path(number), marker.model_dump(mode="json"))
        self.funnel.add(funnel)
        self._attributions += attributions
        return True

    def finish(self) -> dict[str, int]:
        """Write what belongs to the whole: attribution, card, and last the index. Articles per split come back.

        Raises:
            DataError: no article was kept; the folder is then emptied of what this run made.
        """
        if not self.funnel.articles["kept"]:
            self.discard()
            raise DataError("no page gave an article that could be kept", hint="the funnel above says where they went")
        if self._writer is None and self._is_finished():
            return self._splits()
        writer = self._writer or self._begin()
        attribution.write(self.out, self._attributions)
        outcome = self.funnel.as_dict()
        card.write(self.out, self._settings, outcome, writer.publish_open())
        writer.set_outcome(funnel=outcome)
        self._writer = None
        writer.__exit__(None, None, None)
        return self._splits()

    def _trust(self, number: int, digest: str) -> bool:
        if self._rebuild:
            return False
        try:
            marker = Marker.model_validate_json(self._path(number).read_bytes())
        except (OSError, ValidationError):
            return False
        if marker.digest != digest or not all(self._is_there(info) for info in marker.shards):
            return False
        self._trusted.append(marker)
        self._attributions += marker.owed
        self.funnel.add(Funnel.from_counts(marker.funnel))
        return True

    def _is_there(self, info: ShardInfo) -> bool:
        try:
            whole = info.tar(self.out).stat().st_size == info.bytes
        except OSError:
            return False
        return whole and all((self.out / SHARDS_FOLDER / f"{info.name}{ending}").is_file() for ending in _ENDINGS)

    def _begin(self) -> ShardWriter:
        """Remove what no trusted marker stands for, remember what the trusted tasks saw, and open the shards."""
        self.out.mkdir(parents=True, exist_ok=True)
        self._lock.enter_context(_locked(self.out))
        (self.out / INDEX_NAME).unlink(missing_ok=True)  # first: without it the folder is no data folder
        trusted = {self._path(marker.number).name for marker in self._trusted}
        for path in sorted((self.out / TASKS_FOLDER).glob("*"), reverse=True):
            if path.name not in trusted:
                path.unlink()
        kept = {f"{info.name}{ending}" for marker in self._trusted for info in marker.shards for ending in _ENDINGS}
        if (self.out / SHARDS_FOLDER).is_dir():
            for path in sorted((self.out / SHARDS_FOLDER).iterdir()):
                if path.name not in kept:
                    path.unlink()
        _remove_temporaries(self.out)
        write_json(self.out / SETTINGS_NAME, self._settings)
        for marker in self._trusted:
            self._cleaner.recall(marker.memory)
        self._writer = ShardWriter(
            self.out, source_config=self._settings, existing="resume", reporter=self._reporter
        ).__enter__()
        return self._writer

    def _is_finished(self) -> bool:
        further = self._path(self.done).exists()
        return (self.out / INDEX_NAME).is_file() and not further and (self.out / SETTINGS_NAME).is_file()

    def _splits(self) -> dict[str, int]:
        return {name: info.samples for name, info in sorted(read_index(self.out).splits.items()) if info.samples}

    def discard(self) -> None:
        """Remove what was made; for a run that kept nothing."""
        if self._writer is not None:
            self._writer.__exit__(DataError, DataError("nothing kept"), None)
            self._writer = None
        elif not self._trusted:
            return
        for name in (INDEX_NAME, SETTINGS_NAME):
            (self.out / name).unlink(missing_ok=True)
        for name in (TASKS_FOLDER, SHARDS_FOLDER):
            shutil.rmtree(self.out / name, ignore_errors=True)
        if not any(self.out.iterdir()):
            self.out.rmdir()
            fsync_folder(self.out.parent)

    def _path(self, number: int) -> Path:
        return self.out / TASKS_FOLDER / f"{number:06d}.json"


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process; the lock goes with the process, however it ends, and leaves no file.

    Raises:
        UsageError: another run holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another run is writing {folder}", hint="wait for it, or choose another --out") from error
        yield
    finally:
        os.close(descriptor)


def _remove_temporaries(folder: Path) -> None:
    """Remove what a killed run left half-written in the folder itself."""
    for path in folder.glob(f".*{INCOMPLETE_SUFFIX}"):
        if path.is_file():
            path.unlink()
