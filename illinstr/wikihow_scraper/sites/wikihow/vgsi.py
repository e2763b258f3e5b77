"""wikiHow-VGSI (Yang et al., "Visual Goal-Step Inference using wikiHow", EMNLP 2021, arXiv 2104.05845).

A JSON object a page with ``file_id``, ``goal``, ``goal_description``, ``category_hierarchy`` and ``methods[] {name,
steps[] {headline, description, img, img_license, step_id}}``; images lie in a folder as ``<step_id>.png``. A field that
is null is missing; a step without a headline takes its first sentence, and one that cannot be read is left out alone.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from illinstr.articles import MAX_STEPS, Article, Provenance, Step, clean_text, make_id
from illinstr.errors import DataError
from illinstr.wikihow_scraper.goals import goal_of
from illinstr.wikihow_scraper.licences import kind_of
from illinstr.wikihow_scraper.sentences import first_sentence
from illinstr.wikihow_scraper.source import Dropped

# The set was gathered in 2021, when this was the licence of wikiHow's text.
TEXT_LICENSE = "CC BY-NC-SA 3.0"


def _text(value: object) -> object:
    """None is a text that is missing."""
    return "" if value is None else value


def _name(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _texts(value: object) -> object:
    """A list's members that are text; a single text is a list of one."""
    if isinstance(value, list):
        return [member for member in value if isinstance(member, str)]
    return [] if value is None else [value]


def _readable_steps(value: object) -> object:
    """The steps that can be read; all of them where none can, so that the page fails with the reason."""
    if not isinstance(value, list):
        return [] if value is None else value
    return [step for step in value if _is_step(step)] or value


def _is_step(value: object) -> bool:
    try:
        _VgsiStep.model_validate(value)
    except ValidationError:
        return False
    return True


def _listed(value: object) -> object:
    return [] if value is None else value


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[str, BeforeValidator(_name)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_texts)]


class _Loose(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _VgsiStep(_Loose):
    headline: Text = ""
    description: Text = ""
    img: Text = ""
    img_license: Text = ""
    step_id: Name = ""


class _VgsiMethod(_Loose):
    name: Text = ""
    steps: Annotated[tuple[_VgsiStep, ...], BeforeValidator(_readable_steps)] = ()


class _VgsiPage(_Loose):
    file_id: str | int
    goal: str
    goal_description: Text = ""
    category_hierarchy: Texts = ()
    methods: Annotated[tuple[_VgsiMethod, ...], BeforeValidator(_listed)] = ()


def articles(record: dict[str, Any]) -> list[Article | Dropped] | None:
    """The page's methods as Articles; None for a record of another form.

    Raises:
        DataError: it has the form but no goal or number.
    """
    if "methods" not in record and "file_id" not in record:
        return None
    try:
        page = _VgsiPage.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"neither an Article nor a wikiHow-VGSI page: {where}: {first['msg']}") from error
    return [_article(page, index) for index in range(len(page.methods))]


def _article(page: _VgsiPage, index: int) -> Article | Dropped:
    method = page.methods[index]
    kept = [(step, *words) for step in method.steps if (words := _words(step))[0]]
    if not kept or len(kept) > MAX_STEPS:
        return Dropped("no numbered steps" if not kept else "too many steps")
    extra: dict[str, Any] = {
        "title": clean_text(page.goal),
        "method_index": index,
        "method_count": len(page.methods),
        "step_images": [_record(step) for step, _, _ in kept],
        "license_found": "the terms of the data set",
    }
    if page.goal_description:
        extra["intro"] = clean_text(page.goal_description)
    if page.category_hierarchy:
        extra["categories"] = [clean_text(name) for name in page.category_hierarchy if clean_text(name)]
    number = str(page.file_id)
    try:
        return Article(
            id=make_id("vgsi", number, index),
            goal=goal_of(page.goal, "en"),
            method=clean_text(method.name) or None,
            steps=tuple(Step(headline=headline, body=body) for _, headline, body in kept),
            provenance=Provenance(
                source="vgsi", page_id=int(number) if re.fullmatch(r"\d{1,12}", number) else None, parser="vgsi/1"
            ),
            license=TEXT_LICENSE,
            extra=extra,
        )
    except ValidationError as error:
        return Dropped(f"does not fit the schema: {error.errors()[0]['msg']}")


def _words(step: _VgsiStep) -> tuple[str, str]:
    headline, body = clean_text(step.headline), clean_text(step.description)
    return (headline, body) if headline else first_sentence(body)


def _record(step: _VgsiStep) -> dict[str, Any] | None:
    if not step.img and not step.step_id:
        return None
    record: dict[str, Any] = {"kind": "image", "license_kind": kind_of(step.img_license)}
    named = {"url": step.img, "license": clean_text(step.img_license), "file": step.step_id}
    return record | {name: value for name, value in named.items() if value}
