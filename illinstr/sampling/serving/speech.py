"""Errors as a page tells them: they speak of its fields and buttons, never of options or commands.

Messages are written once, for the command line (``illinstr.errors``). Here the options in them become the names of what
the page has, and a hint that names what only a terminal can do gives way to one for the page, or is left out.
"""

from __future__ import annotations

import re
from typing import Any

from illinstr.errors import IllinstrError, PlanError

LABELS = {
    "--steps": "the number of steps",
    "--step": "the step",
    "--steps-file": "your own steps",
    "--seed": "the seed",
    "--first-picture": "your own image",
    "--last-picture": "your own last image",
    "--problem": "what went wrong",
    "--after": "the step",
    "--text": "the words of the step",
    "--model": "the model",
    "--llm": "the writer",
}
_OPTION = re.compile(r"--[a-z][a-z0-9-]*")
_COMMAND = re.compile(r"\billinstr [a-z]|\bpip install\b|\bapt install\b")
_FOR_PAGE = (
    (re.compile(r"--vae-slicing"), "ask for fewer steps"),
    (re.compile(r"^--redraw draws"), "“Same words, another image” draws it again as it is"),
    (re.compile(r"^leave out --steps"), None),
    (re.compile(r"give the details as steps"), "name the goal in one line and give the details as your own steps"),
    (re.compile(r"^write what to do"), "write what to do, such as “Wash the apples”"),
    (re.compile(r"^the number of images"), None),
)
_NEAREST = re.compile(r"; did you mean .*")
_OWN_STEPS = "choose one of these goals, write the steps yourself under “More”, or have a language model write them"


def for_page(error: IllinstrError) -> dict[str, Any]:
    """An error for the page: message, hint, and goals to ask for in its place."""
    suggestions = list(error.suggestions) if isinstance(error, PlanError) else []
    message = _NEAREST.sub("", error.message) if suggestions else error.message
    return {"message": _labelled(message), "hint": _hint(error, suggestions), "suggestions": suggestions}


def _labelled(text: str) -> str:
    return _OPTION.sub(lambda option: LABELS.get(option[0], option[0].lstrip("-").replace("-", " ")), text)


def _hint(error: IllinstrError, suggestions: list[str]) -> str | None:
    hint = error.hint
    if hint is None:
        return None
    for pattern, spoken in _FOR_PAGE:
        if pattern.search(hint):
            return spoken
    if not (_OPTION.search(hint) or _COMMAND.search(hint)):
        return hint
    if isinstance(error, PlanError):
        return _OWN_STEPS if suggestions else _OWN_STEPS.replace("choose one of these goals, ", "")
    return None
