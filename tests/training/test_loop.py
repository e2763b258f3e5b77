"""The loop on a toy task: equal however a batch is assigned, exact when resumed, honest about what fails."""

import csv

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from illinstr.errors import DataError, ModelError, UsageError
from illinstr.training import optimizer as optimizer_module
from illinstr.training.accelerator import make_accelerator
from illinstr.training.loop import Extras, TrainingError, checkpoint_activations
from illinstr.training.optimizer import check_extras
from illinstr.training.run_folder import check_run_folder, config_text
from illinstr.training.saved_state import DataIdentity
from tests.support.toy_task import Listener, ToyTask, toy_config, toy_trainer


def rows(run):
    with (run / "log.csv").open() as stream:
        return list(csv.DictReader(stream))


def losses(run):
    return [float(row["loss"]) for row in rows(run) if row.get("loss")]


def fit(run, *, resume=True, reporter=None, extras=None, task=None, **train):
    task = task or ToyTask(toy_config(**train))
    toy_trainer(task, run, reporter, extras).fit(resume=resume)
    return task


def final_weights(run):
    return load_file(run / "model" / "toy_model.safetensors")


def test_accumulation_changes_no_more_than_rounding(tmp_path):
    # Dropout draws from the global generator per micro-batch, so it must be off for this.
    def without_dropout(**train):
        task = ToyTask(toy_config(**train))
        task.model[1].p = 0.0
        return task

    fit(tmp_path / "whole", task=without_dropout())
    for parts in (2, 3, 6):
        fit(tmp_path / f"{parts}", task=without_dropout(accumulate=parts))
        assert losses(tmp_path / f"{parts}") == pytest.approx(losses(tmp_path / "whole"), rel=1e-5)
        mine, theirs = final_weights(tmp_path / f"{parts}"), final_weights(tmp_path / "whole")
        assert all(torch.allclose(mine[name], theirs[name], atol=1e-5) for name in mine)


def test_dropout_and_order_survive_a_resume_bit_for_bit(tmp_path):
    fit(tmp_path / "straight", ema_decay=0.9)
    fit(tmp_path / "halves", ema_decay=0.9, steps=4)
    torch.manual_seed(12345)  # whatever happened in between
    torch.rand(7)
    fit(tmp_path / "halves", ema_decay=0.9, resume=True)
    assert losses(tmp_path / "halves") == losses(tmp_path / "straight")
    mine, theirs = final_weights(tmp_path / "halves"), final_weights(tmp_path / "straight")
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_a_checkpoint_says_where_the_data_stand_and_refuses_other_data(tmp_path):
    import json

    fit(tmp_path, extras=Extras(data=DataIdentity("a", "t", "at")), steps=4)
    state = json.loads((tmp_path / "checkpoints" / "step-00000004" / "state.json").read_text())
    assert state["extra"] == {
        "data_sha256": "a",
        "next": {"epoch": 1, "position": 0},
        "precision": "no",
        "processes": 1,
        "samples": 24,
        "takedown_sha256": "t",
    }
    with pytest.raises(DataError, match="other data"):
        fit(tmp_path, extras=Extras(data=DataIdentity("b")), resume=True)
    for name in ("extra", "sha256", "state_sha256"):  # as older versions wrote it
        del state[name]
    (tmp_path / "checkpoints" / "step-00000004" / "state.json").write_text(json.dumps(state))
    fit(tmp_path, extras=Extras(data=DataIdentity("b")), resume=True)


def test_checkpoints_of_older_versions_knew_data_and_takedown_list_as_one(tmp_path):
    fit(tmp_path, extras=Extras(data=DataIdentity("at")), steps=2)
    listener = Listener()
    fit(tmp_path, extras=Extras(data=DataIdentity("a", "t", "at")), steps=4, reporter=listener)
    assert not any("takedown" in line for line in listener.lines)
    fit(tmp_path, extras=Extras(data=DataIdentity("a", None, "a")), reporter=listener)
    assert sum("takedown list has changed" in line for line in listener.lines) == 1


def test_a_non_finite_loss_stops_before_the_step_and_names_the_sample(tmp_path):
    task = ToyTask(toy_config(accumulate=2), poison=None)
    second = task.units_of(1)
    task.poison = second[4]
    task.units_of = lambda step: [task.order.batch(0), second][step]
    trainer = toy_trainer(task, tmp_path)
    updates = []
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda *words, **named: (updates.append(1), step(*words, **named))
    with pytest.raises(TrainingError) as caught:
        trainer.fit(resume=False)
    assert f"at step 1, numbers {second[3:]} of the batch {second}" in caught.value.message
    assert len(updates) == 1
    assert all(bool(p.isfinite().all()) for p in task.model.parameters())


