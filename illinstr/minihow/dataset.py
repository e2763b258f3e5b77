"""A data folder of MiniHow articles: drawn in parallel, written in order, the same bytes every time."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from illinstr.articles import Article
from illinstr.engine.executor import Placement, Task, Worker, run_tasks
from illinstr.engine.slurm import Shard
from illinstr.errors import UsageError
from illinstr.files import canonical_json
from illinstr.minihow.grammar import goals
from illinstr.minihow.scene import MAX_PANEL_PX, MIN_PANEL_PX
from illinstr.minihow.world import MIN_STEPS, illustrate, make_article, most_steps
from illinstr.ownership import DATA, check_place, refuse_foreign
from illinstr.progress import Reporter, SilentReporter
from illinstr.shards.layout import INDEX_NAME
from illinstr.shards.parts import read_part, write_part

if TYPE_CHECKING:
    from illinstr.shards import ShardIndex

Existing = Literal["refuse", "resume", "overwrite"]
_CHUNK = 16  # articles of a task
WORLD_VERSION = 2
MAX_COUNT = 10_000_000


@dataclass(frozen=True)
class DatasetSpec:
    """What a data folder holds; equal specs give equal bytes.

    Args:
        count: articles over all splits.
        seed: which series of articles.
        val_share: share of ``count`` for the val split.
        test_share: share of ``count`` for the test split.
        panel_px: side of each image in pixels.
        min_steps: fewest instruction steps.
        max_steps: most instruction steps.
        families: draw goals of these families only; none for all.
    """

    count: int
    seed: int = 0
    val_share: float = 0.05
    test_share: float = 0.05
    panel_px: int = 128
    min_steps: int = 2
    max_steps: int = 8
    families: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what cannot be made.

        Raises:
            UsageError: a number out of range.
        """
        if not 1 <= self.count <= MAX_COUNT:
            raise UsageError(f"--count {self.count} is not between 1 and {MAX_COUNT}", hint="1000 is usual")
        if not MIN_STEPS <= self.min_steps <= self.max_steps <= most_steps():
            raise UsageError(
                f"no range of steps: {self.min_steps} to {self.max_steps}",
                hint=f"MiniHow tells {MIN_STEPS} to {most_steps()} steps",
            )
        goals("train", self.families)
        if not MIN_PANEL_PX <= self.panel_px <= MAX_PANEL_PX:
            raise UsageError(f"panel size {self.panel_px} is outside {MIN_PANEL_PX}..{MAX_PANEL_PX} pixels")
        if self.val_share < 0 or self.test_share < 0 or self.val_share + self.test_share > 1:
            raise UsageError("the shares of val and test must not be negative nor sum to more than 1")

    def counts(self) -> dict[str, int]:
        """Articles per split; they sum to ``count``."""
        val, test = round(self.count * self.val_share), round(self.count * self.test_share)
        val = min(val, self.count - min(test, self.count))
        return {"train": self.count - val - min(test, self.count), "val": val, "test": min(test, self.count)}


@dataclass(frozen=True)
class DrawWorld:
    """Draws runs of articles: a payload is a split, the first index and the one behind the last.

    With ``parts`` every run is left there as a file, for the command that joins them; see ``--shard``.
    """

    spec: DatasetSpec
    parts: Path | None = None
    join: bool = True

    def finished(self, task: Task) -> list[Article] | None:
        """What another part of the work has drawn; nothing of it is kept where it is not joined."""
        path = self._path(task)
        if path is None or not path.exists():
            return None
        return read_part(path) if self.join else []

    def start(self, worker: Worker) -> Callable[[Task], list[Article]]:
        """Nothing needs loading."""
        return self._draw

    def _draw(self, task: Task) -> list[Article]:
        split, start, stop = task.payload
        spec = self.spec
        articles = [
            make_article(
                index,
                seed=spec.seed,
                split=split,
                step_range=(spec.min_steps, spec.max_steps),
                panel_px=spec.panel_px,
                families=spec.families or None,
            )
            for index in range(start, stop)
        ]
        if self.join:
            return articles
        path = self._path(task)
        assert path is not None  # a part that is not joined is left somewhere
        write_part(path, articles)
        return []

    def _path(self, task: Task) -> Path | None:
        return None if self.parts is None else self.parts / f"{task.name}.tar"


def _tasks(spec: DatasetSpec) -> list[Task]:
    """Runs of articles, in the order in which they are written; names tell specs apart."""
    digest = hashlib.sha256(canonical_json({"world": WORLD_VERSION, **asdict(spec)}).encode()).hexdigest()[:12]
    return [
        Task(f"{split}-{start:09d}-{digest}", (split, start, min(start + _CHUNK, number)))
        for split, number in spec.counts().items()
        for start in range(0, number, _CHUNK)
    ]


