"""Checkpoints that are not what was written: skipped aloud, every file of them, and a disk that is full."""

import json
import os
import resource
import sys

import pytest

from illinstr.engine.process_group import ProcessGroup
from illinstr.errors import DataError
from illinstr.training import checkpoint as checkpoints
from illinstr.training.checkpoint import Checkpointer, problem_with
from illinstr.workflows.export import ExportRequest, export_model
from tests.support import fork_server
from tests.support.toy_task import Listener, ToyTask, toy_config, toy_trainer
from tests.training.test_checkpoints import fill, numbers, trained

ALONE = ProcessGroup()


def flip(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 0x40
    path.write_bytes(bytes(content))


def zero(path, _place):
    path.write_bytes(bytes(path.stat().st_size))


@pytest.fixture
def three(tmp_path):
    """Checkpoints of steps 1, 2 and 3, whose every number is the step."""
    checkpointer = Checkpointer(tmp_path, 3, Listener())
    for step in (1, 2, 3):
        checkpointer.save(step, trained(step))
    return checkpointer


FILES = ("model.safetensors", "optimizer.safetensors", "ema.safetensors", "state.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("harm", "place"), [(flip, -3), (flip, 9), (zero, 0)])
def test_any_damage_to_any_file_is_told_and_the_checkpoint_before_is_taken(three, tmp_path, name, harm, place):
    harm(tmp_path / "step-00000003" / name, place)
    state = trained()
    assert three.restore(state, ALONE).name == "step-00000002"
    assert numbers(state) == {2.0} and state.ema.updates == 2
    (line,) = three.reporter.lines
    assert line.startswith("checkpoint step-00000003 is skipped: ")
    assert name in line
    assert (tmp_path / "step-00000003").is_dir()


def test_the_hashes_are_those_of_the_files(three, tmp_path):
    import hashlib

    state = json.loads((tmp_path / "step-00000002" / "state.json").read_text())
    others = [path for path in (tmp_path / "step-00000002").iterdir() if path.name != "state.json"]
    assert state["sha256"] == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in others}
    assert len(others) == 3


def test_damaged_ones_are_deleted_where_that_is_asked_for(three, tmp_path):
    flip(tmp_path / "step-00000003" / "ema.safetensors", -1)
    three.delete_invalid = True
    assert three.latest().name == "step-00000002"
    assert not (tmp_path / "step-00000003").exists()
    assert (tmp_path / "step-00000001").is_dir()
    for step in (1, 2):
        flip(tmp_path / f"step-0000000{step}" / "model.safetensors", -1)
    (tmp_path / "step-00000001" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="every checkpoint"):  # what is not ours alone is not deleted
        three.restore(trained(), ALONE)
    assert sorted(path.name for path in tmp_path.glob("step-*")) == ["step-00000001"]


def test_where_none_is_whole_a_run_does_not_quietly_begin_again(three, tmp_path):
    for step in (1, 2, 3):
        flip(tmp_path / f"step-0000000{step}" / "model.safetensors", 40)
    with pytest.raises(DataError, match=r"every checkpoint in .* is damaged") as caught:
        three.restore(trained(), ALONE)
    assert "--delete-invalid" in caught.value.hint
    three.delete_invalid = True
    assert three.restore(trained(), ALONE) is None


def test_a_checkpoint_of_an_older_version_without_hashes_loads_unless_it_cannot_be_read(three, tmp_path):
    for step in (2, 3):
        path = tmp_path / f"step-0000000{step}" / "state.json"
        state = json.loads(path.read_text())
        path.write_text(json.dumps({key: state[key] for key in ("step", "ema_updates", "extra", "files")}))
    assert three.latest().name == "step-00000003"
    zero(tmp_path / "step-00000003" / "ema.safetensors", 0)
    state = trained()
    assert three.restore(state, ALONE).name == "step-00000002"
    assert numbers(state) == {2.0}
    assert any("step-00000003 is skipped" in line for line in three.reporter.lines)


def test_a_save_does_not_read_the_older_ones_again(three, tmp_path, monkeypatch):
    read = []
    hashed = checkpoints._hashes
    monkeypatch.setattr(checkpoints, "_hashes", lambda paths: (read.extend(paths), hashed(paths))[1])
    state = trained()
    fill(state, 4)
    three.save(4, state)
    assert {path.parent.name for path in read} == {"step-00000004.incomplete"}


def test_export_refuses_a_damaged_checkpoint_that_is_named(tmp_path, tiny_unet_run):
    path = sorted((tiny_unet_run / "checkpoints").glob("step-*"))[-1]
    flip(path / "ema.safetensors", -2)
    try:
        with pytest.raises(DataError, match=r"ema\.safetensors is not what was written"):
            export_model(ExportRequest(tiny_unet_run, tmp_path / "model", checkpoint=path.name))
    finally:
        flip(path / "ema.safetensors", -2)
    assert problem_with(path, hashes=True) is None


@pytest.fixture(scope="module")
def tiny_unet_run(tmp_path_factory):
    from tests.support.tiny_data import make_tiny_data
    from tests.support.tiny_sd import SD_PANEL_PX, make_tiny_sd
    from tests.support.training_configs import write_config
    from tests.support.training_runs import run_training

    folder = tmp_path_factory.mktemp("unet")
    settings = {
        "kind": "unet",
        "base": {"model": str(make_tiny_sd(folder / "sd"))},
        "data": {"panel_px": SD_PANEL_PX, "val_limit": 1, "max_steps": 2},
        "noise": {"beta_schedule": "scaled_linear", "transition_steps": 0},
        "sample": {"sampling_steps": 1, "grid_articles": 1},
        "train": {"steps": 1, "batch_size": 1, "validate_every": 1, "ema_decay": 0.9},
    }
    data = make_tiny_data(folder / "data", train=4, val=2, num_steps=2)
    run_training(str(write_config(folder / "c.yaml", settings)), [], data=data, out=folder / "run")
    return folder / "run"


FULL = """
import resource, signal, sys
from pathlib import Path
from illinstr.program import run_cli
from tests.support.toy_task import ToyTask, toy_config, toy_trainer
run, limit = Path(sys.argv[1]), int(sys.argv[2])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def main():
    trainer = toy_trainer(ToyTask(toy_config()), run)
    def save(done, order, kept=trainer.saved.save):
        if done == 4:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        return kept(done, order)
    trainer.saved.save = save
    trainer.fit()
run_cli(main)
"""


@pytest.mark.parametrize("limit", [600, 1024])  # inside a file of tensors, inside the manifest
def test_a_full_disk_is_one_line_and_a_hint_and_costs_no_checkpoint(tmp_path, limit):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    words = [sys.executable, "-c", FULL, str(tmp_path), str(limit)]
    done = fork_server.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 1, done.stderr
    first, second = done.stderr.splitlines()
    assert first.startswith("error: checkpoint step-00000004 could not be written in ")
    assert first.endswith("File too large; step-00000002 is whole")
    assert second == "hint: make room, or keep fewer with train.keep_checkpoints, and run the same command again"
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == ["latest", "step-00000002"]
    listener = Listener()
    toy_trainer(ToyTask(toy_config()), tmp_path, listener).fit()
    assert listener.lines[0] == "resumed from step-00000002"
