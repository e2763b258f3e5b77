"""GGUF models in this process, through llama.cpp (package ``xllamacpp``, the extra ``gguf``).

A GBNF grammar gives every answer its form: exactly N steps, each within its length. The runtime opens a port of its
own on the loopback interface; it is locked with a random key, and nothing here uses it.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from illinstr.engine.devices import threads_per_process
from illinstr.errors import ModelError, PlanError, UsageError
from illinstr.files import sha256_file
from illinstr.sampling.writing.answers import grammar
from illinstr.sampling.writing.language_model import Forced, Question

SUFFIX = ".gguf"
CONTEXT_TOKENS = 8_192
TEMPERATURE = 0.6
_MAGIC = b"GGUF"


class GgufModel:
    """One GGUF file; loaded with the first question.

    Raises:
        UsageError: the runtime is not installed.
        ModelError: no such file, or not a GGUF file.
    """

    forced: Forced = "grammar"
    constrained = True

    def __init__(self, path: Path) -> None:
        self.path = check_file(path)
        self.name = f"gguf:{self.path.name}"
        self.model_hash: str | None = None
        self._server: Any = None
        _runtime()

    def answer(self, question: Question) -> str:
        """An answer in the form of the question's grammar.

        Raises:
            ModelError: the file cannot be loaded.
            PlanError: llama.cpp could not answer: a prompt over its context, or a failure of its own.
        """
        server = self._load()
        result: dict[str, Any] = server.handle_chat_completions(
            {
                "messages": question.messages,
                "max_tokens": question.max_tokens,
                "seed": question.seed,
                "temperature": TEMPERATURE,
                "top_p": 0.95,
                "grammar": grammar(question.kind, question.count),
                "cache_prompt": False,  # so that an answer hangs on its own question alone
            }
        )
        if "error" in result:
            message = str(result["error"].get("message", "no reason given"))[:300]
            raise PlanError(f"{self.name} could not answer: {message}", hint="a shorter goal or context may help")
        return str(result["choices"][0]["message"]["content"] or "")

    def close(self) -> None:
        """Free the model."""
        self._server = None

    def _load(self) -> Any:
        if self._server is not None:
            return self._server
        runtime = _runtime()
        params = runtime.CommonParams()
        params.model.path = str(self.path)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.verbosity = -1
        params.warmup = False
        params.ui = False
        params.api_keys = [secrets.token_hex(32)]
        threads = threads_per_process()
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
        try:
            self._server = runtime.Server(params)
        except (RuntimeError, ValueError) as error:
            raise ModelError(
                f"llama.cpp cannot load {self.path}", hint="the file may be cut short or of a newer format"
            ) from error
        self.model_hash = sha256_file(self.path)
        return self._server


def check_file(path: Path) -> Path:
    """A readable GGUF file, resolved; only its first bytes are looked at.

    Raises:
        ModelError: it is not there, or is something else.
    """
    try:
        resolved = path.expanduser().resolve()
        with resolved.open("rb") as stream:
            start = stream.read(len(_MAGIC))
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelError(f"--llm {path}: cannot be read: {reason}", hint="give the path of a GGUF file") from error
    if start != _MAGIC:
        raise ModelError(f"--llm {path} is not a GGUF file", hint="GGUF files begin with the four letters GGUF")
    return resolved


def _runtime() -> Any:
    try:
        import xllamacpp
    except ImportError as error:
        raise UsageError(
            "GGUF files need the package xllamacpp, which is not installed", hint="pip install 'illinstr[llm]'"
        ) from error
    return xllamacpp