def test_a_non_finite_gradient_stops_before_the_step(tmp_path):
    task = ToyTask(toy_config())
    task.model[0].weight.register_hook(lambda gradient: gradient * torch.nan)
    before = [p.detach().clone() for p in task.model.parameters()]
    with pytest.raises(TrainingError, match="gradient is not finite at step 0"):
        toy_trainer(task, tmp_path).fit(resume=False)
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(task.model.parameters(), before, strict=True))


def test_unreadable_samples_are_told_counted_logged_and_limited(tmp_path):
    broken = (3, 11)
    listener = Listener()
    config = toy_config(steps=8)
    config = config.model_copy(update={"data": config.data.model_copy(update={"max_errors": 2})})
    fit(tmp_path / "allowed", task=ToyTask(config, broken=broken), reporter=listener)
    told = [line for line in listener.lines if "illegible" in line]
    assert len(told) == 2  # once each, though two epochs met them
    assert told[0].startswith("unreadable sample 1 (limit 2)")
    assert rows(tmp_path / "allowed")[-2]["unreadable"] == "2"
    with pytest.raises(DataError, match=r"[12] samples could not be read, 0 are allowed"):
        fit(tmp_path / "strict", task=ToyTask(toy_config(steps=8), broken=broken))


def test_samples_found_unreadable_while_the_task_was_built_count(tmp_path):
    task = ToyTask(toy_config())
    task.unreadable = {5: "article 5 is torn"}
    with pytest.raises(DataError, match="article 5 is torn"):
        toy_trainer(task, tmp_path).fit(resume=False)
    assert not (tmp_path / "log.csv").exists()


def test_the_log_has_what_a_researcher_looks_for(tmp_path):
    fit(tmp_path, ema_decay=0.5)
    row = rows(tmp_path)[-2]
    wanted = ("loss", "twice", "lr", "grad_norm", "ema_decay", "samples_per_s", "images_per_s", "step_s_p50")
    for name in (*wanted, "step_s_p95", "data_wait_share", "memory_gb", "unreadable", "elapsed_s"):
        assert row[name], name
    assert float(row["twice"]) == pytest.approx(2 * float(row["loss"]), rel=1e-4)
    assert float(row["ema_decay"]) == pytest.approx(min(0.5, (1 + 5) / (10 + 5)), rel=1e-4)
    assert [row["step"] for row in rows(tmp_path) if row["val_loss"]] == ["0", "3", "6"]
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == ["step-0.txt", "step-3.txt", "step-6.txt"]


def test_a_judge_sees_the_averaged_model_and_its_figures_are_logged(tmp_path):
    seen = []

    def judge(folder, step):
        seen.append((step, load_file(folder / "toy_model.safetensors")["3.bias"]))
        if step == 3:
            raise ModelError("the judge is ill")
        return {"val_goal_faithfulness": 0.5}

    listener = Listener()
    task = fit(tmp_path, ema_decay=0.9, extras=Extras(judge=judge), reporter=listener)
    assert [step for step, _ in seen] == [3, 6]
    assert not torch.equal(seen[-1][1], task.model[3].bias)
    assert torch.equal(seen[-1][1], final_weights(tmp_path)["3.bias"])
    assert rows(tmp_path)[-1]["val_goal_faithfulness"] == "0.5"
    assert any("could not be judged: the judge is ill" in line for line in listener.lines)


