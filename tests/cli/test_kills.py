"""Every command that writes, killed at any moment and given again as it was: what it makes is what it would make.

The normal tier kills two commands once; the slow one all of them a hundred times each, at the points where files are
opened, written, renamed or removed. ``tests/wikihow_scraper/test_kills.py`` does the same for ``scrape``.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from illinstr.runs import write_run
from tests.support.killing import Point, Runner
from tests.support.surroundings import SURROUNDINGS
from tests.support.tiny_clip import make_tiny_clip
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_model import make_tiny_model
from tests.support.tiny_run import make_article, make_record
from tests.support.tiny_sd import SD_PANEL_PX, make_tiny_sd
from tests.support.training_configs import UNET, VAE, write_config
from tests.support.training_runs import run_training

# Files that tell the time, or how long something took; the rest is compared byte by byte.
TIMED = {"run.json", "log.csv", "index.html", "page.html", "results.json", "report.html", "README.md"}


@dataclass(frozen=True)
class World:
    """Inputs that no command changes; those changed in place are copied for each run."""

    model: Path
    clip: Path
    data: Path
    runs: Path
    config: Path
    goals: Path
    trained: Path


@dataclass(frozen=True)
class Command:
    """How a command is called, what it changes in place, and what of its outcome is compared.

    Attributes:
        arguments: of the world and of a fresh folder of this run.
        prepare: what must lie in that folder before.
        made: where the outcome lies in that folder.
    """

    arguments: Callable[[World, Path], list[Any]]
    prepare: Callable[[World, Path], None] = lambda world, folder: None
    made: str = "out"


def _copy_run(world: World, folder: Path) -> None:
    shutil.copytree(world.runs / "a", folder / "out")


DRAW = ("--sampling-steps", "1", "--device", "cpu", "--dtype", "float32")
STEPS = ("--step", "Lay them out", "--step", "Sort them")
COMMANDS = {
    "minihow": Command(lambda w, f: ["minihow", "--count", "6", "--out", f / "out"]),
    "split": Command(lambda w, f: ["data", "split", w.data, "--out", f / "out"]),
    "generate": Command(
        lambda w, f: ["generate", "How to sort tiles", *STEPS, "--model", w.model, "--out", f / "out", *DRAW]
    ),
    "batch": Command(
        lambda w, f: [
            "generate",
            "--goals-file",
            w.goals,
            "--steps",
            "2",
            "--model",
            w.model,
            "--out",
            f / "out",
            *DRAW,
        ]
    ),
    "edit": Command(
        lambda w, f: ["edit", f / "out", "--step", "1", "--text", "Turn it", "--model", w.model, *DRAW], _copy_run
    ),
    "print": Command(lambda w, f: ["print", w.runs / "a", "--to", "html", "--out", f / "out" / "page.html"]),
    "train": Command(lambda w, f: ["train", "--config", w.config, "--data", w.data, "--out", f / "out"]),
    "export": Command(lambda w, f: ["export", w.trained, "--out", f / "out"]),
    "eval": Command(
        lambda w, f: ["eval", f / "out", "--encoder", w.clip, "--device", "cpu", "--bootstrap", "100", "--no-cache"],
        _copy_run,
    ),
    "study": Command(lambda w, f: ["study", "make", w.runs / "a", w.runs / "b", "--out", f / "out"]),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("world")
    for name in ("a", "b"):
        write_run(root / "runs" / name, make_article(2), make_record(num_steps=2), {})
    (root / "goals.txt").write_text("How to dye a hat green\nHow to make green tea\n")
    return World(
        model=make_tiny_model(root / "model"),
        clip=make_tiny_clip(root / "clip"),
        data=make_tiny_data(root / "data", train=6, val=2),
        runs=root / "runs",
        config=write_config(root / "vae.yaml", VAE, train={"steps": 3, "checkpoint_every": 1}),
        goals=root / "goals.txt",
        trained=_train(root),
    )


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    with Runner(tmp_path_factory.mktemp("runner"), draws=True) as made:
        yield made


def _train(root: Path) -> Path:
    """A finished run of a U-Net."""
    model = {"base": {"model": str(make_tiny_sd(root / "sd"))}, "noise": {"beta_schedule": "scaled_linear"}}
    data = {"panel_px": SD_PANEL_PX, "val_limit": 1, "limit": 2}
    settings = {key: value for key, value in UNET.items() if key not in ("model", "data")}
    config = write_config(root / "unet.yaml", settings, data=data, train={"steps": 1}, **model)
    run_training(str(config), ["noise.transition_steps=0"], data=root / "data", out=root / "trained")
    return root / "trained"


def outcome(folder: Path) -> dict[str, str]:
    """Every file of the outcome and its hash, or its name alone where it tells the time."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            found[name] = "timed" if file.name in TIMED else hashlib.sha256(file.read_bytes()).hexdigest()
    return found


