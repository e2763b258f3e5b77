"""``--llm``: how a language model is spelt."""

from __future__ import annotations

from pathlib import Path

from illinstr.errors import UsageError
from illinstr.sampling.writing.language_model import LanguageModel

SPELLINGS = "minihow, hf:ORG/NAME, a model folder, FILE.gguf, or http(s)://HOST/v1#MODEL"


def open_model(spelling: str, *, device: str = "auto") -> LanguageModel:
    """The language model that ``spelling`` names; nothing is loaded or asked yet.

    Raises:
        UsageError: no model is spelt like this, or its runtime is not installed.
        ModelError: the file or folder is not there or holds something else.
    """
    if spelling.startswith(("http://", "https://")):
        from illinstr.sampling.writing.server import ServerModel

        return ServerModel(spelling)
    if spelling.lower().endswith(".gguf"):
        from illinstr.sampling.writing.gguf import GgufModel

        return GgufModel(Path(spelling))
    from illinstr.sampling.writing.hugging_face import PREFIX, HuggingFaceModel

    if spelling.startswith(PREFIX) or _is_folder(spelling):
        return HuggingFaceModel(spelling.removeprefix(PREFIX), device)
    raise UsageError(f"--llm {spelling[:80]!r} is unknown", hint=SPELLINGS)


def _is_folder(spelling: str) -> bool:
    try:
        return bool(spelling) and Path(spelling).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):
        return False
