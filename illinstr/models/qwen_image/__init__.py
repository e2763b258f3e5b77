"""Qwen-Image and Qwen-Image-2512."""
