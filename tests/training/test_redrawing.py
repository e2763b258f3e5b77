"""Redrawn latents: part of the noise, the same for the same article, kept, and what a decoder and an upscaler learn."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL

from illinstr.diffusion.loading import load_pipeline
from illinstr.errors import ConfigError, ModelError
from illinstr.models.upscaler import load_upscaler
from illinstr.progress import SilentReporter
from illinstr.training.noise import sample_generator
from illinstr.training.presets import load_config
from illinstr.training.redrawing import Redrawer, RedrawnConfig, redraw, strength_of
from illinstr.training.tasks import build_task
from illinstr.training.tasks.vae import VaeTask
from tests.support.tiny_data import TINY_PX, make_tiny_data, tiny_article
from tests.support.tiny_model import make_tiny_model
from tests.support.training_configs import UPSCALER, VAE, write_config
from tests.support.training_runs import run_training


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny", train=8, val=3)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(make_tiny_model(tmp_path_factory.mktemp("model") / "tiny"))


@pytest.fixture(scope="module")
def redrawer(model):
    return Redrawer(RedrawnConfig(model=model), TINY_PX, "cpu")


def test_strength_is_how_many_of_the_sampling_steps_are_taken(model):
    pipeline, seen = load_pipeline(model, "cpu"), []
    predict = type(pipeline.backbone).predict

    def counting(self, panels, timesteps, prompt, **how):
        seen.append(float(timesteps[0]))
        return predict(self, panels, timesteps, prompt, **how)

    latents = torch.randn(2, 4, 8, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pipeline.backbone), "predict", counting)
        redraw(pipeline, tiny_article(0, 2), latents, 1.0, 0)
        whole = list(seen)
        seen.clear()
        half = redraw(pipeline, tiny_article(0, 2), latents, 0.5, 0)
    assert seen == whole[len(whole) // 2 :]  # the later ones: those with less noise
    assert half.shape == latents.shape
    again = redraw(pipeline, tiny_article(0, 2), latents, 0.5, 0)
    assert torch.equal(half, again)
    assert not torch.equal(half, redraw(pipeline, tiny_article(0, 2), latents, 0.5, 1))


def test_a_redrawing_begins_at_the_truth_noised_to_its_level(model):
    """With a denoiser that always says the truth, whatever was added is taken away again."""
    pipeline = load_pipeline(model, "cpu")
    latents = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(2))

    def knows(self, panels, timesteps, prompt, **how):
        abar = self.scheduler.alphas_cumprod[timesteps.long()].reshape(-1, 1, 1, 1, 1)
        return (abar.sqrt() * panels - latents) / (1 - abar).sqrt()  # v of panels = sqrt(abar) x + sqrt(1 - abar) e

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(pipeline.backbone), "predict", knows)
        made = redraw(pipeline, tiny_article(0, 3), latents, 0.5, 0)
    assert torch.allclose(made, latents, atol=1e-3)


def test_the_share_and_the_range_are_kept():
    config = RedrawnConfig(weakest=0.2, strongest=0.4)
    drawn = [strength_of(tiny_article(index), config, 0.5)[0] for index in range(200)]
    strengths = [strength for strength in drawn if strength is not None]
    assert 70 < len(strengths) < 130
    assert min(strengths) >= 0.2
    assert max(strengths) <= 0.4
    assert strength_of(tiny_article(1), config, 0.0)[0] is None
    assert strength_of(tiny_article(1), config, 1.0)[0] is not None
    with pytest.raises(ConfigError, match="weakest"):
        load_config("mini-upscaler", ["redrawn.weakest=0.9"])


def test_panels_are_the_decoded_latents_and_are_kept(redrawer):
    articles = [tiny_article(index, 3) for index in range(2)]
    first = redrawer.panels(articles, 0.0, "x", keep=True)
    assert first[0].shape == (3, 3, TINY_PX, TINY_PX)
    assert first[0].dtype == torch.uint8
    latents = redrawer.latents(articles, 0.0, "x", keep=False)[0]
    image = redrawer.pipeline.backbone.decode_latents(latents.float()).clamp(-1, 1)
    assert int((first[0].int() - ((image + 1) * 127.5).round().int()).abs().max()) <= 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redrawer, "_latents", lambda *_: pytest.fail("made again"))
        assert torch.equal(redrawer.panels(articles, 0.0, "x", keep=True)[1], first[1])
    assert not torch.equal(redrawer.panels(articles, 1.0, "x", keep=True)[0], first[0])


def test_a_decoder_learns_from_what_is_drawn(tmp_path, data, model):
    """The loss is that of the decoded latents, noised by no more than was said; the encoder stays as it was."""
    base = f"{model}/vae"
    config = write_config(tmp_path / "vae.yaml", VAE)
    settings = [f"base={base}", "freeze_encoder=true", f"redrawn.model={model}", "redrawn.share=1", "train.ema_decay=0"]
    task = VaeTask(load_config(str(config), settings), data, "cpu")
    batch = task.make_batch(task.units_of(0))
    _, parts = task.loss(task.model, batch, sample_generator(0, 0, range(4)))
    with torch.no_grad():
        image = task.vae.decode(batch.latents).sample  # scaling factor 1
    assert parts["loss_l1"] == pytest.approx(float((image - batch.panels).abs().mean()), rel=1e-4)
    assert parts["loss_kl"] == 0
    own = VaeTask(load_config(str(config), [*settings, "redrawn.share=0", "noise=0.3"]), data, "cpu")
    quiet = own.make_batch(own.units_of(0))
    assert not torch.equal(quiet.latents, batch.latents)
    _, noisy = own.loss(own.model, quiet, sample_generator(0, 0, range(4)))
    with torch.no_grad():
        still = float((own.vae.decode(quiet.latents).sample - quiet.panels).abs().mean())
    assert noisy["loss_l1"] != pytest.approx(still, rel=1e-6)
    run = tmp_path / "run"
    run_training(str(config), [*settings, "train.steps=1"], data=data, out=run, reporter=SilentReporter())
    log = (run / "log.csv").read_text()
    for name in ("val_psnr_db", "val_edges", "val_redrawn_db", "val_redrawn_edges"):
        assert name in log
    before, after = (AutoencoderKL.from_pretrained(folder).state_dict() for folder in (base, run / "model"))
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(name.startswith("decoder.") for name in moved)
    assert not any(name.startswith(("encoder.", "quant_conv.")) for name in moved)


def test_a_decoder_of_other_latents_is_refused(tmp_path, data, model):
    vae = AutoencoderKL.from_config({**AutoencoderKL.load_config(f"{model}/vae"), "scaling_factor": 0.5})
    vae.save_pretrained(tmp_path / "other")
    config = write_config(tmp_path / "vae.yaml", VAE)
    settings = [f"base={tmp_path / 'other'}", "freeze_encoder=true", f"redrawn.model={model}", "redrawn.share=1"]
    with pytest.raises(ModelError, match="scaling_factor"):
        VaeTask(load_config(str(config), settings), data, "cpu")
    with pytest.raises(ConfigError, match="freeze_encoder"):
        load_config("mini-vae", ["redrawn.share=0.5"])


def test_an_upscaler_run_from_data_to_folder(tmp_path, data, model):
    config = write_config(tmp_path / "upscaler.yaml", UPSCALER)
    run = tmp_path / "run"
    run_training(str(config), [f"redrawn.model={model}"], data=data, out=run, reporter=SilentReporter())
    upscaler = load_upscaler(run / "model")
    assert upscaler.config.coarse == UPSCALER["model"]["coarse"]
    log = (run / "log.csv").read_text()
    for name in ("val_own_db", "val_own_edges", "val_redrawn_db", "val_redrawn_edges"):
        assert name in log
    assert (run / "samples" / "step-00000003-redrawn.png").is_file()
    going_on = load_config(str(config), [f"redrawn.model={model}", f"base={run / 'model'}"])
    task = build_task(going_on, data, "cpu")
    assert torch.equal(task.model.last.weight, upscaler.last.weight)


def test_the_upscalers_loss_is_of_the_same_place_small_and_large(tmp_path, data, model):
    """The reference is numpy on the crops that the generator names."""
    settings = [f"redrawn.model={model}", "loss.gradient=0.7"]
    config = load_config(str(write_config(tmp_path / "upscaler.yaml", UPSCALER)), settings)
    task = build_task(config, data, "cpu")
    batch = task.make_batch(task.units_of(0))
    assert batch.small.shape[-1] == TINY_PX
    assert batch.large.shape[-1] == 4 * TINY_PX
    seen = []
    task.model.register_forward_hook(lambda module, given, made: seen.append((given[0], made.detach())))
    loss, parts = task.loss(task.model, batch, sample_generator(0, 0, range(4)))
    small, image = (tensor.numpy() for tensor in seen[0])
    crop, truth = config.loss.crop_px, []
    for row, whole in enumerate(batch.small.numpy()):
        places = [
            (y, x)
            for y in range(TINY_PX - crop + 1)
            for x in range(TINY_PX - crop + 1)
            if np.array_equal(whole[:, y : y + crop, x : x + crop], small[row])
        ]
        large = batch.large[row].numpy()
        truths = [large[:, 4 * y : 4 * (y + crop), 4 * x : 4 * (x + crop)] for y, x in places]
        truth.append(min(truths, key=lambda each: np.abs(each - image[row]).mean()))
    error = image - np.stack(truth)
    gradient = np.abs(np.diff(error, axis=3)).mean() + np.abs(np.diff(error, axis=2)).mean()
    assert parts["loss_l1"] == pytest.approx(np.abs(error).mean(), rel=1e-4)
    assert float(loss.detach()) == pytest.approx(np.abs(error).mean() + 0.7 * gradient, rel=1e-4)


def test_sizes_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="not a multiple of 4"):
        load_config("mini-upscaler", ["data.panel_px=510"])
    with pytest.raises(ConfigError, match="crop_px"):
        load_config("mini-upscaler", ["loss.crop_px=400"])
