"""Where the articles of an evaluation come from: run folders, data folders, and the world that knows the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.errors import DataError, UsageError

if TYPE_CHECKING:
    from illinstr.articles import Article
    from illinstr.evaluation.evaluate import Source


def open_source(
    path: Path, *, split: str | None = None, left_out: list[DataError] | None = None, goals: Path | None = None
) -> Source:
    """The articles of a run folder, of a data folder (it has an ``index.json``), or, by ``goals``, of any images.

    Args:
        path: the folder.
        split: of a data folder, this split only.
        goals: table of the goals that a folder without articles holds images of (``illinstr.evaluation.arena``).
        left_out: takes what is wrong with single articles, of a data folder as they are read; the others count. None
            refuses the folder.

    Raises:
        DataError: no such folder, or nothing readable in it.
        UsageError: a split is asked of what has none.
    """
    from illinstr.evaluation.evaluate import Source
    from illinstr.runs import read_run
    from illinstr.shards import iter_articles

    if not path.exists():
        raise DataError(f"no such folder: {path}", hint='make a run with: illinstr generate "How to make apple juice"')
    on_damaged = None if left_out is None else left_out.append
    if (path / "index.json").is_file():
        return Source(str(path), iter_articles(path, split=split, on_damaged=on_damaged))
    if split is not None:
        raise UsageError(f"--split {split}: {path} is none, and only data folders have splits")
    if goals is not None and path.is_dir() and not _holds_articles(path):
        return Source(str(path), _drawn(path, goals, left_out))
    return Source(str(path), read_run(path, on_damaged=on_damaged))


def _holds_articles(path: Path) -> bool:
    from illinstr.runs import article_folders

    try:
        return bool(article_folders(path))
    except DataError:
        return False


def _drawn(path: Path, goals: Path, left_out: list[DataError] | None) -> list[Article]:
    """What some system drew: the articles of ``goals`` whose images lie in ``path``."""
    from illinstr.evaluation.arena import read_asked, read_drawn

    failures: list[DataError] = []
    articles = list(read_drawn(path, read_asked(goals, failures.append), failures.append))
    if not articles or (failures and left_out is None):
        raise failures[0]
    if left_out is not None:
        left_out += failures
    return articles
