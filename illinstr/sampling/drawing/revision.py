"""Changing a finished article: some steps are drawn again, all other images stay as they are, to the byte.

The kept images are held as anchors while the rest is drawn, so that the new ones fit. The run folder is replaced
whole or not at all; ``run.json`` keeps how the article was first made and gains a ``Revision``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import Article, Step, StepImage
from illinstr.errors import DataError, UsageError
from illinstr.files import recover_folder
from illinstr.images import has_recipe
from illinstr.progress import Reporter
from illinstr.runs import (
    ARTICLE_FILE,
    RECORD_FILE,
    Correction,
    Revision,
    RunRecord,
    image_name,
    is_article_folder,
    read_article,
    read_record,
    reference_files,
    write_run,
)
from illinstr.sampling.drawing.illustrator import Illustrator
from illinstr.sampling.pages.page import PAGE_FILE, render_pages
from illinstr.sampling.pages.pdf import PDF_FILE

if TYPE_CHECKING:
    from PIL import Image

STALE = ("eval", PDF_FILE)  # scores and prints of images that are no longer there


@dataclass(frozen=True)
class FinishedRun:
    """One article's run folder, read back."""

    folder: Path
    article: Article
    record: RunRecord

    @property
    def page(self) -> Path:
        """The page to read."""
        return self.folder / PAGE_FILE

    @property
    def images(self) -> list[Image.Image]:
        """Its images, decoded, in the order of the steps.

        Raises:
            DataError: one cannot be decoded.
        """
        return [step.image.decode() for step in self.article.steps if step.image]

    @property
    def metadata(self) -> bool:
        """Whether its images carry their recipes; a revision does as the run did."""
        drawn = [step.image for step in self.article.steps if step.image and step.image.media_type == "image/png"]
        return not drawn or any(has_recipe(image.data or b"") for image in drawn)


def open_run(folder: Path) -> FinishedRun:
    """Read the run folder of one article.

    Raises:
        DataError: not such a folder, or damaged.
        UsageError: a folder of several articles.
    """
    folder = folder.expanduser().resolve()
    recover_folder(folder)
    if not is_article_folder(folder):
        from illinstr.runs import article_folders

        inside = article_folders(folder)  # raises what is wrong with it
        if inside == [folder]:
            raise DataError(f"{folder / RECORD_FILE} is missing", hint="generate the article again, with --overwrite")
        raise UsageError(f"{folder} holds several articles", hint=f"name one of them, such as {inside[0]}")
    return FinishedRun(folder, read_article(folder), read_record(folder))


def without_images(article: Article, steps: set[int]) -> Article:
    """A copy in which the given steps (counted from 0) have lost their images, to be drawn again."""
    kept = (
        step.model_copy(update={"image": None, "scene": None}) if index in steps else step
        for index, step in enumerate(article.steps)
    )
    return article.model_copy(update={"steps": tuple(kept)})


def redraw(
    run: FinishedRun,
    article: Article,
    illustrator: Illustrator,
    *,
    seed: int,
    command: str,
    note: str = "",
    correction: Correction | None = None,
    reporter: Reporter,
    out: Path | None = None,
) -> tuple[Path, RunRecord]:
    """Draw those steps of ``article`` that have no image, and publish it as a revision of ``run``.

    Args:
        run: the article as it was.
        article: the article as it shall be, of any number of steps; steps that carry an image keep it.
        illustrator: who draws; its settings count for the new images alone.
        seed: seed of the new noise.
        command: what the change is called in the record.
        note: why, for the record.
        correction: what changed in the words, for the record.
        reporter: shown the progress.
        out: where the revised run goes; None replaces ``run``.

    Returns:
        The folder and its new record.

    Raises:
        ModelError: the model failed; nothing was changed.
        OSError: the folder could not be written; nothing was changed.
    """
    drawn = tuple(index + 1 for index, step in enumerate(article.steps) if step.image is None)
    article, made = illustrator.draw(article, goal=run.record.goal, seed=seed, reporter=reporter)
    revision = Revision(
        command=command, steps=drawn, seed=seed, note=note, model_sha256=made.model_sha256, correction=correction
    )
    record = run.record.model_copy(
        update={
            "num_steps": article.num_steps,
            "given": tuple(number for number in run.record.given if number not in drawn),
            "revisions": (*run.record.revisions, revision),
            "references": made.references,
        }
    )
    settings = illustrator.settings
    published = publish(run, article, record, metadata=settings.metadata, references=settings.references, out=out)
    return published, record


