"""A CLIP run that goes on from a trained pair."""

import csv

import pytest
import torch
from transformers import CLIPModel, CLIPTokenizer

from illinstr.errors import ModelError
from illinstr.progress import SilentReporter
from illinstr.training.tasks.clip import drop_tokens
from tests.support.tiny_data import make_tiny_data
from tests.support.training_configs import CLIP, write_config
from tests.support.training_runs import run_training


def _train(config, data, out, *overrides):
    run_training(
        str(config), list(overrides), data=data, out=out, resume=False, dry_run=False, reporter=SilentReporter()
    )
    return out / "model"


def test_base_brings_weights_shape_and_tokenizer(tmp_path):
    data = make_tiny_data(tmp_path / "data")
    config = write_config(tmp_path / "clip.yaml", CLIP)
    first = _train(config, data, tmp_path / "first", "train.steps=2")
    CLIPModel.from_pretrained(first).half().save_pretrained(first)  # as published
    still = ("train.steps=1", "optim.lr=1e-12", "optim.weight_decay=0", "train.ema_decay=0")
    # Another shape and tokenizer are asked for: the base's own are kept.
    again = _train(
        config, data, tmp_path / "again", f"base={first}", "model.hidden_size=64", "model.max_merges=0", *still
    )
    fresh = _train(config, data, tmp_path / "fresh", "train.seed=9", *still)
    weights = {name: CLIPModel.from_pretrained(path).state_dict() for name, path in
               (("first", first), ("again", again), ("fresh", fresh))}  # fmt: skip
    for key, value in weights["first"].items():
        torch.testing.assert_close(weights["again"][key], value.float(), rtol=0, atol=1e-6)
    assert any(not torch.allclose(weights["fresh"][key], value.float()) for key, value in weights["first"].items())
    assert CLIPTokenizer.from_pretrained(again).get_vocab() == CLIPTokenizer.from_pretrained(first).get_vocab()


def test_a_stopped_run_goes_on_as_if_it_never_had(tmp_path):
    data = make_tiny_data(tmp_path / "data")
    config = write_config(tmp_path / "clip.yaml", CLIP)
    every = ("train.log_every=1", "train.checkpoint_every=1", "train.validate_every=1")
    runs = {name: tmp_path / name for name in ("straight", "stopped")}
    _train(config, data, runs["straight"], "train.steps=3", *every)
    _train(config, data, runs["stopped"], "train.steps=2", *every)
    run_training(
        str(config), ["train.steps=3", *every], data=data, out=runs["stopped"], resume=True, dry_run=False,
        reporter=SilentReporter(),
    )  # fmt: skip
    straight, stopped = (_log(run) for run in runs.values())
    assert [row["step"] for row in straight if row["loss"]] == ["1", "2", "3"]
    assert [(row["step"], row["loss"], row["loss_step"]) for row in straight] == [
        (row["step"], row["loss"], row["loss_step"]) for row in stopped
    ]
    weights = [CLIPModel.from_pretrained(run / "model").state_dict() for run in runs.values()]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def _log(run):
    with (run / "log.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_base_that_is_no_clip_folder_is_refused_in_one_line(tmp_path):
    data = make_tiny_data(tmp_path / "data")
    with pytest.raises(ModelError, match="cannot load base") as caught:
        _train(write_config(tmp_path / "clip.yaml", CLIP), data, tmp_path / "run", f"base={tmp_path}")
    assert "\n" not in str(caught.value)


def test_hidden_tokens_are_the_stated_share_and_never_the_first_or_last():
    lengths = torch.randint(3, 40, (400,), generator=torch.Generator().manual_seed(0))
    mask = torch.arange(40)[None] < lengths[:, None]
    kept = drop_tokens(mask, 0.25, torch.Generator().manual_seed(1))
    inner = sum(int(length) - 2 for length in lengths)
    assert int((mask & ~kept).sum()) / inner == pytest.approx(0.25, abs=0.02)
    assert not (kept & ~mask).any()
    for row, length in zip(kept, lengths.tolist(), strict=True):
        assert row[0] and row[length - 1]
    assert torch.equal(drop_tokens(mask, 0.0, torch.Generator()), mask)


def test_token_dropout_changes_what_is_learnt(tmp_path):
    data = make_tiny_data(tmp_path / "data")
    config = write_config(tmp_path / "clip.yaml", CLIP)
    once = ("train.steps=1", "train.ema_decay=0")
    plain = _train(config, data, tmp_path / "plain", *once)
    dropped = _train(config, data, tmp_path / "dropped", "loss.token_dropout=0.3", *once)
    first, second = (CLIPModel.from_pretrained(path).state_dict() for path in (plain, dropped))
    assert any(not torch.equal(first[key], second[key]) for key in first)
