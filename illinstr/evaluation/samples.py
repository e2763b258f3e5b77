"""One line a scored item: everything an aggregate is made of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from illinstr.errors import DataError

Side = Literal["run", "other", "truth"]


class Sample(BaseModel):
    """One score.

    Attributes:
        side: whose article: the run's, the one it is compared with, or the truth's.
        metric: name of the metric.
        article: id of the article.
        key: what articles of several sides are matched by.
        goal: the article's goal.
        steps: the steps whose pictures were scored, counted from 1.
        score: the item's score, in the metric's own unit.
        chance: what guessing earns on average, where that is defined.
        candidates: the texts chosen among, the picture's own first.
        similarities: cosine of the picture with each candidate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    side: Side
    metric: str
    article: str
    key: str
    goal: str
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
