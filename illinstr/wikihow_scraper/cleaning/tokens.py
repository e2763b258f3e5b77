"""How many tokens a text costs the text encoder: CLIP reads 77, start and end included, and never sees the rest.

Goal and every headline are encoded apart (DESIGN of the method: arXiv 2312.04552, section 3), so each is counted apart.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from illinstr.articles import Article
from illinstr.errors import UsageError

TOKEN_LIMIT = 77
_FILES = ("tokenizer.json", "vocab.json", "merges.txt")


class TokenCounter:
    """Counts with the CLIP tokenizer in ``folder`` (or in its ``tokenizer`` folder, where a model keeps it).

    Raises:
        UsageError: no tokenizer there.
    """

    def __init__(self, folder: Path) -> None:
        inner = folder / "tokenizer"
        self.folder = inner if inner.is_dir() else folder
        present = [self.folder / name for name in _FILES if (self.folder / name).is_file()]
        if not present:
            raise UsageError(f"no CLIP tokenizer in {folder}", hint="give a model folder, or a folder of vocab.json")
        digest = hashlib.sha256()
        for file in present:
            digest.update(file.read_bytes())
        self.sha256 = digest.hexdigest()
        self._tokenizer = self._load()

    def _load(self) -> Any:
        from tokenizers import Tokenizer

        try:
            if (self.folder / "tokenizer.json").is_file():
                loaded = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
            else:
                from transformers import CLIPTokenizerFast

                loaded = CLIPTokenizerFast.from_pretrained(self.folder, local_files_only=True).backend_tokenizer
        except Exception as error:  # the library raises bare Exceptions on files it cannot read
            raise UsageError(f"cannot read the tokenizer in {self.folder}: {error}") from error
        loaded.no_truncation()
        loaded.no_padding()
        loaded.encode_special_tokens = True  # "<|endoftext|>" in a text is text
        return loaded

    def count(self, text: str) -> int:
        """Tokens of ``text``, start and end included."""
        return len(self._tokenizer.encode(text).ids)


@lru_cache(maxsize=4)
def counter(folder: Path | None = None) -> TokenCounter:
    """The counter of a folder; of the tokenizer that comes with the package when None."""
    if folder is None:
        with resources.as_file(resources.files("illinstr") / "assets" / "mini" / "tokenizer") as shipped:
            return TokenCounter(shipped)
    return TokenCounter(folder)


def token_counts(article: Article, counter: TokenCounter) -> dict[str, Any]:
    """What ``extra["tokens"]`` holds: the goal's count, one count a headline, and which tokenizer counted."""
    return {
        "goal": counter.count(article.goal),
        "steps": [counter.count(step.headline) for step in article.steps],
        "tokenizer": counter.sha256[:12],
    }


def most_tokens(counts: dict[str, Any]) -> int:
    """The largest of the counts."""
    return max(int(count) for count in (counts["goal"], *counts["steps"]))
