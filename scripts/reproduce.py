"""The paper's table and ablations in miniature, on MiniHow: one command, resumable, every arm on the same budget.

    python scripts/reproduce.py --out runs/reproduce --train-steps 1500 --goals 100 --seeds 1,2,3

For each seed every arm is trained for the same number of steps of the same batch (baselines that draw single images
see as many panels), draws the same held-out goals with the same step texts, and is scored together with all others.
Whatever is finished stays finished: kill it and run the same command again. After each seed OUT/reproduce.md says what
is known. The arms and the claims stand in ``reproduce_arms.py``.

With ``--pretrain-steps`` all arms of a seed are fine-tuned from one base, as the paper's are from Stable Diffusion: a
text-to-picture model that knows images of steps and no articles, which is also the frozen baseline.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from illinstr import minihow
from illinstr.articles import Article
from illinstr.errors import UsageError
from illinstr.evaluation.encoders.store import FeatureStore, default_folder
from illinstr.evaluation.encoders.transformers import ImageTextEncoder, load_image_text_encoder
from illinstr.evaluation.evaluate import Evaluation, Source, prepare, score
from illinstr.evaluation.reports.report import write_eval
from illinstr.evaluation.results import Settings
from illinstr.evaluation.samples import Side, other_side
from illinstr.files import INCOMPLETE_SUFFIX, write_json, write_text
from illinstr.runs import read_run
from illinstr.workflows.world import embedded_world
from scripts.reproduce_arms import BASE, BASE_SETTINGS, SHARED, Arm, arms_of, arms_on, claims_at, settings_on, verdicts
from scripts.reproduce_page import report
from scripts.resumable import keep_plan, run_cli, run_illinstr

MINI = Path(__file__).resolve().parents[1] / "illinstr" / "assets" / "mini"
GROWS = ("seeds", "claims_at")  # drawings and models already there stay as they are
MEAN_STEPS = 5  # of MiniHow articles with 2 to 8 steps: panels that an article brings to a batch


@dataclass(frozen=True)
class Plan:
    """What is asked for; a folder made with another plan is never gone on with."""

    articles: int
    train_steps: int
    batch_size: int
    goals: int
    sampling_steps: int
    pretrain_steps: int
    seeds: tuple[int, ...]
    lengths: tuple[int, ...]
    claims_at: tuple[int, ...]
    arms: tuple[str, ...]
    base: str
    set: tuple[str, ...]
    encoder: str
    device: str
    conditioning: str = "joint"
    shared: tuple[str, ...] = SHARED

    def weights_of(self, arm: Arm) -> str:
        """The name of the model that ``arm`` draws with."""
        return BASE if arm.frozen and self.pretrain_steps else arm.weights or arm.name


def main() -> None:
    """Parse, check, and work through the seeds."""
    out, plan = _parse()
    keep_plan(out, asdict(plan), growing=GROWS)
    work(out, plan)
    print(out / "reproduce.md")


def _parse() -> tuple[Path, Plan]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of data, models, drawings and the report")
    parser.add_argument("--articles", type=int, default=10_000, help="articles of training data")
    parser.add_argument("--train-steps", type=int, default=1500, help="optimiser steps of every arm")
    parser.add_argument("--batch-size", type=int, default=16, help="articles a step")
    parser.add_argument("--goals", type=int, default=100, help="held-out goals drawn by every arm")
    parser.add_argument("--sampling-steps", type=int, default=20)
    parser.add_argument("--seeds", default="1", help="training seeds, comma between")
    parser.add_argument("--lengths", default="6,4,8", help="numbers of steps drawn")
    parser.add_argument(
        "--claims-at", default="", help="those of the lengths that claims are asked at: every arm draws them"
    )
    parser.add_argument(
        "--pretrain-steps", type=int, default=0, help="steps of a base on single images that all arms start from"
    )
    parser.add_argument("--arms", default="", help="only these, comma between; all when left out")
    parser.add_argument("--base", default="mini", help="model folder whose VAE and text encoder all arms share")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting for every arm")
    parser.add_argument("--encoder", default="judge")
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--conditioning",
        choices=("joint", "routed"),
        default="joint",
        help="what the arms are built on: joint attention is the paper's and learns slowly",
    )
    options = parser.parse_args()
    known = [arm.name for arm in arms_on(options.conditioning)]
    arms = tuple(name for name in options.arms.split(",") if name) or tuple(known)
    if set(arms) - set(known):
        raise UsageError(f"no arm called {', '.join(sorted(set(arms) - set(known)))}", hint=f"arms: {', '.join(known)}")
    missing = {arm.weights for arm in arms_of(arms) if arm.weights} - set(arms)
    if missing:
        raise UsageError(f"an arm draws with the weights of {', '.join(sorted(missing))}", hint="name that one too")
    seeds, lengths = _numbers(options, "seeds"), _numbers(options, "lengths")
    claims = _numbers(options, "claims_at") if options.claims_at else lengths[:1]
    if set(claims) - set(lengths):
        raise UsageError("--claims-at names a length that --lengths does not", hint=f"lengths: {options.lengths}")
    numbers = (options.articles, options.train_steps, options.batch_size, options.goals, options.sampling_steps)
    if min(*numbers, *lengths) < 1 or options.pretrain_steps < 0:
        raise UsageError("numbers must be at least 1", hint="--pretrain-steps may be 0: no base")
    return options.out, Plan(
        *numbers, options.pretrain_steps, seeds, lengths, claims, arms, options.base, tuple(options.set),
        options.encoder, options.device, options.conditioning,
    )  # fmt: skip


def _numbers(options: argparse.Namespace, name: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in getattr(options, name).split(",")))
    except ValueError as error:
        raise UsageError(f"--{name.replace('_', '-')} takes numbers with commas between") from error


def work(out: Path, plan: Plan) -> None:
    """Data, then for each seed: train, draw, score, report."""
    base = base_parts(out, plan.base)
    if not (out / "data" / "index.json").is_file():
        resume = ["--resume"] if (out / "data").is_dir() else []
        run_illinstr("minihow", "--out", out / "data", "--count", plan.articles, "--quiet", *resume)
    encoder = load_image_text_encoder(plan.encoder, device=plan.device)
    for place, seed in enumerate(plan.seeds):
        if plan.pretrain_steps:
            _train(out, plan, Training(BASE, plan.pretrain_steps, _new(base), BASE_SETTINGS, True), seed)
            start = _fine_tuned(model_folder(out, BASE, seed))
        else:
            start = _new(base)
        for arm in sorted(arms_of(plan.arms), key=lambda arm: arm.weights is not None):
            if plan.weights_of(arm) == arm.name:
                _train(out, plan, Training(arm.name, plan.train_steps, start, arm.settings, arm.single), seed)
            for length in arm.lengths(plan.lengths, plan.claims_at):
                _draw(out, plan, arm, seed, length)
        done = plan.seeds[: place + 1]
        drawn = [length for length in plan.lengths if _arms_at(plan, length)]
        evaluations = {length: _score(out, plan, length, done, encoder) for length in drawn}
        _report(out, plan, done, evaluations)


def base_parts(out: Path, name: str) -> tuple[Path, Path]:
    """The VAE of a model, and one folder under ``out`` with its text encoder and tokenizer, as ``base.clip`` wants it.

    Raises:
        UsageError: it has no such parts.
    """
    model = MINI if name == "mini" else Path(name)
    for part in ("vae", "text_encoder", "tokenizer"):
        if not (model / part).is_dir():
            raise UsageError(f"{model} has no {part}/", hint="name a model folder")
    clip = out / "base" / "clip"
    clip.mkdir(parents=True, exist_ok=True)
    for part in ("text_encoder", "tokenizer"):
        for file in (model / part).iterdir():
            if not (clip / file.name).exists():
                shutil.copyfile(file, clip / file.name)
    return model / "vae", clip


@dataclass(frozen=True)
class Training:
    """One training run: what differs from the others; ``start`` is what its U-Net stands on."""

    name: str
    steps: int
    start: tuple[str, ...]
    settings: tuple[str, ...]
    single: bool

    def overrides(self, plan: Plan, seed: int) -> list[str]:
        """Settings over the preset, later ones winning. A base's U-Net has its shape already."""
        batch = plan.batch_size * (MEAN_STEPS if self.single else 1)
        own = {"train.steps": self.steps, "train.batch_size": batch, "train.seed": seed}
        own["sample.sampling_steps"] = plan.sampling_steps
        shaped = any(setting.startswith("base.model=") for setting in self.start)
        asked = [each for each in plan.set if not (shaped and each.startswith("model."))]
        return [
            *self.start,
            *(f"{key}={value}" for key, value in own.items()),
            *SHARED,
            *asked,
            *settings_on(self.settings, plan.conditioning),
        ]


