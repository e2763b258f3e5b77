"""The compact modules draw what diffusers and transformers draw, to the bit; what they do not know they leave alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from illinstr.diffusion.loading import check_model, load_pipeline
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import ModelError
from illinstr.models.loading import load_backbone, load_compact
from illinstr.models.stable_diffusion.compact.unet import CompactUNet
from tests.support.tiny_model import make_tiny_model

ARTICLES = [("How to make tea", ["Boil the water", "Pour it"]), ("How to rest", ["Sit down", "Close your eyes"])]
TEXTS = ["How to make <|endoftext|> tea", "", "don't  say\tÜnïcode 漢字 😀 12 ", "word " * 100]


Pair = tuple[StackedDiffusionPipeline, StackedDiffusionPipeline]


def both(dtype: torch.dtype) -> Pair:
    """The embedded model, read both ways."""
    folder = check_model("mini")
    compact = load_compact(folder, dtype=dtype)
    assert compact is not None
    return StackedDiffusionPipeline(compact), StackedDiffusionPipeline(load_backbone(folder, dtype=dtype))


@pytest.fixture(scope="module")
def pair() -> Pair:
    return both(torch.float32)


@pytest.mark.parametrize("sampler", ["dpm++2m", "dpm++2m-sde", "ddim"])
def test_latents_are_equal_to_the_bit(pair: Pair, sampler: str) -> None:
    how: dict[str, Any] = {"seeds": [3, 4], "sampling_steps": 3, "guidance": 3.0, "sampler": sampler}
    ours, theirs = (each.sample_latents(ARTICLES, **how) for each in pair)
    assert torch.equal(ours, theirs)


def test_latents_in_half_precision_are_equal_to_the_bit() -> None:
    how: dict[str, Any] = {"seeds": [3], "sampling_steps": 1, "guidance": 1.0}
    ours, theirs = (each.sample_latents(ARTICLES[:1], **how) for each in both(torch.bfloat16))
    assert torch.equal(ours, theirs)


def test_held_panels_are_noised_alike(pair: Pair) -> None:
    known = torch.randn(1, 2, *pair[0].backbone.latent_shape(128), generator=torch.Generator().manual_seed(1))
    where = torch.tensor([[True, False]])
    how: dict[str, Any] = {"seeds": [3], "sampling_steps": 2, "guidance": 1.0, "known": known, "where": where}
    ours, theirs = (each.sample_latents(ARTICLES[:1], **how) for each in pair)
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize("texts", [TEXTS, TEXTS[:1]], ids=["padded", "alone"])
def test_texts_are_equal_to_the_bit(pair: Pair, texts: list[str]) -> None:
    ours, theirs = (each.backbone.encode_texts(texts) for each in pair)
    assert torch.equal(ours.mask, theirs.mask)
    assert torch.equal(ours.tokens, theirs.tokens)


def test_images_and_back_are_equal_to_the_bit(pair: Pair) -> None:
    pixels = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(2)) * 2 - 1
    ours, theirs = (each.backbone.encode_images(pixels) for each in pair)
    assert torch.equal(ours, theirs)
    decoded, expected = (each.backbone.decode_latents(theirs) for each in pair)
    assert torch.equal(decoded, expected)


def test_an_article_imports_neither_diffusers_nor_transformers(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from illinstr import generate\n"
        "generate('How to make mint tea', steps=2, sampling_steps=1, out=sys.argv[1])\n"
        "print([name for name in ('diffusers', 'transformers', 'scipy', 'sympy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


class TestOtherFolders:
    def test_a_config_that_says_something_else_is_left_to_diffusers(self, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(check_model("mini"), tmp_path / "mini"))
        for part, name, key, value in (
            ("unet", "config.json", "use_linear_projection", True),
            ("unet", "config.json", "something_new", 1),
            ("vae", "config.json", "mid_block_add_attention", True),
            ("text_encoder", "config.json", "hidden_act", "gelu"),
            ("scheduler", "scheduler_config.json", "beta_schedule", "sigmoid"),
        ):
            path = folder / part / name
            before = path.read_text()
            path.write_text(json.dumps(json.loads(before) | {key: value}))
            assert load_compact(str(folder), dtype=torch.float32) is None, key
            path.write_text(before)
        assert load_compact(str(folder), dtype=torch.float32) is not None

    def test_weights_of_other_names_are_left_to_diffusers(self, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(check_model("mini"), tmp_path / "mini"))
        file = folder / "unet" / "diffusion_pytorch_model.safetensors"
        weights = load_file(file)
        weights["conv_in.extra"] = torch.zeros(1)
        save_file(weights, file)
        assert load_compact(str(folder), dtype=torch.float32) is None

    def test_weights_that_are_not_finite_are_refused(self, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(check_model("mini"), tmp_path / "mini"))
        file = folder / "vae" / "diffusion_pytorch_model.safetensors"
        weights = load_file(file)
        weights["quant_conv.bias"][0] = float("nan")
        save_file(weights, file)
        with pytest.raises(ModelError, match="not finite"):
            load_pipeline(str(folder), "cpu")

    def test_any_folder_draws_the_same_either_way(self, tmp_path: Path) -> None:
        tiny = make_tiny_model(tmp_path / "tiny")
        ours = load_pipeline(str(tiny), "cpu", "float32")
        theirs = StackedDiffusionPipeline.from_folder(str(tiny))
        how: dict[str, Any] = {"seeds": [3], "sampling_steps": 2, "guidance": 3.0}
        assert torch.equal(ours.sample_latents(ARTICLES[:1], **how), theirs.sample_latents(ARTICLES[:1], **how))


def test_the_embedded_model_is_read_compactly() -> None:
    assert isinstance(load_pipeline("mini", "cpu").backbone.modules("denoiser")["unet"], CompactUNet)
