"""Denoisers of equal cost, trained from nothing side by side on MiniHow: one command, resumable, one table.

    python scripts/try_variants.py --data data --out runs/variants

Every variant gets the same latents, the same batches in the same order, the same noise, timesteps and dropped texts,
and as many steps at the same learning rate; what is compared is the validation loss at fixed noise. A variant that is
finished stays finished, the one at work goes on from its last checkpoint: kill it and run the same command again. More
variants and more seeds may join later. OUT/variants.md holds the table, OUT/variants.json the same in numbers. The
variants stand in ``variants.py``.

Losses can be compared only on the same latents: another autoencoder (``--model``) is another experiment.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr.console import reporter
from illinstr.engine.devices import silence_libraries
from illinstr.errors import DataError, UsageError
from illinstr.files import write_json, write_text
from illinstr.progress import reporting_to
from illinstr.training.accelerator import make_accelerator
from illinstr.training.loop import Trainer
from illinstr.training.presets import load_config
from illinstr.training.tasks.stacked.config import UNetConfig
from scripts.reproduce import base_parts, resume_flag
from scripts.resumable import keep_plan, run_cli
from scripts.variants import DEFAULT, PANELS, REFERENCE, TEXT_TOKENS, VARIANTS, Variant, VariantTask

GROWS = ("variants", "seeds")
SIZES: dict[str, tuple[str, ...]] = {"small": ("model.block_out_channels=[64, 128]",), "full": ()}
QUARTILES = ("val_q1", "val_q2", "val_q3", "val_q4")
MEASURED = "measured.json"


@dataclass(frozen=True)
class Plan:
    """What is asked for; a folder made with another plan is never gone on with."""

    variants: tuple[str, ...]
    seeds: tuple[int, ...]
    steps: int
    batch_size: int
    size: str
    data: str
    model: str
    limit: int | None
    val_articles: int
    set: tuple[str, ...]

    def overrides(self, variant: Variant, seed: int, base: tuple[Path, Path]) -> list[str]:
        """Settings over the preset, later ones winning; the learning rate rises for a tenth and falls for a third."""
        own: dict[str, object] = {"base.vae": base[0], "base.clip": base[1]}
        own |= {"train.steps": self.steps, "train.batch_size": self.batch_size, "train.seed": seed}
        own |= {"train.validate_every": self.steps, "train.checkpoint_every": max(1, self.steps // 4)}
        own |= {"train.keep_checkpoints": 1, "train.log_every": max(1, min(20, self.steps // 4))}
        own |= {"optim.warmup_steps": self.steps // 10, "optim.decay_steps": self.steps // 3}
        own["data.val_limit"] = self.val_articles
        own |= {"train_text": False, "noise.timestep_shift": 1}  # denoisers are compared, by losses at every timestep
        if self.limit is not None:
            own["data.limit"] = self.limit
        return [*(f"{key}={value}" for key, value in own.items()), *SIZES[self.size], *self.set, *variant.settings]


@dataclass(frozen=True)
class Measured:
    """One finished run. ``losses`` are ``val_loss`` and, by quartile of the timesteps, ``val_q1`` to ``val_q4``."""

    variant: str
    seed: int
    parameters_m: float
    gflops: float
    step_s: float
    losses: dict[str, float]


def main() -> None:
    """Parse, check, train what is missing, write the table."""
    out, plan = _parse()
    keep_plan(out, asdict(plan), growing=GROWS)
    silence_libraries()
    work(out, plan)
    print((out / "variants.md").read_text(encoding="utf-8"))
    print(out / "variants.md")


def _parse() -> tuple[Path, Plan]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and the table")
    parser.add_argument("--data", type=Path, required=True, help="data folder, as illinstr minihow makes it")
    parser.add_argument("--model", default="mini", help="model folder whose VAE and text encoder all variants share")
    parser.add_argument("--variants", default=",".join(DEFAULT), help="comma between")
    parser.add_argument("--seeds", default="1", help="training seeds, comma between")
    parser.add_argument("--steps", type=int, default=800, help="optimiser steps of every variant")
    parser.add_argument("--batch-size", type=int, default=8, help="articles a step")
    parser.add_argument("--size", choices=sorted(SIZES), default="small", help="full costs as much as the miniature")
    parser.add_argument("--limit", type=int, default=None, help="training articles; all when left out")
    parser.add_argument("--val-articles", type=int, default=64, help="articles the loss is compared on")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for every variant")
    options = parser.parse_args()
    known = [variant.name for variant in VARIANTS]
    variants = tuple(dict.fromkeys(name for name in options.variants.split(",") if name))
    if not variants or set(variants) - set(known):
        raise UsageError(f"no such variants: {options.variants}", hint=f"variants: {', '.join(known)}")
    try:
        seeds = tuple(dict.fromkeys(int(part) for part in options.seeds.split(",")))
    except ValueError as error:
        raise UsageError("--seeds takes numbers with commas between") from error
    if min(options.steps, options.batch_size, options.limit or 1, options.val_articles) < 1:
        raise UsageError("numbers must be at least 1")
    if not (options.data / "index.json").is_file():
        raise DataError(f"{options.data} is not a data folder: no index.json", hint="illinstr minihow --out DIR")
    return options.out, Plan(
        variants, seeds, options.steps, options.batch_size, options.size, str(options.data), options.model,
        options.limit, options.val_articles, tuple(options.set),
    )  # fmt: skip


def work(out: Path, plan: Plan) -> None:
    """Train every variant with every seed; after each run the table says what is known."""
    base = base_parts(out, plan.model)
    for seed in plan.seeds:
        for variant in (each for each in VARIANTS if each.name in plan.variants):
            train(run_folder(out, variant, seed), plan, variant, seed, base)
            report(out, plan)


def run_folder(out: Path, variant: Variant, seed: int) -> Path:
    """Where one run lies."""
    return out / "runs" / f"{variant.name}-s{seed}"


def train(folder: Path, plan: Plan, variant: Variant, seed: int, base: tuple[Path, Path]) -> None:
    """Train one variant with one seed and write down what came of it; nothing to do where that is written."""
    if (folder / MEASURED).is_file():
        return
    config = cast("UNetConfig", load_config("mini-unet", plan.overrides(variant, seed, base)))
    tell = reporter()
    tell.log(f"seed {seed}: {variant.name}")
    resume = bool(resume_flag(folder))
    with reporting_to(tell):
        accelerator = make_accelerator(config, folder)
        task = VariantTask(variant, config, Path(plan.data), str(accelerator.device))
        cost = task.cost()
        Trainer(task, folder, tell, accelerator).fit(resume=resume)
    losses, step_s = _outcome(folder / "log.csv")
    found = Measured(variant.name, seed, cost["parameters_m"], cost["gflops"], step_s, losses)
    write_json(folder / MEASURED, asdict(found))
    shutil.rmtree(folder / "checkpoints")  # the optimiser's state is three times the weights


def _outcome(log: Path) -> tuple[dict[str, float], float]:
    """The losses of the last validation, and the median of the seconds a step took."""
    with log.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    last = [row for row in rows if row["val_loss"]][-1]
    step_s = median(float(row["step_s_p50"]) for row in rows if row["step_s_p50"])
    return {name: float(last[name]) for name in ("val_loss", *QUARTILES)}, step_s


def report(out: Path, plan: Plan) -> None:
    """Write the table and the numbers of all finished runs."""
    files = [run_folder(out, each, seed) / MEASURED for each in VARIANTS for seed in plan.seeds]
    found = [Measured(**json.loads(file.read_text(encoding="utf-8"))) for file in files if file.is_file()]
    write_json(
        out / "variants.json",
        {"schema_version": 1, "plan": asdict(plan), "measured": [asdict(each) for each in found]},
    )
    write_text(out / "variants.md", table(plan, found))


def table(plan: Plan, found: Sequence[Measured]) -> str:
    """The page, in Markdown."""
    lines = [
        "| variant | parameters | GFLOP forward | s a step | validation loss | against the reference "
        "| first quarter of the noise | second | third | last |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    done = [variant for variant in VARIANTS if any(each.variant == variant.name for each in found)]
    lines += [_row(variant.name, found) for variant in done]
    lines += ["", *(f"- `{variant.name}`: {variant.what}" for variant in done), ""]
    seeds = sorted({each.seed for each in found})
    shared = f"; for all: {', '.join(f'`{each}`' for each in plan.set)}" if plan.set else ""
    how = (
        f"{plan.steps} steps of {plan.batch_size} articles from nothing, size {plan.size}, seeds "
        f"{', '.join(map(str, seeds))}{shared}. The losses are unweighted means over {plan.val_articles} validation "
        f"articles at fixed noise and timesteps (the middles of the quarters), with averaged weights; in brackets "
        f"behind the difference its extremes over seeds, where there are several. GFLOP: one pass over an article of "
        f"{PANELS} panels, {TEXT_TOKENS} tokens a text. All at one learning rate, the one that suits the U-Net."
    )
    return "\n".join(["# Variants of the denoiser", "", *lines, how, ""])


def _row(name: str, found: Sequence[Measured]) -> str:
    own = [each for each in found if each.variant == name]
    first = own[0]
    losses = {key: fmean(each.losses[key] for each in own) for key in first.losses}
    cells = [f"`{name}`", f"{first.parameters_m:.2f} M", f"{first.gflops:.2f}"]
    cells += [f"{median(each.step_s for each in own):.2f}", f"{losses['val_loss']:.4f}", _against(own, found)]
    return f"| {' | '.join([*cells, *(f'{losses[key]:.4f}' for key in QUARTILES)])} |"


def _against(own: Sequence[Measured], found: Sequence[Measured]) -> str:
    """How far the loss is from the reference's with the same seed, in per cent."""
    reference = {each.seed: each.losses["val_loss"] for each in found if each.variant == REFERENCE}
    if own[0].variant == REFERENCE:
        return ""
    changes = [100 * (e.losses["val_loss"] / reference[e.seed] - 1) for e in own if e.seed in reference]
    if not changes:
        return "not trained"
    spread = f" ({min(changes):+.1f} to {max(changes):+.1f})" if len(changes) > 1 else ""
    return f"{fmean(changes):+.1f} %{spread}"


if __name__ == "__main__":
    run_cli(main)
