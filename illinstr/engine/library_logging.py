"""Keeping the libraries beneath quiet: their bars and advice ignore ``--quiet`` and bury what a command has to say."""

from __future__ import annotations


def silence_libraries() -> None:
    """No progress bars and no advice from diffusers, transformers and the hub's client; errors still raise."""
    import diffusers
    import transformers
    from huggingface_hub.utils.tqdm import disable_progress_bars

    for library in (diffusers, transformers):
        library.utils.logging.disable_progress_bar()
        library.utils.logging.set_verbosity_error()
    disable_progress_bars()
