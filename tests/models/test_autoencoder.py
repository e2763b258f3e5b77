"""Encoding and decoding panels: the same latents as the autoencoder's own calls, for each kind diffusers has."""

import pytest
import torch
from diffusers import AutoencoderDC, AutoencoderKL, AutoencoderTiny

from illinstr.models.autoencoder import PANELS_AT_ONCE, decode_panels, downsampling, encode_panels

LEVELS = (8, 16)


def _kl() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=LEVELS,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=3,
        norm_num_groups=2,
        scaling_factor=0.7,
        shift_factor=0.3,
    )


def _dc() -> AutoencoderDC:
    return AutoencoderDC(
        latent_channels=4,
        encoder_block_out_channels=LEVELS,
        decoder_block_out_channels=LEVELS,
        encoder_layers_per_block=(1, 1),
        decoder_layers_per_block=(1, 1),
        encoder_qkv_multiscales=((), ()),
        decoder_qkv_multiscales=((), ()),
        scaling_factor=0.5,
    )


def _tiny() -> AutoencoderTiny:
    return AutoencoderTiny(
        encoder_block_out_channels=(16, 16),
        decoder_block_out_channels=(16, 16),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
        latent_channels=3,
    )


def _own_latents(vae: object, panels: torch.Tensor) -> torch.Tensor:
    if isinstance(vae, AutoencoderKL):
        return (vae.encode(panels).latent_dist.mode() - 0.3) * 0.7
    if isinstance(vae, AutoencoderDC):
        return vae.encode(panels).latent * 0.5
    return vae.encode(panels).latents


@pytest.mark.parametrize("make", [_kl, _dc, _tiny])
def test_encodes_and_decodes_like_the_autoencoder_itself(make) -> None:
    torch.manual_seed(0)
    vae = make().eval()
    panels = torch.rand(PANELS_AT_ONCE + 3, 3, 16, 16) * 2 - 1  # more than go in at once
    assert downsampling(vae) == 2
    with torch.no_grad():
        latents = encode_panels(vae, panels)
        expected = torch.cat([_own_latents(vae, panels[i : i + 1]) for i in range(len(panels))])
        torch.testing.assert_close(latents, expected, rtol=1e-4, atol=1e-5)
        raw = expected / vae.config.scaling_factor + (0.3 if isinstance(vae, AutoencoderKL) else 0.0)
        torch.testing.assert_close(decode_panels(vae, latents), vae.decode(raw).sample, rtol=1e-4, atol=1e-4)


def test_low_precision_weights_take_and_give_float32() -> None:
    vae = _kl().to(torch.bfloat16).eval()
    latents = encode_panels(vae, torch.zeros(1, 3, 16, 16))
    assert latents.dtype == decode_panels(vae, latents).dtype == torch.float32
