"""Where the articles of an evaluation come from: run folders, data folders, and the world that knows the truth."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from illinstr.articles import Article
from illinstr.errors import DataError, PlanError, UsageError

if TYPE_CHECKING:
    from illinstr.evaluation.evaluate import Source


def open_source(path: Path, *, split: str | None = None) -> Source:
    """The articles of a run folder or, where there is an ``index.json``, of a data folder.

    Raises:
        DataError: no such folder, or nothing readable in it.
        UsageError: a split is asked of a run.
    """
    from illinstr.evaluation.evaluate import Source
    from illinstr.runs import read_run
    from illinstr.shards import iter_articles

    if not path.exists():
        raise DataError(f"no such folder: {path}", hint='make a run with: illinstr generate "How to make apple juice"')
    if (path / "index.json").is_file():
        return Source(str(path), iter_articles(path, split=split))
    if split is not None:
        raise UsageError(f"--split {split}: {path} is a run, and only data folders have splits")
    return Source(str(path), read_run(path))


@dataclass(frozen=True)
class EmbeddedWorld:
    """What MiniHow knows about articles whose goals are all its own: the truth, other goals, which wordings are one."""

    truth: Source | None
    goals: tuple[str, ...]

    @staticmethod
    def identify(goal: str) -> str:
        """Canonical wording of a goal, however it is put; goals from outside keep their normal form."""
        from illinstr import minihow
        from illinstr.evaluation.subjects import goal_identity

        known = minihow.recognise(goal)
        return goal_identity(goal if known is None else known.text)

    @staticmethod
    def family(goal: str) -> str | None:
        """The goal's family: goals that differ in a fruit or a colour alone share it. None from outside."""
        from illinstr import minihow

        known = minihow.recognise(goal)
        return None if known is None else known.family


def embedded_world(articles: Sequence[Article], *, draw: bool) -> EmbeddedWorld | None:
    """The world around ``articles``, None where it does not know all of their goals.

    Args:
        articles: what is evaluated.
        draw: draw the truth, the k-th article with seed k, as many steps as it has and step wordings of its split
            (train where it names none). A length that the goal's family does not have is left out.
    """
    from illinstr import minihow
    from illinstr.evaluation.evaluate import Source

    if not all(minihow.recognise(article.goal) is not None for article in articles):
        return None
    drawn: list[Article] = []
    for seed, article in enumerate(articles if draw else ()):
        with contextlib.suppress(PlanError, UsageError):
            split = article.extra.get("split")
            wording = split if split in minihow.SPLITS else "train"
            drawn.append(minihow.illustrate(minihow.plan(article.goal, article.num_steps, seed=seed, split=wording)))
    truth = Source("MiniHow", drawn) if drawn else None
    return EmbeddedWorld(truth, tuple(minihow.all_goals()))
