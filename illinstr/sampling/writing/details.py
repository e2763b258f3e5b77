"""What a language model says beyond headline and body: for the drawer of a step, and for whoever follows the article.

Each field is asked for and forced like the steps themselves. A model that was merely asked may leave one out; what it
gives is checked, and an entry that cannot be used costs itself alone, never the steps.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from illinstr.articles import Article, Material, Step, clean_text
from illinstr.sampling.writing.lists import plain_line
from illinstr.sampling.writing.similarity import clean_article

HEADLINE_CHARS = 70
CAPTION_CHARS = 400
LINE_CHARS = 160
MOST = 12  # entries of one list
MOST_MINUTES = 60 * 24 * 30
_POINTING = re.compile(r"\b(?:it|them|they|this one|the same)\b", re.IGNORECASE)
_UNFIT = re.compile(r"https?:|www\.|javascript:|data:\w+/|</?[a-zA-Z!][^>]{0,400}>|```|\]\(", re.IGNORECASE)
_MINUTES = re.compile(r"(\d{1,5}(?:\.\d{1,2})?)\s{0,3}(days?|hours?|hrs?|h|minutes?|mins?|m)?\b", re.IGNORECASE)
_ISO = re.compile(r"^P(?:(\d{1,3})D)?(?:T(?:(\d{1,3})H)?(?:(\d{1,4})M)?)?$")


def step_schema(text: Any) -> dict[str, Any]:
    """JSON Schema of what a step says for its drawer; ``text(fewest, most)`` is that of a string."""
    pair = _object({"object": text(1, LINE_CHARS), "state": text(1, LINE_CHARS)})
    return {
        "caption": text(10, CAPTION_CHARS),
        "states": _list(pair),
        "unseen": _list(text(1, LINE_CHARS)),
    }


def article_schema(text: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """JSON Schema of what an article says before its steps, and after them."""
    line = text(1, LINE_CHARS)
    before = {
        "objects": _list(_object({"name": line, "looks": line})),
        "materials": _list(_object({"name": line, "amount": text(0, LINE_CHARS)})),
        "tools": _list(line),
        "minutes": {"type": "integer"},
    }
    return before, {"tips": _list(line), "warnings": _list(line)}


def read_step(given: Mapping[str, Any]) -> dict[str, Any]:
    """The caption, states and unseen of one step; what cannot be used is left out.

    A caption that points at something it does not name ("it", "them") is none: its reader sees nothing else.
    """
    caption = _line(given.get("caption") or given.get("image") or given.get("visual"), CAPTION_CHARS)
    pointing = caption is not None and _POINTING.search(caption)
    return {
        "caption": None if pointing else caption,
        "states": dict(_pairs(given.get("states") or given.get("state"), ("object", "name"), ("state", "value"))),
        "unseen": tuple(_lines(given.get("unseen") or given.get("not_yet"))),
    }


def with_details(article: Article, given: Mapping[str, Any]) -> Article:
    """An article with the materials, tools, time, tips, warnings and objects of a model's answer."""
    materials = tuple(
        Material(name=name, amount=amount or None)
        for name, amount in _pairs(
            given.get("materials") or given.get("ingredients"), ("name", "item", "ingredient"), ("amount", "quantity")
        )
    )
    minutes = _minutes(given.get("minutes") or given.get("total_minutes") or given.get("total_time"))
    changes: dict[str, Any] = {
        "materials": materials,
        "tools": tuple(_lines(given.get("tools"))),
        "total_time": minutes,
        "tips": tuple(_lines(given.get("tips"))),
        "warnings": tuple(_lines(given.get("warnings"))),
        "objects": {
            name: looks for name, looks in _pairs(given.get("objects"), ("name", "object"), ("looks", "look")) if looks
        },
    }
    return clean_article(article.model_copy(update=changes))


def details_of(article: Article) -> dict[str, Any]:
    """The same, as a model should answer it: for an example in a prompt."""
    hours = re.findall(r"(\d+)([HM])", article.total_time or "")
    return {
        "objects": [{"name": name, "looks": looks} for name, looks in article.objects.items()],
        "materials": [{"name": each.name, "amount": each.amount or ""} for each in article.materials],
        "tools": list(article.tools),
        "minutes": sum(int(number) * (60 if unit == "H" else 1) for number, unit in hours),
        "steps": [_example_step(step) for step in article.steps],
        "tips": list(article.tips),
        "warnings": list(article.warnings),
    }


def _example_step(step: Step) -> dict[str, Any]:
    long = len(step.headline) > HEADLINE_CHARS and step.prompt
    return {
        "headline": step.prompt if long else step.headline,
        "body": step.headline if long else step.body,
        "caption": step.caption or step.headline,
        "states": [{"object": name, "state": state} for name, state in step.states.items()],
        "unseen": list(step.unseen),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "maxItems": MOST, "items": items}


def _line(value: Any, limit: int) -> str | None:
    """A clean line of at most ``limit`` characters, or half as many again; None for anything else."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    line = clean_text(plain_line(str(value)[: 4 * limit]))
    if not line or len(line) > 1.5 * limit or _UNFIT.search(line):
        return None
    return line


def _lines(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value] if isinstance(value, str) else []
    given = (each.get("name") or each.get("text") if isinstance(each, dict) else each for each in found[:MOST])
    return list(dict.fromkeys(line for each in given if (line := _line(each, LINE_CHARS))))


def _pairs(value: Any, names: tuple[str, ...], values: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    """(name, value) of each entry of a list of objects, of a list of names, or of one object."""
    if isinstance(value, dict):
        value = [{names[0]: key, values[0]: each} for key, each in value.items()]
    for each in value[:MOST] if isinstance(value, list) else ():
        entry = each if isinstance(each, dict) else {names[0]: each}
        name = next((line for key in names if (line := _line(entry.get(key), LINE_CHARS))), None)
        said = next((line for key in values if (line := _line(entry.get(key), LINE_CHARS))), "")
        if name is not None:
            yield name, said


def _minutes(value: Any) -> str | None:
    """An ISO 8601 duration of a number of minutes, "1 hour 20 minutes" or "PT1H20M"; None for anything else."""
    total = 0.0
    if isinstance(value, int | float) and not isinstance(value, bool):
        total = float(value)
    elif isinstance(value, str) and (iso := _ISO.match(value.strip().upper())):
        days, hours, minutes = (int(part or 0) for part in iso.groups())
        total = days * 1440 + hours * 60 + minutes
    elif isinstance(value, str):
        for number, unit in _MINUTES.findall(value[:100]):
            total += float(number) * {"d": 1440, "h": 60}.get(unit[:1].lower(), 1)
    if not 1 <= total <= MOST_MINUTES:
        return None
    hours, rest = divmod(round(total), 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{rest}M" if rest or not hours else "")
