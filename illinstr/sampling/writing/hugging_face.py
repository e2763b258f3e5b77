"""Instruct models through transformers: a folder, or ``hf:ORG/NAME`` from the hub or its local cache.

With the package ``llguidance`` (the extra ``llm``) a JSON Schema rules out every token that would leave the form;
without it the answer is checked and asked for again. Safetensors only, and no code from a model's folder is ever run.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from illinstr.errors import ModelError, PlanError
from illinstr.models.hub import is_hub_id
from illinstr.sampling.writing.answers import schema
from illinstr.sampling.writing.language_model import Forced, Question

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "hf:"
TEMPERATURE = 0.6


class HuggingFaceModel:
    """One instruct model; loaded with the first question.

    Args:
        where: a model folder, or a hub id ``ORG/NAME``.
        device: ``auto``, or a torch device.

    Raises:
        ModelError: no such folder, a folder without a model, or no hub id.
    """

    def __init__(self, where: str, device: str = "auto") -> None:
        self.where = _check(where)
        self.device = device
        name = Path(self.where).name if Path(self.where).is_dir() else where
        self.name = f"{PREFIX}{name}"
        self.model_hash: str | None = None
        self.forced: Forced = "schema" if importlib.util.find_spec("llguidance") else "none"
        self._loaded: tuple[Any, Any] | None = None
        self._guide: Any = None

    @property
    def constrained(self) -> bool:
        """Whether the guide is there."""
        return self.forced == "schema"

    def answer(self, question: Question) -> str:
        """What the model says, in the form of the question's schema where ``llguidance`` is installed.

        Raises:
            ModelError: the model cannot be loaded, or is no instruct model.
            PlanError: the question is longer than the model can read.
        """
        import torch

        tokenizer, model = self._load()
        inputs = tokenizer.apply_chat_template(
            question.messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).to(model.device)
        asked = inputs["input_ids"].shape[1]
        room = getattr(model.config, "max_position_embeddings", None) or asked + question.max_tokens
        if asked + 16 > room:
            raise PlanError(
                f"{self.name} reads {room} tokens, and the question has {asked}", hint="a shorter goal or context helps"
            )
        processors = []
        if self.forced == "schema":
            processors = [Guide(self._guide, schema(question.kind, question.count), asked)]
        with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
            torch.manual_seed(question.seed)
            tokens = model.generate(
                **inputs,
                do_sample=True,
                temperature=TEMPERATURE,
                top_p=0.95,
                top_k=0,
                max_new_tokens=min(question.max_tokens, room - asked),
                logits_processor=processors,
                pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
            )
        return str(tokenizer.decode(tokens[0, asked:], skip_special_tokens=True))

    def close(self) -> None:
        """Free the model."""
        self._loaded = self._guide = None

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is not None:
            return self._loaded
        import transformers

        from illinstr.engine.devices import choose_device, silence_libraries
        from illinstr.models.folder import folder_sha256

        silence_libraries("transformers")
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(self.where, trust_remote_code=False)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                self.where, trust_remote_code=False, use_safetensors=True, dtype="auto"
            ).eval()
        except Exception as error:  # whatever a damaged folder makes the library raise
            first = next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
            raise ModelError(
                f"cannot load the language model {self.where}: {first}",
                hint="a folder or hub id of a causal language model in safetensors; illinstr doctor checks the network",
            ) from error
        if not tokenizer.chat_template:
            raise ModelError(
                f"{self.where} has no chat template: it is no instruct model", hint="choose an -Instruct or -it model"
            )
        model.to(choose_device(self.device))
        if self.forced == "schema":
            self._guide = _guide_of(tokenizer, model)
        folder = Path(self.where)
        self.model_hash = folder_sha256(folder) if folder.is_dir() else getattr(model.config, "_commit_hash", None)
        self._loaded = tokenizer, model
        return self._loaded


class Guide:
    """Rules out, token by token, whatever would leave a JSON Schema (a transformers logits processor).

    Args:
        tokenizer: the model's tokenizer as ``llguidance`` sees it.
        form: the schema.
        asked: how many tokens the question has.
    """

    def __init__(self, tokenizer: Any, form: dict[str, Any], asked: int) -> None:
        from llguidance import LLMatcher

        compact = json.dumps(form | {"x-guidance": {"whitespace_flexible": False}})
        self.matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(compact))
        self.seen = asked

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Scores (1, vocabulary) with minus infinity for every token that cannot come next."""
        import numpy as np
        import torch

        for token in input_ids[0, self.seen :].tolist():
            self.matcher.consume_token(token)
        self.seen = input_ids.shape[1]
        bits = np.unpackbits(np.frombuffer(self.matcher.compute_bitmask(), np.uint8), bitorder="little")
        allowed = torch.zeros(scores.shape[1], dtype=torch.bool)
        size = min(len(bits), scores.shape[1])
        allowed[:size] = torch.from_numpy(bits[:size].astype(bool))
        return scores.masked_fill(~allowed.to(scores.device), -torch.inf)


def _guide_of(tokenizer: Any, model: Any) -> Any:
    from llguidance.hf import from_tokenizer

    ends = model.generation_config.eos_token_id
    try:
        return from_tokenizer(tokenizer, n_vocab=model.config.get_text_config().vocab_size, eos_token=ends)
    except Exception as error:  # a tokenizer that is not a "fast" one, or of a kind the library does not know
        raise ModelError(f"the tokenizer of this language model cannot be guided: {error}") from error


def _check(where: str) -> str:
    try:
        path = Path(where).expanduser()
        is_folder = path.is_dir()
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"--llm {where[:80]!r} cannot be read: {error}") from error
    if is_folder:
        if not (path / "config.json").is_file():
            raise ModelError(
                f"--llm {where}: the folder holds no config.json",
                hint="a language model's folder is what save_pretrained writes, or a download of it from the hub",
            )
        return str(path)
    if not is_hub_id(where):
        raise ModelError(f"--llm {where[:80]!r}: no such folder, and no hub id", hint="hf:ORG/NAME, or a folder")
    return where
