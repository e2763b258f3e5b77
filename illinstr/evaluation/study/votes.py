"""Votes of a study: files from strangers, checked to the letter before anything is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from illinstr.errors import DataError
from illinstr.evaluation.study.page import KEY_FILE, Key, Question, read_key

MAX_VOTES_BYTES = 4 << 20
TIE = "tie"
Token = str


class Answer(BaseModel):
    """One choice between two sides."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str = Field(max_length=40)
    question: Question
    left: Token = Field(max_length=40)
    right: Token = Field(max_length=40)
    choice: Token = Field(max_length=40)
    ms: int = Field(ge=0, le=10**10)


class Votes(BaseModel):
    """One rater's file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["illinstr-votes"]
    schema_version: Literal[1]
    study: str = Field(max_length=40)
    rater: str = Field(min_length=1, max_length=64)
    answers: tuple[Answer, ...] = Field(min_length=1, max_length=20_000)


@dataclass(frozen=True)
class Choice:
    """One counted choice: ``score`` is 1 when ``first`` was chosen, 0 when ``second`` was, 0.5 for no difference."""

    rater: str
    item: str
    question: Question
    first: str
    second: str
    score: float
    left: bool | None


@dataclass(frozen=True)
class Rater:
    """One rater, and how the answers came about.

    Attributes:
        name: the rater's token.
        right: answers to attention checks that were right.
        checks: answers to attention checks.
        by_side: the same two numbers for checks whose right side stood left, then for those where it stood right.
        left: pairs, checks apart, in which the left side was chosen more often than the right one.
        leaning: pairs, checks apart, in which one side was chosen more often than the other.
        ties: answers, checks apart, of no difference.
        answers: answers, checks apart.
        seconds: median time that a pair took; None where the file tells none.
    """

    name: str
    right: int
    checks: int
    by_side: tuple[tuple[int, int], ...] = ()
    left: int = 0
    leaning: int = 0
    ties: int = 0
    answers: int = 0
    seconds: float | None = None

    def passes(self, share: float) -> bool:
        """Whether at least ``share`` of the checks were right, on each side by itself where that is known.

        So whoever always chooses one side fails, however many checks happen to have their right side there. A rater
        who met none passes.
        """
        return all(right >= share * checks for right, checks in (self.by_side or ((self.right, self.checks),)))

    @property
    def side_p(self) -> float | None:
        """Two-sided binomial p of ``left`` of ``leaning`` pairs under no habit of side; None where no pair leans."""
        from scipy.stats import binomtest

        return float(binomtest(self.left, self.leaning).pvalue) if self.leaning else None


def read_votes(path: Path) -> Votes:
    """Read one rater's file.

    Raises:
        DataError: it cannot be read, or is no file of votes.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_VOTES_BYTES + 1)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    if len(content) > MAX_VOTES_BYTES:
        raise DataError(f"{path} is over the limit of {MAX_VOTES_BYTES >> 20} MiB")
    try:
        return Votes.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "file"
        raise DataError(f"{path} is no file of votes: {where}: {first['msg']}") from error


def find_key(paths: Sequence[Path], votes: Sequence[Votes], study: Path | None) -> tuple[Key, Path]:
    """The key that belongs to the votes, and its folder: in ``study``, or near the files.

    Raises:
        DataError: there is none, or it belongs to another study.
    """
    wanted = {one.study for one in votes}
    if len(wanted) > 1:
        raise DataError("these votes come from different studies", hint="score one study at a time")
    if study is not None:
        places = [study]
    else:
        near = {path.resolve().parent for path in paths}
        places = [*sorted(near), *sorted({folder.parent for folder in near}), Path.cwd(), Path.cwd() / "study"]
    for place in places:
        if study is None and not (place / KEY_FILE).is_file():
            continue
        key = read_key(place / KEY_FILE)
        if {key.study} == wanted:
            return key, place
        if study is not None:
            raise DataError(f"{place} is another study than the one these votes are from")
    raise DataError(
        f"the key of study {wanted.pop()} was not found", hint="--study names the folder that study make made"
    )


def resolve_each(key: Key, files: Sequence[tuple[Path, Votes]]) -> tuple[list[Choice], list[Rater], list[DataError]]:
    """As ``resolve``, one file after the other: what is wrong with one costs that one alone and is given back."""
    choices: list[Choice] = []
    raters: list[Rater] = []
    failures: list[DataError] = []
    seen: dict[str, Path] = {}
    for path, one in files:
        try:
            if one.rater in seen:
                raise DataError(f"{path} and {seen[one.rater]} are by the same rater", hint="give one file a rater")
            chosen, known = resolve(key, [path], [one])
        except DataError as error:
            failures.append(error)
            continue
        seen[one.rater] = path
        choices += chosen
        raters += known
    return choices, raters, failures


def resolve(key: Key, paths: Sequence[Path], votes: Sequence[Votes]) -> tuple[list[Choice], list[Rater]]:
    """Turn tokens into systems: the choices between systems, and how every rater did in the attention checks.

    Raises:
        DataError: a rater's file is given twice, or an answer does not fit the study.
    """
    pairs = {pair.item: pair for pair in key.pairs}
    choices: list[Choice] = []
    raters: list[Rater] = []
    seen: dict[str, Path] = {}
    for path, one in zip(paths, votes, strict=True):
        if one.rater in seen:
            raise DataError(f"{path} and {seen[one.rater]} are by the same rater", hint="give one file a rater")
        seen[one.rater] = path
        marks: dict[bool, list[bool]] = defaultdict(list)  # by whether the right side of a check stood left
        leans: dict[str, int] = defaultdict(int)
        ties = 0
        answered: set[tuple[str, str]] = set()
        for answer in one.answers:
            pair = pairs.get(answer.item)
            if pair is None or {answer.left, answer.right} != set(pair.sides):
                raise DataError(f"{path}: an answer is to a pair that is not in the study")
            if answer.choice not in (*pair.sides, TIE):
                raise DataError(f"{path}: an answer chooses neither side")
            if (answer.item, answer.question) in answered:
                raise DataError(f"{path}: a question is answered twice")
            answered.add((answer.item, answer.question))
            if pair.check is not None:
                marks[answer.left == pair.check].append(answer.choice == pair.check)
                continue
            first, second = sorted(pair.sides.values())
            chosen = None if answer.choice == TIE else pair.sides[answer.choice]
            score = 0.5 if chosen is None else float(chosen == first)
            left = None if chosen is None else answer.choice == answer.left
            ties += left is None
            leans[answer.item] += 0 if left is None else 1 if left else -1
            choices.append(Choice(one.rater, answer.item, answer.question, first, second, score, left))
        checks = [mark for side in marks.values() for mark in side]
        leaning = [lean for lean in leans.values() if lean]
        raters.append(
            Rater(
                one.rater,
                sum(checks),
                len(checks),
                by_side=tuple((sum(marks[side]), len(marks[side])) for side in (True, False)),
                left=sum(lean > 0 for lean in leaning),
                leaning=len(leaning),
                ties=ties,
                answers=len(one.answers) - len(checks),
                seconds=median({answer.item: answer.ms for answer in one.answers}.values()) / 1000,
            )
        )
    return choices, raters
