"""``suggest``: goals for what somebody has."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

from illinstr.engine.devices import check_device
from illinstr.errors import PlanError, UsageError
from illinstr.progress import Reporter
from illinstr.workflows.checks import check_range
from illinstr.workflows.drawing import MAX_SEED
from illinstr.workflows.request import Request
from illinstr.workflows.world import EMBEDDED_WRITER, suggest_from
from illinstr.workflows.writers import announce, check_no_ca, open_language_model, release

MAX_COUNT = 20


@dataclass(frozen=True)
class SuggestRequest(Request):
    """What somebody has, and who suggests.

    Attributes:
        at_hand: what there is: "eggs, stale bread, ten minutes".
        writer: ``minihow`` (offline), or a language model as for ``generate``.
        count: how many goals to suggest, 1 to 20.
        context: about the reader, for a language model.
        seed: seed of a language model's suggestions.
        device: where a language model of this machine runs.
        llm_ca: as for ``generate``.
    """

    at_hand: str
    _: KW_ONLY
    writer: str = EMBEDDED_WRITER
    count: int = 5
    context: str | None = None
    seed: int = 0
    device: str = "auto"
    llm_ca: str | Path | None = None


@dataclass(frozen=True)
class Suggestion:
    """A goal, and what it uses; None where a language model does not tell."""

    goal: str
    uses: tuple[str, ...] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"goal": self.goal} | ({} if self.uses is None else {"uses": list(self.uses)})


@dataclass(frozen=True)
class SuggestResult:
    """What there is, as one clean line, and goals for it."""

    at_hand: str
    suggestions: list[Suggestion]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"at_hand": self.at_hand, "suggestions": [each.as_dict() for each in self.suggestions]}


def suggest_goals(request: SuggestRequest) -> SuggestResult:
    """Suggest goals for what somebody has; offline those of the embedded world, by what they use.

    Raises:
        UsageError: a parameter that cannot be.
        PlanError: nothing fits, or the language model gives nothing usable.
        ModelError: the language model is missing or fails.
    """
    things = check_suggest(request)
    if request.writer == EMBEDDED_WRITER:
        return SuggestResult(things, _offline(things, request.count, request.messages))
    writer = open_language_model(request.writer, context=request.context, device=request.device, ca=request.llm_ca)
    announce(writer, request.messages, what="goals")
    goals = writer.suggest(things, request.count, seed=request.seed)
    release(writer)
    return SuggestResult(things, [Suggestion(goal) for goal in goals])


def check_suggest(request: SuggestRequest) -> str:
    """Everything that can be known to be wrong before a language model is asked; returns what there is as one line.

    Raises:
        UsageError: a parameter that cannot be.
    """
    from illinstr.sampling.writing import check_at_hand

    check_range("--count", request.count, 1, MAX_COUNT, "5 is usual")
    check_range("--seed", request.seed, 0, MAX_SEED, "any whole number in that range")
    check_device(request.device)
    if request.writer == EMBEDDED_WRITER:
        check_no_ca(request.llm_ca)
    if request.context is not None and request.writer == EMBEDDED_WRITER:
        raise UsageError(
            "the embedded world cannot take a reader's situation into account", hint="--context needs --llm"
        )
    return check_at_hand(request.at_hand)


def _offline(things: str, count: int, reporter: Reporter) -> list[Suggestion]:
    found = suggest_from(things, count)
    if not found.goals:
        raise PlanError(
            f'the embedded world makes nothing of "{things}"',
            hint="--llm FILE.gguf, hf:ORG/NAME or a server's address knows more",
        )
    if found.unused:
        reporter.log(f"note: none of these uses {', '.join(found.unused)}")
    if found.times:
        reporter.log(f"note: the embedded world does not know how long things take: {', '.join(found.times)}")
    return [Suggestion(goal, uses) for goal, uses in found.goals]
