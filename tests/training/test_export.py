"""``illinstr export``: averaged and raw weights, any checkpoint, any precision, and the way to a hub and back."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from illinstr.errors import DataError, FetchError, ModelError, UsageError
from illinstr.models.folder import read_settings, weights_metadata
from illinstr.models.loading import load_backbone
from illinstr.progress import SilentReporter
from illinstr.training.export import export_run
from illinstr.training.export_hub import check_hub, push_folder
from illinstr.training.tasks.stacked.export import CONFIG_KEY
from tests.support.hub_server import TOKEN, running_hub, talk_to
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_sd import SD_PANEL_PX, make_tiny_sd
from tests.support.training_configs import VAE, write_config
from tests.support.training_runs import run_training

UNET = "unet/diffusion_pytorch_model.safetensors"
CONFIG = {
    "kind": "unet",
    "data": {"panel_px": SD_PANEL_PX, "val_limit": 1},
    "noise": {"beta_schedule": "scaled_linear", "transition_steps": 0},
    "optim": {"lr": 1e-2, "warmup_steps": 0},
    "sample": {"sampling_steps": 2, "grid_articles": 1},
    "train": {"steps": 4, "batch_size": 2, "ema_decay": 0.9, "validate_every": 9, "checkpoint_every": 2},
}


def train(config, data, out):
    AcceleratorState._reset_state(reset_partial_state=True)
    run_training(str(config), [], data=data, out=out, resume=False, dry_run=False, reporter=SilentReporter())
    return out


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Data, a base, and a run of the whole U-Net and one of adapters: four steps, checkpoints at two and four."""
    folder = tmp_path_factory.mktemp("export")
    data = make_tiny_data(folder / "data", train=4, val=1)
    base = make_tiny_sd(folder / "base")
    whole = write_config(folder / "whole.yaml", CONFIG, base={"model": str(base)})
    lora = write_config(folder / "lora.yaml", CONFIG, base={"model": str(base)}, lora={"rank": 2})
    return {
        "data": data,
        "base": base,
        "whole": train(whole, data, folder / "whole"),
        "lora": train(lora, data, folder / "lora"),
    }


def export(run, out, *, weights="ema", checkpoint=None, dtype=None):
    return export_run(run, out, weights=weights, checkpoint=checkpoint, dtype=dtype, reporter=SilentReporter())


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_others_may_read_every_file(folders):
    modes = {file.stat().st_mode & 0o777 for file in (folders["lora"] / "model").rglob("*") if file.is_file()}
    assert modes == {0o644}


@pytest.mark.parametrize("kind", ["whole", "lora"])
def test_the_newest_average_is_what_the_run_exported_itself(tmp_path, folders, kind):
    again = export(folders[kind], tmp_path / "again")
    assert same(load_file(again / UNET), load_file(folders[kind] / "model" / UNET))
    assert read_settings(again) == read_settings(folders[kind] / "model")
    assert (again / "lora").exists() == (kind == "lora")


def test_raw_weights_are_those_of_the_last_step(tmp_path, folders):
    raw = load_file(export(folders["whole"], tmp_path / "raw", weights="raw", dtype="float32") / UNET)
    checkpoint = load_file(folders["whole"] / "checkpoints" / "step-00000004" / "model.safetensors")
    assert same(raw, {name.removeprefix("unet."): tensor for name, tensor in checkpoint.items()})
    average = load_file(export(folders["whole"], tmp_path / "ema", dtype="float32") / UNET)
    assert not same(raw, average)


def test_an_older_checkpoint_can_be_named(tmp_path, folders):
    older = load_file(export(folders["whole"], tmp_path / "older", checkpoint="step-00000002") / UNET)
    assert not same(older, load_file(folders["whole"] / "model" / UNET))
    with pytest.raises(UsageError, match="no checkpoint 'step-00000003'") as caught:
        export(folders["whole"], tmp_path / "none", checkpoint="step-00000003")
    assert "step-00000002" in caught.value.hint


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_precision_is_as_asked_and_noted(tmp_path, folders, dtype):
    out = export(folders["lora"], tmp_path / "out", dtype=dtype)
    for file in (UNET, "vae/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"):
        assert {tensor.dtype for tensor in load_file(out / file).values()} <= {getattr(torch, dtype), torch.int64}
    assert json.loads(weights_metadata(out / UNET)[CONFIG_KEY])["export"]["dtype"] == dtype


