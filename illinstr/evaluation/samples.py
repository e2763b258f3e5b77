"""One line a scored item: everything an aggregate is made of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from illinstr.errors import DataError

Side = Annotated[str, StringConstraints(pattern=r"^(run|truth|other(-[0-9]+)?)$")]


def other_side(number: int) -> Side:
    """The side of the ``number``-th run that ours is compared with, counted from 1: "other", "other-2", ..."""
    return "other" if number == 1 else f"other-{number}"


def group_key(article_key: str, step: int, place: int) -> str:
    """The key of a group of images under the released scripts' protocol: of the one it begins with, and its place."""
    return f"{article_key} / step {step} / {place}"


def article_key(key: str) -> str:
    """The key of the article that a sample's key stands for, whether it is the article's own or a group's."""
    return re.sub(r" / step [0-9]+ / [0-9]+$", "", key)


class Sample(BaseModel):
    """One score.

    Attributes:
        side: whose article: the run's, one it is compared with ("other", "other-2", ...), or the truth's.
        metric: name of the metric.
        article: id of the article.
        key: what articles of several sides are matched by.
        goal: the article's goal.
        category: what the article is about, where it says so.
        num_steps: steps of the article, drawn or not.
        steps: the steps whose images were scored, counted from 1.
        score: the item's score, in the metric's own unit.
        chance: what guessing earns on average, where that is defined.
        candidates: the texts chosen among, the image's own first.
        similarities: cosine of the image with each candidate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    side: Side
    metric: str
    article: str
    key: str
    goal: str
    category: str | None
    num_steps: int
    steps: tuple[int, ...]
    score: float
    chance: float | None = None
    candidates: tuple[str, ...] = ()
    similarities: tuple[float, ...] = ()


def to_lines(samples: Iterable[Sample]) -> str:
    """The content of ``samples.jsonl``."""
    return "".join(sample.model_dump_json() + "\n" for sample in samples)


def read_samples(path: Path) -> list[Sample]:
    """Read ``samples.jsonl``.

    Raises:
        DataError: the file is missing or a line is no sample.
    """
    try:
        with path.open(encoding="utf-8") as stream:
            return [Sample.model_validate_json(line) for line in stream]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}") from error
    except ValidationError as error:
        raise DataError(f"{path} holds a line that is no sample: {error.errors()[0]['msg']}") from error
