"""What the training loop costs beside the bare step: ``python benchmarks/train_step.py [--steps 24] [--batch 8]``.

Two tasks on articles of the embedded world, read from shards on disk, in one process: the embedded U-Net with latents
from the cache, and the embedded VAE, whose images are decoded as they come. The bare step is forward, backward,
clipping and AdamW on batches made beforehand; the loop's step does the same on the very same batches, with all there is
besides: reading ahead, the check for non-finite losses, figures, the log. Both train the same model in turns of a few
steps, so that a busy machine slows both alike. Seconds are medians; CPU seconds, all threads counted, are means and do
not mind a busy machine. The moving average is extra work the bare step does not do: it is timed by itself.

Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import torch

from illinstr.engine.devices import silence_libraries
from illinstr.minihow.dataset import write_dataset
from illinstr.progress import SilentReporter
from illinstr.training.accelerator import make_accelerator
from illinstr.training.batches import MicroBatch, Share, assign
from illinstr.training.data import Prefetcher
from illinstr.training.loop import Trainer
from illinstr.training.meter import Meter, _read_rows
from illinstr.training.noise import sample_generator
from illinstr.training.presets import load_config
from illinstr.training.tasks import build_task

ASSETS = Path(__file__).resolve().parent.parent / "illinstr" / "assets" / "mini"
TURN = 4  # steps before the other side has its turn
OVERRIDES = {
    "mini-unet": [f"base.model={ASSETS}", "base.vae=null", "base.clip=null", "optim.lr=1e-5"],
    "mini-vae": [f"base={ASSETS / 'vae'}", "optim.lr=1e-5"],
}


class Both:
    """One model, trained by the loop and by the bare step in turns."""

    def __init__(self, preset: str, data: Path, run: Path, *, steps: int, batch: int) -> None:
        settings = [*OVERRIDES[preset], f"train.batch_size={batch}", "train.precision=no", "train.log_every=4"]
        settings += ["train.validate_every=1000000", "train.checkpoint_every=1000000", "train.ema_decay=0"]
        config = load_config(preset, [*settings, "train.steps=1000000", "data.val_limit=1"])
        self.task = build_task(config, data)
        self.trainer = Trainer(self.task, run, SilentReporter(), make_accelerator(config, run))
        self.meter = Meter(run / "log.csv", 0)
        first: Callable[[int], list[MicroBatch]] = self.trainer._read
        self.ahead: Iterator[list[MicroBatch]] = iter(
            Prefetcher(first, 0, steps, workers=config.data.workers, ahead=config.data.ahead)
        )
        self.shares = {step: self._shares(step) for step in range(steps)}
        self.ready = {
            step: [self.task.make_batch(list(each.units)) for each in self.shares[step]] for step in self.shares
        }
        self.task.model.train()

    def _shares(self, step: int) -> list[Share]:
        units = self.task.units_of(step)
        assert self.trainer.order is not None
        return assign(units, 0, 1, 1, [self.trainer.order.lengths[unit] for unit in units])

    def loop(self, step: int) -> None:
        """As ``Trainer.fit`` does it."""
        self.trainer._train_one(step, self.ahead, self.meter)
        self.trainer._after_step(step + 1, self.meter)

    def bare(self, step: int) -> None:
        """The same mathematics and nothing else."""
        for share, batch in zip(self.shares[step], self.ready[step], strict=True):
            generator = sample_generator(self.task.config.train.seed, step, share.places)
            loss, _ = self.task.loss(self.task.model, batch, generator)
            (loss * share.weight / len(self.shares[step])).backward()
        torch.nn.utils.clip_grad_norm_(self.task.model.parameters(), self.task.config.optim.clip_norm)
        self.trainer.optimizer.step()
        self.trainer.optimizer.zero_grad(set_to_none=True)


def compare(both: Both, steps: int) -> dict[str, Any]:
    """Alternate turns; the first turn of each side is warm-up."""
    wall: dict[str, list[float]] = {"loop": [], "bare": []}
    cpu: dict[str, float] = {"loop": 0.0, "bare": 0.0}
    for start in range(0, steps, TURN):
        for name in ("loop", "bare") if (start // TURN) % 2 == 0 else ("bare", "loop"):
            if name == "loop" and start:
                both.meter.resume()
            turn_cpu = time.process_time()
            for step in range(start, start + TURN):
                begin = time.perf_counter()
                getattr(both, name)(step)
                if start:
                    wall[name].append(time.perf_counter() - begin)
            if start:
                cpu[name] += time.process_time() - turn_cpu
            if name == "loop":
                both.meter.pause()  # the other side's time is not the loop's
    rows = [row for row in _read_rows(both.meter.path) if "data_wait_share" in row]
    shares = [float(row["data_wait_share"]) for row in rows if int(row["step"]) > TURN]
    bare, loop = statistics.median(wall["bare"]), statistics.median(wall["loop"])
    measured = steps - TURN
    return {
        "bare_step_s": round(bare, 4),
        "loop_step_s": round(loop, 4),
        "loop_over_bare": round(loop / bare - 1, 4),
        "bare_step_cpu_s": round(cpu["bare"] / measured, 4),
        "loop_step_cpu_s": round(cpu["loop"] / measured, 4),
        "loop_over_bare_cpu": round(cpu["loop"] / cpu["bare"] - 1, 4),
        "data_wait_share": round(sum(shares) / len(shares), 5),
    }


def time_average(both: Both) -> float:
    """CPU seconds of one update of the moving average."""
    from illinstr.training.ema import Ema

    ema = Ema(both.task.model, 0.999)
    times = []
    for _ in range(5):
        begin = time.process_time()
        ema.update(both.task.model)
        times.append(time.process_time() - begin)
    return statistics.median(times)


def main() -> None:
    """Measure both tasks and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", "1")))
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    silence_libraries()
    steps = max(options.steps // TURN, 2) * TURN
    results: dict[str, Any] = {
        "threads": options.threads,
        "batch": options.batch,
        "steps": steps,
        "cores": os.cpu_count(),
    }
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["ILLINSTR_CACHE"] = str(Path(scratch) / "cache")
        data = Path(scratch) / "data"
        write_dataset(data, count=72, val_share=0.05, test_share=0.0, min_steps=4, max_steps=6)
        for preset in OVERRIDES:
            both = Both(preset, data, Path(scratch) / preset, steps=steps, batch=options.batch)
            print(f"{preset} ...", file=sys.stderr)
            results[preset] = compare(both, steps)
            results[preset]["moving_average_cpu_s"] = round(time_average(both), 4)
            results[preset]["memory_gb"] = round(float(_read_rows(both.meter.path)[-1]["memory_gb"]), 3)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
