"""What ``eval`` leaves behind: ``results.json`` (typed, versioned) and ``samples.jsonl`` (every score behind it)."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from illinstr.config import Config
from illinstr.errors import DataError
from illinstr.evaluation.metrics.statistics import IntervalMethod
from illinstr.evaluation.samples import Side
from illinstr.evaluation.subjects import StepText
from illinstr.version import __version__

RESULTS_VERSION: Literal[2] = 2
REPRODUCTION_VERSION = 2  # rises whenever a number of the protocol "reproduction" would change
RESULTS_FILE, SAMPLES_FILE, REPORT_FILE = "results.json", "samples.jsonl", "report.html"
FEATURES_FILE = "features.safetensors"

Direction = Literal["higher", "lower", "match_truth"]
Protocol = Literal["ours", "reproduction"]

# Inception's 2,048 features need as many images for a covariance of full rank; smaller encoders are no less biased.
MIN_FID_IMAGES = 2_048


@dataclass(frozen=True)
class Definition:
    """A metric in words. ``version`` rises whenever the number would change; ``encoder`` says which it needs.

    ``named`` metrics are compared across papers by name alone, so their label carries encoder and n. ``set_based`` ones
    compare all images of a run with all of the truth's, so no single article has a score.
    """

    version: int
    direction: Direction
    proportion: bool
    encoder: Literal["encoder", "consistency_encoder", "pixels", "vlm"]
    text: str
    named: bool = False
    set_based: bool = False


DEFINITIONS: dict[str, Definition] = {
    "goal_faithfulness": Definition(
        1, "higher", True, "encoder", "images that find their own goal among other goals"
    ),
    "step_faithfulness": Definition(
        1, "higher", True, "encoder", "images that find their own step among steps of the same article"
    ),
    "clip_score": Definition(1, "higher", False, "encoder", "100 x cosine of image and step", named=True),
    "consistency": Definition(
        2, "match_truth", False, "pixels", "per cent of the even areas whose colour no other image of the article has"
    ),
    "consistency_gap": Definition(
        2, "lower", False, "pixels", "how far consistency lies from that of the truth on the same goals"
    ),
    "feature_distance": Definition(
        1, "match_truth", False, "consistency_encoder",
        "mean distance between the features of one article's images: the paper's consistency"
    ),
    "diversity": Definition(
        1, "higher", True, "consistency_encoder", "articles whose images are not one image over and over"
    ),
    "attributes_as_named": Definition(
        1, "higher", True, "pixels", "of what a goal of MiniHow names, the share that images show as named"
    ),
    "kid": Definition(
        2, "lower", False, "consistency_encoder", "distance from the ground truth over pairs of different goals",
        named=True, set_based=True,
    ),
    "cmmd": Definition(
        2, "lower", False, "encoder", "the same distance with a Gaussian kernel",
        named=True, set_based=True,
    ),
    "fid": Definition(
        1, "lower", False, "consistency_encoder", "distance of all images together from the truth's, two Gaussians",
        named=True, set_based=True,
    ),
    "vlm_goal": Definition(1, "higher", True, "vlm", "images that a vision-language model says fit the goal"),
    "vlm_step": Definition(1, "higher", True, "vlm", "images that a vision-language model says show their step"),
    "vlm_consistency": Definition(
        1, "higher", True, "vlm", "articles whose images a vision-language model says show the same things"
    ),
}  # fmt: skip
SET_METRICS = tuple(name for name, definition in DEFINITIONS.items() if definition.set_based)


class Settings(Config):
    """What was asked of an evaluation; with the samples it decides every number.

    Attributes:
        protocol: ``ours``, or the semantics of the authors' released scripts.
        seed: of distractors and resampling.
        num_distractors: other texts an image chooses among.
        bootstrap: resamples behind each interval.
        confidence: of each interval.
        step_text: what stands for a step, its headline or headline and body.
        goal_distractors: ``any`` other goals, or ``near`` ones first: of the same family or category.
        min_fid_pictures: FID over fewer is left out, because its bias outweighs what it measures.
    """

    protocol: Protocol = "ours"
    seed: int = Field(default=0, ge=0)
    num_distractors: int = Field(default=3, ge=1)
    bootstrap: int = Field(default=2000, ge=100)
    confidence: float = Field(default=0.95, gt=0, lt=1)
    step_text: StepText = "headline"
    goal_distractors: Literal["any", "near"] = "any"
    min_fid_pictures: int = Field(default=MIN_FID_IMAGES, ge=2)

    def definition(self, metric: str) -> str:
        """The metric's definition, for ``Metric.definition``: "goal_faithfulness/1", or ".../reproduction-1"."""
        if self.protocol == "reproduction":
            return f"{metric}/reproduction-{REPRODUCTION_VERSION}"
        prefix = ""
        if metric == "goal_faithfulness" and self.goal_distractors == "near":
            prefix += "near-"
        return f"{metric}/{prefix}{DEFINITIONS[metric].version}"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class EncoderRecord(_Record):
    """Who looked. ``cut_share`` is the share of texts longer than it reads; None for one that reads no text."""

    id: str
    sha256: str
    cut_share: float | None = None


