"""A study with people: one self-contained page of blind pairwise choices, and the key that stays at home.

The page names no system: every side of every pair is an opaque token, images are encoded again (their own files carry
the recipe, and with it the model's name), and who stands left and which pair comes first is drawn by the rater's
browser.

Attention checks look like any other pair; in them one side's images have had their tiles shuffled. Pairs come in
couples whose sides the browser draws together: where the one is turned round the other is not. Two checks are a couple
with their right sides at the same place, so that whoever always chooses one side gets half of them wrong.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from illinstr.articles import Article, normalise_goal
from illinstr.errors import DataError, UsageError
from illinstr.files import atomic_folder, canonical_json
from illinstr.images import data_uri, decode_image, encode_jpeg
from illinstr.ownership import STUDY
from illinstr.runs import read_run
from illinstr.templates import read_template, source_hash, template

PAGE_FILE, KEY_FILE = "index.html", "key.json"
IMAGE_PX, TILES = 320, 8
MAX_KEY_BYTES = 16 << 20
Question = Literal["goal", "steps", "consistency"]
QUESTIONS: dict[Question, str] = {
    "goal": "Whose images show better how to reach the goal?",
    "steps": "Whose images match their own steps better?",
    "consistency": "Whose images fit together better: the same things, the same place, the same style?",
}


class Pair(BaseModel):
    """One pair of the study: which token stands for which system.

    ``check`` names the token that is right in an attention check; its other side belongs to no system.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str
    goal: str
    sides: dict[str, str] = Field(min_length=2, max_length=2)
    check: str | None = None


class Key(BaseModel):
    """What the page hides. Whoever rates must not see it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    study: str = Field(min_length=1)
    systems: tuple[str, ...] = Field(min_length=2)
    pairs: tuple[Pair, ...] = Field(min_length=1)


@dataclass(frozen=True)
class Made:
    """What ``make_study`` made: goals left out because not every run has them, and articles that cannot be read."""

    folder: Path
    key: Key
    left_out: dict[str, tuple[str, ...]]
    damaged: tuple[DataError, ...] = ()


def make_study(systems: Mapping[str, Path], out: Path, *, seed: int, checks: int, max_goals: int | None = None) -> Made:
    """Write the page and the key of a study that compares every two systems on every goal they share.

    Args:
        systems: name to run folder, two at least.
        out: the folder to make.
        seed: of tokens, tiles and the choice of goals.
        checks: attention checks to mix in.
        max_goals: take that many of the shared goals, drawn by ``seed``; None takes all.

    Raises:
        UsageError: fewer than two systems, or a number out of range.
        DataError: a run cannot be read, lacks images, or the runs share no goal.
    """
    if len(systems) < 2:
        raise UsageError("a study compares two runs at least", hint="illinstr study make RUN_A RUN_B --out study")
    if not 0 <= checks <= 100 or (max_goals is not None and max_goals < 1):
        raise UsageError("--checks is from 0 to 100, and --goals at least 1")
    damaged: list[DataError] = []
    articles = {name: _by_goal(name, folder, damaged) for name, folder in systems.items()}
    shared = sorted(set.intersection(*(set(found) for found in articles.values())))
    if not shared:
        raise DataError(f"{', '.join(systems)} have no goal in common", hint="generate the same goals with each system")
    left_out = {name: tuple(sorted(set(found) - set(shared))) for name, found in articles.items()}
    draw = np.random.default_rng(seed)
    if max_goals is not None and max_goals < len(shared):
        shared = sorted(shared[i] for i in draw.choice(len(shared), max_goals, replace=False))
    key, data = _pairs(articles, shared, draw, checks)
    with atomic_folder(out, STUDY) as folder:
        (folder / PAGE_FILE).write_text(render_study(data), encoding="utf-8")
        (folder / KEY_FILE).write_text(canonical_json(key.model_dump(mode="json")), encoding="utf-8")
    return Made(out, key, left_out, tuple(damaged))


def read_key(path: Path) -> Key:
    """Read the key of a study.

    Raises:
        DataError: there is none, or it is damaged.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_KEY_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}", hint="--study names the study's folder"
        ) from error
    try:
        key = Key.model_validate_json(content[:MAX_KEY_BYTES])
    except ValidationError as error:
        raise DataError(f"{path} is not the key of a study") from error
    known = {*key.systems, ""}
    tokens = [token for pair in key.pairs for token in pair.sides]
    if len(set(tokens)) < len(tokens) or any(set(pair.sides.values()) - known for pair in key.pairs):
        raise DataError(f"{path} contradicts itself")
    return key


