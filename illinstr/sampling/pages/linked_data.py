"""An article as schema.org ``HowTo`` in JSON-LD: for search engines, assistants, and ``illinstr scrape``.

Sources: https://schema.org/HowTo, JSON-LD 1.1. A page may travel alone, so images are ``data:`` addresses; each also
has the name of the file beside the page. Where a step has nothing to say but its headline, that is its ``text`` and it
has no ``name``. A licence is an address where we know one, else a work of that name.
"""

from __future__ import annotations

import json
import re
from typing import Any

from markupsafe import Markup

from illinstr.articles import Article, Step
from illinstr.runs import image_name
from illinstr.sampling.pages.panels import alt_of, repeated

_CC = re.compile(r"CC[ -]((?:BY|NC|SA|ND)(?:-(?:NC|SA|ND))*)[ -](\d\.\d)")
_CC0 = re.compile(r"CC0(?:[ -]1\.0)?")
_SPDX = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9.]+)+")
_ADDRESS = re.compile(r"https?://[^\s<>\"]+")


def linked_data(article: Article) -> Markup:
    """The article as JSON-LD, safe inside a ``script`` element.

    ``<``, ``>`` and ``&`` are written as JSON escapes, so that no text can end the element or open a comment in it
    (JSON-LD 1.1, section 7.2). ``illinstr scrape`` reads the same article back from it.

    Raises:
        DataError: a step's image is described but its bytes are not there.
    """
    steps = [_step(step, index) for index, step in enumerate(article.steps)]
    data: dict[str, Any] = {"@context": "https://schema.org", "@type": "HowTo", "name": article.goal}
    data["inLanguage"] = article.language
    if article.license:
        data["license"] = licence_address(article.license) or {"@type": "CreativeWork", "name": article.license}
    if "image" in steps[-1]:
        data["image"] = {"@id": steps[-1]["image"]["@id"]}
    text = json.dumps(data | _things(article) | {"step": _in_section(article, steps) + _tips(article)})
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def licence_address(name: str) -> str | None:
    """Where a licence is kept: the deed of Creative Commons, the SPDX list, or the address that ``name`` is.

    >>> licence_address("CC BY-SA 4.0")
    'https://creativecommons.org/licenses/by-sa/4.0/'
    """
    if _ADDRESS.fullmatch(name):
        return name
    if match := _CC.fullmatch(name):
        return f"https://creativecommons.org/licenses/{match[1].lower()}/{match[2]}/"
    if _CC0.fullmatch(name):
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    return f"https://spdx.org/licenses/{name}.html" if _SPDX.fullmatch(name) else None


def _step(step: Step, index: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"@type": "HowToStep", "position": index + 1, "url": f"#step-{index + 1}"}
    words = " ".join(filter(None, (step.body, *step.bullets)))
    entry |= {"name": step.headline, "text": words} if words else {"text": step.headline}
    if step.bullets:
        entry["itemListElement"] = [{"@type": "HowToDirection", "text": bullet} for bullet in step.bullets]
    if step.states:
        entry["about"] = [{"@type": "Thing", "name": name, "description": state} for name, state in step.states.items()]
    if step.image is not None:
        entry["image"] = {
            "@type": "ImageObject",
            "@id": f"#image-{index + 1}",
            "name": image_name(index, step.image),
            "contentUrl": repeated(step.image, index),
            "caption": alt_of(step, index),
        }
    if step.caption:
        entry["description"] = step.caption
    return entry


def _in_section(article: Article, steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if article.method is None:
        return steps
    return [{"@type": "HowToSection", "name": article.method, "itemListElement": steps}]


def _tips(article: Article) -> list[dict[str, Any]]:
    """Tips and warnings; schema.org has no type for a warning, so it is a tip of that name."""
    tips = [{"@type": "HowToTip", "text": tip} for tip in article.tips]
    return tips + [{"@type": "HowToTip", "name": "Warning", "text": warning} for warning in article.warnings]


def _things(article: Article) -> dict[str, Any]:
    """What is needed, and how long it takes."""
    supplies: list[dict[str, Any]] = []
    for material in article.materials:
        quantity = {"requiredQuantity": material.amount} if material.amount else {}
        supplies.append({"@type": "HowToSupply", "name": material.name, **quantity})
    found: dict[str, Any] = {"supply": supplies} if supplies else {}
    if article.tools:
        found["tool"] = [{"@type": "HowToTool", "name": tool} for tool in article.tools]
    if article.total_time:
        found["totalTime"] = article.total_time
    return found
