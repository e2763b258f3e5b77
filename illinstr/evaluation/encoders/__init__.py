"""Encoders of images and texts, vision-language models, and the store of what they gave."""

from illinstr.evaluation.encoders.transformers import load_image_encoder, load_image_text_encoder

__all__ = ["load_image_encoder", "load_image_text_encoder"]
