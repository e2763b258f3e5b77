"""``illinstr suggest``: what can be made of what is at hand; choose one, and it is generated."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from illinstr.cli.options import Device, LlmCa, Quiet
from illinstr.workflows.world import EMBEDDED_WRITER

if TYPE_CHECKING:
    from illinstr.workflows.suggest import Suggestion

DEFAULT_NUM_STEPS = 6


def command(
    at_hand: Annotated[str, typer.Argument(help='What is at hand: "eggs, stale bread, ten minutes".')],
    llm: Annotated[
        str, typer.Option(help="Who suggests: minihow (offline), or a language model as for generate.")
    ] = EMBEDDED_WRITER,
    llm_ca: LlmCa = None,
    count: Annotated[int, typer.Option(help="How many goals to suggest.")] = 5,
    choose: Annotated[
        int | None, typer.Option(help="Go on with this suggestion, without asking.", show_default=False)
    ] = None,
    context: Annotated[
        str | None, typer.Option(help='About the reader, for --llm: "I have no oven".', show_default=False)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Instruction steps of the article. \\[default: 6]", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the article. \\[default: runs/GOAL-sSEED]", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the suggestions, the steps and the noise.")] = 0,
    model: Annotated[str, typer.Option(help="Who draws: mini or mini-flow, a folder, or a hub id ORG/NAME.")] = "mini",
    device: Device = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a finished article.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the finished page in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object; never ask.")] = False,
    quiet: Quiet = False,
) -> None:
    """Suggest goals for what is at hand. On a terminal, choose one and it is written and drawn.

    Offline the goals are those of the embedded world, by what they use; it does not know how long they take.

    Example:

    illinstr suggest "eggs, stale bread, ten minutes"

    Without being asked, the first one, in five steps:

    illinstr suggest "eggs, stale bread" --choose 1 --steps 5 --out eggs

    The numbered list goes to stdout; after a choice, the last line is the page, as for generate. Exit codes: 0 done,
    1 nothing fits or failed, 2 wrong use, 130 interrupted.
    """
    from illinstr.cli.making import print_article
    from illinstr.console import emit, reporter
    from illinstr.errors import PlanError
    from illinstr.workflows.checks import check_range
    from illinstr.workflows.generate import GenerateRequest
    from illinstr.workflows.suggest import SuggestRequest, suggest_goals

    messages = reporter(quiet)
    request = SuggestRequest(
        at_hand, writer=llm, count=count, context=context, seed=seed, device=device, llm_ca=llm_ca, reporter=messages
    )
    check_range("--choose", choose, 1, count, "the number of a suggestion")
    found = suggest_goals(request)
    number = len(found.suggestions)
    if choose is not None and choose > number:
        raise PlanError(f"--choose {choose}, but only {number} goals fit", hint="choose a lower number")
    if choose is None or not as_json:
        lines = (f"{index}. {each.goal}{_uses(each)}" for index, each in enumerate(found.suggestions, start=1))
        emit(found.as_dict(), None, as_json=as_json, lines=tuple(lines))
    if choose is None and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        choose = _ask(number)
    if choose is None:
        return
    chosen = GenerateRequest(
        found.suggestions[choose - 1].goal,
        DEFAULT_NUM_STEPS if steps is None else steps,
        out=out,
        seed=seed,
        model=model,
        writer=llm,
        context=context,
        llm_ca=llm_ca,
        device=device,
        overwrite=overwrite,
        reporter=messages,
    )
    print_article(chosen, open_page=open_page, as_json=as_json)


def _uses(suggestion: Suggestion) -> str:
    return f" (uses {', '.join(suggestion.uses)})" if suggestion.uses else ""


def _ask(count: int) -> int | None:
    """The number that a person at the terminal chooses; None for an empty line."""
    while True:
        print(f"Which one? 1 to {count}, or Enter for none: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return None
        if line.isdecimal() and 1 <= int(line) <= count:
            return int(line)