class VlmRecord(_Record):
    """The vision-language model that was asked, what, and how often it gave no answer that could be read."""

    model: str
    host: str
    questions: dict[str, str]
    questions_version: int
    asked: int
    unanswered: int


class Encoders(_Record):
    """The encoder of faithfulness, the one of feature distances (often the same), the vision-language judge if any."""

    encoder: EncoderRecord
    consistency_encoder: EncoderRecord
    vlm: VlmRecord | None = None

    def of(self, metric: str) -> EncoderRecord:
        """Who looked for a metric. A server keeps its weights to itself, so that model has a name and no hash."""
        kind = DEFINITIONS[metric].encoder
        if kind == "vlm" and self.vlm is not None:
            return EncoderRecord(id=self.vlm.model, sha256="")
        if kind == "pixels":
            return EncoderRecord(id="pixels", sha256="")
        return self.encoder if kind == "encoder" else self.consistency_encoder


class Metric(_Record):
    """One number with all it takes to read it.

    ``low`` and ``high`` bound the interval over articles, None where one article gives none; ``interval`` says how it
    was found. ``value`` is the mean over articles of the article's mean over its ``n_items``; for metrics over sets of
    images ``n_items`` is the smaller set. ``label`` is the name to quote, with encoder and n where it takes them.
    """

    name: str
    label: str
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
    """A minus B on the goals both have.

    Attributes:
        a: side of A; its name is in ``Results.names``.
        b: side of B.
        metric: what is compared.
        difference: A minus B.
        low: lower end of the interval of the difference, of this comparison alone.
        high: upper end.
        interval: how the interval was found.
        n_articles: shared goals.
        effect: Cohen's d of paired values, None for metrics over sets or without spread.
        wins: share of articles on which A is higher, ties counted half; None for metrics over sets.
        p: of a randomisation test over articles; for KID and CMMD of a multiplier bootstrap over goals, for FID of
            Student's t.
        p_holm: the same, adjusted for all comparisons of this evaluation (Holm 1979).
        settled: ``p_holm`` is under 1 - confidence.
        better: "a" or "b"; None where nothing is settled or where neither direction is better (consistency).
    """

    a: Side
    b: Side
    metric: str
    difference: float
    low: float | None
    high: float | None
    interval: IntervalMethod
    n_articles: int
    effect: float | None
    wins: float | None
    p: float
    p_holm: float
    settled: bool
    better: Literal["a", "b"] | None


class Breakdown(_Record):
    """The run's metrics over a part of its articles: one category, or one number of steps."""

    by: Literal["category", "num_steps"]
    value: str
    n_articles: int
    metrics: tuple[Metric, ...]


class Coverage(_Record):
    """How much of the run was there to score."""

    articles: int
    articles_with_pictures: int
    steps: int
    pictures: int

    @property
    def whole(self) -> bool:
        """Every step of every article has its image."""
        return self.pictures == self.steps


class Results(_Record):
    """The whole of ``results.json``. ``names`` gives each side's folder, ``side_metrics`` the others' and truth's.

    ``compared`` lists the pairs of sides that ``comparisons`` speaks of.
    """

    schema_version: Literal[2] = RESULTS_VERSION
    run: str
    names: dict[Side, str]
    split: str | None
    limit: int | None
    settings: Settings
    encoders: Encoders
    coverage: Coverage
    n_articles: int
    n_pictures: int
    metrics: tuple[Metric, ...]
    side_metrics: dict[Side, tuple[Metric, ...]] = Field(default_factory=dict)
    compared: tuple[tuple[Side, Side], ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    breakdowns: tuple[Breakdown, ...] = ()
    skipped: dict[str, str] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    verdict: str
    environment: dict[str, str]

    def metric(self, name: str, side: Side = "run") -> Metric | None:
        """A side's metric of that name, None where it was left out."""
        metrics = self.metrics if side == "run" else self.side_metrics.get(side, ())
        return next((metric for metric in metrics if metric.name == name), None)

    @property
    def truth(self) -> str | None:
        """Where the truth came from."""
        return self.names.get("truth")

    @property
    def others(self) -> tuple[Side, ...]:
        """The sides that the run was compared with, in the order they were named."""
        found = [side for side in self.names if side.startswith("other")]
        return tuple(sorted(found, key=lambda side: int(side.partition("-")[2] or 1)))

    @property
    def beside(self) -> tuple[Side, ...]:
        """The others, then the truth."""
        return (*self.others, *(side for side in self.names if side == "truth"))


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
