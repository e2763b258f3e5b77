"""What a model weighs is told without loading it, with its weights on disk or without them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from illinstr.doctor import check_model
from illinstr.errors import ModelError
from illinstr.models.backbone import ROLES
from illinstr.models.loading import load_backbone
from illinstr.models.registry import family_of
from illinstr.models.weighing import parameters_of
from tests.support.tiny_model import make_tiny_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


def without_weights(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*.safetensors"))
    return to


def test_headers_and_configs_agree_with_the_loaded_modules(folder: Path, tmp_path: Path) -> None:
    family = family_of(str(folder))
    backbone = load_backbone(str(folder), dtype=torch.float32)
    loaded = {
        name: sum(parameter.numel() for parameter in module.parameters())
        for role in ROLES
        for name, module in backbone.modules(role).items()
    }
    assert parameters_of(folder, family) == loaded
    assert parameters_of(without_weights(folder, tmp_path / "bare"), family) == loaded


def test_headers_are_read_without_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from illinstr.models import registry, weighing\n"
        "assert weighing.parameters_of(Path(sys.argv[1]), registry.family_of(sys.argv[1]))['unet'] > 1000\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=120)


@pytest.mark.parametrize("config", ["{", "{}", '{"_class_name": "Teapot"}', '{"architectures": ["Teapot"]}'])
def test_a_config_that_cannot_be_built_is_one_clear_error(folder: Path, tmp_path: Path, config: str) -> None:
    bare = without_weights(folder, tmp_path / "bare")
    (bare / "unet" / "config.json").write_text(config)
    with pytest.raises(ModelError, match="cannot load model") as caught:
        parameters_of(bare, family_of(str(bare)))
    assert "\n" not in caught.value.message


def test_doctor_says_what_each_part_weighs(folder: Path) -> None:
    detail = check_model(folder).detail
    for part in family_of(str(folder)).weighted_parts:
        assert f"{part} 0." in detail
