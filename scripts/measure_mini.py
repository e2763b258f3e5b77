"""How well the miniature model draws, against what the program draws: one command, resumable, one table.

    python scripts/measure_mini.py --out runs/measure

For each number of steps the model draws held-out goals together; for six steps also each image alone. All of it is
scored by the judge inside the package beside true images of the same goals. Finished articles stay finished: kill it
and run the same command again. Scoring is done again each time, so a new judge gives new figures for the same drawings.
OUT/measure.md holds the table, OUT/measure.json the same in numbers, and OUT/stacked-n*/eval the reports behind them.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr import minihow
from illinstr.diffusion.loading import check_model
from illinstr.errors import UsageError
from illinstr.evaluation.reports.report import EVAL_FOLDER
from illinstr.evaluation.results import SAMPLES_FILE, read_results
from illinstr.evaluation.samples import read_samples
from illinstr.files import write_json, write_text
from illinstr.models.folder import folder_sha256
from illinstr.runs import article_folders, is_article_folder, read_record
from scripts.measure_mini_table import Measured, measured, table
from scripts.resumable import keep_plan, run_cli, run_illinstr

ALONE_TOO = 6  # the number of steps for which each image is drawn alone as well


@dataclass(frozen=True)
class Plan:
    """What is asked for. ``sampling_steps`` None is the model's own number."""

    model: str
    model_sha256: str
    goals: int
    lengths: tuple[int, ...]
    sampling_steps: int | None
    seed: int

    @property
    def sets(self) -> list[tuple[str, int]]:
        """Method and number of steps of every set of drawings, in the order they are made."""
        alone = [("independent", ALONE_TOO)] if ALONE_TOO in self.lengths else []
        return [("stacked", length) for length in self.lengths] + alone


def main() -> None:
    """Parse, check, draw, score, write the table."""
    out, plan = _parse()
    # More lengths may join later; the goals of one length do not depend on the others.
    keep_plan(out, asdict(plan), growing=("lengths",))
    for place, (method, length) in enumerate(plan.sets):
        draw(out, plan, method, length, left=plan.sets[place + 1 :])
    found = [each for length in plan.lengths for each in score(out, plan, length)]
    report(out, plan, found)
    print((out / "measure.md").read_text(encoding="utf-8"))
    print(out / "measure.md")


def _parse() -> tuple[Path, Plan]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of drawings, scores and the table")
    parser.add_argument("--model", default="mini", help="mini (embedded), a model folder, or a hub id ORG/NAME")
    parser.add_argument("--goals", type=int, default=200, help="held-out goals for each number of steps")
    parser.add_argument("--lengths", default="3,6,8", help="numbers of steps, comma between")
    parser.add_argument("--sampling-steps", type=int, default=None, help="the model's own number when left out")
    parser.add_argument("--seed", type=int, default=0, help="of the steps and of the noise")
    options = parser.parse_args()
    try:
        lengths = tuple(dict.fromkeys(int(part) for part in options.lengths.split(",")))
    except ValueError as error:
        raise UsageError("--lengths takes numbers with commas between") from error
    if min(options.goals, options.sampling_steps or 1, *lengths) < 1 or options.seed < 0:
        raise UsageError("numbers must be at least 1, the seed at least 0")
    for length in lengths:
        minihow.held_out_goals(1, length)  # refuses what no goal can be told in
    folder = Path(check_model(options.model))
    sha256 = folder_sha256(folder) if folder.is_dir() else ""
    return options.out, Plan(options.model, sha256, options.goals, lengths, options.sampling_steps, options.seed)


def drawings(out: Path, method: str, length: int) -> Path:
    """Where the articles of one set lie."""
    return out / f"{method}-n{length}"


def draw(out: Path, plan: Plan, method: str, length: int, *, left: Sequence[tuple[str, int]]) -> None:
    """Let the model draw one set; what is there already is kept.

    Args:
        out: folder of the whole measurement.
        plan: what is asked for.
        method: stacked or independent.
        length: number of steps.
        left: the sets that come after it, for saying how long they will take.
    """
    folder, goals = drawings(out, method, length), minihow.held_out_goals(plan.goals, length)
    if (folder / ".complete").is_file():
        return
    there = sum(map(is_article_folder, folder.iterdir())) if folder.is_dir() else 0
    _say(f"draw {method}, {length} steps: {len(goals)} goals, {there} of them there")
    file = out / f"goals-n{length}.txt"
    write_text(file, "\n".join(goals) + "\n")
    own = [] if plan.sampling_steps is None else ["--sampling-steps", plan.sampling_steps]
    started = time.monotonic()
    run_illinstr(
        "generate", "--goals-file", file, "--steps", length, "--model", plan.model, "--method", method, *own,
        "--seed", plan.seed, "--out", folder,
    )  # fmt: skip
    write_text(folder / ".complete", "")
    seconds = _seconds_per_image(folder)
    to_come = sum(min(plan.goals, len(minihow.held_out_goals(plan.goals, n))) * n for _, n in left)
    _say(
        f"done in {(time.monotonic() - started) / 60:.1f} min, {seconds:.2f} s an image; "
        f"{to_come} images to come: about {to_come * seconds / 60:.0f} min"
    )


def _seconds_per_image(folder: Path) -> float:
    records = [read_record(each) for each in article_folders(folder)]
    return sum(record.timings.get("draw_s", 0.0) for record in records) / sum(record.num_steps for record in records)


def score(out: Path, plan: Plan, length: int) -> list[Measured]:
    """Score one number of steps: first among near goals, then, for the reports that stay, among any."""
    run, alone = drawings(out, "stacked", length), drawings(out, "independent", length)
    against = ["--against", alone] if ("independent", length) in plan.sets else []
    _say(f"score {length} steps")
    run_illinstr("eval", run, *against, "--goal-distractors", "near", "--quiet")
    near = _results_and_samples(run)
    run_illinstr("eval", run, *against, "--quiet")
    results, samples = _results_and_samples(run)
    return [
        measured(method, length, side, results, samples, near)
        for method, side in (("stacked", "run"), ("independent", "other"))
        if (method, length) in plan.sets
    ]


def _results_and_samples(run: Path) -> tuple[Any, Any]:
    return read_results(run / EVAL_FOLDER), read_samples(run / EVAL_FOLDER / SAMPLES_FILE)


def report(out: Path, plan: Plan, found: Sequence[Measured]) -> None:
    """Write the table and the numbers."""
    run = drawings(out, "stacked", plan.lengths[0])
    record = read_record(article_folders(run)[0])
    encoder = read_results(run / EVAL_FOLDER).encoders.encoder
    how = {
        "model": plan.model,
        "model_sha256": record.model_sha256,
        "judge": encoder.id,
        "judge_sha256": encoder.sha256,
        "goals": plan.goals,
        "lengths": list(plan.lengths),
        "seed": plan.seed,
        "sampler": record.sampler,
        "sampling_steps": record.sampling_steps,
        "guidance": record.guidance,
        "seconds_per_picture": {
            f"{method}-n{n}": round(_seconds_per_image(drawings(out, method, n)), 3) for method, n in plan.sets
        },
    }
    write_json(out / "measure.json", {"schema_version": 1, "how": how, "measured": [each.as_json() for each in found]})
    write_text(out / "measure.md", table(found, how))


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    run_cli(main)
