"""A verb as Python callers want it: keywords in, a result out, and errors that speak of arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ParamSpec, TypeVar

from illinstr.errors import speaking_of_arguments
from illinstr.workflows.value_types import check_types

P = ParamSpec("P")
RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")
# Options whose argument has another name; an option that a request has itself goes first.
ALIASES = {"--llm": "writer", "--step": "steps", "--steps-file": "steps", "--redraw": "text=None", "--set": "settings"}


def by_keywords(name: str, request: Callable[P, RequestT], verb: Callable[[RequestT], ResultT]) -> Callable[P, ResultT]:
    """A function that takes the fields of a request and carries the verb out.

    Args:
        name: what callers know it by.
        request: the dataclass; its fields are the arguments, its docstring describes them.
        verb: what is done with a request.
    """
    spelling = spelling_of(request)

    def call(*args: P.args, **kwargs: P.kwargs) -> ResultT:
        with speaking_of_arguments(spelling):
            asked = request(*args, **kwargs)
            check_types(asked)
            return verb(asked)

    classes = [each for each in inspect.getmro(request) if is_dataclass(each)]  # type: ignore[arg-type]
    described, about = inspect.getdoc(verb) or "", "\n\n".join(inspect.getdoc(each) or "" for each in classes)
    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"{described}\n\n{about}"
    call.__module__ = "illinstr"
    call.__signature__ = inspect.signature(request)  # type: ignore[attr-defined]
    return call


def spelling_of(request: Callable[..., Any]) -> Mapping[str, str]:
    """How the options of a verb read as arguments: ``--first-picture`` as ``first_picture``, a flag with its value."""
    spelling = dict(ALIASES)
    for each in fields(request):  # type: ignore[arg-type]  # requests are dataclasses
        dashed = each.name.replace("_", "-")
        spelling[f"--{dashed}"] = f"{each.name}=True" if each.default is False else each.name
        if each.default is True:
            spelling[f"--no-{dashed}"] = f"{each.name}=False"
    return spelling
