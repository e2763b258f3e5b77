import sys

import numpy as np
import pytest
import torch
from PIL import Image

from illinstr.diffusion.denoiser import Denoiser
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.diffusion.schedule import SAMPLERS
from illinstr.errors import ModelError, UsageError
from illinstr.models.loading import check_folder, load_backbone
from illinstr.models.prompt import CanvasText
from illinstr.models.upscaler import upscale
from tests.support import fork_server
from tests.support.tiny_model import PANEL_PX, make_tiny_model
from tests.support.tiny_upscaler import embedded_in

GOAL = "How to make apple juice"
STEPS = ["Wash the apple", "Cut it in half", "Blend it"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def pipe(folder):
    return StackedDiffusionPipeline.from_folder(str(folder))


def same(first, second):
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(first, second, strict=True))


def distance(first, second):
    return max(np.abs(np.asarray(a, float) - np.asarray(b, float)).max() for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 12])
def test_exactly_n_images_of_panel_size(pipe, n):
    images = pipe(GOAL, [f"step {i}" for i in range(n)], sampling_steps=2)
    assert len(images) == n
    assert {image.size for image in images} == {(PANEL_PX, PANEL_PX)}
    assert {image.mode for image in images} == {"RGB"}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(pipe):
    assert same(pipe(GOAL, STEPS, seed=3), pipe(GOAL, STEPS, seed=3))
    assert not same(pipe(GOAL, STEPS, seed=3), pipe(GOAL, STEPS, seed=4))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_article_does_not_hang_on_its_neighbours_in_a_batch(pipe, sampler):
    other = ("How to make tea", ["Boil", "Pour", "Drink"])
    alone = pipe(GOAL, STEPS, seed=5, sampler=sampler)
    beside = pipe.draw_batch([other, (GOAL, STEPS)], seeds=[9, 5], sampler=sampler)[1]
    assert distance(alone, beside) <= 2  # float summation order differs with the batch


def test_every_option_changes_the_images(pipe):
    base = pipe(GOAL, STEPS)
    changes = [
        {"sampling_steps": 7},
        {"guidance": 1.0},
        {"guidance": 6.0},
        {"sampler": "euler"},
        {"method": "independent"},
    ]
    for change in changes:
        assert not same(base, pipe(GOAL, STEPS, **change)), change
    assert not same(base, pipe("How to make tea", STEPS))
    assert not same(base, pipe(GOAL, [*STEPS[:2], "Pour it into a glass"]))


@pytest.mark.parametrize(
    "settings",
    [
        {"conditioning": "joint"},
        {"conditioning": "single"},
        {"step_code": False},
        {"guidance_rescale": 0.7},
        {"guidance_from": 0.5},
    ],
)
def test_every_switch_of_the_method_changes_the_images(pipe, folder, tmp_path, settings):
    other = StackedDiffusionPipeline.from_folder(str(make_tiny_model(tmp_path / "other", **settings)))
    assert same(
        pipe(GOAL, STEPS), StackedDiffusionPipeline.from_folder(str(make_tiny_model(tmp_path / "twin")))(GOAL, STEPS)
    )
    assert not same(pipe(GOAL, STEPS), other(GOAL, STEPS))


def test_guidance_begins_where_the_model_says(pipe, tmp_path):
    """Never: the text alone. From half the timesteps on: the text alone before, as always after."""
    never, half = (
        StackedDiffusionPipeline.from_folder(str(make_tiny_model(tmp_path / str(share), guidance_from=share)))
        for share in (0.0, 0.5)
    )
    assert same(never(GOAL, STEPS), pipe(GOAL, STEPS, guidance=1.0))
    panels, texts = torch.randn(1, 3, 4, 8, 8), [CanvasText(GOAL, tuple(STEPS), (1, 2, 3))]
    for t, expected in ((900, 1.0), (500, 1.0), (499, 4.0), (0, 4.0)):
        given = Denoiser(half.backbone, texts, 4.0)(panels, torch.tensor(t))
        assert torch.allclose(given, Denoiser(pipe.backbone, texts, expected)(panels, torch.tensor(t)), atol=1e-6)


def test_stacked_panels_see_one_another_and_independent_ones_do_not(pipe):
    changed = [*STEPS[:2], "Pour it into a glass"]
    assert not same(pipe(GOAL, STEPS)[:1], pipe(GOAL, changed)[:1])
    first, second = (pipe(GOAL, steps, method="independent") for steps in (STEPS, changed))
    assert distance(first[:2], second[:2]) <= 1
    assert not same(first[2:], second[2:])


def test_anchors_come_back_untouched_and_steer_the_rest(pipe):
    photo = Image.new("RGB", (50, 40), (200, 30, 30))
    held = pipe(GOAL, STEPS, anchors={1: photo})
    assert held[1] is photo
    assert not same(held[:1], pipe(GOAL, STEPS)[:1])
    with pytest.raises(UsageError, match="step 4"):
        pipe(GOAL, STEPS, anchors={3: photo})


