"""Where the articles of an evaluation come from: run folders, data folders, and the world that knows the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.errors import DataError, UsageError

if TYPE_CHECKING:
    from illinstr.evaluation.evaluate import Source


def open_source(path: Path, *, split: str | None = None, left_out: list[DataError] | None = None) -> Source:
    """The articles of a run folder or, where there is an ``index.json``, of a data folder.

    Args:
        path: the folder.
        split: of a data folder, this split only.
        left_out: takes what is wrong with single articles, of a data folder as they are read; the others count. None
            refuses the folder.

    Raises:
        DataError: no such folder, or nothing readable in it.
        UsageError: a split is asked of a run.
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
        raise UsageError(f"--split {split}: {path} is a run, and only data folders have splits")
    return Source(str(path), read_run(path, on_damaged=on_damaged))