def test_an_unfinished_run_exports_without_its_data(tmp_path, folders):
    run = tmp_path / "run"
    shutil.copytree(folders["whole"], run, ignore=shutil.ignore_patterns("model", "samples"))
    assert read_settings(export(run, tmp_path / "out")).trained_steps == (1, 10)  # the range of the config


def test_what_cannot_be_exported_is_said_in_a_line(tmp_path, folders):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        export(folders["whole"], tmp_path / "taken")
    with pytest.raises(UsageError, match=r"no config\.yaml"):
        export(tmp_path / "taken", tmp_path / "out")
    vae = tmp_path / "vae"
    vae.mkdir()
    write_config(vae / "config.yaml", VAE)
    with pytest.raises(UsageError, match="kind 'vae'"):
        export(vae, tmp_path / "out")
    run = tmp_path / "run"
    shutil.copytree(folders["whole"], run)
    for checkpoint in run.glob("checkpoints/step-*"):
        (checkpoint / "ema.safetensors").unlink()
        state = json.loads((checkpoint / "state.json").read_text())
        state["files"].pop("ema.safetensors")
        del state["sha256"], state["state_sha256"]  # as older versions wrote it
        (checkpoint / "state.json").write_text(json.dumps(state))
    with pytest.raises(UsageError, match="no moving average"):
        export(run, tmp_path / "out")
    (run / "checkpoints" / "step-00000004" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"step-00000004 is damaged: model\.safetensors is missing or cut short"):
        export(run, tmp_path / "out", weights="raw", checkpoint="step-00000004")
    assert not (tmp_path / "out").exists()
    shutil.rmtree(run / "checkpoints")
    with pytest.raises(UsageError, match="no complete checkpoint"):
        export(run, tmp_path / "out")


def cli(arguments, environment):
    code = "from illinstr.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


DRAW = (
    "import sys; from illinstr.diffusion.pipeline import StackedDiffusionPipeline as P\n"
    "pipe = P.from_folder(sys.argv[1]); print(pipe('red shapes', ['a circle', 'a bar'], sampling_steps=2)[1].size)"
)


@pytest.mark.slow
def test_a_run_goes_to_a_hub_and_comes_back_by_its_id(tmp_path, folders):
    with running_hub() as hub:
        environment = hub.environment(str(tmp_path / "home"))
        pushed = ["export", folders["lora"], "--out", tmp_path / "out", "--push-to-hub", "lab/stacked", "--private"]
        done = cli([*pushed, "--json"], environment)
        assert done.returncode == 0, done.stderr[-2000:]
        result = json.loads(done.stdout)
        assert result["model"] == str(tmp_path / "out")
        assert result["commit"].endswith(f"/lab/stacked/commit/{hub.sha('lab/stacked')}")
        local = {str(f.relative_to(tmp_path / "out")): f.read_bytes() for f in (tmp_path / "out").rglob("*.*")}
        assert hub.repos["lab/stacked"] == local
        assert hub.private["lab/stacked"]
        hub.repos["lab/stacked"]["unet/diffusion_pytorch_model.fp16.safetensors"] = b"not wanted"
        hub.repos["lab/stacked"]["safety_checker/model.safetensors"] = b"not wanted"
        drawn = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DRAW, "lab/stacked"],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, **environment},
        )
        assert drawn.stdout.strip() == f"({SD_PANEL_PX}, {SD_PANEL_PX})", drawn.stderr[-2000:]
        assert UNET in hub.downloads
        assert not {"unet/diffusion_pytorch_model.fp16.safetensors", "safety_checker/model.safetensors"} & set(
            hub.downloads
        )


