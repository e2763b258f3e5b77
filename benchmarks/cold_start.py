"""What one article costs cold, from the start of the process to its page, and what of that is importing torch.

    python benchmarks/cold_start.py [--repeats 5] [--steps 6]

Each repeat runs ``import torch`` and ``illinstr generate`` once, in turn, on one thread; there is no warm-up but the
first, uncounted pair, which leaves byte code and files in the disk's cache. Prints medians and spread of processor
seconds (user and system) beside the goal, and one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GOAL_S = 6.0
TORCH = (sys.executable, "-c", "import torch")
ARTICLE = (sys.executable, "-m", "illinstr", "generate", "How to make apple juice", "--quiet")


def processor_seconds(command: tuple[str, ...]) -> float:
    """User and system seconds of one run, its children included."""
    before = os.times()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp())
    seconds: dict[str, list[float]] = {"import torch": [], "generate": []}
    try:
        for repeat in range(options.repeats + 1):
            out = place / str(repeat)
            pair = TORCH, (*ARTICLE, "--steps", str(options.steps), "--out", str(out))
            for found, command in zip(seconds.values(), pair, strict=True):
                found.append(processor_seconds(command))
    finally:
        shutil.rmtree(place)
    results = {}
    for name, found in seconds.items():
        counted = found[1:]
        median = statistics.median(counted)
        results[name] = {"median": round(median, 2), "least": round(min(counted), 2), "most": round(max(counted), 2)}
        goal = f"   goal {GOAL_S:g}" if name == "generate" else ""
        print(f"{name:13} {median:.2f} CPU s ({min(counted):.2f} to {max(counted):.2f}){goal}")
    print(json.dumps({"threads": 1, "repeats": options.repeats, "steps": options.steps, "cpu_s": results}))


if __name__ == "__main__":
    main()
