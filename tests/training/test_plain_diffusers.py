"""Exports in plain diffusers, in a process that has never imported illinstr: published bases, mirrors, adapters."""

import json
import os
import sys

import pytest

from illinstr.models.folder import weights_metadata
from illinstr.training.tasks.stacked.export import SCHEDULER_KEY
from tests.support import fork_server
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_sd import SCHEDULERS, SD_PANEL_PX, make_mirror, make_tiny_sd
from tests.support.training_configs import write_config
from tests.support.training_runs import run_training

CONFIG = {
    "kind": "unet",
    "data": {"panel_px": SD_PANEL_PX, "val_limit": 1, "max_steps": 2},
    "noise": {"beta_schedule": "scaled_linear", "transition_steps": 0},
    "optim": {"lr": 1e-2, "warmup_steps": 0},
    "lora": {"rank": 2, "alpha": 8},
    "sample": {"sampling_steps": 1, "grid_articles": 1},
    "train": {"steps": 3, "batch_size": 2, "validate_every": 9},
}
PLAIN = """
import json, sys, warnings
warnings.simplefilter("ignore")
import torch
from diffusers import DDIMScheduler, DiffusionPipeline
base, model = sys.argv[1:]
def loaded(folder, **more):
    pipe = DiffusionPipeline.from_pretrained(folder, use_safetensors=True, **more)
    pipe.set_progress_bar_config(disable=True)
    return pipe
merged = loaded(model)
beside = loaded(base, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
inputs = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor([500])
text = torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(1))
with torch.no_grad():
    without = beside.unet(*inputs, text).sample
    beside.load_lora_weights(model + "/lora")
    scalings = {each for layer in beside.unet.modules() for each in getattr(layer, "scaling", {}).values()}
    ours, theirs = merged.unet(*inputs, text).sample, beside.unet(*inputs, text).sample
beside.scheduler = DDIMScheduler.from_pretrained(model + "/lora")
settings = beside.scheduler.config
size = merged("draw the circle", num_inference_steps=1).images[0].size
drawn = beside("draw the circle", num_inference_steps=1, height=size[1], width=size[0]).images[0].size
assert not any(name.startswith("illinstr") for name in sys.modules)
print(json.dumps({
    "size": size, "drawn": drawn, "scalings": sorted(scalings),
    "predicts": settings.prediction_type, "terminal": float(beside.scheduler.alphas_cumprod[-1]),
    "spacing": settings.timestep_spacing, "apart": float((ours - theirs).abs().max()),
    "moved": float((theirs - without).abs().max()),
}))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny", train=4, val=1, num_steps=2)


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return make_tiny_sd(tmp_path_factory.mktemp("base") / "sd15")


def trained(base, data, folder):
    run_training(
        str(write_config(folder / "c.yaml", CONFIG, base={"model": str(base)})), [], data=data, out=folder / "r"
    )
    return folder / "r" / "model"


@pytest.fixture(scope="module")
def model(tmp_path_factory, data, published):
    return trained(published, data, tmp_path_factory.mktemp("model"))


def in_plain_diffusers(base, model):
    words = [sys.executable, "-c", PLAIN, str(base), str(model)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = fork_server.run(words, capture_output=True, text=True, server="libraries", env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def check(found):
    assert found["size"] == found["drawn"] == [SD_PANEL_PX, SD_PANEL_PX]
    assert found["scalings"] == [4.0]  # alpha 8 / rank 2
    assert found["apart"] < 5e-3 < 5e-2 < found["moved"]
    assert (found["predicts"], found["terminal"], found["spacing"]) == ("v_prediction", 0.0, "trailing")


def test_a_published_base_draws_panels_and_its_adapters_weigh_alpha_by_rank(published, model):
    assert json.loads((published / "unet" / "config.json").read_text())["_diffusers_version"] == "0.6.0"
    check(in_plain_diffusers(published, model))


def test_so_does_a_mirror_that_saved_the_base_again(tmp_path, data, published):
    mirror = make_mirror(published, tmp_path / "mirror")
    check(in_plain_diffusers(mirror, trained(mirror, data, tmp_path)))


def test_adapters_say_what_they_need(model):
    config = json.loads((model / "lora" / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 2, 8)
    metadata = weights_metadata(next((model / "lora").glob("*.safetensors")))
    scheduler = json.loads(metadata[SCHEDULER_KEY])
    assert scheduler["prediction_type"] == "v_prediction" and scheduler["rescale_betas_zero_snr"] is True
    assert scheduler["beta_schedule"] == SCHEDULERS["1.5"]["beta_schedule"]
    assert "rank 2, alpha 8" in (model / "README.md").read_text()
    assert "v_prediction" in (model / "README.md").read_text()


def test_peft_itself_reads_the_adapter_config(model):
    from peft import PeftConfig

    config = PeftConfig.from_pretrained(str(model / "lora"))
    assert (config.r, config.lora_alpha, sorted(config.target_modules)) == (2, 8, ["to_k", "to_out.0", "to_q", "to_v"])