@pytest.mark.parametrize("factor", [2, 4])
def test_drawn_images_come_out_larger_and_given_ones_as_they_are(pipe, tmp_path, factor):
    """The reference is the upscaler itself on what is drawn without it."""
    given = Image.new("RGB", (50, 50), (10, 200, 90))
    plain = pipe(GOAL, STEPS, sampling_steps=2, anchors={1: given})
    previews = []
    with embedded_in(tmp_path) as upscaler:
        larger = pipe.changed({"upscale": factor})
        images = larger(
            GOAL, STEPS, sampling_steps=2, anchors={1: given}, on_step=lambda step: previews.append(step.preview())
        )
        assert images[1] is given
        for place in (0, 2):
            assert images[place].size == (factor * PANEL_PX, factor * PANEL_PX)
            drawn = torch.from_numpy(np.asarray(plain[place]).copy()).permute(2, 0, 1).float() / 127.5 - 1
            expected = ((upscale(upscaler, drawn, factor) + 1) * 127.5).permute(1, 2, 0).numpy()
            assert np.abs(np.asarray(images[place], float) - expected).mean() < 1  # plain was rounded to bytes
    assert previews[0][0][0].size == (PANEL_PX, PANEL_PX)
    assert pipe.changed({"upscale": 1})(GOAL, STEPS, sampling_steps=2)[0].size == (PANEL_PX, PANEL_PX)


def test_a_model_can_ask_for_larger_images_itself(tmp_path):
    settled = StackedDiffusionPipeline.from_folder(str(make_tiny_model(tmp_path / "model", upscale=2)))
    with embedded_in(tmp_path / "upscaler"):
        assert settled(GOAL, STEPS, sampling_steps=2)[0].size == (2 * PANEL_PX, 2 * PANEL_PX)
        assert settled.changed({"upscale": 1})(GOAL, STEPS, sampling_steps=2)[0].size == (PANEL_PX, PANEL_PX)


def test_no_upscaler_is_said_before_anything_is_drawn(pipe, tmp_path):
    with embedded_in(tmp_path / "none", present=False), pytest.raises(ModelError, match="no upscaler"):
        pipe.changed({"upscale": 4})(GOAL, STEPS, on_step=lambda step: pytest.fail("drawn"))
    with pytest.raises(UsageError, match="1, 2 or 4 times"):
        pipe.changed({"upscale": 3})


def test_panels_are_decoded_apart(pipe):
    """Two flat latents side by side on the canvas must not bleed into each other's image."""
    latents = torch.zeros(1, 2, 4, 8, 8)
    latents[0, 1] = 3.0
    together = pipe._decode(latents)[0]
    alone = [pipe._decode(latents[:, i : i + 1])[0][0] for i in range(2)]
    assert distance(together, alone) <= 1


def test_progress_counts_every_sampling_step(pipe):
    seen = []
    pipe(GOAL, STEPS, sampling_steps=3, on_step=lambda step: seen.append((step.done, step.total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_no_steps_is_a_usage_error(pipe):
    with pytest.raises(UsageError, match="at least one"):
        pipe(GOAL, [])


def test_plain_diffusers_loads_the_folder_in_a_fresh_process(folder):
    code = (
        "import sys; from diffusers import DiffusionPipeline\n"
        "p = DiffusionPipeline.from_pretrained(sys.argv[1], use_safetensors=True)\n"
        "p.set_progress_bar_config(disable=True)\n"
        "print(p('a cup', num_inference_steps=2, height=32, width=32).images[0].size)"
    )
    done = fork_server.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=300, server="libraries"
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "(32, 32)"


def test_a_stable_diffusion_folder_without_our_settings_loads_and_says_it_is_not_stacked(folder, tmp_path):
    import shutil

    plain = tmp_path / "sd"
    shutil.copytree(folder, plain)
    (plain / "stacked.json").unlink()
    parts = load_backbone(str(plain), dtype=torch.float32)
    assert not parts.trained_for_stacking
    assert parts.settings.conditioning == "joint"
    assert len(StackedDiffusionPipeline(parts)(GOAL, STEPS, sampling_steps=2, method="independent")) == 3


def _damage(folder, what):
    if what == "no index":
        (folder / "model_index.json").unlink()
    elif what == "no vae":
        import shutil

        shutil.rmtree(folder / "vae")
    elif what == "cut weights":
        file = next((folder / "unet").glob("*.safetensors"))
        file.write_bytes(file.read_bytes()[:1000])
    elif what == "text for weights":
        next((folder / "unet").glob("*.safetensors")).write_text("hello")
    elif what == "pickle":
        file = next((folder / "unet").glob("*.safetensors"))
        file.rename(file.with_suffix(".bin"))
    else:
        (folder / "stacked.json").write_text('{"conditioning": "psychic"}')


@pytest.mark.parametrize("what", ["no index", "no vae", "cut weights", "text for weights", "pickle", "bad settings"])
def test_a_damaged_folder_is_one_clear_error(tmp_path, what):
    broken = make_tiny_model(tmp_path / "broken")
    _damage(broken, what)
    with pytest.raises(ModelError) as caught:
        load_backbone(str(broken), dtype=torch.float32)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_checking_a_good_folder_is_silent(folder):
    check_folder(folder)


def test_the_hash_follows_the_weights(folder, tmp_path):
    twin = load_backbone(str(make_tiny_model(tmp_path / "twin")), dtype=torch.float32)
    other = load_backbone(str(make_tiny_model(tmp_path / "other", seed=1)), dtype=torch.float32)
    mine = load_backbone(str(folder), dtype=torch.float32)
    assert mine.source.sha256 == twin.source.sha256
    assert mine.source.sha256 != other.source.sha256