def parts_folder(out: Path) -> Path:
    """Where the parts of ``out`` wait to be joined."""
    return out.with_name(f"{out.name}.parts")


def draw_part(out: Path, spec: DatasetSpec, part: Shard, placement: Placement, reporter: Reporter) -> Path:
    """Draw one part of several and leave it in ``parts_folder(out)``; ``write_dataset`` joins them.

    Raises:
        UsageError: a number out of range.
    """
    spec.check()
    tasks = part.slice_of(_tasks(spec))
    work = DrawWorld(spec, parts_folder(out).absolute(), join=False)
    with reporter.task(f"drawing part {part.index} of {part.count}", total=len(tasks)) as advance:
        for _ in run_tasks(work, tasks, placement, reporter=reporter):
            advance()
    return parts_folder(out)


def write_dataset(
    out: Path,
    *,
    count: int,
    seed: int = 0,
    val_share: float = 0.05,
    test_share: float = 0.05,
    panel_px: int = 128,
    min_steps: int = 2,
    max_steps: int = 8,
    families: Collection[str] = (),
    placement: Placement | None = None,
    existing: Existing = "refuse",
    reporter: Reporter | None = None,
) -> ShardIndex:
    """Draw ``count`` articles and write them as shards under ``out``; see ``DatasetSpec`` for the other numbers.

    Args:
        out: the data folder.
        placement: where articles are drawn, in this process when None; the bytes do not depend on it.
        existing: what to do when ``out`` holds a finished data set: ``refuse``, ``resume`` (it is complete, or a run
            of the same spec was cut off), or ``overwrite``. What was cut off goes on under ``refuse`` as well.
        reporter: receives progress.

    Returns:
        the index of what was written.

    Raises:
        UsageError: a number out of range, or ``out`` is not empty and ``existing`` is ``refuse``.
        DataError: ``resume`` of a folder made with another spec.
    """
    from illinstr.shards import ShardWriter

    spec = DatasetSpec(count, seed, val_share, test_share, panel_px, min_steps, max_steps, tuple(families))
    spec.check()
    refuse_occupied(out, existing)
    reporter = reporter or SilentReporter()
    parts = parts_folder(out)
    work = DrawWorld(spec, parts.absolute() if parts.is_dir() else None)
    source = {"source": "minihow", "world_version": WORLD_VERSION, **asdict(spec)}
    with (
        ShardWriter(out, source_config=source, existing=existing, reporter=reporter) as writer,
        reporter.task("drawing articles", total=count) as advance,
    ):
        for outcome in run_tasks(work, _tasks(spec), placement, ordered=True, reporter=reporter):
            if outcome.error is not None:
                raise outcome.error
            for article in outcome.result:
                writer.add(article, split=outcome.name.partition("-")[0])
                advance()
    assert writer.index is not None  # set on every clean exit
    _remove_parts(parts, spec)
    return writer.index


def _remove_parts(parts: Path, spec: DatasetSpec) -> None:
    """Remove the parts that were joined, and their folder when nothing else is in it."""
    if not parts.is_dir():
        return
    for task in _tasks(spec):
        (parts / f"{task.name}.tar").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        parts.rmdir()


def refuse_occupied(out: Path, existing: Existing) -> None:
    """Stop before any work when ``out`` is in use.

    Raises:
        UsageError: no place for output, a folder that holds something and ``existing`` is ``refuse``, or one that
            holds what illinstr did not write.
    """
    out = check_place(out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out {out} is a file, not a folder", hint="name another folder with --out")
    if existing == "refuse" and (out / INDEX_NAME).exists():
        raise UsageError(f"{out} is not empty", hint="choose another folder, or --overwrite it")
    refuse_foreign(out, DATA)


def contact_sheet(articles: list[Article], *, panel_px: int = 128) -> bytes:
    """A PNG with one article a row, its goal above the panels."""
    import io

    from PIL import Image, ImageDraw, ImageFont

    band, gap = max(16, panel_px // 6), max(2, panel_px // 32)
    columns = max(article.num_steps for article in articles)
    width, row = columns * (panel_px + gap) + gap, panel_px + band + gap
    page = Image.new("RGB", (width, row * len(articles) + gap), (255, 253, 247))
    pencil, font = ImageDraw.Draw(page), ImageFont.load_default(band * 0.62)
    for number, article in enumerate(articles):
        pencil.text((gap * 2, number * row + band * 0.22), article.goal, fill=(62, 44, 46), font=font)
        drawn = article if article.steps[0].image else illustrate(article, panel_px=panel_px)
        for column, step in enumerate(drawn.steps):
            assert step.image is not None
            panel = step.image.decode().resize((panel_px, panel_px))
            page.paste(panel, (gap + column * (panel_px + gap), number * row + band))
    stream = io.BytesIO()
    page.save(stream, format="PNG", optimize=True)
    return stream.getvalue()
