"""Articles of the world as a reader gets them: sentences that name the thing, materials with amounts, tools, time.

The wordings that models are trained on never name what the goal names ("Rinse it under the tap."): that is what makes
drawing together worth learning. For a reader they are poor. ``narrate`` makes the reader's article: each headline names
its thing, and the wording that the world's own models read stays in ``Step.prompt``, so that they draw the same image.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from illinstr.articles import Article, Material, Step
from illinstr.minihow.captions import caption, recurring, states, unseen
from illinstr.minihow.families import all_families
from illinstr.minihow.world import join_clauses

_SHARED = {
    "gather": "Get {first} and everything else ready",
    "hands": "Wash your hands with soap",
    "wipe": "Wipe the table clean",
}


def narrate(article: Article) -> Article:
    """The reader's edition of an article that ``world.plan`` or ``world.make_article`` wrote.

    Every step gets a headline that names its thing, a caption, the states of its objects and what must not be seen
    yet; the article its materials, tools, time, a tip, a warning and its recurring objects.

    Raises:
        KeyError: the article is not of this world.
    """
    family, values = str(article.extra["family"]), dict(article.extra["attributes"])
    told = narration()[family]
    words = {name: all_families()[family].words.get(value, value) for name, value in values.items()}
    stuff = _filled(str(told.get("stuff", "")), words)
    scenes = [dict(step.scene or {}) for step in article.steps]
    steps = []
    for index, step in enumerate(article.steps):
        clauses = [clause(family, key, words) for key in scenes[index]["told"]]
        changes: dict[str, Any] = {
            "headline": join_clauses(clauses),
            "prompt": step.headline,
            "caption": caption(clauses[-1], scenes[index], stuff),
            "states": states(scenes[index], stuff),
            "unseen": unseen(scenes, index, stuff),
        }
        steps.append(Step.model_validate(step.model_dump(exclude={"image"}) | changes | {"image": step.image}))
    more: dict[str, Any] = {
        "steps": tuple(steps),
        "materials": tuple(
            Material(name=_filled(name, words), amount=_filled(amount, words)) for name, amount in told["materials"]
        ),
        "tools": tuple(_filled(tool, words) for tool in told["tools"]),
        "total_time": duration(int(told["minutes"])),
        "tips": tuple(_filled(tip, words) for tip in told.get("tips", ())),
        "warnings": tuple(_filled(warning, words) for warning in told.get("warnings", ())),
        "objects": recurring(scenes, stuff),
    }
    return article.model_copy(update=more)


def clause(family: str, key: str, words: Mapping[str, Any]) -> str:
    """What a step of a family says in print, without a full stop.

    Args:
        family: its name.
        key: the step's.
        words: the goal's attributes as they read.
    """
    told = narration()[family]
    template = told["steps"].get(key) or _SHARED[key]
    first = _filled(str(told["materials"][0][0]), words)
    return _filled(template, {**words, "first": f"the {first}"})


def duration(minutes: int) -> str:
    """Minutes as an ISO 8601 duration."""
    hours, rest = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")


@lru_cache(maxsize=1)
def narration() -> dict[str, Any]:
    """Everything that is told in print, by family."""
    text = (resources.files("illinstr.minihow") / "narration.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _filled(template: str, words: Mapping[str, Any]) -> str:
    plural = re.sub(r"\{(\w+)\}s\b", lambda match: _plural(words[match[1]]), template)
    text = re.sub(r"\s+", " ", plural.format(**words)).strip()
    return re.sub(r"\b([aA]) (?=[aeiou])", r"\1n ", text)


def _plural(word: str) -> str:
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + ("es" if word.endswith(("ch", "sh", "s", "x", "to", "go")) else "s")
