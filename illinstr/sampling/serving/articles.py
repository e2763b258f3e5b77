"""The finished articles of a folder, by name and as a list that costs little to show again."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from illinstr.articles import Article
from illinstr.errors import DataError
from illinstr.runs import ARTICLE_FILE, is_article_folder, read_article
from illinstr.sampling.serving.tasks import NAME_PATTERN

MAX_LISTED = 100
_NAME = re.compile(NAME_PATTERN)


class ArticleList:
    """Articles of one folder; each is read once and again when it was changed.

    Args:
        folder: where the run folders lie; it may not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, tuple[int, Article | None]] = {}

    def place(self, name: str) -> Path:
        """The folder of an article.

        Raises:
            DataError: no name of an article, or none of that name.
        """
        place = self.folder / name
        if not _NAME.fullmatch(name) or place.is_symlink() or not is_article_folder(place):
            raise DataError("there is no such article")
        return place

    def newest(self) -> list[tuple[str, Article]]:
        """Up to ``MAX_LISTED`` articles without their images' bytes, the newest first; damaged ones are left out."""
        if not self.folder.is_dir():
            return []
        dated = {}
        for path in self.folder.iterdir():
            if _NAME.fullmatch(path.name) and not path.is_symlink() and is_article_folder(path):
                with contextlib.suppress(OSError):  # deleted at this moment
                    dated[path.name] = (path / ARTICLE_FILE).stat().st_mtime_ns
        names = sorted(dated, key=lambda name: dated[name], reverse=True)[:MAX_LISTED]
        self._read = {name: self._known(name, dated[name]) for name in names}
        return [(name, article) for name, (_, article) in self._read.items() if article is not None]

    def _known(self, name: str, changed: int) -> tuple[int, Article | None]:
        known = self._read.get(name)
        if known is not None and known[0] == changed:
            return known
        try:
            article = read_article(self.folder / name)
        except DataError:
            return changed, None
        bare = (
            step.model_copy(update={"image": step.image and step.image.model_copy(update={"data": None})})
            for step in article.steps
        )
        return changed, article.model_copy(update={"steps": tuple(bare)})