def render_study(data: dict[str, Any]) -> str:
    """The page: its data as JSON in an inert element, one script and one style, both allowed by hash alone."""
    from markupsafe import Markup

    style, script = (read_template("evaluation.study", f"study.{kind}") for kind in ("css", "js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{source_hash(style)}'; script-src '{source_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    text = json.dumps(data)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    page = template("evaluation.study", "study.html").render(
        policy=policy, style=Markup(style), script=Markup(script), data=Markup(text)
    )
    return page + "\n"


def _by_goal(name: str, folder: Path, damaged: list[DataError]) -> dict[str, list[Article]]:
    found: dict[str, list[Article]] = defaultdict(list)
    for article in read_run(folder, on_damaged=damaged.append):
        for number, step in enumerate(article.steps, start=1):
            if step.image is None:
                raise DataError(f'step {number} of "{article.goal}" in {name} has no image to judge')
        found[normalise_goal(article.goal)].append(article)
    return found


def _pairs(
    articles: Mapping[str, Mapping[str, list[Article]]],
    goals: Sequence[str],
    draw: np.random.Generator,
    checks: int,
) -> tuple[Key, dict[str, Any]]:
    names = sorted(articles)
    pairs: list[Pair] = []
    items: list[dict[str, Any]] = []
    for goal in goals:
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                for one, other in zip(articles[first][goal], articles[second][goal], strict=False):
                    sides = {_token(draw): first, _token(draw): second}
                    pairs.append(Pair(item=_token(draw), goal=one.goal, sides=sides))
                    shown = [_shown(token, article) for token, article in zip(sides, (one, other), strict=True)]
                    items.append({"item": pairs[-1].item, "goal": one.goal, "sides": shown})
    for number in range(checks):
        name = names[number % len(names)]
        article = articles[name][goals[int(draw.integers(len(goals)))]][0]
        right, wrong = _token(draw), _token(draw)
        pairs.append(Pair(item=_token(draw), goal=article.goal, sides={right: name, wrong: ""}, check=right))
        shown = [_shown(right, article), _shown(wrong, article, draw)]
        items.append({"item": pairs[-1].item, "goal": article.goal, "sides": shown})
    turns = [draw.permutation(2) for _ in items]
    real = len(items) - checks
    for number in range(real, len(items) - 1, 2):  # the right side stands first in every check before it is shuffled
        turns[number + 1] = turns[number]
    # Order in the file must tell nothing: neither which pair is a check nor which side is whose.
    order = draw.permutation(len(items)).tolist()
    twins = {}
    for start, end in ((0, real), (real, len(items))):
        for number in range(start, end - 1, 2):
            twins[number], twins[number + 1] = order.index(number + 1), order.index(number)
    study = hashlib.sha256("".join(pair.item for pair in pairs).encode()).hexdigest()[:12]
    data = {
        "study": study,
        "questions": QUESTIONS,
        "items": [items[i] | {"sides": [items[i]["sides"][k] for k in turns[i]], "twin": twins.get(i)} for i in order],
    }
    return Key(study=study, systems=tuple(names), pairs=tuple(pairs)), data


def _token(draw: np.random.Generator) -> str:
    return draw.bytes(6).hex()


def _shown(token: str, article: Article, shuffle: np.random.Generator | None = None) -> dict[str, Any]:
    steps = []
    for step in article.steps:
        assert step.image is not None
        steps.append({"text": step.headline, "image": _anonymous(step.image.data or b"", shuffle)})
    return {"token": token, "steps": steps}


def _anonymous(data: bytes, shuffle: np.random.Generator | None) -> str:
    """An image as a data URI without anything that its file told: same format, width and quality for all."""
    from PIL import Image

    image = decode_image(data, label="an image of the study")
    height = max(TILES, round(image.height * IMAGE_PX / image.width))
    image = image.resize((IMAGE_PX, height), Image.Resampling.LANCZOS)
    if shuffle is not None:
        image = _tiles_shuffled(image, shuffle)
    return data_uri("image/jpeg", encode_jpeg(image, quality=90))


def _tiles_shuffled(image: Any, draw: np.random.Generator) -> Any:
    wide, high = image.width // TILES, image.height // TILES
    boxes = [(x * wide, y * high, (x + 1) * wide, (y + 1) * high) for y in range(TILES) for x in range(TILES)]
    cut = [image.crop(box) for box in boxes]
    for target, source in enumerate(draw.permutation(len(boxes))):
        image.paste(cut[source], boxes[target][:2])
    return image
