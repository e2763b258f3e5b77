"""``minihow``: a data set of illustrated how-to articles, drawn by program."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from illinstr.errors import UsageError
from illinstr.workflows.checks import check_range
from illinstr.workflows.placement import PlacedRequest, placement_of
from illinstr.workflows.world import contact_sheet_of, draw_part, known_goals, write_dataset

PREVIEW_ROWS = 8
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class MiniHowRequest(PlacedRequest):
    """Which articles to draw.

    Attributes:
        out: data folder to make.
        count: articles over all splits.
        seed: which series of articles; the same seed gives the same bytes.
        panel_px: side of each square image in pixels, 32 to 2048.
        min_steps, max_steps: fewest and most instruction steps of an article.
        val_share, test_share: share of articles about goals held out for validation and for tests.
        preview: also write ``preview.png``, a contact sheet of eight articles.
        families: only these families of goals; none for all.
        resume: go on with a run that was cut off.
        overwrite: replace the shards that ``out`` already holds.
    """

    out: str | Path = "data/minihow"
    count: int = 1000
    seed: int = 0
    panel_px: int = 128
    min_steps: int = 2
    max_steps: int = 8
    val_share: float = 0.05
    test_share: float = 0.05
    preview: bool = False
    families: Sequence[str] = ()
    resume: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class MiniHowResult:
    """The data folder, how many articles each split has, seconds it took, and the contact sheet where asked for."""

    request: MiniHowRequest
    out: Path
    splits: dict[str, int]
    seconds: float
    preview: Path | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        asked = self.request
        made: dict[str, Any] = {"out": str(self.out), "count": asked.count, "seed": asked.seed}
        made |= {"panel_px": asked.panel_px, "families": list(asked.families)}
        made |= {"seconds": round(self.seconds, 2), "splits": self.splits}
        return made | ({"preview": str(self.preview)} if self.preview else {})


def make_dataset(request: MiniHowRequest) -> MiniHowResult:
    """Draw a data set of illustrated how-to articles: unlimited, licence-free (CC0), exactly known.

    Raises:
        UsageError: a number out of range, or ``out`` is not empty.
        DataError: ``resume`` of a folder made with other numbers.
    """
    check_minihow(request)
    started = time.monotonic()
    out = Path(request.out)
    asked: dict[str, Any] = {
        "count": request.count,
        "seed": request.seed,
        "val_share": request.val_share,
        "test_share": request.test_share,
        "panel_px": request.panel_px,
        "min_steps": request.min_steps,
        "max_steps": request.max_steps,
        "families": tuple(request.families),
        "existing": "resume" if request.resume else "overwrite" if request.overwrite else "refuse",
        "reporter": request.messages,
    }
    placement = placement_of(request)
    if request.shard is not None:
        parts, splits = draw_part(out, request.part, placement, **asked)
        return MiniHowResult(request, parts, splits, time.monotonic() - started)
    splits = write_dataset(out, placement=placement, **asked)
    seconds = time.monotonic() - started
    preview = _write_preview(request, out) if request.preview else None
    return MiniHowResult(request, out, splits, seconds, preview)


def check_minihow(request: MiniHowRequest) -> None:
    """Refuse numbers out of range and parameters at odds; families are looked up when drawing begins.

    Raises:
        UsageError: which, and what it may be.
    """
    if request.resume and request.overwrite:
        raise UsageError("--resume and --overwrite exclude each other")
    check_range("--seed", request.seed, -MAX_SEED, MAX_SEED, "which series of articles")
    for option, steps in (("--min-steps", request.min_steps), ("--max-steps", request.max_steps)):
        check_range(option, steps, 1, None, "how many steps an article has")
    for option, share in (("--val-share", request.val_share), ("--test-share", request.test_share)):
        check_range(option, share, 0.0, 1.0, "a part of all articles, such as 0.05")
    placement_of(request)


def list_goals(families: Sequence[str]) -> list[dict[str, str]]:
    """Every goal of these families (of all where none is named): goal, split, family, category.

    Raises:
        UsageError: no such family.
    """
    return known_goals(tuple(families))


def _write_preview(request: MiniHowRequest, out: Path) -> Path:
    from illinstr import files

    sheet = contact_sheet_of(
        PREVIEW_ROWS,
        seed=request.seed,
        step_range=(request.min_steps, request.max_steps),
        families=tuple(request.families),
        panel_px=request.panel_px,
    )
    files.write_bytes(out / "preview.png", sheet)
    return out / "preview.png"