@pytest.fixture
def hub(monkeypatch):
    """A hub that this process talks to."""
    with running_hub() as running:
        talk_to(running, monkeypatch)
        yield running


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # in the hub's client
def test_an_upload_arrives_whole_or_not_at_all(hub, folders):
    folder = folders["lora"] / "model"
    assert check_hub("lab/stacked") == "tester"
    address = push_folder(folder, "lab/stacked", private=False)
    assert address.endswith(f"/lab/stacked/commit/{hub.sha('lab/stacked')}")
    local = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*.*")}
    assert hub.repos["lab/stacked"] == local
    assert not hub.private["lab/stacked"]
    push_folder(folders["whole"] / "model", "lab/stacked", private=False)  # again, over it
    assert hub.repos["lab/stacked"][UNET] == (folders["whole"] / "model" / UNET).read_bytes()
    hub.refuse_commits = True
    with pytest.raises(FetchError, match="cannot upload to lab/other") as caught:
        push_folder(folder, "lab/other", private=True)
    assert str(folder) in caught.value.hint
    assert hub.repos["lab/other"] == {}
    assert hub.private["lab/other"]


def test_who_may_not_upload_hears_it_at_once(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(FetchError, match="does not let us in"):
        check_hub("lab/stacked")
    with pytest.raises(UsageError, match="no hub id"):
        check_hub("stacked")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match="does not let us in"):
        check_hub("lab/stacked")


def _half_named(base, folder):
    """The same repository with its weights under half-precision names, as some come."""
    shutil.copytree(base, folder)
    for file in folder.rglob("*.safetensors"):
        file.rename(file.with_name(f"{file.stem}.fp16.safetensors"))
    return folder


def test_a_base_comes_from_the_hub_at_its_revision_and_without_ballast(hub, folders, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    base = folders["base"]
    files = {str(file.relative_to(base)): file.read_bytes() for file in base.rglob("*.*")}
    ballast = {"unet/diffusion_pytorch_model.fp16.safetensors": b"", "unet/diffusion_pytorch_model.bin": b"pickle"}
    hub.repos["lab/sd15"] = {**files, **ballast}
    loaded = load_backbone("lab/sd15", dtype=torch.float32, revision=hub.sha("lab/sd15"))
    assert same(loaded.unet.state_dict(), load_backbone(str(base), dtype=torch.float32).unet.state_dict())
    assert UNET in hub.downloads
    assert not any(name in ballast or name.startswith("safety_checker") for name in hub.downloads)
    with pytest.raises(ModelError, match="at revision 'v9'"):
        load_backbone("lab/sd15", dtype=torch.float32, revision="v9")


def test_a_base_in_half_precision_only_is_taken_as_it_is(hub, folders, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    half = _half_named(folders["base"], tmp_path / "half")
    hub.repos["lab/half"] = {str(file.relative_to(half)): file.read_bytes() for file in half.rglob("*.*")}
    for place in (str(half), "lab/half"):
        loaded = load_backbone(place, dtype=torch.float32)
        assert same(
            loaded.unet.state_dict(), load_backbone(str(folders["base"]), dtype=torch.float32).unet.state_dict()
        )


def test_a_broken_folder_is_not_uploaded(hub, tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    with pytest.raises(ModelError, match="has no unet/"):
        push_folder(tmp_path, "lab/stacked", private=False)
    assert not hub.repos


@pytest.mark.slow
def test_an_upload_that_cannot_work_is_refused_before_anything_is_written(tmp_path, folders):
    with running_hub() as hub:
        environment = {**hub.environment(str(tmp_path / "home")), "HF_TOKEN": "hf_wrong"}
        done = cli(["export", folders["whole"], "--out", tmp_path / "out", "--push-to-hub", "lab/x"], environment)
        assert done.returncode == 1
        assert "the hub does not let us in" in done.stderr
        assert not hub.repos
    assert not (tmp_path / "out").exists()
