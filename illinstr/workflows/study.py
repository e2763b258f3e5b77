"""``study``: people are asked, blind and in pairs, and their votes become numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.errors import DataError, PartialError, UsageError
from illinstr.workflows.checks import check_range
from illinstr.workflows.generate import cannot_write
from illinstr.workflows.request import Request, unread_articles

if TYPE_CHECKING:
    from illinstr.evaluation.study.scores import StudyScores

SCORES_FILE = "scores.json"
MAX_CHECKS = 100
MAX_SECONDS = 3600.0
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class StudyRequest(Request):
    """Which runs people are asked about.

    Attributes:
        runs: name to run folder, two or more.
        out: folder to make.
        checks: attention checks among the pairs, 0 to 100.
        goals: goals to take, drawn by the seed; all that are shared when None.
        seed: seed of the tokens, the checks and the choice of goals.
        overwrite: replace an older study in ``out``.
    """

    runs: Mapping[str, Path]
    _: KW_ONLY
    out: str | Path = "study"
    checks: int = 2
    goals: int | None = None
    seed: int = 0
    overwrite: bool = False


@dataclass(frozen=True)
class StudyResult:
    """The page to send to people, the key to keep, and what is in them."""

    page: Path
    key: Path
    study: str
    systems: list[str]
    pairs: int
    checks: int
    left_out: dict[str, tuple[str, ...]]
    damaged: tuple[str, ...] = ()

    @property
    def error(self) -> PartialError | None:
        """What could not be read, if anything could not."""
        return unread_articles(self.damaged, hint="generate them again with --overwrite, and make the study again")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "page": str(self.page),
            "key": str(self.key),
            "study": self.study,
            "systems": self.systems,
            "pairs": self.pairs,
            "checks": self.checks,
            "left_out": self.left_out,
            "damaged": list(self.damaged),
        }


@dataclass(frozen=True)
class ScoreRequest(Request):
    """Which votes are counted.

    Attributes:
        votes: files of votes, one per rater.
        study: the study's folder; looked for near the votes when None.
        out: file to write; ``scores.json`` beside the first file of votes when None.
        min_attention: share of attention checks a rater must get right to be counted, on each side by itself.
        min_seconds: least time, the median over pairs, that a rater must have taken to be counted.
        scores: an evaluation of all runs of the study together (``eval --compare``); its metrics are correlated with
            the votes.
    """

    votes: Sequence[Path]
    _: KW_ONLY
    study: Path | None = None
    out: str | Path | None = None
    min_attention: float = 0.8
    min_seconds: float = 0.0
    scores: str | Path | None = None


@dataclass(frozen=True)
class ScoreResult:
    """The scores, and the file they were written to."""

    scores: StudyScores
    file: Path
    left_out: tuple[str, ...] = ()

    @property
    def error(self) -> PartialError | None:
        """What was not counted, if anything was not."""
        if not self.left_out:
            return None
        return PartialError(
            f"{len(self.left_out)} files of votes were not counted, the first: {self.left_out[0]}",
            hint="the scores speak of the others",
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        values: dict[str, Any] = self.scores.model_dump(mode="json")
        return values | {"file": str(self.file), "left_out": list(self.left_out)}


def make_study_page(request: StudyRequest) -> StudyResult:
    """Make one page that asks people which of two articles is better: for the goal, for the steps, in consistency.

    Raises:
        UsageError: a parameter that cannot be, or ``out`` holds something.
        DataError: a run is missing or damaged, no goal is shared, or the folder cannot be written.
    """
    from illinstr.evaluation.study.page import KEY_FILE, PAGE_FILE, make_study
    from illinstr.ownership import check_apart

    check_range("--seed", request.seed, 0, MAX_SEED, "any whole number in that range")
    out = _free_folder(Path(request.out), overwrite=request.overwrite)
    check_apart(out, request.runs.values())
    try:
        made = make_study(dict(request.runs), out, seed=request.seed, checks=request.checks, max_goals=request.goals)
    except OSError as error:
        raise cannot_write(out, error) from error
    reporter = request.messages
    for name, left_out in made.left_out.items():
        if left_out:
            some = "; ".join(left_out[:5])
            reporter.log(f"note: {len(left_out)} goals of {name} are not in every run and were left out: {some}")
    pairs = sum(pair.check is None for pair in made.key.pairs)
    reporter.log(
        f"{_count(pairs, 'pair')} and {_count(request.checks, 'attention check')}; send index.html, keep key.json"
    )
    systems = list(made.key.systems)
    return StudyResult(
        out / PAGE_FILE,
        out / KEY_FILE,
        made.key.study,
        systems,
        pairs,
        request.checks,
        dict(made.left_out),
        tuple(error.message for error in made.damaged),
    )


def score_votes(request: ScoreRequest) -> ScoreResult:
    """Count votes: win rates, Bradley-Terry strengths and agreement, with intervals that take the rater as the unit.

    Raises:
        UsageError: a parameter that cannot be.
        DataError: comparisons that fall apart, files from another study, one rater twice, an evaluation that lacks a
            run, or a file that cannot be read or written.
    """
    from illinstr.evaluation.study.correlation import correlate, read_scores
    from illinstr.evaluation.study.scores import score_study
    from illinstr.evaluation.study.votes import find_key, read_votes, resolve_each
    from illinstr.files import write_json
    from illinstr.ownership import check_file

    check_range("--min-attention", request.min_attention, 0.0, 1.0, "0.8 is usual; 0 counts all")
    check_range("--min-seconds", request.min_seconds, 0.0, MAX_SECONDS, "0 counts all")
    votes = list(request.votes)
    files, failures = [], []
    for path in votes:
        try:
            files.append((path, read_votes(path)))
        except DataError as error:
            failures.append(error)
    if not files:
        raise failures[0]
    key, _ = find_key([path for path, _ in files], [one for _, one in files], request.study)
    articles = None if request.scores is None else read_scores(Path(request.scores), key.systems)
    choices, raters, unfit = resolve_each(key, files)
    failures += unfit
    if not raters:
        raise failures[0]
    for failure in failures:
        request.messages.log(f"note: not counted: {failure.message}")
    scores = score_study(
        key.study, choices, raters, min_attention=request.min_attention, min_seconds=request.min_seconds
    )
    if articles is not None:
        counted = [choice for choice in choices if choice.rater not in scores.excluded]
        scores = scores.model_copy(update={"correlations": correlate(counted, key, articles)})
    for name, reason in scores.excluded.items():
        request.messages.log(f"note: rater {name} is not counted: {reason}")
    path = check_file(Path(request.out or votes[0].parent / SCORES_FILE), inputs=votes)
    try:
        write_json(path, scores.model_dump(mode="json"))
    except OSError as error:
        raise cannot_write(path, error) from error
    return ScoreResult(scores, path, tuple(failure.message for failure in failures))


def _free_folder(out: Path, *, overwrite: bool) -> Path:
    from illinstr.ownership import STUDY, check_folder

    out = check_folder(out, STUDY)
    if not out.exists() or not any(out.iterdir()):
        return out
    if not overwrite:
        raise UsageError(f"{out} holds a study", hint="add --overwrite; votes on the old one can then not be scored")
    return out


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
