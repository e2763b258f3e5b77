"""Model folders whose autoencoder is not Stable Diffusion's own."""

import json

import pytest
import torch
from diffusers import AutoencoderDC, AutoencoderTiny

from illinstr.diffusion.pipeline import StackedDiffusionPipeline
from illinstr.models.autoencoder import downsampling
from illinstr.models.loading import load_backbone
from illinstr.models.settings import StackedSettings
from illinstr.models.stable_diffusion.saving import save_folder
from illinstr.training.tasks.stacked.parts import _load_vae
from tests.support.tiny_model import PANEL_PX, tiny_components


def _dc():
    return AutoencoderDC(
        encoder_block_out_channels=(8, 8, 16),
        decoder_block_out_channels=(8, 8, 16),
        encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1),
        encoder_block_types=("ResBlock",) * 3,
        decoder_block_types=("ResBlock",) * 3,
        encoder_qkv_multiscales=((), (), ()),
        decoder_qkv_multiscales=((), (), ()),
        latent_channels=4,
        scaling_factor=0.5,
    )


def _tiny():
    return AutoencoderTiny(
        encoder_block_out_channels=(8, 8, 8),
        decoder_block_out_channels=(8, 8, 8),
        num_encoder_blocks=(1, 1, 1),
        num_decoder_blocks=(1, 1, 1),
        latent_channels=4,
    )


@pytest.mark.parametrize("make", [_dc, _tiny])
def test_a_folder_with_another_autoencoder_is_written_read_and_draws(tmp_path, make):
    (tmp_path / "words").mkdir()
    parts = {**tiny_components(tmp_path / "words"), "vae": make()}
    folder = tmp_path / "model"
    folder.mkdir()
    save_folder(folder, settings=StackedSettings(panel_px=PANEL_PX, sampling_steps=2), **parts)
    loaded = load_backbone(str(folder), dtype=torch.float32)
    assert type(loaded.vae) is type(parts["vae"])
    assert downsampling(loaded.vae) == 4
    images = StackedDiffusionPipeline(loaded)("How to make juice", ["Wash the apple", "Blend it"])
    assert [image.size for image in images] == [(PANEL_PX, PANEL_PX)] * 2


@pytest.mark.parametrize("make", [_dc, _tiny])
def test_base_vae_is_loaded_by_the_class_its_config_names(tmp_path, make):
    vae = make()
    vae.save_pretrained(tmp_path / "vae")
    assert type(_load_vae(tmp_path / "vae")) is type(vae)
    config = tmp_path / "vae" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "_class_name": "UNet2DModel"}))
    with pytest.raises(ValueError, match="UNet2DModel"):
        _load_vae(tmp_path / "vae")
