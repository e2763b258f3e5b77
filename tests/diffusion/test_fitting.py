"""What a model weighs beside a device, and the first setting that fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from illinstr.diffusion import fitting
from illinstr.diffusion.fitting import ALLOWANCE, GIB, LADDER, Setting, choose, need, weigh
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import UsageError
from illinstr.models.loading import load_backbone
from illinstr.runs import read_record
from tests.support.command_line import calling
from tests.support.tiny_model import make_tiny_model

KLEIN = {"transformer": 3_880_000_000, "text_encoder": 4_020_000_000, "vae": 84_000_000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Memory that the device has, in GiB, to be set; and torchao as if it were there alone."""
    told = {"gib": 64.0}
    monkeypatch.setattr(fitting, "free_memory", lambda device: int(told["gib"] * GIB))
    monkeypatch.setattr(fitting, "find_spec", lambda name: object() if name == "torchao" else None)
    return told


def test_what_lies_on_the_card_at_once() -> None:
    """In billions of bytes, by hand; bfloat16 is two bytes a parameter."""
    expected = {
        Setting(): 2 * (3.88 + 4.02 + 0.084),
        Setting(offload_text=True): 2 * (4.02 + 0.084),
        Setting(offload=True): 2 * 4.02,
        Setting("int8", offload_text=True): 4.02 + 2 * 0.084,
        Setting("int8", offload=True): 4.02,
        Setting("nf4", offload_text=True): 0.56 * 4.02 + 2 * 0.084,
        Setting("nf4", offload=True): 0.56 * 4.02,
    }
    assert tuple(expected) == LADDER
    for setting, billions in expected.items():
        assert need(KLEIN, 2.0, setting) == pytest.approx(billions * 1e9)


def test_the_first_that_fits_is_chosen(folder: Path, free: dict[str, float]) -> None:
    fit = weigh(folder, "cpu", "float32")
    assert fit is not None and fit.first == Setting() and set(fit.needs) == {Setting(), Setting("int8")}
    whole, small = fit.needs.values()
    assert whole - ALLOWANCE == 4 * sum(fit.parameters.values())
    for bytes_free, expected in ((whole, Setting()), (whole - 1, Setting("int8")), (small - 1, None)):
        free["gib"] = bytes_free / GIB
        tight = weigh(folder, "cpu", "float32")
        assert tight is not None and tight.first == expected
    assert sum("<- fits" in line for line in fit.lines) == 1
    with pytest.raises(UsageError, match=r"does not fit: cpu has 1\.5 GiB free") as caught:
        choose(tight, "tiny")
    assert "pip install bitsandbytes" in str(caught.value.hint)


def test_dry_run_prints_what_each_part_weighs(
    folder: Path, free: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    call = calling(monkeypatch, capsys, "generate")
    ask = ("Make tea", "--step", "Boil", "--model", folder, "--out", tmp_path / "run", "--device", "cpu", "--dry-run")
    ask += ("--dtype", "float32")
    code, lines, errors = call(*ask)
    assert code == 0, errors
    assert any(line.split()[:1] == ["unet"] and "GiB in float32" in line for line in lines)
    assert any("as it is" in line and line.endswith("<- fits") for line in lines)
    code, lines, errors = call(*ask, "--json")
    weights = json.loads("\n".join(lines))["weights"]
    assert weights["fits"] == "as it is" and weights["parameters"]["vae"] > 0
    free["gib"] = 1.0
    code, lines, errors = call(*ask, "--fit", "auto")
    assert code == 2 and "does not fit: cpu has 1.0 GiB free" in errors and not (tmp_path / "run").exists()


def test_fit_auto_draws_with_what_it_chose(
    folder: Path, free: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    pytest.importorskip("torchao")
    call = calling(monkeypatch, capsys, "generate")
    ask = ("Make tea", "--step", "Boil", "--model", folder, "--device", "cpu", "--sampling-steps", 1, "--fit", "auto")
    fit = weigh(folder, "cpu", "float32")
    assert fit is not None
    for gib, quantize in ((64.0, None), ((min(fit.needs.values()) + 1) / GIB, "int8")):
        free["gib"] = gib
        code, _, errors = call(*ask, "--dtype", "float32", "--out", tmp_path / str(quantize))
        assert code == 0, errors
        assert read_record(tmp_path / str(quantize)).quantize == quantize and "note: fits cpu" in errors
    code, _, errors = call(*ask, "--quantize", "int8", "--out", tmp_path / "both")
    assert code == 2 and "--fit auto chooses --quantize" in errors


def test_text_encoder_and_denoiser_take_turns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU nothing moves, but who is asked to move, and where, is the same as with an accelerator."""
    import torch

    usual = StackedDiffusionPipeline.from_folder(str(folder))
    moves: list[tuple[str, str]] = []
    moved = type(usual.backbone).to

    def to(self: object, device: object, roles: tuple[str, ...] = ("text", "denoiser", "vae")) -> None:
        moves.extend((role, str(device)) for role in roles)
        moved(self, "cpu", roles)  # type: ignore[arg-type]

    monkeypatch.setattr(type(usual.backbone), "to", to)
    pipe = StackedDiffusionPipeline(load_backbone(str(folder), dtype=torch.float32), "cpu", offload_text=True)
    assert ("text", "cpu") in moves and moves[-1] == ("vae", "cpu")
    moves.clear()
    drawn = pipe("Make juice", ["Pick an apple", "Press it"], sampling_steps=1)
    assert [role for role, _ in moves] == ["denoiser", "text", "text", "denoiser"]
    expected = usual("Make juice", ["Pick an apple", "Press it"], sampling_steps=1)
    assert [image.tobytes() for image in drawn] == [image.tobytes() for image in expected]
