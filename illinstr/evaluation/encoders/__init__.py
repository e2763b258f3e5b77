"""Encoders of images and texts, vision-language models, and the store of what they gave."""
