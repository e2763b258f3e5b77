"""Z-Image: base and Turbo, with Qwen3."""
