"""The upscaler: its layers against numpy, its files, its factors."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from illinstr import minihow
from illinstr.diffusion.loading import check_model
from illinstr.errors import ModelError
from illinstr.models.folder import read_settings
from illinstr.models.upscaler import (
    FACTOR,
    SLOPE,
    Upscaler,
    UpscalerConfig,
    embedded_upscaler,
    load_upscaler,
    save_upscaler,
    upscale,
)
from illinstr.training.image_losses import edge_ratio, psnr_db

TINY = UpscalerConfig(coarse=6, middle=4, fine=5, blocks=2)


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(0)
    upscaler = Upscaler(TINY)
    torch.nn.init.normal_(upscaler.last.weight, std=0.05)  # lively from the first
    return upscaler.eval()


@pytest.fixture
def image():
    return torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(1)) * 2 - 1


def conv(x, layer):
    """A convolution in numpy, zeros past the border."""
    weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
    side = weight.shape[-1] // 2
    padded = np.pad(x, ((0, 0), (side, side), (side, side)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[-2:], axis=(1, 2))
    return np.einsum("ihwkl,oikl->ohw", windows, weight) + bias[:, None, None]


def leaky(x):
    return np.where(x > 0, x, SLOPE * x)


def unshuffle(x, r):
    c, h, w = x.shape
    return x.reshape(c, h // r, r, w // r, r).transpose(0, 2, 4, 1, 3).reshape(c * r * r, h // r, w // r)


def shuffle(x, r):
    c, h, w = x.shape
    return x.reshape(c // r**2, r, r, h, w).transpose(0, 3, 1, 4, 2).reshape(c // r**2, h * r, w * r)


def enlarged(x, r):
    """Bilinear, sample positions at pixel centres, the border repeated."""

    def weights(size):
        at = ((np.arange(size * r) + 0.5) / r - 0.5).clip(0, size - 1)
        low = np.floor(at).astype(int).clip(0, size - 2)
        matrix = np.zeros((size * r, size))
        matrix[np.arange(size * r), low] = 1 - (at - low)
        matrix[np.arange(size * r), low + 1] = at - low
        return matrix

    return np.einsum("yh,chw,xw->cyx", weights(x.shape[1]), x, weights(x.shape[2]))


def residual(x, block):
    return x + conv(leaky(conv(x, block.first)), block.second)


def test_the_network_is_what_it_says(tiny, image):
    x = image[0].double().numpy()
    middle = residual(leaky(conv(unshuffle(x, 2), tiny.middle_in)), tiny.before)
    coarse = conv(unshuffle(middle, 2), tiny.coarse_in)
    for block in tiny.body:
        coarse = residual(coarse, block)
    middle = residual(middle + shuffle(conv(coarse, tiny.coarse_out), 2), tiny.after)
    fine = conv(x, tiny.fine_in) + shuffle(conv(leaky(middle), tiny.middle_out), 2)
    expected = enlarged(x, 4) + shuffle(conv(leaky(conv(leaky(fine), tiny.mix)), tiny.last), 4)
    with torch.no_grad():
        assert np.allclose(tiny(image)[0].numpy(), expected, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_half_precision_change_little(tmp_path, tiny, image, dtype):
    """What is added is computed in the weights' precision, the enlargement itself in float32."""
    save_upscaler(tmp_path, tiny)
    half = load_upscaler(tmp_path).to(dtype)
    made, plain = upscale(half, image[0], 4), upscale(tiny, image[0], 4)
    assert made.dtype == torch.float32
    assert 0 < float((made - plain).abs().mean()) < 0.01


def test_it_begins_as_a_bilinear_enlargement(image):
    with torch.no_grad():
        made = Upscaler(TINY)(image)
    plain = F.interpolate(image, scale_factor=FACTOR, mode="bilinear")
    assert float((made - plain).abs().mean()) < 0.05


@pytest.mark.parametrize(("height", "width"), [(5, 7), (4, 4), (9, 3)])
def test_sides_need_not_be_multiples(tiny, height, width):
    with torch.no_grad():
        assert tiny(torch.zeros(2, 3, height, width)).shape == (2, 3, 4 * height, 4 * width)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_smaller_factors_are_means_over_areas(tiny, image, factor):
    made = upscale(tiny, image[0], factor).numpy()
    with torch.no_grad():
        whole = tiny(image)[0].clamp(-1, 1).numpy()
    side = FACTOR // factor
    h, w = whole.shape[1] // side, whole.shape[2] // side
    assert made.shape == (3, factor * 8, factor * 12)
    assert np.allclose(made, whole.reshape(3, h, side, w, side).mean(axis=(2, 4)), atol=1e-6)


def test_a_folder_gives_the_same_network_back(tmp_path, tiny, image):
    save_upscaler(tmp_path, tiny)
    back = load_upscaler(tmp_path)
    assert back.config == TINY
    assert not back.training
    with torch.no_grad():
        assert torch.allclose(back(image), tiny(image), atol=5e-3)  # half precision in between


def _without(folder, name):
    (folder / name).unlink()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: _without(folder, "model.safetensors"),
        lambda folder: _without(folder, "config.json"),
        lambda folder: (folder / "model.safetensors").write_bytes(b"PK\x03\x04"),
        lambda folder: (folder / "config.json").write_text("[" * 5000),
        lambda folder: (folder / "config.json").write_text(json.dumps({"coarse": 10**9})),
        lambda folder: (folder / "config.json").write_text(json.dumps({"coarse": 8})),
        lambda folder: (folder / "config.json").write_text(" " * 100_000),
    ],
)
def test_what_cannot_be_used_is_one_line(tmp_path, tiny, spoil):
    save_upscaler(tmp_path, tiny)
    spoil(tmp_path)
    with pytest.raises(ModelError, match="holds no upscaler that can be used") as caught:
        load_upscaler(tmp_path)
    assert "\n" not in caught.value.message
    assert caught.value.hint == "draw with --upscale 1"


def test_the_embedded_one_is_small_asked_for_and_crisper_than_a_bilinear_enlargement():
    """On a true panel of MiniHow, against the same scene drawn at four times the size."""
    folder = Path(check_model("mini"))
    assert read_settings(folder).upscale == 4
    assert sum(file.stat().st_size for file in (folder.parent / "upscaler").iterdir()) < 1.5e6
    scene = minihow.plan("How to make apple juice", 4, seed=1).steps[1].scene
    small, large = (
        torch.from_numpy(np.asarray(minihow.draw_scene(scene, px)).copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        for px in (128, 512)
    )
    made = upscale(embedded_upscaler(), small[0], 4)[None]
    plain = F.interpolate(small, scale_factor=4, mode="bilinear")
    assert float(psnr_db(large, made)) > float(psnr_db(large, plain)) + 0.5
    assert float(edge_ratio(large, made)) > 1.2 * float(edge_ratio(large, plain))