def _new(base: tuple[Path, Path]) -> tuple[str, ...]:
    return (f"base.vae={base[0]}", f"base.clip={base[1]}")


def _fine_tuned(model: Path) -> tuple[str, ...]:
    return (f"base.model={model}", "base.vae=null", "base.clip=null")


def model_folder(out: Path, name: str, seed: int) -> Path:
    """The exported model of one training run."""
    return out / "models" / f"{name}-s{seed}" / "model"


def _train(out: Path, plan: Plan, training: Training, seed: int) -> None:
    model = model_folder(out, training.name, seed)
    if model.is_dir():
        return
    flags = [each for pair in training.overrides(plan, seed) for each in ("--set", pair)]
    resume = resume_flag(model.parent)
    print(f"seed {seed}: train {training.name}", file=sys.stderr, flush=True)
    config = ("--config", "mini-unet", "--data", out / "data", "--out", model.parent)
    run_illinstr("train", *config, "--quiet", *flags, *resume)


def resume_flag(folder: Path) -> list[str]:
    """How to go on with a training run: from its checkpoint, or again where a kill came before the first one."""
    checkpoints = folder / "checkpoints"
    if checkpoints.is_dir() and any(
        path.is_dir() and not path.name.startswith(".") and not path.name.endswith(INCOMPLETE_SUFFIX)
        for path in checkpoints.iterdir()
    ):
        return ["--resume"]
    if folder.is_dir():
        shutil.rmtree(folder)  # nothing in it was finished
    return []


