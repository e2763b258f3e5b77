"""How the cost of bookkeeping grows with its input: each piece at 1, 4 and 16 times a size, and the exponent.

    python benchmarks/growth.py [NAME ...]

Costs are CPU seconds on one thread, of synthetic records without pixels. The exponent is that of the last fourfold
step, where fixed costs matter least: log(cost(16 n) / cost(4 n)) / log 4. Goal: at most 1.1; where it is more, a line
says why.
One JSON line is printed at the end.
"""

from __future__ import annotations

import argparse
import atexit
import json
import math
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

GOAL = 1.1


def goals(count: int, vocabulary: int, length: int) -> list[str]:
    """Goals of words as common as words are (Zipf)."""
    draw = random.Random(0)
    words, common = [f"w{number}" for number in range(vocabulary)], [1 / (n + 3) for n in range(vocabulary)]
    return ["How to " + " ".join(draw.choices(words, common, k=length)) for _ in range(count)]


def lookalikes(count: int) -> Callable[[], object]:
    """Every image is looked for among those before it, then remembered."""
    from illinstr.wikihow_scraper.cleaning.image_rules import Lookalikes

    draw = random.Random(0)
    hashes = [draw.getrandbits(64) for _ in range(count)]

    def run() -> None:
        index = Lookalikes(4)
        for number, phash in enumerate(hashes):
            page = f"p{number // 6}"
            index.elsewhere(phash, page)
            index.learn([f"{phash:016x} {page}"])

    return run


def near_goals_index(count: int) -> Callable[[], object]:
    """The index of near goals is made."""
    from illinstr.training.tasks.near_goals import NearGoals

    texts = goals(count, 4000, 6)
    return lambda: NearGoals(texts)


def near_goals_search(count: int) -> Callable[[], object]:
    """200 goals look for their nearest among all: the cost of a fixed number of training steps."""
    from illinstr.training.tasks.near_goals import NearGoals

    texts = goals(count, 4000, 6)
    near = NearGoals(texts)
    return lambda: [near.nearest(goal) for goal in texts[:200]]


def split_leaders(count: int) -> Callable[[], object]:
    """``data split --near``: goals whose words overlap are joined."""
    from illinstr.shards.resplit import leaders
    from illinstr.shards.splits import goal_signature

    signatures = {goal_signature(goal) for goal in goals(count, 20_000, 6)}
    return lambda: leaders(signatures, 0.8)


def takedown_search(count: int) -> Callable[[], object]:
    """What a takedown list with a page's number hides: every article's record is read, no image."""
    from illinstr.articles import Article, Provenance, Step, StepImage
    from illinstr.shards.hidden import hidden
    from illinstr.shards.layout import read_index
    from illinstr.shards.takedown import Takedown
    from illinstr.shards.writer import ShardWriter

    data = Path(tempfile.mkdtemp()) / "data"
    atexit.register(shutil.rmtree, data.parent)
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0:~\x9bU"
    png += b"\0\0\0\nIDATx\xdac`\0\0\0\x02\0\x01\xe5'\xde\xfc\0\0\0\0IEND\xaeB`\x82"
    origin = Provenance(source="benchmark")
    steps = (Step(headline="Look", image=StepImage.from_bytes(png)),)
    with ShardWriter(data, source_config={}, max_samples=250) as writer:
        for number in range(count):
            writer.add(Article(id=f"a-{number}", goal=f"How to do {number}", steps=steps, provenance=origin))
    shards = read_index(data).shards
    return lambda: hidden(data, shards, Takedown(frozenset({"123456789"})))


def executor_tasks(count: int) -> Callable[[], object]:
    """Tasks that do nothing, in order, in this process: what giving out costs."""
    from illinstr.engine.executor import Task, Worker, run_tasks

    class Nothing:
        def finished(self, task: Task) -> Any | None:
            return None

        def start(self, worker: Worker) -> Callable[[Task], Any]:
            return lambda task: 1

    return lambda: sum(1 for _ in run_tasks(Nothing(), (Task(str(n), n) for n in range(count)), ordered=True))


PIECES: dict[str, tuple[Callable[[int], Callable[[], object]], int, str]] = {
    "lookalikes": (lookalikes, 12_500, "as many steps an image, but tables outgrow the processor's caches"),
    "near_goals_index": (near_goals_index, 4_000, "it sorts, and words outgrow the processor's caches"),
    "near_goals_search": (near_goals_search, 4_000, ""),
    "split_leaders": (split_leaders, 4_000, "dictionaries of subsets outgrow the processor's caches"),
    "takedown_search": (takedown_search, 250, ""),
    "executor_tasks": (executor_tasks, 10_000, ""),
}


def cost(make: Callable[[int], Callable[[], object]], count: int) -> float:
    """CPU seconds of one run, the better of two."""
    best = math.inf
    for _ in range(2):
        run = make(count)
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*PIECES, []], help="which pieces; all when left out")
    results = {}
    for name in parser.parse_args().names or PIECES:
        make, size, why = PIECES[name]
        seconds = [cost(make, size * times) for times in (1, 4, 16)]
        exponent = math.log(seconds[2] / seconds[1]) / math.log(4)
        verdict = "" if exponent <= GOAL else f"  over {GOAL}: {why or 'not explained'}"
        print(
            f"{name:18} n {size:>7,} x 1, 4, 16: {' '.join(f'{s:8.3f}' for s in seconds)} s  n^{exponent:.2f}{verdict}"
        )
        results[name] = {"n": size, "cpu_s": [round(each, 4) for each in seconds], "exponent": round(exponent, 3)}
    print(json.dumps({"threads": 1, "goal": GOAL, "pieces": results}))


if __name__ == "__main__":
    main()
