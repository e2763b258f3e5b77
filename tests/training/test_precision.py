"""``train.precision=auto``: what a device multiplies, said once, kept in checkpoints, told when a resume differs."""

import json

import pytest
import torch
import yaml

from illinstr.engine.devices import choose_device
from illinstr.errors import UsageError
from illinstr.progress import SilentReporter
from illinstr.training.accelerator import make_accelerator
from illinstr.training.precision import precision_line, resolve_precision
from illinstr.training.presets import load_config, preset_names
from tests.support.tiny_data import make_tiny_data
from tests.support.toy_task import Listener, ToyTask, toy_config, toy_trainer
from tests.support.training_configs import VAE, write_config
from tests.support.training_runs import run_training

pytestmark = pytest.mark.skipif(torch.accelerator.is_available(), reason="plays with what the CPU can do")


@pytest.fixture
def units(monkeypatch):
    """Give the processor bfloat16 units, or take them away."""

    def give(name=None):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {name: True} if name else {}, raising=False)

    give()
    return give


@pytest.mark.parametrize(("able", "chosen"), [(None, "no"), ("avx512_bf16", "bf16"), ("amx_bf16", "bf16")])
def test_auto_takes_what_the_processor_multiplies(tmp_path, units, able, chosen):
    units(able)
    assert choose_device() == "cpu"
    assert resolve_precision("auto", "cpu") == chosen
    assert make_accelerator(toy_config(precision="auto"), tmp_path).mixed_precision == chosen


@pytest.mark.parametrize(("capability", "chosen"), [((7, 5), "no"), ((8, 0), "bf16"), ((9, 0), "bf16")])
def test_auto_asks_a_gpu_for_its_capability(monkeypatch, capability, chosen):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert resolve_precision("auto", "cuda") == chosen


def test_other_devices_and_plain_wishes_are_left_as_they_are(units):
    assert resolve_precision("auto", "mps") == "no"
    assert [resolve_precision(asked, "cpu") for asked in ("no", "bf16")] == ["no", "bf16"]
    assert resolve_precision("fp16", "cuda") == "fp16"
    with pytest.raises(UsageError, match="fp16 needs an accelerator"):
        resolve_precision("fp16", "cpu")


def test_a_poor_choice_is_one_warning_and_a_good_one_none(units):
    warning = precision_line("bf16", "cpu")
    assert warning is not None and "\n" not in warning
    assert "15" in warning and "does not multiply bfloat16" in warning
    assert precision_line("no", "cpu") is None
    units("amx_bf16")
    assert precision_line("bf16", "cpu") is None


def test_the_presets_of_the_miniature_ask_for_auto():
    asked = {name: load_config(name, []).train.precision for name in preset_names() if name.startswith("mini-")}
    assert len(asked) >= 4
    assert set(asked.values()) == {"auto"}


def test_a_run_says_what_was_chosen_and_keeps_what_was_asked(tmp_path, units, monkeypatch):
    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path / "cache"))
    data = make_tiny_data(tmp_path / "data")
    config = write_config(tmp_path / "vae.yaml", VAE)

    def run(out, asked, *, resume=False, steps=1, dry_run=False):
        listener = Listener()
        overrides = [f"train.precision={asked}", f"train.steps={steps}", "train.checkpoint_every=1"]
        where = {"data": data, "out": tmp_path / out, "resume": resume, "dry_run": dry_run}
        result = run_training(str(config), overrides, reporter=listener, **where)
        return listener.lines, result["lines"]

    lines, _ = run("auto", "auto")
    said = "precision: float32 (train.precision=auto, and cpu does not multiply bfloat16 in hardware)"
    assert lines.count(said) == 1
    assert yaml.safe_load((tmp_path / "auto" / "config.yaml").read_text())["train"]["precision"] == "auto"
    _, dry = run("dry", "auto", dry_run=True)
    assert f"# {said}" in dry
    _, dry = run("dry", "bf16", dry_run=True)
    assert any(line.startswith("# warning: train.precision=bf16") for line in dry)


def _fit(run, listener, *, resume=False, **train):
    toy_trainer(ToyTask(toy_config(precision="auto", **train)), run, listener).fit(resume=resume)


def test_a_resume_in_another_precision_says_so(tmp_path, units):
    _fit(tmp_path, SilentReporter(), steps=2)
    state = json.loads((tmp_path / "checkpoints" / "step-00000002" / "state.json").read_text())
    assert state["extra"]["precision"] == "no"
    same, other = Listener(), Listener()
    _fit(tmp_path, same, steps=4, resume=True)
    assert not any("bfloat16" in line for line in same.lines)
    units("avx512_bf16")
    _fit(tmp_path, other, steps=6, resume=True)
    told = [line for line in other.lines if "float32" in line and "bfloat16" in line]
    assert len(told) == 1
    assert told[0].startswith("step-00000004 was computed in float32 and the run goes on in bfloat16")
