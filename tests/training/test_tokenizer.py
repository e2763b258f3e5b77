"""The byte-pair merges a tokenizer learns, beside Sennrich's own method, and the files it writes."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from transformers import CLIPTokenizer

from illinstr.training.tasks.clip_tokenizer import EOS, learn_merges, write_tokenizer

WORDS = st.dictionaries(st.text("abc", min_size=1, max_size=6), st.integers(1, 9), min_size=1, max_size=6)


def sennrich(words, most):
    """Algorithm 1 of arXiv 1508.07909: spaces between symbols, merged by a regular expression; ties by spelling."""
    vocab = {" ".join(word): count for word, count in words.items()}
    merges = []
    for _ in range(most):
        pairs = Counter()
        for word, count in vocab.items():
            symbols = word.split()
            for place in range(len(symbols) - 1):
                pairs[symbols[place], symbols[place + 1]] += count
        if not pairs:
            break
        best = sorted(pairs, key=lambda pair: (-pairs[pair], pair))[0]
        merges.append(best)
        both = re.compile(r"(?<!\S)" + re.escape(" ".join(best)) + r"(?!\S)")
        vocab = {both.sub("".join(best), word): count for word, count in vocab.items()}
    return merges


@given(WORDS, st.integers(0, 12))
def test_merges_are_those_of_the_paper(words, most):
    counted = Counter({(*word[:-1], f"{word[-1]}</w>"): count for word, count in words.items()})
    assert learn_merges(counted, most) == sennrich(counted, most)


def test_the_files_are_read_by_transformers_and_hold_any_text(tmp_path):
    vocab = write_tokenizer(tmp_path, ["juice juice juice", "a juicer"], max_merges=4)
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    assert tokenizer.tokenize("juice")[-1] == "juice</w>" and len(tokenizer.tokenize("zzz")) == 3
    assert tokenizer.decode(tokenizer("Grüße, juice!").input_ids, skip_special_tokens=True) == "grüße , juice !"
    assert vocab[EOS] == max(vocab.values()) == tokenizer.eos_token_id
    assert len((tmp_path / "merges.txt").read_text().splitlines()) == 1 + 4
    assert len(write_tokenizer(tmp_path / "none", ["juice"], max_merges=0)) < len(vocab)
