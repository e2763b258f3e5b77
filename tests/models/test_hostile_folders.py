"""Model folders from strangers: refused in one line, at once, whatever their configs and weights say."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from illinstr.errors import ModelError
from illinstr.models.folder import folder_sha256
from illinstr.models.loading import load_backbone
from tests.support.tiny_model import make_tiny_model

CHANGES = {  # part and file, what is set in it
    "no heads": ("unet/config.json", {"attention_head_dim": 0}),
    "no groups": ("unet/config.json", {"norm_num_groups": 0}),
    "no size": ("unet/config.json", {"sample_size": None}),
    "two sizes": ("unet/config.json", {"sample_size": [8, 8]}),
    "a huge layer": ("unet/config.json", {"block_out_channels": [10**12, 10**12]}),
    "endless timesteps": ("scheduler/scheduler_config.json", {"num_train_timesteps": 10**10}),
    "no timesteps": ("scheduler/scheduler_config.json", {"num_train_timesteps": "many"}),
    "a scaling that is none": ("vae/config.json", {"block_out_channels": "no"}),
}


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def copy(model, tmp_path) -> Path:
    return Path(shutil.copytree(model, tmp_path / "model"))


@pytest.mark.parametrize("name", CHANGES)
def test_a_config_that_no_model_has_is_refused(copy, name):
    file, changes = CHANGES[name]
    (copy / "stacked.json").unlink()  # else its panel size stands, and the U-Net's own is not looked at
    config = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(config | changes))
    with pytest.raises(ModelError) as caught:
        load_backbone(str(copy), dtype=torch.float32)
    assert "\n" not in caught.value.message and caught.value.hint


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "\udcff".encode("utf-8", "surrogateescape"), '{"a": ' * 900])
def test_a_config_that_is_no_json_is_refused(copy, text):
    (copy / "unet" / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ModelError):
        load_backbone(str(copy), dtype=torch.float32)


def test_a_pipe_in_a_model_folder_does_not_hang(copy):
    os.mkfifo(copy / "x.json")
    os.mkfifo(copy / "unet" / "x.safetensors")
    before = folder_sha256(copy)
    (copy / "x.json").unlink()
    assert folder_sha256(copy) == before


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(copy, value):
    file = next((copy / "unet").glob("*.safetensors"))
    tensors = load_file(file)
    name = sorted(tensors)[3]
    tensors[name].view(-1)[-1] = value
    save_file(tensors, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match="not finite") as caught:
        load_backbone(str(copy), dtype=torch.float32)
    assert name in caught.value.message


def test_images_that_are_not_finite_are_refused(model, monkeypatch):
    from illinstr.diffusion.loading import load_pipeline

    pipeline = load_pipeline(str(model), "cpu", "float32")
    backbone = type(pipeline.backbone)
    decode = backbone.decode_latents
    monkeypatch.setattr(backbone, "decode_latents", lambda *given, **named: decode(*given, **named) * float("nan"))
    with pytest.raises(ModelError, match="not finite"):
        pipeline("How to test", ["One", "Two"])
