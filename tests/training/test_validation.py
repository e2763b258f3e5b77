"""Validation under SIGKILL: one that was due when the run died is made up for, and changes nothing else."""

import csv

import torch
from safetensors.torch import load_file

from illinstr.progress import SilentReporter
from tests.support.forked import run_jobs
from tests.support.toy_task import ToyTask, toy_config, toy_trainer

SETTINGS = {"ema_decay": 0.9, "checkpoint_every": 3}


def fit(run, *, resume=False, validated=None, **train):
    trainer = toy_trainer(ToyTask(toy_config(**{**SETTINGS, **train})), run, SilentReporter())
    if validated is not None:
        validate = trainer._validate
        trainer._validate = lambda step, meter: (validated.append(step), validate(step, meter))
    trainer.fit(resume=resume)


def validations(run):
    with (run / "log.csv").open() as stream:
        return [(int(row["step"]), row["val_loss"]) for row in csv.DictReader(stream) if row["val_loss"]]


def losses(run):
    with (run / "log.csv").open() as stream:
        return [row["loss"] for row in csv.DictReader(stream) if row["loss"]]


def test_a_validation_lost_to_a_kill_is_made_up_for_on_resume(tmp_path):
    """Killed after saving step 3 and again, in the resumed run, after saving the last step."""
    fit(tmp_path / "straight")
    killed = tmp_path / "killed"
    jobs = [
        {"run": str(killed), "die": ["_validate", 3]},
        {"run": str(killed), "die": ["_validate", 6], "resume": True},
    ]
    assert run_jobs("tests.training.test_validation:fit", jobs) == [[-9], [-9]]
    assert (killed / "checkpoints" / "latest").read_text() == "step-00000006\n"
    assert [step for step, _ in validations(killed)] == [0, 3]
    fit(killed, resume=True)
    assert validations(killed) == validations(tmp_path / "straight")
    assert losses(killed) == losses(tmp_path / "straight")
    newest = "checkpoints/step-00000006"
    for name in ("model", "ema", "optimizer"):
        mine, theirs = (load_file(run / newest / f"{name}.safetensors") for run in (killed, tmp_path / "straight"))
        assert all(torch.equal(mine[key], theirs[key]) for key in mine), name
    exported, whole = (load_file(run / "model" / "toy_model.safetensors") for run in (killed, tmp_path / "straight"))
    assert all(torch.equal(exported[key], whole[key]) for key in whole)


def test_a_validation_that_was_made_is_not_made_again(tmp_path):
    fit(tmp_path, steps=3)
    validated = []
    fit(tmp_path, resume=True, validated=validated)
    assert validated == [6]
    fit(tmp_path, resume=True, validated=validated, steps=6)
    assert validated == [6]
    assert [step for step, _ in validations(tmp_path)] == [0, 3, 6]


def test_a_checkpoint_between_validations_asks_for_none(tmp_path):
    fit(tmp_path, steps=4, checkpoint_every=2)
    (tmp_path / "log.csv").write_text("step,loss\n4,1.0\n")  # without the validation of what was the last step
    validated = []
    fit(tmp_path, resume=True, validated=validated)
    assert validated == [6]
