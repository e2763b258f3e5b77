"""``--llm``: which language model a spec names."""

from __future__ import annotations

from pathlib import Path

from illinstr.chat.local import is_local_spec
from illinstr.chat.transport import ChatConfig, trusted
from illinstr.errors import UsageError
from illinstr.sampling.writing.language_model import LanguageModel

SPECS = "minihow, ollama[:MODEL], lmstudio, vllm, hf:ORG/NAME, a model folder, FILE.gguf, or http(s)://HOST/v1#MODEL"


def open_model(spec: str, *, device: str = "auto", ca: str | Path | None = None) -> LanguageModel:
    """The language model that ``spec`` names; nothing is loaded or asked yet.

    Args:
        spec: its name.
        device: where a model of this machine runs.
        ca: PEM file of the authority that signed an https server's certificate.

    Raises:
        UsageError: no model has such a spec, its runtime is not installed, or ``ca`` is no use to it.
        ModelError: the file or folder is not there or holds something else.
    """
    if ca is not None:
        if not spec.startswith("https://"):
            raise UsageError("--llm-ca is for a server behind https", hint="--llm https://HOST/v1#MODEL")
        trusted(str(ca))
    if spec.startswith(("http://", "https://")) or is_local_spec(spec):
        from illinstr.sampling.writing.server import ServerModel

        return ServerModel(spec, None if ca is None else ChatConfig(ca_file=str(ca)))
    if spec.lower().endswith(".gguf"):
        from illinstr.sampling.writing.gguf import GgufModel

        return GgufModel(Path(spec))
    from illinstr.sampling.writing.hugging_face import PREFIX, HuggingFaceModel

    if spec.startswith(PREFIX) or _is_folder(spec):
        return HuggingFaceModel(spec.removeprefix(PREFIX), device)
    raise UsageError(f"--llm {spec[:80]!r} is unknown", hint=SPECS)


def _is_folder(spec: str) -> bool:
    try:
        return bool(spec) and Path(spec).expanduser().is_dir()
    except (OSError, RuntimeError, ValueError):
        return False
