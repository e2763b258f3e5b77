"""Reference images, a style, adapters, precisions and single files of denoisers, on tiny random weights."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from illinstr.diffusion.loading import load_pipeline
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import DataError, ModelError, UsageError
from illinstr.models import options as model_options
from illinstr.models.loading import load_backbone
from illinstr.models.options import LoadOptions, Lora, read_loras
from illinstr.runs import read_record
from illinstr.sampling.drawing.revision import FinishedRun
from illinstr.workflows.edit import EditRequest, edit_article
from illinstr.workflows.generate import GenerateRequest, generate_article
from illinstr.workflows.generate_batch import BatchRequest, generate_batch
from tests.support.command_line import calling
from tests.support.loaded_families import changes
from tests.support.tiny_families import PX, make_family

STEPS = ["Boil water", "Pour it"]
LAYER = "layers.0.attention.to_q"
RANK, ALPHA = 2, 3.0


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: make_family(name, root / name) for name in ("flux2", "z_image")}


@pytest.fixture(scope="module")
def flux2(folders: dict[str, Path]) -> StackedDiffusionPipeline:
    loaded = load_pipeline(str(folders["flux2"]), "cpu", "float32")
    loaded.backbone.pipe.tokenizer_max_length = 128  # type: ignore[attr-defined]
    return loaded


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two files of adapters of one layer of Z-Image: as other programs write them, with alpha, and as diffusers."""
    made = []
    for seed, names in enumerate((("diffusion_model", "lora_down", "lora_up"), ("transformer", "lora_A", "lora_B"))):
        noise = torch.Generator().manual_seed(seed)
        path = tmp_path_factory.mktemp("loras") / f"look-{seed}.safetensors"
        prefix, down, up = names
        weights = {
            f"{prefix}.{LAYER}.{down}.weight": torch.randn(RANK, 32, generator=noise),
            f"{prefix}.{LAYER}.{up}.weight": torch.randn(32, RANK, generator=noise),
        }
        save_file(weights if seed else {**weights, f"{prefix}.{LAYER}.alpha": torch.tensor(ALPHA)}, path)
        made.append(path)
    return made


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    made = []
    for name, colour in (("cup", "red"), ("cat", "green")):
        Image.new("RGB", (40, 30), colour).save(tmp_path / f"{name}.png")
        made.append(tmp_path / f"{name}.png")
    return made


def generate(model: Any, out: Path, **options: Any) -> FinishedRun:
    asked = {"size": PX, "sampling_steps": 2, "guidance": 0.0, "device": "cpu", "dtype": "float32", "metadata": False}
    return generate_article(GenerateRequest("How to make tea", STEPS, model=model, out=out, **{**asked, **options}))


def images(run: FinishedRun) -> list[bytes]:
    return [step.image.data for step in run.article.steps if step.image and step.image.data]


def test_references_reach_every_image_and_stay_with_the_article(
    flux2: StackedDiffusionPipeline, tmp_path: Path, photos: list[Path]
) -> None:
    plain, one, two = (
        generate(flux2, tmp_path / name, references=given, metadata=True)
        for name, given in (("plain", []), ("one", photos[:1]), ("two", photos))
    )
    assert all(a != b for a, b in zip(images(plain), images(one), strict=True))
    assert all(a != b for a, b in zip(images(one), images(two), strict=True))
    assert "references" not in json.loads((plain.folder / "run.json").read_text())
    named = [reference.file for reference in two.record.references]
    assert named == ["reference-01.jpg", "reference-02.jpg"]
    assert all((two.folder / name).is_file() for name in named)
    kept = images(two)
    edited = edit_article(EditRequest(two, 2, model=flux2, out=tmp_path / "edited"))
    assert images(edited)[0] == kept[0] and images(edited)[1] != kept[1]
    assert edited.record.references == two.record.references
    other = edit_article(EditRequest(two, 2, model=flux2, references=[], out=tmp_path / "other"))
    assert images(other)[1] != images(edited)[1] and not list(other.folder.glob("reference-*"))
    changed = edit_article(EditRequest(two, 2, model=flux2, references=photos[1:]))
    assert [path.name for path in sorted(changed.folder.glob("reference-*"))] == ["reference-01.jpg"]
    (changed.folder / "reference-01.jpg").write_bytes((two.folder / "step-01.png").read_bytes())
    with pytest.raises(DataError, match=r"not the image that run\.json names"):
        edit_article(EditRequest(changed, 2, model=flux2))


