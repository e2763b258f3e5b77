"""Votes of a study: files from strangers, checked to the letter before anything is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
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
    """One rater, and how many attention checks were answered rightly."""

    name: str
    right: int
    checks: int

    def passes(self, share: float) -> bool:
        """Whether at least ``share`` of the checks were right; a rater who met none passes."""
        return self.checks == 0 or self.right >= share * self.checks


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
        marks: dict[str, list[bool]] = defaultdict(list)
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
                marks[one.rater].append(answer.choice == pair.check)
                continue
            first, second = sorted(pair.sides.values())
            chosen = None if answer.choice == TIE else pair.sides[answer.choice]
            score = 0.5 if chosen is None else float(chosen == first)
            left = None if chosen is None else answer.choice == answer.left
            choices.append(Choice(one.rater, answer.item, answer.question, first, second, score, left))
        raters.append(Rater(one.rater, sum(marks[one.rater]), len(marks[one.rater])))
    return choices, raters
