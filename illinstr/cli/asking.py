"""Questions to a person at the terminal; where there is none, nothing is asked."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence


def may_ask(*, as_json: bool) -> bool:
    """Whether somebody is there to answer: questions go to stderr, answers come from stdin."""
    return not as_json and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def ask(question: str) -> str | None:
    """One line of answer; None where the input has ended."""
    from illinstr.errors import printable

    print(printable(question), end=" ", file=sys.stderr, flush=True)
    line = sys.stdin.readline()
    return line.strip() if line else None


def ask_goal() -> str | None:
    """What somebody would like to have explained; None where they say nothing."""
    return ask('What would you like to explain? For example "How to make apple juice":') or None


def with_goal(goal: str, make: Callable[[str], None], *, may_ask: bool) -> None:
    """Make something of a goal; of the one that is meant, where the embedded writer does not know it as it is typed.

    Args:
        goal: as it was typed.
        make: makes it.
        may_ask: whether somebody is there to say what is meant.

    Raises:
        UnknownGoal: the writer does not know it, and nothing near was meant.
    """
    from illinstr.workflows.world import UnknownGoal

    try:
        make(goal)
    except UnknownGoal as error:
        meant = _meant(error.suggestions) if may_ask else None
        if meant is None:
            raise
        make(meant)


def _meant(suggestions: Sequence[str]) -> str | None:
    """The first suggestion that somebody agrees to, asked for one after the other."""
    for suggestion in suggestions:
        answer = ask(f'did you mean "{suggestion}"? [Y/n]')
        if answer is None:
            return None
        if answer.casefold() in ("", "y", "yes"):
            return suggestion
    return None