def publish(
    run: FinishedRun,
    article: Article,
    record: RunRecord,
    *,
    metadata: bool,
    references: Sequence[StepImage] = (),
    out: Path | None = None,
) -> Path:
    """Write a changed article in the place of ``run``, or to ``out``, with its pages made again.

    In place, files that are not the run's own are carried over, except scores that no longer hold.
    """
    pages = render_pages(article, record, metadata=metadata) | reference_files(references)
    if out is not None:
        return write_run(out, article, record, pages)
    gone = {each.file for each in run.record.references} - {each.file for each in record.references}
    own = {ARTICLE_FILE, RECORD_FILE, *pages, *STALE, *gone}
    for written in (run.article, article):
        own |= {image_name(index, step.image) for index, step in enumerate(written.steps) if step.image}
    others = [path for path in sorted(run.folder.iterdir()) if path.name not in own]
    return write_run(run.folder, article, record, pages, others=others)


@dataclass(frozen=True)
class Edit:
    """What shall be different.

    Attributes:
        steps: which steps, counted from 1.
        text: what the one step in ``steps`` shall say; None leaves the words and draws the image again.
    """

    steps: tuple[int, ...]
    text: Step | None = None

    def apply(self, article: Article) -> Article:
        """The article with the changed words, the steps to be drawn without images.

        Raises:
            UsageError: no such step, words for several steps, or words that the step has already.
        """
        for number in self.steps:
            if not 1 <= number <= article.num_steps:
                raise UsageError(f"there is no step {number}", hint=f"the article has steps 1 to {article.num_steps}")
        if not self.steps:
            raise UsageError("no step is named", hint="say which one: --step 3")
        steps = list(article.steps)
        if self.text is not None:
            if len(self.steps) != 1:
                raise UsageError("new words are for one step at a time", hint="give one --step, or --redraw")
            index = self.steps[0] - 1
            if (self.text.headline, self.text.body) == (steps[index].headline, steps[index].body):
                raise UsageError(f"step {index + 1} says that already", hint="--redraw draws it again as it is")
            steps[index] = self.text
        changed = article.model_copy(update={"steps": tuple(steps)})
        return without_images(changed, {number - 1 for number in self.steps})

    def seed(self, record: RunRecord) -> int:
        """The seed to draw with when none is said: the run's own for new words, one not used yet to draw again."""
        if self.text is not None:
            return record.seed
        return max([record.seed, *(revision.seed for revision in record.revisions)]) + 1

    @property
    def note(self) -> str:
        """What the record says about it."""
        return f"new words: {self.text.headline}" if self.text is not None else "drawn again"


def edit_run(
    run: FinishedRun,
    edit: Edit,
    illustrator: Illustrator,
    *,
    seed: int | None = None,
    reporter: Reporter,
    out: Path | None = None,
) -> FinishedRun:
    """Carry out an edit: change words, draw the named steps again around all others, publish.

    Raises:
        UsageError: the edit does not fit the article.
        ModelError: the model failed; nothing was changed.
        OSError: the folder could not be written; nothing was changed.
    """
    article = edit.apply(run.article)
    seed = edit.seed(run.record) if seed is None else seed
    folder, _ = redraw(run, article, illustrator, seed=seed, command="edit", note=edit.note, reporter=reporter, out=out)
    return open_run(folder)
