"""``illinstr suggest``: what can be made of what is at hand; choose one, and it is generated."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from illinstr.cli import generate
from illinstr.cli.options import Device, Quiet
from illinstr.console import emit, reporter
from illinstr.errors import PlanError, UsageError
from illinstr.progress import Reporter
from illinstr.workflows.world import EMBEDDED_WRITER
from illinstr.workflows.writers import announce, open_language_model

MAX_COUNT = 20


def command(
    at_hand: Annotated[str, typer.Argument(help='What is at hand: "eggs, stale bread, ten minutes".')],
    llm: Annotated[
        str, typer.Option(help="Who suggests: minihow (offline), or a language model as for generate.")
    ] = EMBEDDED_WRITER,
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
    model: Annotated[str, typer.Option(help="Who draws: mini, a model folder, or a hub id ORG/NAME.")] = "mini",
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
    from illinstr.sampling.writing import check_at_hand

    if not 1 <= count <= MAX_COUNT:
        raise UsageError(f"--count {count} is not between 1 and {MAX_COUNT}", hint="5 is usual")
    if choose is not None and not 1 <= choose <= count:
        raise UsageError(f"--choose {choose} is not between 1 and {count}", hint="the number of a suggestion")
    if context is not None and llm == EMBEDDED_WRITER:
        raise UsageError(
            "the embedded world cannot take a reader's situation into account", hint="--context needs --llm"
        )
    things = check_at_hand(at_hand)
    say = reporter(quiet)
    if llm == EMBEDDED_WRITER:
        found = _offline(things, count, say)
    else:
        found = _asked(things, count, llm, context, seed, device, say)
    if choose is not None and choose > len(found):
        raise PlanError(f"--choose {choose}, but only {len(found)} goals fit", hint="choose a lower number")
    if choose is None or not as_json:
        lines = tuple(f"{number}. {each['goal']}{_uses(each)}" for number, each in enumerate(found, start=1))
        emit({"at_hand": things, "suggestions": found}, None, as_json=as_json, lines=lines)
    if choose is None and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        choose = _ask(len(found))
    if choose is None:
        return
    generate.command(
        found[choose - 1]["goal"],
        steps=steps,
        out=out,
        seed=seed,
        model=model,
        llm=llm,
        context=context,
        device=device,
        overwrite=overwrite,
        open_page=open_page,
        as_json=as_json,
        quiet=quiet,
    )


def _offline(things: str, count: int, say: Reporter) -> list[dict[str, Any]]:
    from illinstr.minihow import AtHand, suggest_goals

    known = AtHand.read(things)
    found = suggest_goals(things, count)
    if not found:
        raise PlanError(
            f'the embedded world makes nothing of "{things}"',
            hint="--llm FILE.gguf, hf:ORG/NAME or a server's address knows more",
        )
    used = {thing for each in found for thing in each.uses}
    idle = [thing for thing in known.things if thing not in used]
    if idle:
        say.log(f"note: none of these uses {', '.join(idle)}")
    if known.times:
        say.log(f"note: the embedded world does not know how long things take: {', '.join(known.times)}")
    return [{"goal": each.goal, "uses": list(each.uses)} for each in found]


def _asked(
    things: str, count: int, llm: str, context: str | None, seed: int, device: str, say: Reporter
) -> list[dict[str, Any]]:
    writer = open_language_model(llm, context=context, device=device)
    announce(writer, say, what="goals")
    goals = writer.suggest(things, count, seed=seed)
    writer.model.close()
    return [{"goal": goal} for goal in goals]


def _uses(found: dict[str, Any]) -> str:
    return f" (uses {', '.join(found['uses'])})" if found.get("uses") else ""


def _ask(count: int) -> int | None:
    """The number that a person at the terminal chooses; None for an empty line."""
    while True:
        print(f"Which one? 1 to {count}, or Enter for none: ", end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return None
        if line.isdecimal() and 1 <= int(line) <= count:
            return int(line)
