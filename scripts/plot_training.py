"""The curves of training runs: loss and validation figures against optimiser steps and hours.

    python scripts/plot_training.py RUN [RUN ...] --out curve.png

One row a run, in the order given; a run is a folder that ``illinstr train`` made. Hours are those of the process, so a
resumed run's are added up over its parts.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr.errors import DataError
from illinstr.files import write_bytes
from scripts.resumable import run_cli


def read_log(run: Path) -> list[dict[str, float]]:
    """The rows of ``log.csv`` as numbers, with ``hours`` since the run began.

    Raises:
        DataError: there is none, or nothing in it.
    """
    log = run / "log.csv"
    if not log.is_file():
        raise DataError(f"{run} is no training run: no log.csv")
    with log.open(newline="") as stream:
        rows = [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(stream)]
    if not rows:
        raise DataError(f"{log} is empty")
    before = last = 0.0
    for row in rows:
        if row["elapsed_s"] < last:  # a resumed process counts from its own start
            before += last
        last = row["elapsed_s"]
        row["hours"] = (before + last) / 3600
    return rows


def curves(rows: Sequence[dict[str, float]], names: Sequence[str]) -> dict[str, tuple[list[float], list[float]]]:
    """Steps and values of each of ``names`` that the log has."""
    found = {name: [(row["step"], row[name]) for row in rows if name in row] for name in names}
    return {name: ([x for x, _ in each], [y for _, y in each]) for name, each in found.items() if each}


def plot(logs: dict[str, list[dict[str, float]]]) -> bytes:
    """A PNG: losses on the left, what validation says on the right, one row a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.8 * len(logs)), layout="constrained")
    axes = figure.subplots(len(logs), 2, squeeze=False)
    for (name, rows), (left, right) in zip(logs.items(), axes, strict=True):
        _draw(left, curves(rows, ["loss", "val_loss"]), f"{name}, {rows[-1]['hours']:.1f} h")
        others = sorted({key for row in rows for key in row if key.startswith("val_") and key != "val_loss"})
        _draw(right, curves(rows, others), "validation")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=90, metadata={"Software": None})
    return buffer.getvalue()


def _draw(axes: Any, found: dict[str, tuple[list[float], list[float]]], title: str) -> None:
    for name, (steps, values) in found.items():
        axes.plot(steps, values, label=name, linewidth=1, marker="o" if name.startswith("val_") else None, markersize=3)
    axes.set(title=title, xlabel="optimiser steps")
    if found:
        axes.legend(frameon=False, fontsize="small")


def main() -> None:
    """Parse, read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True, help="the PNG to write")
    options = parser.parse_args()
    write_bytes(options.out, plot({run.name: read_log(run) for run in options.runs}))
    print(options.out)


if __name__ == "__main__":
    run_cli(main)
