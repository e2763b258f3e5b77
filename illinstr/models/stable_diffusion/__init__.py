"""Stable Diffusion 1 and 2: U-Net, one CLIP text encoder, v or epsilon prediction."""
