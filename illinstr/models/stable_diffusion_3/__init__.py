"""Stable Diffusion 3 and 3.5, medium, large and large-turbo."""
