"""What a run measures about itself: one CSV, to which lines are appended.

A line that a kill has cut short is dropped when the run goes on. The file is rewritten, whole and atomically, where
rows are dropped or a column is new, which happens a few times in a run's life.
"""

from __future__ import annotations

import csv
import io
import math
import resource
import sys
import time
from pathlib import Path

import torch

from illinstr import files

OWN_COLUMNS = {"step", "elapsed_s"}  # of every line


class Meter:
    """Averages between log lines and keeps every line of the run.

    Columns: step, loss and its parts as ``loss_*`` (means since the last line, over all processes), lr, grad_norm,
    ema_decay, samples_per_s, images_per_s, step_s_p50 and step_s_p95 (seconds), data_wait_share, unreadable (samples so
    far), memory_gb (peak resident set of this process), gpu_memory_gb (peak allocated, where there is a GPU), elapsed_s
    (of this process).
    Validation lines carry ``val_`` columns instead.

    Args:
        path: of the CSV.
        first_step: rows beyond it are dropped: they belong to steps that will be taken again.
        writes: whether this process is the one that writes.
    """

    def __init__(self, path: Path, first_step: int, *, writes: bool = True) -> None:
        self.path = path
        self.writes = writes
        self.columns: list[str] = []
        self.validated: set[int] = set()
        if writes:
            self._take_up(first_step)
        self.started = time.monotonic()
        self._reset()

    def _take_up(self, first_step: int) -> None:
        """Keep the rows of steps that are not taken again; the file is rewritten where others were in it."""
        if not self.path.exists():
            return
        text = self.path.read_text(encoding="utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1]
        read = list(csv.DictReader(io.StringIO(whole)))
        kept = [row for row in read if (row.get("step") or "").isdigit() and int(row["step"]) <= first_step]
        self.columns = [name for name in (read[0] if read else {}) if name]
        validations = [name for name in self.columns if name.startswith("val_")]
        self.validated = {int(row["step"]) for row in kept if any(row[name] for name in validations)}
        if len(kept) < len(read) or whole != text:
            self._rewrite(kept)

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=self.columns, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        files.write_text(self.path, text.getvalue())

    def _reset(self) -> None:
        self.sums: dict[str, float] = {}
        self.step_s: list[float] = []
        self.samples = self.images = 0
        self.waited_s = 0.0
        self.window_started = self.last_step = time.monotonic()

    def add(self, parts: dict[str, float], *, samples: int, images: int = 0, waited_s: float) -> None:
        """Count one optimiser step over all processes."""
        for name, value in parts.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        now = time.monotonic()
        self.step_s.append(now - self.last_step)
        self.last_step = now
        self.samples += samples
        self.images += images
        self.waited_s += waited_s

    def pause(self) -> None:
        """Leave what happens until ``resume`` (validation, saving) out of all speeds."""
        self._paused = time.monotonic()

    def resume(self) -> None:
        """End of a pause."""
        paused_s = time.monotonic() - self._paused
        self.window_started += paused_s
        self.last_step += paused_s

    def means(self) -> dict[str, float]:
        """Means of this process since the last line."""
        return {name: total / max(len(self.step_s), 1) for name, total in self.sums.items()}

    def flush(self, step: int, means: dict[str, float] | None = None, **more: float) -> dict[str, float]:
        """Write one line and start a new window.

        Args:
            step: optimiser steps done.
            means: the means over all processes; this process's own when None.
            more: further columns.
        """
        window_s = max(time.monotonic() - self.window_started, 1e-9)
        row = {**(self.means() if means is None else means), **more}
        row["samples_per_s"] = self.samples / window_s
        if self.images:
            row["images_per_s"] = self.images / window_s
        ordered = sorted(self.step_s)
        if ordered:
            row["step_s_p50"] = ordered[len(ordered) // 2]
            row["step_s_p95"] = ordered[min(int(0.95 * len(ordered)), len(ordered) - 1)]
        row["data_wait_share"] = self.waited_s / window_s
        row |= memory_in_use()
        self.write(step, row)
        self._reset()
        return row

    def has_validation(self, step: int) -> bool:
        """Whether a validation line of ``step`` is among those kept."""
        return step in self.validated

    def write(self, step: int, row: dict[str, float]) -> None:
        """Append a line.

        Raises:
            ValueError: a number has the name of a column that every line has.
        """
        if taken := OWN_COLUMNS & row.keys():
            raise ValueError(f"the log has its own {', '.join(sorted(taken))}: name the number otherwise")
        if not self.writes:
            return
        elapsed = time.monotonic() - self.started
        numbers = {name: f"{value:.6g}" for name, value in row.items()}
        line = {"step": str(step), "elapsed_s": f"{elapsed:.1f}", **numbers}
        if any(name.startswith("val_") for name in line):
            self.validated.add(step)
        if new := [name for name in line if name not in self.columns]:
            self.columns += new
            self._rewrite([*_read_rows(self.path), line])
            return
        text = io.StringIO()
        csv.DictWriter(text, fieldnames=self.columns, lineterminator="\n").writerow(line)
        files.append_text(self.path, text.getvalue())


def describe(row: dict[str, float]) -> str:
    """One short status text out of a log line: loss, images/s, share of time spent waiting for data, memory."""
    shown = [f"{name} {value:.4g}" for name, value in row.items() if name == "loss" or name.startswith("val_")]
    if "images_per_s" in row:
        shown.append(f"{row['images_per_s']:.1f} images/s")
    elif "samples_per_s" in row:
        shown.append(f"{row['samples_per_s']:.1f}/s")
    if "data_wait_share" in row:
        shown.append(f"data wait {row['data_wait_share']:.1%}")
    if "gpu_memory_gb" in row:
        shown.append(f"{row['gpu_memory_gb']:.1f} GB on the GPU")
    elif "memory_gb" in row:
        shown.append(f"{row['memory_gb']:.1f} GB")
    return "  ".join(shown)


def all_finite(parts: dict[str, float]) -> bool:
    """Whether no part of the loss is NaN or infinite."""
    return all(math.isfinite(value) for value in parts.values())


def _read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return [{name: value for name, value in row.items() if value} for row in csv.DictReader(stream)]


def memory_in_use() -> dict[str, float]:
    """Peak memory so far, in GiB: ``memory_gb`` (resident) and, on a GPU, ``gpu_memory_gb`` (allocated)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resident = peak / (1 << 30) if sys.platform == "darwin" else peak / (1 << 20)
    if torch.cuda.is_available():
        return {"memory_gb": resident, "gpu_memory_gb": torch.cuda.max_memory_allocated() / (1 << 30)}
    return {"memory_gb": resident}
