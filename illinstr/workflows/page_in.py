"""``generate --from``: the steps of a how-to page, of any site that ``scrape`` reads, in place of written ones."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.articles import Article, StepImage
from illinstr.errors import DataError, UsageError
from illinstr.progress import SilentReporter
from illinstr.workflows.scrape import ScrapeRequest, scrape_pages

if TYPE_CHECKING:
    from illinstr.sampling.writing import WritingTask

_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".gif")


@dataclass(frozen=True)
class PageWriter:
    """Tells the steps of a page that was read; its images are apart.

    Args:
        article: the page's first method, without images.
        images: those of its steps that have one, by place from 0.
    """

    article: Article
    images: Mapping[int, StepImage] = field(default_factory=dict, repr=False)
    name = "page"

    def write(self, task: WritingTask) -> Article:
        """The page's steps under the task's goal, with the page's licence and authors."""
        return self.article.model_copy(update={"goal": task.goal})


def read_page(
    source: str | Path, *, contact: str | None = None, accept_terms: bool = False, images: bool = False
) -> PageWriter:
    """The first article of a page.

    Args:
        source: an address, or a saved page.
        contact, accept_terms: as for ``scrape``.
        images: whether the images of the page are read, too: of an address those under open licences.

    Raises:
        UsageError: neither an address nor a file, or what ``scrape`` needs to fetch is missing.
        FetchError: the page cannot be had, or may not.
        DataError: no steps were found on it.
    """
    from illinstr.shards import iter_articles

    with tempfile.TemporaryDirectory(prefix="illinstr-page-") as work:
        folder = Path(work)
        request: dict[str, Any] = {"out": folder / "data", "min_steps": 1, "image_duplicates": "keep", "images": images}
        if str(source).startswith(("http://", "https://")):
            asked = ScrapeRequest(
                (str(source),), contact=contact, accept_terms=accept_terms, reporter=SilentReporter(), **request
            )
        else:
            _copy_page(Path(source).expanduser(), folder / "page")
            asked = ScrapeRequest(from_html=folder / "page", image_license="any", reporter=SilentReporter(), **request)
        try:
            scrape_pages(asked)
        except DataError as error:
            raise DataError(f"--from {source}: {error.message}", hint=error.hint) from error
        for article in iter_articles(folder / "data"):
            return _writer(article)
    raise DataError(f"--from {source}: no steps were found on that page", hint="illinstr scrape --list-sites")


def _writer(article: Article) -> PageWriter:
    found = {place: step.image for place, step in enumerate(article.steps) if step.image and step.image.data}
    bare = tuple(step.model_copy(update={"image": None}) for step in article.steps)
    return PageWriter(article.model_copy(update={"steps": bare}), found)


def _copy_page(page: Path, folder: Path) -> None:
    """A saved page and the images it names beside it, in a folder of their own."""
    try:
        content = page.read_bytes()
        folder.mkdir()
        name = page.name if page.suffix.lower() in (".html", ".htm") else f"{page.name}.html"
        (folder / name).symlink_to(page.resolve())
        for beside in page.parent.iterdir():
            if beside.is_dir() and beside.name == f"{page.stem}_files":
                shutil.copytree(beside, folder / beside.name)
            elif beside.suffix.lower() in _IMAGES and beside.name.encode() in content:
                shutil.copyfile(beside, folder / beside.name)
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(
            f"--from {page}: cannot be read: {reason}", hint="an address, or a page saved as HTML"
        ) from error
