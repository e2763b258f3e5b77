"""FLUX.2: klein (distilled and base) with Qwen3, and FLUX.2 with Mistral."""