@pytest.mark.parametrize("model", ["mini", "z_image"])
def test_references_are_refused_before_anything_is_loaded(
    folders: dict[str, Path], tmp_path: Path, photos: list[Path], model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("illinstr.workflows.drawing.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(UsageError, match="takes no reference images") as caught:
        generate(str(folders.get(model, model)), tmp_path / "run", references=photos, size=None)
    assert "--first-picture" in str(caught.value.hint)
    with pytest.raises(UsageError, match="--reference: cannot read"):
        generate(str(folders["flux2"]), tmp_path / "run", references=["nowhere.png"])
    with pytest.raises(UsageError, match="--reference is given 9 times"):
        generate(str(folders["flux2"]), tmp_path / "run", references=photos[:1] * 9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "ddim"}, "ddim is not for models of flow matching"),
        ({"shift": 2.0, "shift_by": "canvas"}, "--shift fixes what --shift-by would let vary"),
        ({"style": "  "}, "--style says nothing"),
        ({"style": "x" * 301}, "--style has 301 characters"),
        ({"quantize": "int3"}, "--quantize 'int3' is unknown"),
        ({"base": "nowhere"}, "--base goes with the file of a denoiser"),
        ({"lora": ["nowhere.safetensors:0.5"]}, "there is no such file"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_before_anything_is_loaded(
    folders: dict[str, Path], tmp_path: Path, options: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("illinstr.workflows.drawing.load_pipeline", lambda *_, **__: pytest.fail("loaded"))
    with pytest.raises(UsageError, match=message):
        generate(str(folders["z_image"]), tmp_path / "run", **options)


def test_a_style_is_joined_to_every_text_and_goes_on_with_the_article(folders: dict[str, Path], tmp_path: Path) -> None:
    loaded = load_pipeline(str(folders["z_image"]), "cpu", "float32")
    plain = generate(loaded, tmp_path / "plain")
    styled = generate(loaded, tmp_path / "styled", style="water\ncolour")
    assert all(a != b for a, b in zip(images(plain), images(styled), strict=True))
    assert styled.record.style == "water colour"
    assert [step.headline for step in styled.article.steps] == STEPS
    said = [f"{step}, water colour" for step in STEPS]
    written = generate_article(
        GenerateRequest("How to make tea", said, model=loaded, out=tmp_path / "said", size=PX, sampling_steps=2,
                        guidance=0.0, metadata=False)
    )  # fmt: skip
    assert images(written) == images(styled)
    again = [
        edit_article(EditRequest(styled, 1, model=loaded, out=tmp_path / name, style=style))
        for name, style in (("kept", None), ("other", "ink"))
    ]
    assert [run.record.style for run in again] == ["water colour"] * 2
    assert images(again[0])[0] != images(again[1])[0]


def test_adapters_are_added_by_their_weights(
    folders: dict[str, Path], adapters: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Against the same change of the weights made by hand: W + weight * alpha / rank * up down."""
    model = folders["z_image"]
    plain = generate(str(model), tmp_path / "plain")
    nothing = generate(str(model), tmp_path / "nothing", lora=[f"{adapters[0]}:0"])
    assert images(nothing) == images(plain)
    run = generate(str(model), tmp_path / "run", lora=[f"{adapters[0]}:0.5", str(adapters[1])])
    assert [(lora.path, lora.weight) for lora in run.record.loras] == [(str(adapters[0]), 0.5), (str(adapters[1]), 1.0)]
    merged = shutil.copytree(model, tmp_path / "merged")
    [file] = (merged / "transformer").glob("*.safetensors")
    weights = load_file(file)
    for path, weight in zip(adapters, (0.5 * ALPHA / RANK, 1.0), strict=True):
        down, up = (tensor for _, tensor in sorted(load_file(path).items()) if tensor.dim() == 2)
        weights[f"{LAYER}.weight"] += weight * up @ down
    save_file(weights, file)
    by_hand = generate(str(merged), tmp_path / "by-hand")
    pixels = [[list(Image.open(io.BytesIO(data)).tobytes()) for data in images(each)] for each in (run, by_hand, plain)]
    near = torch.tensor(pixels[0]) - torch.tensor(pixels[1])
    assert near.abs().max() <= 1 and (torch.tensor(pixels[0]) - torch.tensor(pixels[2])).abs().max() > 5
    edited = edit_article(EditRequest(run, 1, device="cpu", dtype="float32", out=tmp_path / "edited"))
    bare = edit_article(EditRequest(run, 1, device="cpu", dtype="float32", lora=[], out=tmp_path / "bare"))
    assert images(edited)[0] != images(bare)[0] and images(edited)[1] == images(run)[1]
    adapters[1].rename(adapters[1].with_suffix(".moved"))
    try:
        with pytest.raises(UsageError, match="there is no such file"):
            edit_article(EditRequest(run, 1))
    finally:
        adapters[1].with_suffix(".moved").rename(adapters[1])


def test_a_bad_file_of_adapters_is_one_line(folders: dict[str, Path], adapters: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "pickle.pt").write_bytes(b"\x80\x04")
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    for text, message in (
        (tmp_path / "text.safetensors", "is damaged"),
        (tmp_path / "pickle.pt", "not a .safetensors file"),
        (tmp_path / "other.safetensors", "holds no adapters"),
        (tmp_path, "the folder holds 2 .safetensors files"),
        (f"{adapters[0]}:nan", "a weight is between"),
        (f"{adapters[0]}:11", "a weight is between"),
    ):
        with pytest.raises(UsageError, match=message) as caught:
            read_loras([str(text)])
        assert "\n" not in caught.value.message and caught.value.hint
    with pytest.raises(UsageError, match="the same adapters twice"):
        read_loras([str(adapters[0])] * 2)
    assert read_loras([str(adapters[0].parent)])[0].weight == 1.0  # a folder of one file
    strange = tmp_path / "strange.safetensors"
    save_file({f"transformer.of_another.{side}.weight": torch.zeros(2, 2) for side in ("lora_A", "lora_B")}, strange)
    options = LoadOptions(loras=(Lora(str(strange), 1.0, "0" * 64),))
    with pytest.raises(ModelError, match="do not fit") as refused:
        load_backbone(str(folders["z_image"]), dtype=torch.float32, options=options)
    assert "\n" not in refused.value.message


def test_a_batch_does_not_mix_what_was_asked(
    flux2: StackedDiffusionPipeline, tmp_path: Path, photos: list[Path]
) -> None:
    def batch(**options: Any) -> None:
        generate_batch(
            BatchRequest(["How to make tea"], STEPS, model=flux2, out=tmp_path / "batch", size=PX, sampling_steps=1,
                         guidance=0.0, device="cpu", **options)
        )  # fmt: skip

    batch(style="ink", references=photos)
    batch(style="ink", references=photos)
    for options, name in (({"references": photos}, "style"), ({"style": "ink"}, "references")):
        with pytest.raises(UsageError, match=rf"made otherwise \({name}"):
            batch(**options)


@pytest.mark.parametrize("kind", ["safetensors", "gguf"])
def test_the_file_of_a_denoiser_draws_with_the_rest_of_a_folder(
    folders: dict[str, Path], tmp_path: Path, kind: str
) -> None:
    model, base = folders["z_image"], shutil.copytree(folders["z_image"], tmp_path / "base")
    [weights] = (base / "transformer").glob("*.safetensors")
    file = tmp_path / f"denoiser.{kind}"
    if kind == "gguf":
        gguf = pytest.importorskip("gguf")
        writer = gguf.GGUFWriter(file, "z_image")
        for name, tensor in load_file(weights).items():
            writer.add_tensor(name, tensor.numpy())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    else:
        shutil.copy(weights, file)
    weights.unlink()
    run = generate(str(file), tmp_path / "run", base=base)
    assert images(run) == images(generate(str(model), tmp_path / "whole"))
    assert run.record.base == str(base) and run.record.model_id == str(file)
    again = edit_article(EditRequest(run, 1, device="cpu", dtype="float32", out=tmp_path / "again"))
    assert images(again)[1] == images(run)[1]
    with pytest.raises(UsageError, match="is the file of a denoiser alone"):
        generate(str(file), tmp_path / "other")
    with pytest.raises(ModelError, match="has no safetensors weights"):
        generate(str(base), tmp_path / "other")
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"damaged weights|no GGUF file"):
        generate(str(file), tmp_path / "other", base=base)


def test_int8_draws_nearly_the_same_and_stays_routed(folders: dict[str, Path]) -> None:
    pytest.importorskip("torchao")
    model = str(folders["z_image"])
    whole, small = (
        load_backbone(model, dtype=torch.float32, options=options)
        for options in (LoadOptions(), LoadOptions(quantize="int8"))
    )
    for backbone in (whole, small):
        backbone.to("cpu")
    drawn = [
        StackedDiffusionPipeline(each).sample_latents(
            [("How to make tea", STEPS)], seeds=[0], sampling_steps=2, guidance=0.0
        )
        for each in (whole, small)
    ]
    off = float((drawn[0] - drawn[1]).norm() / drawn[0].norm())
    assert 1e-6 < off < 0.1
    with small.shallow():
        moved = changes(small)
    assert moved["third step"][2] > 1e-6 and moved["third step"][[0, 1, 3]].max() == 0


@pytest.mark.parametrize(("kind", "package"), [("int8", "torchao"), ("nf4", "bitsandbytes")])
def test_a_missing_package_is_said_at_once(
    folders: dict[str, Path], tmp_path: Path, kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_options, "find_spec", lambda name: None if name == package else object())
    with pytest.raises(UsageError, match=f"--quantize {kind} needs the package {package}"):
        generate(str(folders["z_image"]), tmp_path / "run", quantize=kind)


def test_the_command_line_passes_it_on(
    folders: dict[str, Path],
    adapters: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = calling(monkeypatch, capsys, "generate")
    code, _, errors = call(
        "How to make tea", "--step", "Boil water", "--step", "Serve", "--model", folders["z_image"], "--out",
        tmp_path / "run", "--size", PX, "--sampling-steps", 1, "--guidance", 0, "--device", "cpu", "--style", "ink",
        "--lora", f"{adapters[0]}:0.5", "--lora", adapters[1],
    )  # fmt: skip
    assert code == 0, errors
    record = read_record(tmp_path / "run")
    assert record.style == "ink" and [lora.weight for lora in record.loras] == [0.5, 1.0]
    with Image.open(tmp_path / "run" / "step-01.png") as image:
        recipe = image.info["illinstr"]
    assert str(adapters[0].parent) not in recipe and adapters[0].name in recipe
    code, _, errors = calling(monkeypatch, capsys, "edit")(
        tmp_path / "run", "--step", 1, "--redraw", "--reference", "x.png", "--device", "cpu"
    )
    assert code == 2 and "--reference: cannot read" in errors
