"""``generate`` and ``edit`` with transformers, on tiny random weights of FLUX.2 klein and Z-Image."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from illinstr.diffusion.loading import load_pipeline
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import UsageError
from illinstr.sampling.drawing.revision import FinishedRun
from illinstr.workflows.edit import EditRequest, edit_article
from illinstr.workflows.generate import GenerateRequest, generate_article
from tests.support.command_line import calling
from tests.support.tiny_families import PX, make_family

STEPS = ["Boil water", "Pour it", "Serve"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, StackedDiffusionPipeline]:
    root = tmp_path_factory.mktemp("models")
    loaded = {name: load_pipeline(str(make_family(name, root / name))) for name in ("flux2", "z_image")}
    loaded["flux2"].backbone.pipe.tokenizer_max_length = 128  # type: ignore[attr-defined]
    return loaded


def generate(model: Any, out: Path, **options: Any) -> FinishedRun:
    asked = {"size": PX, "sampling_steps": 2, "guidance": 0.0, **options}
    return generate_article(GenerateRequest("How to make tea", STEPS, model=model, out=out, **asked))


def images(run: FinishedRun) -> list[bytes]:
    return [step.image.data for step in run.article.steps if step.image and step.image.data]


@pytest.mark.parametrize(
    ("name", "anchors", "sampler"), [("flux2", "clean", "euler"), ("z_image", "re-noised", "euler-a")]
)
def test_edits_keep_the_other_images_to_the_byte(
    models: dict[str, StackedDiffusionPipeline], tmp_path: Path, name: str, anchors: str, sampler: str
) -> None:
    run = generate(models[name], tmp_path / "run")
    assert run.record.method == "stacked" and run.record.sampler == "euler"
    assert run.record.changes == {"size": PX} and run.record.anchors is None
    assert [Image.open(io.BytesIO(data)).size for data in images(run)] == [(PX, PX)] * 3
    first = images(run)
    for step in (2, 2, 3):
        before = images(run)
        run = edit_article(EditRequest(run, step, model=models[name]))
        kept = [index for index in range(3) if index != step - 1]
        assert [images(run)[index] for index in kept] == [before[index] for index in kept]
        assert images(run)[step - 1] != before[step - 1]
    assert images(run)[0] == first[0]
    recipe = Image.open(io.BytesIO(images(run)[1])).info["illinstr"]
    assert f'"anchors": "{anchors}"' in recipe and f'"sampler": "{sampler}"' in recipe


def test_every_switch_reaches_the_drawing_and_the_record(
    models: dict[str, StackedDiffusionPipeline], tmp_path: Path
) -> None:
    plain = generate(models["flux2"], tmp_path / "plain", metadata=False)
    for name, value in (
        ("conditioning", "joint"), ("positions", "column"), ("shift", 1.0), ("shift_by", "canvas"), ("size", 48)
    ):  # fmt: skip
        run = generate(models["flux2"], tmp_path / name, metadata=False, **{name: value})
        assert images(run) != images(plain)
        assert run.record.changes[name] == value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 40}, "not a multiple of 16"),
        ({"sampler": "ddim"}, "ddim is not for models of flow matching"),
    ],
)
def test_what_the_family_cannot_is_refused(
    models: dict[str, StackedDiffusionPipeline], tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        generate(models["z_image"], tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options", [{"size": 256}, {"conditioning": "joint"}, {"positions": "frame"}, {"shift": 2.0}], ids=str
)
def test_the_embedded_u_net_has_no_such_switches(tmp_path: Path, options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(UsageError, match=f"--{name}"):
        generate_article(GenerateRequest("How to make tea", STEPS, out=tmp_path / "run", **options))


@pytest.mark.parametrize("shift", [("--shift", 2.0), ("--shift-by", "canvas")], ids=str)
def test_the_command_line_passes_every_switch_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], shift: tuple[str, object]
) -> None:
    from illinstr.runs import read_record

    folder = make_family("z_image", tmp_path / "model")
    call = calling(monkeypatch, capsys, "generate")
    code, lines, errors = call(
        "How to make tea", "--step", "Boil water", "--step", "Serve", "--model", folder, "--out", tmp_path / "run",
        "--size", PX, "--conditioning", "single", "--positions", "column", *shift,
        "--sampling-steps", 1, "--guidance", 0, "--device", "cpu",
    )  # fmt: skip
    assert code == 0, errors
    assert lines[-1].endswith("index.html") and "draws images together as it is" in errors
    assert read_record(tmp_path / "run").changes == {
        "size": PX, "conditioning": "single", "positions": "column", shift[0].strip("-").replace("-", "_"): shift[1]
    }  # fmt: skip
