"""What ``eval`` leaves behind: ``results.json`` (typed, versioned) and ``samples.jsonl`` (every score behind it)."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from illinstr import __version__
from illinstr.config import Config
from illinstr.errors import DataError
from illinstr.evaluation.statistics import IntervalMethod
from illinstr.evaluation.subjects import StepText

RESULTS_VERSION: Literal[1] = 1
RESULTS_FILE, SAMPLES_FILE, REPORT_FILE = "results.json", "samples.jsonl", "report.html"

Direction = Literal["higher", "lower", "match_truth"]
Protocol = Literal["ours", "reproduction"]


@dataclass(frozen=True)
class Definition:
    """A metric in words. ``version`` rises whenever the number would change; ``looks`` says which encoder it needs."""

    version: int
    direction: Direction
    proportion: bool
    looks: Literal["encoder", "consistency_encoder"]
    text: str


DEFINITIONS: dict[str, Definition] = {
    "goal_faithfulness": Definition(
        1, "higher", True, "encoder", "pictures that find their own goal among other goals"
    ),
    "step_faithfulness": Definition(
        1, "higher", True, "encoder", "pictures that find their own step among steps of the same article"
    ),
    "clip_score": Definition(1, "higher", False, "encoder", "100 x cosine of picture and step"),
    "consistency": Definition(
        1, "match_truth", False, "consistency_encoder", "mean distance between the pictures of one article"
    ),
    "consistency_gap": Definition(
        1, "lower", False, "consistency_encoder", "how far consistency lies from that of the truth on the same goals"
    ),
    "diversity": Definition(
        1, "higher", True, "consistency_encoder", "articles whose pictures are not one picture over and over"
    ),
}


class Settings(Config):
    """What was asked of an evaluation; with the samples it decides every number.

    Attributes:
        protocol: ``ours``, or the semantics of the authors' released scripts.
        seed: of distractors and resampling.
        num_distractors: other texts a picture chooses among.
        bootstrap: resamples behind each interval.
        confidence: of each interval.
        step_text: what stands for a step, its headline or headline and body.
    """

    protocol: Protocol = "ours"
    seed: int = Field(default=0, ge=0)
    num_distractors: int = Field(default=3, ge=1)
    bootstrap: int = Field(default=2000, ge=100)
    confidence: float = Field(default=0.95, gt=0, lt=1)
    step_text: StepText = "headline"

    def definition(self, metric: str) -> str:
        """The metric's definition, for ``Metric.definition``: "goal_faithfulness/1", or ".../reproduction-1"."""
        prefix = "reproduction-" if self.protocol == "reproduction" else ""
        return f"{metric}/{prefix}{DEFINITIONS[metric].version}"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EncoderRecord(_Record):
    """Who looked. ``cut_share`` is the share of texts longer than it reads; None for one that reads no text."""

    id: str
    sha256: str
    cut_share: float | None = None


class Encoders(_Record):
    """The encoder of faithfulness and the one of consistency (often the same)."""

    encoder: EncoderRecord
    consistency_encoder: EncoderRecord


class Metric(_Record):
    """One number with all it takes to read it.

    ``low`` and ``high`` bound the interval over articles, None where one article gives none; ``interval`` says how it
    was found. ``value`` is the mean over articles of the article's mean over its ``n_items``.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    confidence: float
    interval: IntervalMethod
    n_articles: int
    n_items: int
    direction: Direction
    chance: float | None
    definition: str
    encoder: str
    encoder_sha256: str


class Comparison(_Record):
    """Run minus other on the goals both have, with its interval over those goals.

    ``better`` is None where the interval holds 0 or where neither direction is better (consistency).
    """

    metric: str
    difference: float
    low: float | None
    high: float | None
    interval: IntervalMethod
    n_articles: int
    settled: bool
    better: Literal["run", "other"] | None


class Results(_Record):
    """The whole of ``results.json``."""

    schema_version: Literal[1] = RESULTS_VERSION
    run: str
    other: str | None
    truth: str | None
    split: str | None
    limit: int | None
    settings: Settings
    encoders: Encoders
    n_articles: int
    n_pictures: int
    metrics: tuple[Metric, ...]
    truth_metrics: tuple[Metric, ...] = ()
    other_metrics: tuple[Metric, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    skipped: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    verdict: str
    environment: dict[str, str]

    def metric(self, name: str) -> Metric | None:
        """The run's metric of that name, None where it was left out."""
        return next((metric for metric in self.metrics if metric.name == name), None)


def environment() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    from importlib.metadata import version

    packages = ("torch", "transformers", "numpy", "scipy", "pillow")
    found = {package: version(package) for package in packages}
    return {"illinstr": __version__, "python": platform.python_version(), "platform": platform.platform(), **found}


def read_results(folder: Path) -> Results:
    """Read ``results.json`` of an eval folder.

    Raises:
        DataError: missing, damaged, or of a version this program does not know.
    """
    path = folder / RESULTS_FILE
    try:
        return Results.model_validate_json(path.read_bytes())
    except OSError as error:
        raise DataError(f"no results in {folder}", hint="make them with: illinstr eval RUN") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "results"
        raise DataError(f"{path}: not valid results: {where}: {first['msg']}") from error
