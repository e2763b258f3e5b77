"""``--model`` and what follows from it: plain Stable Diffusion, precision, memory, photos."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from illinstr.articles import StepImage
from illinstr.cli.app import app
from illinstr.diffusion.loading import load_pipeline
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.diffusion.schedule import make_sampler
from illinstr.errors import ModelError, PartialError, UsageError
from illinstr.runs import read_article, read_record
from illinstr.sampling.drawing.photo import PHOTO_PX, read_photo
from tests.support.tiny_model import PANEL_PX, make_tiny_model

STEPS = ("--step", "Wash the apple", "--step", "Blend it")
HEADLINES = ["Wash the apple", "Blend it"]


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def plain(stacked: Path) -> Path:
    """The same weights as a folder that plain Stable Diffusion comes in."""
    folder = shutil.copytree(stacked, stacked.parent / "plain")
    (folder / "stacked.json").unlink()
    return folder


def generate(model: Path, out: Path, *options: str) -> None:
    words = ["generate", "Make juice", *STEPS, "--model", str(model), "--device", "cpu", "--out", str(out), *options]
    app(words, standalone_mode=False)


def distance(first: Image.Image, second: Image.Image) -> int:
    return int(np.abs(np.asarray(first, int) - np.asarray(second, int)).max())


class TestPlainStableDiffusion:
    def test_each_step_is_what_diffusers_draws_from_goal_and_step(self, plain: Path) -> None:
        """An independent implementation: StableDiffusionPipeline with the same noise, sampler and guidance."""
        from diffusers import StableDiffusionPipeline

        ours = load_pipeline(str(plain), "cpu", "float32")
        theirs = StableDiffusionPipeline.from_pretrained(plain, safety_checker=None, use_safetensors=True)
        theirs.set_progress_bar_config(disable=True)
        theirs.scheduler = make_sampler("ddim", theirs.scheduler)
        how = {"guidance_scale": 4.0, "num_inference_steps": 5, "height": PANEL_PX, "width": PANEL_PX}
        drawn = ours(
            "Make juice", HEADLINES, seed=1, sampler="ddim", sampling_steps=5, guidance=4.0, method="independent"
        )
        noise = ours._noise([1], 2)[0]
        for index, headline in enumerate(HEADLINES):
            expected = theirs(f"Make juice: {headline}", latents=noise[index : index + 1], **how).images[0]
            assert distance(drawn[index], expected) <= 1

    def test_works_without_a_word_and_says_that_each_is_drawn_alone(
        self, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        generate(plain, tmp_path / "a", "--sampling-steps", "2")
        assert "not trained to draw images together, so each is drawn alone" in capsys.readouterr().err
        assert read_record(tmp_path / "a").method == "independent"
        generate(plain, tmp_path / "b", "--sampling-steps", "2", "--method", "independent")
        assert "note:" not in capsys.readouterr().err

    def test_stacked_is_done_as_told_with_a_warning(
        self, plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        generate(plain, tmp_path / "a", "--sampling-steps", "2", "--method", "stacked")
        err = capsys.readouterr().err
        assert "was not trained to draw images together and will hardly show 2 of them" in err
        assert read_record(tmp_path / "a").method == "stacked"

    def test_a_photo_cannot_steer_images_drawn_alone(self, plain: Path, tmp_path: Path) -> None:
        Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
        with pytest.raises(UsageError, match="drawn alone"):
            generate(plain, tmp_path / "a", "--first-picture", str(tmp_path / "photo.png"))
        assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("index", "message"),
    [('{"_class_name": "AuraFlowPipeline"}', "family AuraFlow"), ("{", "damaged")],
)
def test_models_of_another_family_are_refused(stacked: Path, tmp_path: Path, index: str, message: str) -> None:
    other = shutil.copytree(stacked, tmp_path / "other")
    (other / "model_index.json").write_text(index)
    with pytest.raises(ModelError, match=message) as caught:
        load_pipeline(str(other), "cpu")
    assert caught.value.hint


def test_a_trained_model_draws_stacked_without_a_note(
    stacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(stacked, tmp_path / "a")
    assert "note:" not in capsys.readouterr().err
    record = read_record(tmp_path / "a")
    assert (record.method, record.model_id) == ("stacked", str(stacked))


def test_a_long_article_is_noted_and_has_every_image(
    stacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [word for i in range(22) for word in ("--step", f"Step {i}")]
    generate(stacked, tmp_path / "a", *steps, "--sampling-steps", "2")
    assert "24 are drawn in parts that share images" in capsys.readouterr().err
    assert len(list((tmp_path / "a").glob("step-*.png"))) == 24
    assert read_record(tmp_path / "a").sampler == "dpm++2m-sde"


def test_a_window_of_ones_own_draws_them_together(
    stacked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [word for i in range(6) for word in ("--step", f"Step {i}")]
    for name, options in (("parts", ()), ("whole", ("--window", "8")), ("small", ("--window", "3"))):
        generate(stacked, tmp_path / name, *steps, "--sampling-steps", "2", "--sampler", "ddim", *options)
        record = read_record(tmp_path / name)
        assert (record.num_steps, record.window) == (8, int(options[1]) if options else None)
    assert "8 are drawn together as told" in capsys.readouterr().err
    last = [read_article(tmp_path / name).steps[7].image for name in ("parts", "whole", "small")]
    assert len({image.sha256 for image in last if image}) == 3


class TestPlacement:
    def test_the_embedded_model_goes_by_its_name_everywhere(self) -> None:
        assert load_pipeline("mini", "cpu").model_id == "mini"

    def test_offload_needs_an_accelerator(self, stacked: Path) -> None:
        with pytest.raises(UsageError, match="CPU alone"):
            load_pipeline(str(stacked), "cpu", offload=True)


class TestMemory:
    def pipes(self, folder: Path, **switch: bool) -> tuple[StackedDiffusionPipeline, StackedDiffusionPipeline]:
        usual = StackedDiffusionPipeline.from_folder(str(folder))
        return usual, StackedDiffusionPipeline(usual.backbone, **switch)

    def test_vae_slicing_decodes_one_at_a_time_and_draws_the_same(self, stacked: Path) -> None:
        usual, sliced = self.pipes(stacked, vae_slicing=True)
        sizes: list[int] = []
        usual.backbone.vae.decoder.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[0]))
        expected = usual("Make juice", HEADLINES)
        assert sizes == [2]
        sizes.clear()
        drawn = sliced("Make juice", HEADLINES)
        assert sizes == [1, 1]
        assert max(map(distance, drawn, expected)) <= 1

    def test_offload_brings_each_part_when_it_works_and_takes_it_back(self, stacked: Path) -> None:
        """On the CPU nothing moves, but who is asked to move, and when, is the same as with an accelerator."""
        usual, spare = self.pipes(stacked, offload=True)
        parts = {"text": usual.backbone.text_encoder, "unet": usual.backbone.unet, "vae": usual.backbone.vae}
        events: list[str] = []
        for name, module in parts.items():
            move = module.to

            def to(*where: object, name: str = name, move: object = move, **more: object) -> object:
                events.append(f"{name} moves")
                return move(*where, **more)  # type: ignore[operator]

            module.to = to
            module.register_forward_pre_hook(lambda *_, name=name: events.append(f"{name} works"))
        usual.backbone.vae.decoder.register_forward_pre_hook(lambda *_: events.append("vae works"))
        drawn = spare("Make juice", HEADLINES, sampling_steps=1, method="independent")
        text = ["text moves", "text works", "text moves"]
        unet = ["unet moves", "unet works", "unet works", "unet moves"]  # one canvas at a time
        assert events == [*text, *unet, "vae moves", "vae works", "vae moves"]
        assert max(map(distance, drawn, usual("Make juice", HEADLINES, sampling_steps=1, method="independent"))) <= 1

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device to offload from")
    def test_offload_on_a_gpu_draws_the_same_with_less_memory(self, stacked: Path) -> None:
        peaks, drawn = [], []
        for offload in (False, True):
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
            pipe = load_pipeline(str(stacked), "cuda", "float32", offload=offload)
            drawn.append(pipe("Make juice", HEADLINES))
            peaks.append(torch.cuda.max_memory_allocated())
            del pipe
        assert peaks[1] < peaks[0]
        assert max(map(distance, *drawn)) <= 2

    def test_too_little_memory_is_a_known_failure(self, stacked: Path, tmp_path: Path, monkeypatch) -> None:
        def starve(*_: object, **__: object) -> None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

        monkeypatch.setattr(StackedDiffusionPipeline, "draw_batch", starve)
        with pytest.raises(ModelError, match="not enough memory") as caught:
            generate(stacked, tmp_path / "a")
        assert "--vae-slicing" in (caught.value.hint or "")
        assert list(tmp_path.iterdir()) == []

    def test_an_article_that_fails_does_not_stop_the_others(
        self, stacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        draw = StackedDiffusionPipeline.draw_batch

        def starve_once(pipe: StackedDiffusionPipeline, articles: object, **how: Any) -> object:
            if how["seeds"] == [1]:
                raise torch.OutOfMemoryError("out of memory")
            return draw(pipe, articles, **how)  # type: ignore[arg-type]

        monkeypatch.setattr(StackedDiffusionPipeline, "draw_batch", starve_once)
        with pytest.raises(PartialError, match="1 of 3 articles"):
            generate(stacked, tmp_path / "b", "--num-variants", "3")
        captured = capsys.readouterr()
        assert captured.out.splitlines()[-1] == str(tmp_path / "b" / "index.html")
        assert "made 2, kept 0, failed 1\n  failed: Make juice (seed 1): there is not enough memory" in captured.err
        monkeypatch.undo()
        generate(stacked, tmp_path / "b", "--num-variants", "3")
        assert "made 1, kept 2, failed 0" in capsys.readouterr().err


class TestFirstImage:
    def photo(self, path: Path, size: tuple[int, int] = (60, 40), **save: object) -> Path:
        image = Image.new("RGB", size, (200, 30, 30))
        image.paste((0, 0, 250), (0, 0, 8, size[1]))
        image.save(path, **save)
        return path

    def test_it_is_step_1_and_steers_the_others(self, stacked: Path, tmp_path: Path) -> None:
        photo = self.photo(tmp_path / "photo.png")
        generate(stacked, tmp_path / "with", "--first-picture", str(photo))
        generate(stacked, tmp_path / "without", "--sampler", "dpm++2m-sde")
        first, second = (step.image for step in read_article(tmp_path / "with").steps)
        assert first is not None and second is not None
        assert first.media_type == "image/jpeg" and first.alt == "Step 1: Wash the apple"
        assert first.sha256 == read_photo(photo).sha256
        other = read_article(tmp_path / "without").steps[1].image
        assert other is not None and second.sha256 != other.sha256
        record = read_record(tmp_path / "with")
        assert (record.given, record.sampler) == ((1,), "dpm++2m-sde")

    def test_it_is_cut_square_turned_upright_and_loses_what_it_told(self, tmp_path: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # lying on its side
        exif[0x010F] = "SecretCamera"
        photo = self.photo(tmp_path / "photo.jpg", (3000, 2000), exif=exif, quality=80)
        image = read_photo(photo)
        assert (image.width, image.height) == (PHOTO_PX, PHOTO_PX)
        assert image.data is not None and b"SecretCamera" not in image.data
        small = read_photo(self.photo(tmp_path / "small.png", (60, 40)))
        assert (small.width, small.height) == (40, 40)
        with Image.open(io.BytesIO(small.data or b"")) as picture:
            assert picture.convert("RGB").getpixel((1, 20))[0] > 150  # the blue edge was cut off

    @pytest.mark.parametrize("content", [None, b"", b"GIF89a", b"\xff\xd8\xff" + b"0" * 99])
    def test_what_is_no_image_is_refused(self, stacked: Path, tmp_path: Path, content: bytes | None) -> None:
        path = tmp_path / "photo.jpg"
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UsageError, match="--first-picture") as caught:
            generate(stacked, tmp_path / "a", "--first-picture", str(path))
        assert caught.value.hint
        assert not (tmp_path / "a").exists()

    def test_a_batch_is_not_mixed(self, stacked: Path, tmp_path: Path) -> None:
        photo = self.photo(tmp_path / "photo.png")
        generate(stacked, tmp_path / "b", "--num-variants", "2", "--first-picture", str(photo))
        generate(stacked, tmp_path / "b", "--num-variants", "3", "--first-picture", str(photo))
        with pytest.raises(UsageError, match="first image"):
            generate(stacked, tmp_path / "b", "--num-variants", "3")


def test_a_image_knows_its_recipe_and_who_gave_the_first(stacked: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 40)).save(photo)
    generate(stacked, tmp_path / "a", "--first-picture", str(photo))
    image = read_article(tmp_path / "a").steps[1].image
    assert isinstance(image, StepImage)
    with Image.open(io.BytesIO(image.data or b"")) as picture:
        assert json.loads(picture.info["illinstr"])["sampler"] == "dpm++2m-sde"
