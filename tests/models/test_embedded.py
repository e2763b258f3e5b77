"""The models inside the package: one whole, one that shares parts with it; modern models' road on learnt weights."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from illinstr import doctor, edit, generate
from illinstr.diffusion.loading import check_model, load_pipeline
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import ModelError
from illinstr.models.embedded import EMBEDDED, EMBEDDED_FLOW, SHARED, embedded_folder, is_embedded
from illinstr.models.registry import family_of
from illinstr.runs import read_article, read_record

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "illinstr" / "assets"
STEPS = ["Rinse the apple under cold water.", "Cut the apple in half.", "Drink the glass of juice."]


@pytest.fixture(scope="module")
def pipeline() -> StackedDiffusionPipeline:
    return load_pipeline(EMBEDDED_FLOW, "cpu", "float32")


def test_the_whole_is_its_own_files_and_those_it_shares() -> None:
    whole, own, base = embedded_folder(EMBEDDED_FLOW), ASSETS / EMBEDDED_FLOW, ASSETS / EMBEDDED
    joined = load_file(whole / "vae" / "diffusion_pytorch_model.safetensors")
    mine = load_file(own / "vae" / "diffusion_pytorch_model.safetensors")
    shared = load_file(base / "vae" / "diffusion_pytorch_model.safetensors")
    assert set(joined) == set(mine) | set(shared) and set(mine).isdisjoint(shared)
    assert all(torch.equal(joined[name], tensor) for name, tensor in (shared | mine).items())
    assert (whole / "text_encoder" / "model.safetensors").read_bytes() == (
        base / "text_encoder" / "model.safetensors"
    ).read_bytes()
    for file in own.rglob("*"):
        if file.is_file() and file.parent.name != "vae":
            assert (whole / file.relative_to(own)).read_bytes() == file.read_bytes()
    assert embedded_folder(EMBEDDED_FLOW) == whole  # put together once
    assert embedded_folder(EMBEDDED) == base and not is_embedded("mini-none")


def test_several_processes_put_it_together_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path))
    code = f"from illinstr.models.embedded import embedded_folder as f; print(f({EMBEDDED_FLOW!r}))"
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    places = {process.communicate()[0].strip() for process in running}
    assert all(process.returncode == 0 for process in running) and len(places) == 1
    [place] = (tmp_path / "illinstr" / "models").iterdir()  # and nothing half-made beside it
    assert place == Path(places.pop()) and (place / "model_index.json").is_file()


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="cannot put mini-flow together") as caught:
        check_model(EMBEDDED_FLOW)
    assert "ILLINSTR_CACHE" in (caught.value.hint or "")


def test_training_and_drawing_know_it_by_name() -> None:
    assert family_of(EMBEDDED_FLOW).name == "flux2" and family_of(EMBEDDED).name == "stable_diffusion"
    assert doctor.check_model(Path(EMBEDDED_FLOW)).status == "pass"
    assert Path(check_model(EMBEDDED_FLOW)) == embedded_folder(EMBEDDED_FLOW)
    index = json.loads((embedded_folder(EMBEDDED_FLOW) / "model_index.json").read_text())
    assert index["_class_name"] == "Flux2KleinPipeline" and set(SHARED) == {EMBEDDED, EMBEDDED_FLOW}


def test_it_draws_what_the_words_say_and_the_same_again(pipeline: StackedDiffusionPipeline) -> None:
    def latents(goal: str, steps: list[str]) -> torch.Tensor:
        return pipeline.sample_latents([(goal, steps)], seeds=[3], sampling_steps=4, guidance=1.0)[0]

    drawn = latents("How to make apple juice", STEPS)
    assert torch.equal(drawn, latents("How to make apple juice", STEPS))
    assert not torch.equal(drawn, latents("How to make pear juice", STEPS))
    other = latents("How to make apple juice", [STEPS[0], "Cut the apple into slices.", STEPS[2]])
    changed = (other - drawn).flatten(1).norm(dim=1)
    assert changed.argmax() == 1 and changed[0] < changed[1] / 2  # its own panel most of all


def test_an_article_is_drawn_enlarged_and_one_step_redrawn_around_the_others(
    pipeline: StackedDiffusionPipeline, tmp_path: Path
) -> None:
    generate("How to make apple juice", 3, out=tmp_path / "juice", model=EMBEDDED_FLOW, sampling_steps=2)
    record, article = read_record(tmp_path / "juice"), read_article(tmp_path / "juice")
    assert (record.model_id, record.sampler) == (EMBEDDED_FLOW, "euler")
    assert {(step.image.width, step.image.height) for step in article.steps if step.image} == {(512, 512)}
    before = [hashlib.sha256((tmp_path / "juice" / f"step-0{n}.png").read_bytes()).hexdigest() for n in (1, 2, 3)]
    edit(tmp_path / "juice", 2, text="Cut the apple into slices.")
    after = [hashlib.sha256((tmp_path / "juice" / f"step-0{n}.png").read_bytes()).hexdigest() for n in (1, 2, 3)]
    assert (before[0], before[2]) == (after[0], after[2]) and before[1] != after[1]
    assert pipeline.anchors == "clean"
