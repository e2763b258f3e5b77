"""Fine-tuning Stable-Diffusion-shaped bases: whole and with adapters, from epsilon and from v."""

import csv
import json
import os
import sys
from pathlib import Path

import pytest
import torch
import yaml
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from illinstr.config import validate
from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.errors import ConfigError, ModelError
from illinstr.models.folder import weights_metadata
from illinstr.models.loading import load_backbone
from illinstr.progress import SilentReporter
from illinstr.training.presets import load_config
from illinstr.training.tasks.stacked.config import UNetConfig
from illinstr.training.tasks.stacked.export import CONFIG_KEY
from tests.support import fork_server
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_sd import SD_PANEL_PX, make_tiny_sd
from tests.support.training_configs import write_config
from tests.support.training_runs import run_training

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "sd_losses.json"
SD = {
    "kind": "unet",
    "data": {"panel_px": SD_PANEL_PX, "val_limit": 1},
    "noise": {"beta_schedule": "scaled_linear", "transition_steps": 4},
    "optim": {"lr": 1e-3, "warmup_steps": 2},
    "sample": {"sampling_steps": 2, "grid_articles": 1},
    "train": {
        "steps": 5,
        "batch_size": 4,
        "ema_decay": 0.5,
        "log_every": 1,
        "validate_every": 5,
        "checkpoint_every": 5,
    },
}
LORA = {"rank": 4, "targets": ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "ff.net.0.proj", "conv1", "conv_out"]}
# One process loads both folders, as a user would who has never heard of illinstr.
PLAIN_DIFFUSERS = """
import sys, numpy
from diffusers import DiffusionPipeline
for folder in sys.argv[1:]:
    pipe = DiffusionPipeline.from_pretrained(folder, use_safetensors=True)
    pipe.set_progress_bar_config(disable=True)
    image = numpy.asarray(pipe("draw the circle", num_inference_steps=2).images[0])
    assert "illinstr" not in sys.modules
    print(image.shape, image.std() > 0, type(pipe.scheduler).__name__, float(pipe.scheduler.alphas_cumprod[-1]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny", train=10, val=2)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_tiny_sd(tmp_path_factory.mktemp("base") / "sd15")


@pytest.fixture(scope="module")
def base21(tmp_path_factory):
    return make_tiny_sd(tmp_path_factory.mktemp("base") / "sd21", version="2.1")


def train(config, data, out, *overrides):
    AcceleratorState._reset_state(reset_partial_state=True)  # a process has one precision; each run here has its own
    run_training(
        str(config), list(overrides), data=data, out=out, resume=False, dry_run=False, reporter=SilentReporter()
    )
    return out


def column(run, name):
    with (run / "log.csv").open() as stream:
        return [float(row[name]) for row in csv.DictReader(stream) if row.get(name)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data, base):
    """The whole U-Net and adapters, five steps each."""
    folder = tmp_path_factory.mktemp("runs")
    whole = write_config(folder / "whole.yaml", SD, base={"model": str(base)})
    adapters = write_config(folder / "lora.yaml", SD, base={"model": str(base)}, lora=LORA)
    return {"whole": train(whole, data, folder / "whole"), "lora": train(adapters, data, folder / "lora")}


def test_plain_diffusers_loads_and_draws_in_a_fresh_process(runs):
    folders = [str(runs[name] / "model") for name in ("whole", "lora")]
    words = [sys.executable, "-W", "ignore", "-c", PLAIN_DIFFUSERS, *folders]
    done = fork_server.run(words, capture_output=True, text=True, server="libraries")
    assert done.returncode == 0, done.stderr[-2000:]
    drawn = f"({SD_PANEL_PX}, {SD_PANEL_PX}, 3) True DDPMScheduler 0.0"
    assert done.stdout.splitlines() == [drawn, drawn]


def test_our_pipeline_draws_articles_with_both(runs):
    for run in runs.values():
        pipe = StackedDiffusionPipeline.from_folder(str(run / "model"))
        images = pipe("How to paint red shapes", ["draw the circle", "draw the bar", "draw the cross"], seed=1)
        assert [image.size for image in images] == [(SD_PANEL_PX, SD_PANEL_PX)] * 3
        assert pipe.defaults.trained_steps == (2, 4)


def test_the_resolved_config_is_in_the_run_folder_and_in_the_weights(runs):
    for run in runs.values():
        saved = validate(UNetConfig, yaml.safe_load((run / "config.yaml").read_text()))
        weights = [run / "model" / "unet" / "diffusion_pytorch_model.safetensors"]
        weights += list((run / "model" / "lora").glob("*.safetensors"))
        for file in weights:
            assert validate(UNetConfig, json.loads(weights_metadata(file)[CONFIG_KEY])) == saved
    assert len(weights) == 2  # the adapters' own file was among them


def test_a_model_card_says_how_to_load_it(runs, base):
    card = (runs["lora"] / "model" / "README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    assert header["library_name"] == "diffusers"
    assert "transition_steps: 4" in card
    assert "lora/" in card


def _unet(folder):
    return load_backbone(str(folder), dtype=torch.float32).unet


def test_adapters_leave_the_base_alone_and_change_their_targets_only(runs, base):
    before, after = _unet(base).state_dict(), _unet(runs["lora"] / "model").state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.allclose(before[name], after[name], atol=2e-3, rtol=2e-3)}
    assert changed
    assert all(any(f"{target}.weight" in name for target in LORA["targets"]) for name in changed)
    whole = _unet(runs["whole"] / "model").state_dict()
    assert any(not torch.allclose(before[name], whole[name], atol=2e-3) for name in before if "norm" in name)


def test_adapters_alone_on_the_base_equal_the_exported_folder(runs, base):
    """A second way to the same weights: diffusers' own loader puts lora/ on the base."""
    from diffusers import StableDiffusionPipeline

    pipe = StableDiffusionPipeline.from_pretrained(
        base, use_safetensors=True, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipe.load_lora_weights(str(runs["lora"] / "model" / "lora"))
    plain = _unet(base)
    merged = _unet(runs["lora"] / "model")
    generator = torch.Generator().manual_seed(0)
    inputs = (torch.randn(1, 4, 16, 8, generator=generator), torch.tensor([500]))
    text = torch.randn(1, 5, 32, generator=generator)
    with torch.no_grad():
        beside, inside, without = (unet(*inputs, text).sample for unet in (pipe.unet, merged, plain))
    assert torch.allclose(beside, inside, atol=5e-3)
    assert float((beside - without).abs().max()) > 5e-2


def test_five_golden_losses(runs):
    """A change that should not alter the maths must not alter these; ILLINSTR_WRITE_GOLDEN=1 writes them again."""
    losses = {name: column(run, "loss") for name, run in runs.items()}
    if os.environ.get("ILLINSTR_WRITE_GOLDEN"):
        GOLDEN.write_text(json.dumps(losses, indent=1) + "\n")
    for name, expected in json.loads(GOLDEN.read_text()).items():
        assert losses[name] == pytest.approx(expected, rel=2e-3), name


def test_the_target_turns_over_the_stated_steps(runs):
    assert column(runs["whole"], "turned") == pytest.approx([0, 0.25, 0.5, 0.75, 1])


@pytest.mark.parametrize(
    ("version", "noise", "message"),
    [
        ("1.5", {"transition_steps": None}, "must say how"),
        ("2.1", {"transition_steps": 5}, "predicts v_prediction already"),
        ("2.1", {"transition_steps": None, "prediction": "epsilon", "zero_snr": False}, "no way from it to epsilon"),
    ],
)
def test_the_way_from_the_bases_prediction_must_be_stated(tmp_path, data, base, base21, version, noise, message):
    folder = base if version == "1.5" else base21
    config = write_config(tmp_path / "c.yaml", SD, base={"model": str(folder)}, noise=noise)
    with pytest.raises(ConfigError, match=message):
        train(config, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_panel_that_would_run_into_its_neighbour_is_refused(tmp_path, data, base):
    config = write_config(tmp_path / "c.yaml", SD, base={"model": str(base)}, data={"panel_px": 96})
    with pytest.raises(ConfigError, match="multiple of 64"):
        train(config, data, tmp_path / "run")


def test_an_inpainting_base_is_refused(tmp_path, data, base):
    import shutil

    from diffusers import UNet2DConditionModel

    inpainting = tmp_path / "inpainting"
    shutil.copytree(base, inpainting)
    settings = {**_unet(base).config, "in_channels": 9}
    UNet2DConditionModel.from_config(settings).save_pretrained(inpainting / "unet")
    config = write_config(tmp_path / "c.yaml", SD, base={"model": str(inpainting)})
    with pytest.raises(ModelError, match="no text-to-image model"):
        train(config, data, tmp_path / "run")


def test_an_unknown_adapter_target_is_refused(tmp_path, data, base):
    config = write_config(tmp_path / "c.yaml", SD, base={"model": str(base)}, lora={"rank": 2, "targets": ["to_z"]})
    with pytest.raises(ConfigError, match=r"lora\.targets"):
        train(config, data, tmp_path / "run")


@pytest.mark.parametrize("preset", ["sd15-recipe", "sd15-lora", "zsnr-sd21"])
def test_each_preset_runs_as_it_stands_on_a_small_base(tmp_path, data, base, base21, preset):
    """Everything but base, sizes and length is the preset's own."""
    sizes = ["data.panel_px=64", "data.val_limit=1", "train.steps=2", "train.batch_size=4", "train.log_every=1"]
    short = ["train.validate_every=2", "train.checkpoint_every=2", "sample.sampling_steps=2", "sample.grid_articles=1"]
    folder = base21 if preset == "zsnr-sd21" else base
    run = train(preset, data, tmp_path / "run", f"base.model={folder}", "train.accumulate=2", *sizes, *short)
    losses = column(run, "loss")
    assert len(losses) == 2
    assert losses[0] != losses[1]
    pipe = StackedDiffusionPipeline.from_folder(str(run / "model"))
    assert pipe.defaults.conditioning == load_config(preset, []).stacking.conditioning
    assert (run / "model" / "lora").exists() == (preset == "sd15-lora")
    weights = load_file(run / "model" / "unet" / "diffusion_pytorch_model.safetensors")
    assert {tensor.dtype for tensor in weights.values()} == {torch.float16}
