"""What ``illinstr --help`` costs, as a multiple of importing the libraries that print it.

python benchmarks/startup.py [--runs 10]

Runs both programs in turn, so that a busy machine slows both alike, and compares medians of processor seconds.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 2.5
BASELINE = (sys.executable, "-c", "import typer, rich.console")
PROGRAM = (sys.executable, "-m", "illinstr", "--help")


def processor_seconds(command: tuple[str, ...]) -> float:
    """User and system seconds of one run, its children included."""
    before = os.times()
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return after.children_user - before.children_user + after.children_system - before.children_system


def measure(runs: int) -> tuple[float, float]:
    """Median processor seconds of the baseline and of the program."""
    pairs = [(processor_seconds(BASELINE), processor_seconds(PROGRAM)) for _ in range(runs)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    baseline, program = measure(parser.parse_args().runs)
    print(f"import typer, rich.console: {baseline:.3f} s")
    print(f"illinstr --help:            {program:.3f} s")
    print(f"ratio:                      {program / baseline:.2f} (at most {LIMIT})")


if __name__ == "__main__":
    main()
