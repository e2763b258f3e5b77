"""What ``generate`` does once its options are read: one article or several, made or planned, and printed."""

from __future__ import annotations

import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.cli.array_script import print_array_script
from illinstr.errors import PartialError

if TYPE_CHECKING:
    from illinstr.articles import Step
    from illinstr.workflows.generate import GeneratePlan, GenerateRequest
    from illinstr.workflows.generate_batch import BatchResult


@dataclass(frozen=True)
class Shown:
    """What is to be seen of the work: the plan alone, the page in a browser, JSON."""

    dry_run: bool
    open_page: bool
    as_json: bool


def make_one(goal: str, wanted: int | list[Step], options: dict[str, Any], shown: Shown) -> None:
    """One article, or its plan."""
    from illinstr.workflows.generate import GenerateRequest, plan_generate

    request = GenerateRequest(goal, wanted, **options)
    if shown.dry_run:
        print_plan(plan_generate(request), 1, options, as_json=shown.as_json)
    else:
        print_article(request, open_page=shown.open_page, as_json=shown.as_json)


def make_batch(named: dict[str, Any], wanted: int | list[Step], options: dict[str, Any], shown: Shown) -> None:
    """Several articles, or their plan, or the script of a job array that makes them."""
    from illinstr.workflows.generate_batch import BatchRequest, default_out, generate_batch, plan_generate_batch

    array = options["executor"] == "slurm"
    workers = options["workers"]
    if array:
        options = options | {"executor": "local", "workers": None}
    batch = BatchRequest(**named, steps=wanted, **options)
    if array:
        print_array_script(batch, workers, Path(batch.out or default_out(batch)), as_json=shown.as_json)
    elif shown.dry_run:
        total = len(batch.goals) * batch.num_variants
        print_plan(plan_generate_batch(batch), total, options, as_json=shown.as_json)
    else:
        print_batch(generate_batch(batch), open_page=shown.open_page, as_json=shown.as_json)


def print_plan(plan: GeneratePlan, total: int, options: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what would be made, and how the model would fit the device.

    Raises:
        PartialError: no steps could be written for some.
    """
    from illinstr.console import emit
    from illinstr.workflows.fitting import fit_of

    fits = fit_of(plan.prepared.model, plan.prepared.settings.options, options["device"], options["dtype"])
    weights = {} if fits is None else {"weights": fits.as_dict()}
    lines = (*plan.lines, *(() if fits is None else fits.lines))
    emit(plan.as_dict() | weights, None, as_json=as_json, lines=lines)
    if plan.failures:
        raise PartialError(f"{len(plan.failures)} of {total} articles were not made")


def print_article(request: GenerateRequest, *, open_page: bool, as_json: bool) -> None:
    """Make one article and print its page; what ``suggest`` goes on with, too."""
    from illinstr.console import emit
    from illinstr.workflows.generate import generate_article

    run = generate_article(request)
    page, record = str(run.page), run.record.model_dump(mode="json")
    emit({"page": page, "run": str(run.folder), "record": record}, page, as_json=as_json)
    if open_page:
        webbrowser.open(run.page.as_uri())


def print_batch(result: BatchResult, *, open_page: bool, as_json: bool) -> None:
    """Print what a batch made, in the process that speaks for it."""
    from illinstr.console import emit

    if result.page is None:
        if result.shard is not None:
            emit(result.as_dict(), str(result.out), as_json=as_json)
        if result.shard is not None and result.error is not None:
            raise result.error
        return
    emit(result.as_dict(), str(result.page), as_json=as_json)
    if open_page:
        webbrowser.open(result.page.as_uri())
    if result.error is not None:
        raise result.error