def test_tensorboard_gets_the_same_figures(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    fit(tmp_path, trackers=("tensorboard",))
    events = next((tmp_path / "trackers").rglob("events.out.tfevents.*")).parent
    reader = EventAccumulator(str(events))
    reader.Reload()
    assert [point.value for point in reader.Scalars("loss")] == pytest.approx(losses(tmp_path), rel=1e-4)
    assert [point.step for point in reader.Scalars("val_loss")] == [0, 3, 6]


@pytest.mark.parametrize(
    ("settings", "package", "extra"),
    [
        ({"optim": {"eight_bit": True}}, "bitsandbytes", "8bit"),
        ({"train": {"trackers": ["wandb"]}}, "wandb", "wandb"),
        ({"train": {"trackers": ["tensorboard"]}}, "tensorboard", "tensorboard"),
    ],
)
def test_a_missing_optional_package_is_named_with_its_extra(monkeypatch, settings, package, extra):
    config = type(toy_config()).model_validate(settings)
    find = optimizer_module.importlib.util.find_spec
    monkeypatch.setattr(optimizer_module.importlib.util, "find_spec", lambda n: None if n == package else find(n))
    with pytest.raises(UsageError, match=f"the package {package}") as caught:
        check_extras(config)
    assert f"illinstr[{extra}]" in (caught.value.hint or "")


def test_eight_bit_adam_is_used_when_asked_for_and_resumes_bit_for_bit(tmp_path):
    pytest.importorskip("bitsandbytes", reason="the extra 8bit is not installed")

    def wide(steps):
        config = toy_config(steps=steps)
        config = config.model_copy(update={"optim": config.optim.model_copy(update={"eight_bit": True})})
        task = ToyTask(config)
        task.model = nn.Sequential(nn.Linear(3, 2048), nn.Tanh(), nn.Linear(2048, 3))  # small ones stay in 32 bits
        for parameter in task.model.parameters():
            nn.init.constant_(parameter, 0.01)
        return task

    fit(tmp_path / "straight", task=wide(6))
    fit(tmp_path / "halves", task=wide(4))
    fit(tmp_path / "halves", task=wide(6), resume=True)
    newest = "checkpoints/step-00000006/optimizer.safetensors"
    mine, theirs = load_file(tmp_path / "straight" / newest), load_file(tmp_path / "halves" / newest)
    assert any(tensor.dtype == torch.uint8 for tensor in mine.values())
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_fp16_is_refused_where_there_is_no_accelerator(tmp_path):
    if torch.accelerator.is_available():
        pytest.skip("there is one here")
    with pytest.raises(UsageError, match="fp16"):
        make_accelerator(toy_config(precision="fp16"), tmp_path)


def test_bf16_and_compile_change_how_the_same_run_is_computed(tmp_path):
    fit(tmp_path / "plain", steps=2)
    fit(tmp_path / "bf16", steps=2, precision="bf16")
    assert losses(tmp_path / "bf16") != losses(tmp_path / "plain")
    assert losses(tmp_path / "bf16") == pytest.approx(losses(tmp_path / "plain"), rel=0.05)
    compiled = ToyTask(toy_config(steps=2, compile="eager"))
    trainer = toy_trainer(compiled, tmp_path / "compiled")
    assert type(trainer.model).__name__ == "OptimizedModule"
    trainer.fit(resume=False)
    assert losses(tmp_path / "compiled") == pytest.approx(losses(tmp_path / "plain"), rel=1e-4)


def test_gradient_checkpointing_recomputes_in_the_backward_pass(tmp_path):
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=4,
        in_channels=2,
        out_channels=2,
        down_block_types=("CrossAttnDownBlock2D",),
        up_block_types=("CrossAttnUpBlock2D",),
        block_out_channels=(8,),
        layers_per_block=1,
        attention_head_dim=2,
        norm_num_groups=4,
        cross_attention_dim=4,
    )
    wrapped = nn.Sequential(unet)
    calls = []
    unet.down_blocks[0].resnets[0].register_forward_pre_hook(lambda *_: calls.append(1))

    def gradients():
        calls.clear()
        unet.zero_grad()
        unet.train()
        inputs = torch.ones(1, 2, 4, 4, requires_grad=True)
        unet(inputs, torch.tensor([3]), encoder_hidden_states=torch.ones(1, 2, 4)).sample.square().mean().backward()
        return len(calls), unet.conv_in.weight.grad.clone()

    once, plain = gradients()
    checkpoint_activations(wrapped)
    twice, same = gradients()
    assert (once, twice) == (1, 2)
    assert torch.allclose(plain, same, atol=1e-6)
    with pytest.raises(UsageError, match="gradient_checkpointing"):
        checkpoint_activations(nn.Linear(2, 2))


def test_resuming_with_other_settings_says_which(tmp_path):
    config = toy_config()
    (tmp_path / "config.yaml").write_text(config_text(config))
    (tmp_path / "checkpoints" / "step-00000002").mkdir(parents=True)
    assert check_run_folder(tmp_path, config, resume=True) == []
    changed = toy_config(steps=9)
    assert check_run_folder(tmp_path, changed, resume=True) == [
        "train.steps was 6 when this run was started and is 9 now"
    ]
