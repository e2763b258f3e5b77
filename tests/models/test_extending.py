"""A family added from outside, without touching another file, draws through the real pipeline and the real command."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from illinstr.cli.app import app
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.diffusion.schedule import NoiseConfig, training_scheduler
from illinstr.models import registry
from illinstr.runs import read_record

EXAMPLE = Path(__file__).with_name("example_family.py")
MAX_LINES = 40
GOAL, STEPS = "How to make tea", ["Boil the water", "Pour it", "Drink"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    example = importlib.import_module("tests.models.example_family")
    folder = tmp_path_factory.mktemp("teapot")
    (folder / "denoiser").mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "TeapotPipeline"}))
    (folder / "stacked.json").write_text(json.dumps({"panel_px": 16, "sampling_steps": 3, "trained_steps": [1, 4]}))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = {name: torch.randn_like(value) * 0.2 for name, value in example.DENOISER.state_dict().items()}
    save_file(weights, folder / "denoiser" / "model.safetensors")
    training_scheduler(NoiseConfig()).save_pretrained(folder / "scheduler")
    yield folder
    registry.unregister("teapot")


@pytest.fixture(scope="module")
def pipe(folder: Path) -> StackedDiffusionPipeline:
    return StackedDiffusionPipeline.from_folder(str(folder))


def differences(first: list[Image.Image], second: list[Image.Image]) -> list[bool]:
    return [not np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(first, second, strict=True)]


def test_the_example_is_short() -> None:
    code = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert sum(bool(line.strip()) for line in code) <= MAX_LINES


@pytest.mark.parametrize("n", [1, 3, 6])
def test_it_draws_every_n(pipe: StackedDiffusionPipeline, n: int) -> None:
    drawn = pipe(GOAL, [f"Step {number}" for number in range(n)])
    assert [image.size for image in drawn] == [(16, 16)] * n


def test_the_whole_method_is_there(pipe: StackedDiffusionPipeline) -> None:
    base = pipe(GOAL, STEPS)
    assert not any(differences(base, pipe(GOAL, STEPS)))
    assert all(differences(base, pipe(GOAL, STEPS, seed=1)))
    assert differences(base, pipe(GOAL, [*STEPS[:2], "Enjoy"]))[2]
    alone = {"method": "independent"}
    assert differences(pipe(GOAL, STEPS, **alone), pipe(GOAL, [*STEPS[:2], "Enjoy"], **alone)) == [False, False, True]
    assert any(differences(base, pipe(GOAL, STEPS, guidance=1.0)))
    photo = Image.new("RGB", (16, 16), (200, 30, 30))
    assert pipe(GOAL, STEPS, anchors={0: photo})[0] is photo


def test_the_command_draws_with_it(folder: Path, tmp_path: Path) -> None:
    words = ["generate", GOAL, *(word for step in STEPS for word in ("--step", step)), "--model", str(folder)]
    app([*words, "--device", "cpu", "--out", str(tmp_path / "run")], standalone_mode=False)
    assert len(list((tmp_path / "run").glob("step-*.png"))) == 3
    assert read_record(tmp_path / "run").model_id == str(folder)


def test_what_its_folder_lacks_is_said(folder: Path, tmp_path: Path) -> None:
    from illinstr.errors import ModelError
    from illinstr.models.loading import check_folder

    (tmp_path / "model_index.json").write_text((folder / "model_index.json").read_text())
    with pytest.raises(ModelError, match="has no denoiser/"):
        check_folder(tmp_path)