def ready(command: Command, world: World, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    command.prepare(world, folder)
    return folder


def calm(runner: Runner, command: Command, world: World, folder: Path) -> dict[str, str]:
    ended = runner.run([str(part) for part in command.arguments(world, ready(command, world, folder))])
    assert ended.code == 0, ended.errors
    return outcome(folder / command.made)


def killed_once(
    runner: Runner, command: Command, world: World, folder: Path, point: Point, expected: dict[str, str]
) -> tuple[bool, dict[str, str]]:
    """Whether the point was reached, and the outcome once the same command was given again."""
    arguments = [str(part) for part in command.arguments(world, ready(command, world, folder))]
    first = runner.run(arguments, point)
    if first.killed:
        done = outcome(folder / command.made) == expected  # killed after the last file had its name
        ended = runner.run(arguments)
        assert ended.code == 0 or done, (point, ended.errors)
    leftovers = [path.name for path in folder.iterdir() if path.name != "out"]
    assert not leftovers, (point, leftovers)
    return first.killed, outcome(folder / command.made)


@pytest.mark.parametrize("name", ["minihow", "batch"])
def test_a_killed_command_given_again_makes_the_same(runner: Runner, world: World, tmp_path: Path, name: str) -> None:
    expected = calm(runner, COMMANDS[name], world, tmp_path / "calm")
    killed, found = killed_once(runner, COMMANDS[name], world, tmp_path / "killed", ("renamed", "*", 2), expected)
    assert killed and found == expected


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Of a signal that came before the program listened, or of a second one, the system itself ends the process.
ENDS = {0, 1, 2, 3, 4, *(128 + number for number in SIGNALS), *(-number for number in SIGNALS)}
QUIET = ("no stderr", "a reader that went away", "SIGINT")  # nobody is there to read it, or who ends it knows


@pytest.mark.parametrize("around", SURROUNDINGS)
@pytest.mark.parametrize(
    "name", ["minihow", *(pytest.param(name, marks=pytest.mark.slow) for name in ("batch", "eval", "train"))]
)
def test_a_command_ends_in_one_line_whatever_is_around_it(
    runner: Runner, world: World, tmp_path: Path, name: str, around: str
) -> None:
    """Done, or an end that the contract names, without a traceback; the same command then does it."""
    command = COMMANDS[name]
    arguments = [str(part) for part in command.arguments(world, ready(command, world, tmp_path / "run"))]
    ended = runner.run(arguments, around=around)
    assert ended.code in ENDS, (ended.code, ended.errors)
    assert "Traceback" not in ended.errors and "Exception ignored" not in ended.errors, ended.errors
    if ended.code != 0:
        assert "error:" in ended.errors or ended.code < 0 or around.startswith(QUIET) or ended.code == 130, ended.errors
        again = runner.run(arguments)
        assert again.code == 0 or "is not empty" in again.errors, again.errors


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_hundred_kills_at_any_point(runner: Runner, world: World, tmp_path: Path, name: str) -> None:
    command, dice = COMMANDS[name], random.Random(name)
    expected = calm(runner, command, world, tmp_path / "calm")
    kills, last = 0, 64
    for _ in range(400):
        point = ("*", "*", dice.randint(1, last))
        killed, found = killed_once(runner, command, world, tmp_path / "killed", point, expected)
        assert found == expected, (point, json.dumps({k: v for k, v in found.items() if expected.get(k) != v}))
        kills += killed
        last = last if killed else max(1, point[2] - 1)  # past the last point: nothing to kill there
        if kills >= 100:
            break
    assert kills == 100
