"""Which family a model is of: told first of all, by name, from the index alone."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from illinstr.cli.app import app
from illinstr.diffusion.loading import check_model
from illinstr.errors import ModelError
from illinstr.models import registry
from illinstr.models.loading import check_folder, load_backbone
from illinstr.models.registry import families, family_of, family_of_class
from tests.support.hub_server import Hub, running_hub, talk_to

NOT_CARRIED = [
    ("AuraFlowPipeline", "AuraFlow"),
    ("QwenImage21Pipeline", "Qwen-Image-2.1"),
    ("ChromaPipeline", "Chroma"),
    ("KolorsPipeline", "Kolors"),
    ("PixArtSigmaPipeline", "PixArt"),
    ("SanaPipeline", "SANA"),
]


def folder_of(tmp_path: Path, name: object) -> Path:
    """A model folder that holds an index and nothing else."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps({"_class_name": name}))
    return folder


@pytest.mark.parametrize(("name", "title"), NOT_CARRIED)
def test_a_family_that_is_not_carried_is_named_with_those_that_are(tmp_path: Path, name: str, title: str) -> None:
    with pytest.raises(ModelError, match=f"family {title}") as caught:
        check_folder(folder_of(tmp_path, name))
    assert "\n" not in caught.value.message
    assert all(family.title in str(caught.value.hint) for family in families())


@pytest.mark.parametrize(
    "name", ["StableDiffusionInpaintPipeline", "StableDiffusionImg2ImgPipeline", "FluxKontextPipeline"]
)
def test_a_model_that_changes_images_is_told_apart(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="changes images") as caught:
        family_of(str(folder_of(tmp_path, name)))
    assert "the model it was made from" in str(caught.value.hint)


@pytest.mark.parametrize("name", ["TeapotPipeline", "Tea\npot", "[red]", "x" * 10_000, ["a", "b"], 5, ""])
def test_an_unknown_class_is_one_short_line(tmp_path: Path, name: object) -> None:
    folder = folder_of(tmp_path, name)
    with pytest.raises(ModelError, match="a family unknown here") as caught:
        family_of(str(folder))
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 200 + len(str(folder))


@pytest.mark.parametrize("content", ["{", "[]", "null", "{}", '"x"', "[" * 100_000])
def test_a_damaged_index_is_said_to_be_one(tmp_path: Path, content: str) -> None:
    folder = folder_of(tmp_path, "")
    (folder / "model_index.json").write_text(content)
    with pytest.raises(ModelError, match="damaged"):
        family_of(str(folder))


def test_every_class_of_a_family_is_read_by_it() -> None:
    for family in families():
        assert family_of_class(family.pipelines[0], "x") is family
        assert set(family.weighted_parts) < set(family.parts)
        assert family.denoiser in family.weighted_parts


def test_asking_loads_neither_torch_nor_diffusers() -> None:
    code = (
        "import sys; from illinstr.models import registry\n"
        "assert registry.family_of_class('StableDiffusionPipeline', 'x').name == 'stable_diffusion'\n"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


class TestBeforeAnythingElse:
    """A language model that is not there would be the next error: the family is told before it is asked."""

    NO_MODEL_ANSWERS = ("--llm", "http://127.0.0.1:9/v1#x")

    @pytest.mark.parametrize("dry", [(), ("--dry-run",)])
    def test_generate_names_the_family(self, tmp_path: Path, dry: tuple[str, ...]) -> None:
        words = ["generate", "Make tea", "--model", str(folder_of(tmp_path, "KolorsPipeline")), *self.NO_MODEL_ANSWERS]
        with pytest.raises(ModelError, match="family Kolors"):
            app([*words, "--out", str(tmp_path / "out"), *dry], standalone_mode=False)
        assert not (tmp_path / "out").exists()

    def test_loading_names_it_before_parts_are_missed(self, tmp_path: Path) -> None:
        import torch

        with pytest.raises(ModelError, match="family Kolors"):
            load_backbone(str(folder_of(tmp_path, "KolorsPipeline")), dtype=torch.float32)


class TestHub:
    @pytest.fixture
    def hub(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
        with running_hub() as hub:
            talk_to(hub, monkeypatch)
            monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
            yield hub

    def test_only_the_index_of_another_family_is_fetched(self, hub: Hub) -> None:
        index = json.dumps({"_class_name": "KolorsPipeline"}).encode()
        hub.repos["lab/kolors"] = {"model_index.json": index, "transformer/model.safetensors": b"0" * 1000}
        for ask in (check_model, family_of):
            with pytest.raises(ModelError, match="family Kolors"):
                ask("lab/kolors")
        assert set(hub.downloads) == {"model_index.json"}

    def test_a_model_that_is_no_pipeline_is_told_apart_from_one_that_is_not_there(self, hub: Hub) -> None:
        hub.repos["lab/weights"] = {"model.safetensors": b"0"}
        with pytest.raises(ModelError, match="not a diffusers pipeline"):
            check_model("lab/weights")
        with pytest.raises(ModelError, match="no reachable hub model called 'lab/nothing'"):
            check_model("lab/nothing")


def test_a_family_can_be_added_and_removed() -> None:
    from dataclasses import replace

    added = replace(families()[0], name="teapot", pipelines=("TeapotPipeline",))
    registry.register(added)
    try:
        assert family_of_class("TeapotPipeline", "x") is added
    finally:
        registry.unregister("teapot")
    with pytest.raises(ModelError):
        family_of_class("TeapotPipeline", "x")


def test_a_package_brings_a_family_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real distribution on the path: metadata, and a module that holds a family."""
    about = tmp_path / "kettle-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kettle\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[illinstr.families]\nkettle = kettle_family:KETTLE\n")
    (tmp_path / "kettle_family.py").write_text(
        "from illinstr.models.family import Family\n"
        "KETTLE = Family('kettle', 'Kettle', ('KettlePipeline',), 'unet', ('unet',), lambda source, dtype: None)\n"
    )
    with pytest.raises(ModelError):
        family_of_class("KettlePipeline", "x")
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert family_of_class("KettlePipeline", "x").title == "Kettle"
    finally:
        registry.unregister("kettle")
