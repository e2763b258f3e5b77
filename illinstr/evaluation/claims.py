"""What each metric claims: the perturbations it must see, and those that it must not mind.

The table of perturbations (``eval --faults``) is where a claim is tested: a perturbation is *seen* where the metric
differs from the truth after Holm's correction, in the direction that is worse. A claim that fails is a blind spot,
and the table names it.
"""

from __future__ import annotations

from dataclasses import dataclass

GOALS, STEPS = "shuffled between goals", "shuffled between steps"
NEIGHBOURS, REVERSED = "two neighbouring steps swapped", "order reversed"
FIRST, LAST = "one image repeated", "last image repeated"
COLOUR, EVERY_SECOND = "one object recoloured", "one object recoloured, every second image"
SHAPE, STATE = "one shape wrong everywhere", "one state changed"
MIRRORED, UPSIDE_DOWN = "mirrored", "upside down"
LIGHTING, GREY, BLUR = "lighting changed per image", "grey", "blur"
NEAR = "goal_faithfulness (near)"


def look_row(look: str) -> str:
    """The name of the row in which a look is another one in every image."""
    return f"{look} changed per image"


LOOK_ROWS = tuple(look_row(look) for look in ("wall", "table", "skin", "sleeve", "vessel"))


@dataclass(frozen=True)
class Claims:
    """Names of rows: ``sees`` must be significantly worse than the truth, ``minds_not`` must not differ from it."""

    sees: tuple[str, ...] = ()
    minds_not: tuple[str, ...] = ()


CLAIMS: dict[str, Claims] = {
    "goal_faithfulness": Claims((GOALS,), (STEPS, NEIGHBOURS, LIGHTING, MIRRORED)),
    NEAR: Claims((GOALS, COLOUR, SHAPE), (STEPS, LIGHTING, MIRRORED)),
    "step_faithfulness": Claims((STEPS, NEIGHBOURS, REVERSED, FIRST, LAST), (LIGHTING, MIRRORED, *LOOK_ROWS)),
    "clip_score": Claims((GOALS, STEPS, REVERSED), (LIGHTING, MIRRORED)),
    "consistency": Claims((*LOOK_ROWS, EVERY_SECOND), (STEPS, NEIGHBOURS, LIGHTING, STATE, MIRRORED)),
    "feature_distance": Claims((*LOOK_ROWS, EVERY_SECOND), (STEPS, NEIGHBOURS, LIGHTING, STATE, MIRRORED)),
    "diversity": Claims((FIRST, LAST), (STEPS, LIGHTING, MIRRORED)),
    "kid": Claims((UPSIDE_DOWN, GREY, BLUR), (STEPS, NEIGHBOURS)),
    "cmmd": Claims((UPSIDE_DOWN, GREY, BLUR), (STEPS, NEIGHBOURS)),
}
