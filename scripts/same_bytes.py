"""Hold what the commands make against what they made before: drawn images, shards, results of a fixed run.

    python scripts/same_bytes.py record FILE     before a change
    python scripts/same_bytes.py check [FILE]    after it; FILE is tests/golden/made.json unless given

Shards must be equal to the byte everywhere. Images and scores come from floating point, which processors round
differently: where the bytes differ, thumbnails and scores must still agree, and the answer says that they were compared
so. On the machine that recorded them, ``--exact`` asks for bytes alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden" / "made.json"
GOAL, STEPS, COUNT = "How to make apple juice", 6, 60
UNSTABLE = {"created", "versions", "timings", "seconds", "path", "cache", "device", "dtype"}
PIXEL_TOLERANCE = 3.0  # of 255, in a thumbnail of 8 x 8
SCORE_TOLERANCE = 2e-3


def main() -> None:
    """Record or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("record", "check"))
    parser.add_argument("file", nargs="?", type=Path, default=GOLDEN)
    parser.add_argument("--exact", action="store_true", help="bytes must be equal, on the machine that recorded them")
    asked = parser.parse_args()
    made = make()
    if asked.action == "record":
        asked.file.write_text(json.dumps(made, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(asked.file)
        return
    expected = json.loads(asked.file.read_text(encoding="utf-8"))
    differences = list(differing(expected, made, exact=asked.exact))
    for line in differences:
        print(line)
    if differences:
        sys.exit(1)
    print("the same bytes" if expected == made else "the same but for the rounding of another processor")


def make() -> dict[str, Any]:
    """Run the commands in a temporary folder and describe what they wrote."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _illinstr(work, "generate", GOAL, "--steps", str(STEPS), "--out", "demo")
        _illinstr(work, "minihow", "--count", str(COUNT), "--out", "data")
        # As drawn: without the upscaler, so that a change of it alone leaves these as they were.
        _illinstr(work, "generate", GOAL, "--steps", str(STEPS), "--upscale", "1", "--out", "as-drawn")
        shards = sorted((work / "data" / "shards").iterdir())
        return {
            **_run(work, "demo", ""),
            **_run(work, "as-drawn", " as drawn"),
            "shards": {path.name: _sha256(path.read_bytes()) for path in shards},
        }


def _run(work: Path, name: str, suffix: str) -> dict[str, Any]:
    """The images and the scores of a run."""
    _illinstr(work, "eval", name, "--no-cache")
    results = json.loads((work / name / "eval" / "results.json").read_text(encoding="utf-8"))
    images = {path.name: _image(path) for path in sorted((work / name).glob("step-*.png"))}
    return {f"images{suffix}": images, f"scores{suffix}": dict(_numbers(results))}


def differing(expected: dict[str, Any], made: dict[str, Any], *, exact: bool) -> Iterator[str]:
    """A line for everything that is not what it was."""
    for kind, before in expected.items():
        if before.keys() != made[kind].keys():
            yield f"{kind}: {sorted(made[kind])}, before {sorted(before)}"
            continue
        for name, value in before.items():
            now = made[kind][name]
            if now != value and (exact or not _close(kind, value, now)):
                yield f"{kind}: {name} differs"


def _close(kind: str, before: Any, now: Any) -> bool:
    if kind.startswith("images"):
        return float(np.abs(np.subtract(before["thumbnail"], now["thumbnail"])).max()) <= PIXEL_TOLERANCE
    return kind.startswith("scores") and abs(before - now) <= SCORE_TOLERANCE * max(1.0, abs(before))


def _image(path: Path) -> dict[str, Any]:
    with Image.open(path) as image:
        rgb = image.convert("RGB")
        thumbnail = np.asarray(rgb.resize((8, 8), Image.Resampling.BOX)).reshape(-1).tolist()
        return {"pixels": _sha256(rgb.tobytes()), "thumbnail": thumbnail}


def _numbers(value: Any, at: str = "") -> Iterator[tuple[str, float]]:
    """Every number of a results file by its place, but for times and versions."""
    if isinstance(value, dict):
        for key in value:
            if key not in UNSTABLE:
                yield from _numbers(value[key], f"{at}/{key}")
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _numbers(each, f"{at}/{index}")
    elif isinstance(value, float):
        yield at, value


def _illinstr(work: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "illinstr", *arguments, "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}  # sums of floats hang on how threads share them
    subprocess.run(command, cwd=work, check=True, stdout=subprocess.DEVNULL, env=environment)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    main()
