"""SDXL: a U-Net with two CLIP text encoders."""
