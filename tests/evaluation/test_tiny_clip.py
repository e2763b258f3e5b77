"""The tiny CLIP folder behaves like the folders users have: same files, same classes, same 77-token rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tiny_clip import BOS, EOS, MAX_TOKENS, make_tiny_clip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny")


def test_same_arguments_give_the_same_bytes_and_another_seed_other_weights(folder, tmp_path):
    again = make_tiny_clip(tmp_path / "again")
    other = make_tiny_clip(tmp_path / "other", seed=1)
    for name in ("config.json", "vocab.json", "merges.txt", "tokenizer.json", "model.safetensors"):
        assert (again / name).read_bytes() == (folder / name).read_bytes()
    assert (other / "model.safetensors").read_bytes() != (folder / "model.safetensors").read_bytes()


def test_a_cut_text_keeps_its_end_token_and_any_script_encodes(folder):
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(folder)
    bos, eos = tokenizer.convert_tokens_to_ids([BOS, EOS])
    texts = ["Make apple juice", "wash " * 200, "", "日本語 ✂"]
    ids = tokenizer(texts, padding="max_length", truncation=True, max_length=MAX_TOKENS)["input_ids"]
    assert all(len(row) == MAX_TOKENS and row[0] == bos and row[-1] == eos for row in ids)
    assert tokenizer.decode(ids[3], skip_special_tokens=True) == "日本語 ✂"
    assert tokenizer.pad_token_id == eos == len(tokenizer) - 1


def test_all_three_model_classes_load_it_from_safetensors(folder):
    import torch
    from transformers import CLIPModel, CLIPTextModel, CLIPTokenizer

    model = CLIPModel.from_pretrained(folder, use_safetensors=True).eval()
    text_model = CLIPTextModel.from_pretrained(folder, use_safetensors=True).eval()
    tokens = CLIPTokenizer.from_pretrained(folder)(["Make juice"], return_tensors="pt")
    with torch.inference_mode():
        pooled = text_model(**tokens).pooler_output
        assert torch.allclose(model.text_model(**tokens).pooler_output, pooled, atol=1e-6)
