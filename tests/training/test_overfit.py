"""A batch of four articles, learnt by heart: whatever is wrong between data and gradient shows here first."""

import csv

import pytest
import torch
from accelerate.state import AcceleratorState

from illinstr.models.loading import load_backbone
from illinstr.progress import SilentReporter
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_model import PANEL_PX, make_tiny_model
from tests.support.training_configs import write_config
from tests.support.training_runs import run_training


@pytest.mark.slow
def test_one_batch_of_four_articles_is_overfitted(tmp_path, monkeypatch):
    """1,000 steps take a tiny U-Net from 0.9 to about 0.01 (mean of the last 50 steps, all timesteps alike)."""
    from diffusers import UNet2DConditionModel

    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path / "cache"))
    AcceleratorState._reset_state(reset_partial_state=True)
    base = make_tiny_model(tmp_path / "base")
    shape = {**load_backbone(str(base), dtype=torch.float32).unet.config, "block_out_channels": (32, 64)}
    torch.manual_seed(0)
    UNet2DConditionModel.from_config(shape).save_pretrained(base / "unet")
    config = write_config(
        tmp_path / "config.yaml",
        {"kind": "unet"},
        base={"model": str(base)},
        data={"panel_px": PANEL_PX, "val_limit": 1},
        stacking={"drop_all": 0.0},
        sample={"sampling_steps": 2, "grid_articles": 1},
        optim={"lr": 2e-3, "weight_decay": 0.0, "warmup_steps": 50, "decay_steps": 500},
        train={
            "steps": 1000,
            "batch_size": 4,
            "log_every": 50,
            "validate_every": 1000,
            "checkpoint_every": 1000,
            "channels_last": False,
        },
    )
    data = make_tiny_data(tmp_path / "four", train=4, val=1, num_steps=2)
    run_training(
        str(config), [], data=data, out=tmp_path / "run", resume=False, dry_run=False, reporter=SilentReporter()
    )
    with (tmp_path / "run" / "log.csv").open() as stream:
        losses = [float(row["loss"]) for row in csv.DictReader(stream) if row.get("loss")]
    assert losses[0] > 0.3
    assert losses[-1] < 0.03
