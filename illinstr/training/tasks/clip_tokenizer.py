"""A CLIP tokenizer learned from texts: byte-level BPE (Sennrich et al. 2016, arXiv 1508.07909), in CLIP's file layout.

Any text encodes, whatever the vocabulary: unknown words fall apart into bytes. Ties between merges are broken by
spelling, so that the same texts give the same files on every machine.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from illinstr import files

BOS, EOS = "<|startoftext|>", "<|endoftext|>"
MAX_TOKENS = 77


def write_tokenizer(folder: Path, texts: Iterable[str], *, max_merges: int) -> dict[str, int]:
    """Learn merges from ``texts``, write the CLIPTokenizer files and return the vocabulary.

    The end token has the highest id, as CLIP's text encoder expects when it pools.
    """
    from tokenizers import pre_tokenizers
    from transformers import CLIPTokenizer

    splitter = CLIPTokenizer().backend_tokenizer
    words: Counter[tuple[str, ...]] = Counter()
    for text, count in Counter(texts).items():
        pieces = splitter.pre_tokenizer.pre_tokenize_str(splitter.normalizer.normalize_str(text))
        for piece, _span in pieces:
            words[(*piece[:-1], f"{piece[-1]}</w>")] += count
    merges = learn_merges(words, max_merges)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(f"{letter}</w>" for letter in alphabet), *("".join(pair) for pair in merges), BOS, EOS]
    vocab = {token: number for number, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=MAX_TOKENS)
    tokenizer.save_pretrained(folder)
    files.write_text(folder / "vocab.json", json.dumps(vocab, ensure_ascii=False))
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    files.write_text(folder / "merges.txt", "\n".join(lines) + "\n")
    return vocab


def learn_merges(words: Counter[tuple[str, ...]], max_merges: int) -> list[tuple[str, str]]:
    """The most frequent adjacent pair, again and again, until ``max_merges`` or nothing is left to join."""
    merges: list[tuple[str, str]] = []
    while len(merges) < max_merges:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        joined: Counter[tuple[str, ...]] = Counter()
        for word, count in words.items():
            joined[_join(word, best)] += count
        words = joined
    return merges


def _join(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    letters: list[str] = []
    for letter in word:
        if letters and (letters[-1], letter) == pair:
            letters[-1] += letter
        else:
            letters.append(letter)
    return tuple(letters)
