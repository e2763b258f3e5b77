"""What a run measures about itself: one CSV, rewritten whole and atomically, so that a resumed run has no torn rows."""

from __future__ import annotations

import csv
import io
import math
import resource
import sys
import time
from pathlib import Path

from illinstr import files


class Meter:
    """Averages between log lines and keeps every line of the run.

    Columns: step, loss parts (means since the last line), lr, grad_norm, samples_per_s, data_wait_share, memory_gb
    (peak resident set), elapsed_s (of this process). Validation lines carry ``val_`` columns instead.
    """

    def __init__(self, path: Path, first_step: int) -> None:
        self.path = path
        self.rows = [row for row in _read_rows(path) if int(row["step"]) <= first_step]
        self.started = time.monotonic()
        self._reset()

    def _reset(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0
        self.samples = 0
        self.waited_s = 0.0
        self.window_started = time.monotonic()

    def add(self, parts: dict[str, float], *, samples: int, waited_s: float) -> None:
        """Count one optimiser step."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1
        self.samples += samples
        self.waited_s += waited_s

    def flush(self, step: int) -> dict[str, float]:
        """Write one line of means and start a new window."""
        window_s = max(time.monotonic() - self.window_started, 1e-9)
        row = {name: total / max(self.count, 1) for name, total in self.sums.items()}
        row["samples_per_s"] = self.samples / window_s
        row["data_wait_share"] = self.waited_s / window_s
        row["memory_gb"] = _peak_memory_gb()
        self.write(step, row)
        self._reset()
        return row

    def write(self, step: int, row: dict[str, float]) -> None:
        """Append a line and publish the file."""
        elapsed = time.monotonic() - self.started
        numbers = {name: f"{value:.6g}" for name, value in row.items()}
        self.rows.append({"step": str(step), "elapsed_s": f"{elapsed:.1f}", **numbers})
        columns: dict[str, None] = {name: None for line in self.rows for name in line}
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        files.write_text(self.path, text.getvalue())


def describe(row: dict[str, float]) -> str:
    """One short status text out of a log line."""
    shown = [f"{name} {value:.4g}" for name, value in row.items() if name == "loss" or name.startswith("val_")]
    if "samples_per_s" in row:
        shown.append(f"{row['samples_per_s']:.1f}/s")
    return "  ".join(shown)


def all_finite(parts: dict[str, float]) -> bool:
    """Whether no part of the loss is NaN or infinite."""
    return all(math.isfinite(value) for value in parts.values())


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return [{name: value for name, value in row.items() if value} for row in csv.DictReader(stream)]


def _peak_memory_gb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 30) if sys.platform == "darwin" else peak / (1 << 20)