def _drawings(out: Path, arm: Arm, seed: int, length: int) -> Path:
    return out / "drawings" / f"{arm.name}-s{seed}-n{length}"


def _draw(out: Path, plan: Plan, arm: Arm, seed: int, length: int) -> None:
    folder = _drawings(out, arm, seed, length)
    if (folder / ".complete").is_file():
        return
    goals = out / f"goals-n{length}.txt"
    if not goals.is_file():
        write_text(goals, "\n".join(minihow.held_out_goals(plan.goals, length)) + "\n")
    model = model_folder(out, plan.weights_of(arm), seed)
    print(f"seed {seed}: draw {arm.name}, {length} steps", file=sys.stderr, flush=True)
    run_illinstr(
        "generate", "--goals-file", goals, "--steps", length, "--model", model, "--method", arm.method,
        "--sampling-steps", plan.sampling_steps, "--seed", seed, "--device", plan.device, "--out", folder, "--quiet",
    )  # fmt: skip
    write_text(folder / ".complete", "")


def _arms_at(plan: Plan, length: int) -> list[Arm]:
    return [arm for arm in arms_of(plan.arms) if length in arm.lengths(plan.lengths, plan.claims_at)]


def _score(out: Path, plan: Plan, length: int, seeds: Sequence[int], encoder: ImageTextEncoder) -> Evaluation:
    """Every arm that drew this length, over all seeds: a goal's k-th drawing is compared with the k-th of others."""
    arms = _arms_at(plan, length)
    drawn = {arm.name: _articles(out, arm, seeds, length) for arm in arms}
    world = embedded_world(drawn[arms[0].name], draw=True)
    sources = [Source(name, articles) for name, articles in drawn.items()]
    prepared = prepare(
        sources[0],
        Settings(),
        others=sources[1:],
        truth=world.truth if world else None,
        spare_goals=world.goals if world else (),
        identify=world.identify if world else str.casefold,
        group_of=world.family if world else None,
    )
    sides: dict[str, Side] = {arm.name: "run" if place == 0 else other_side(place) for place, arm in enumerate(arms)}
    asked = claims_at(length, list(sides)) if length in plan.claims_at else []
    pairs = tuple(dict.fromkeys((sides[claim.a], sides[claim.b]) for claim in asked))
    evaluation = score(replace(prepared, pairs=pairs), encoder, store=FeatureStore(default_folder()))
    folder = out / "scores" / f"n{length}"
    folder.mkdir(parents=True, exist_ok=True)
    write_eval(folder, evaluation)
    return evaluation


def _articles(out: Path, arm: Arm, seeds: Sequence[int], length: int) -> list[Article]:
    return [article for seed in seeds for article in read_run(_drawings(out, arm, seed, length))]


def _report(out: Path, plan: Plan, seeds: Sequence[int], evaluations: dict[int, Evaluation]) -> None:
    results = {length: evaluation.results for length, evaluation in evaluations.items()}
    found = verdicts(results)
    write_json(
        out / "reproduce.json",
        {
            "schema_version": 2,
            "plan": asdict(plan),
            "seeds": list(seeds),
            "claims": [asdict(each) for each in found],
            "results": {str(length): each.model_dump(mode="json") for length, each in results.items()},
        },
    )
    write_text(out / "reproduce.md", report(asdict(plan), seeds, results, found))


if __name__ == "__main__":
    run_cli(main)
