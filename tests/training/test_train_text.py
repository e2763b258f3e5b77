"""``train_text``: the text encoder learns with the U-Net, is averaged, resumed and exported with it; else it stays."""

import pytest
import torch
from accelerate.state import AcceleratorState
from pydantic import ValidationError
from safetensors.torch import load_file

from illinstr.config import validate
from illinstr.models.prompt import PromptEmbeds
from illinstr.models.stable_diffusion.text import encode_ids, tokenize
from illinstr.progress import SilentReporter
from illinstr.training.export import export_run
from illinstr.training.noise import step_generator
from illinstr.training.tasks.stacked.config import UNetConfig
from illinstr.training.tasks.stacked.task import UNetTask
from tests.support.tiny_data import make_tiny_data
from tests.support.tiny_sd import SD_PANEL_PX, make_tiny_sd
from tests.support.training_configs import write_config
from tests.support.training_runs import run_training, units_of_one_length

TEXT = "text_encoder/model.safetensors"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_tiny_sd(tmp_path_factory.mktemp("base") / "sd15")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny", train=4, val=1)


def settings(base, **changes):
    return {
        "kind": "unet",
        "base": {"model": str(base)},
        "data": {"panel_px": SD_PANEL_PX, "val_limit": 1},
        "noise": {"beta_schedule": "scaled_linear", "transition_steps": 0},
        "optim": {"lr": 1e-2, "warmup_steps": 0},
        "sample": {"sampling_steps": 2, "grid_articles": 1},
        "train": {"steps": 4, "batch_size": 2, "ema_decay": 0.9, "validate_every": 9, "checkpoint_every": 2},
        **changes,
    }


def run(folder, data, config, *overrides, resume=False):
    AcceleratorState._reset_state(reset_partial_state=True)
    run_training(
        str(config), list(overrides), data=data, out=folder, resume=resume, dry_run=False, reporter=SilentReporter()
    )
    return folder


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def as_slots(ids, mask):
    return PromptEmbeds(ids, mask, torch.arange(1, ids.shape[1]).expand(len(ids), -1), "routed")


def test_token_ids_are_encoded_as_each_text_alone(base, data):
    parts = UNetTask(validate(UNetConfig, settings(base)), data, "cpu").parts
    texts = ["How to make tea", "Boil it", "Pour it in", "How to make tea", "", "Boil it"]
    ids, mask = tokenize(parts.tokenizer, texts)
    slots = encode_ids(parts.text_encoder, as_slots(ids.unflatten(0, (2, 3)), mask.unflatten(0, (2, 3))))
    for place, text in enumerate(texts):
        own = parts.text_encoder(**parts.tokenizer([text], return_tensors="pt")).last_hidden_state[0]
        row, column = divmod(place, 3)
        assert torch.allclose(slots.tokens[row, column][slots.mask[row, column]], own, atol=1e-5)


def test_each_distinct_text_is_read_once(base, data):
    parts = UNetTask(validate(UNetConfig, settings(base)), data, "cpu").parts
    seen = []
    hook = parts.text_encoder.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    ids, mask = tokenize(parts.tokenizer, ["Stir", "Stir", "Pour", "Stir"])
    encode_ids(parts.text_encoder, as_slots(ids[None], mask[None]))
    hook.remove()
    assert seen == [2]


@pytest.mark.parametrize("learns", [False, True])
def test_the_same_loss_reaches_the_text_encoder_only_when_asked(base, data, learns):
    def first_loss(train_text):
        task = UNetTask(validate(UNetConfig, settings(base, train_text=train_text)), data, "cpu")
        loss, _ = task.loss(task.model, task.make_batch(units_of_one_length(task, 0)), step_generator(0, 0, 0))
        return task, loss

    task, loss = first_loss(learns)
    assert float(loss.detach()) == pytest.approx(float(first_loss(not learns)[1].detach()), rel=1e-5)
    loss.backward()
    gradients = [parameter.grad for parameter in task.parts.text_encoder.parameters()]
    assert all(gradient is None for gradient in gradients) != learns
    assert any(name.startswith("text_encoder.") for name, _ in task.model.named_parameters()) == learns


def test_a_run_trains_averages_resumes_and_exports_it(tmp_path, base, data):
    config = write_config(tmp_path / "c.yaml", settings(base, train_text=True, export={"dtype": "float32"}))
    straight = run(tmp_path / "straight", data, config)
    halves = run(tmp_path / "halves", data, config, "train.steps=2")
    run(halves, data, config, resume=True)
    learnt = load_file(straight / "model" / TEXT)
    assert same(learnt, load_file(halves / "model" / TEXT))
    before = load_file(base / TEXT)
    assert any(not torch.equal(tensor, before[name]) for name, tensor in learnt.items())

    def export(weights):
        return load_file(
            export_run(straight, tmp_path / weights, weights=weights, checkpoint=None, dtype=None,
                       reporter=SilentReporter()) / TEXT
        )  # fmt: skip

    assert same(export("ema"), learnt)
    assert not same(export("raw"), learnt)


def test_a_frozen_one_is_exported_as_it_was(tmp_path, base, data):
    config = write_config(tmp_path / "c.yaml", settings(base, export={"dtype": "float32"}))
    frozen = load_file(run(tmp_path / "run", data, config, "train.steps=1") / "model" / TEXT)
    before = load_file(base / TEXT)
    assert all(torch.equal(tensor, before[name]) for name, tensor in frozen.items())


def test_adapters_leave_the_text_encoder_alone(base):
    with pytest.raises(ValidationError, match="train_text trains the whole text encoder"):
        UNetConfig.model_validate(settings(base, train_text=True, lora={"rank": 2}))
