"""The same command again: begins, goes on, after a kill at any point, after a signal, and never mixes two runs."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from illinstr.errors import DataError, UsageError
from illinstr.shards import read_index
from illinstr.shards.layout import read_rows
from illinstr.training.stopping import STOPPED_CODE, Stopped, StopSignals
from tests.support import fork_server
from tests.support.forked import run_jobs
from tests.support.tiny_data import make_tiny_data
from tests.support.toy_task import Listener
from tests.support.training_configs import VAE, write_config
from tests.support.training_runs import run_training

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
# The real program, which SIGKILL meets when it flushes a file or folder whose path holds a given text.
PROGRAM = """
import os, signal, sys
point, fsync = sys.argv.pop(1), os.fsync
def dying(descriptor):
    if point and point in os.readlink(f"/proc/self/fd/{descriptor}"):
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)
os.fsync = dying
from illinstr.cli.app import main
main()
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    often = {"steps": 3, "checkpoint_every": 1, "validate_every": 2}
    return write_config(tmp_path_factory.mktemp("config") / "vae.yaml", VAE, train=often)


def words(config, data, out, *more, point=""):
    return [
        *(sys.executable, "-c", PROGRAM, point, "train", "--config", str(config), "--data", str(data)),
        *("--out", str(out), *more),
    ]


def run(*command, code=0):
    done = fork_server.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT)
    assert done.returncode == code, done.stderr[-3000:]
    return done


def weights(out):
    newest = sorted((out / "checkpoints").glob("step-????????"))[-1]
    return {name: load_file(newest / f"{name}.safetensors") for name in ("model", "ema", "optimizer")}


def assert_same_run(mine, theirs):
    first, second = weights(mine), weights(theirs)
    for name in first:
        assert all(torch.equal(first[name][key], second[name][key]) for key in first[name]), name
    assert losses(mine) == losses(theirs)


def losses(out):
    with (out / "log.csv").open() as stream:
        return [(row["step"], row["loss"]) for row in csv.DictReader(stream) if row.get("loss")]


@pytest.fixture(scope="module")
def straight(tmp_path_factory, config, data):
    out = tmp_path_factory.mktemp("straight") / "run"
    run(*words(config, data, out))
    return out


POINTS = {
    "before the config": "/.config.yaml.",
    "after the config": "/samples/.step-00000000",
    "before the first line of the log": "/.log.csv.",
    "while the first checkpoint is filled": "step-00000001.incomplete/model",
    "before the first checkpoint has its name": "step-00000001.incomplete/.state.json",
    "before the first checkpoint is pointed at": "/checkpoints/.latest.",
    "while the model is written": "/model.incomplete/",
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_killed_at_any_point_the_same_command_completes_bit_for_bit(tmp_path, config, data, straight, point):
    out = tmp_path / "run"
    run(*words(config, data, out, point=point), code=-signal.SIGKILL)
    done = run(*words(config, data, out))
    assert done.stdout.splitlines()[-1] == str(out / "model")
    assert_same_run(out, straight)


def test_a_finished_run_and_an_empty_folder_are_no_obstacle(tmp_path, config, data, straight):
    out = tmp_path / "run"
    out.mkdir()
    train(config, data, out)
    before = (out / "log.csv").read_text()
    train(config, data, out)
    assert (out / "log.csv").read_text() == before
    assert_same_run(out, straight)


def train(config, data, out, *settings, **more):
    listener = Listener()
    run_training(str(config), list(settings), data=data, out=out, reporter=listener, **more)
    return listener.lines


def test_other_settings_are_refused_unless_one_of_both_ways_is_forced(tmp_path, config, data):
    out = tmp_path / "run"
    train(config, data, out, "train.steps=2")
    with pytest.raises(UsageError, match=r"train\.steps was 2 when this run was started and is 3") as no:
        train(config, data, out)
    assert "--resume" in no.value.hint and "--fresh" in no.value.hint
    (out / "checkpoints" / "step-00000002" / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"thesis\.txt"):
        train(config, data, out, fresh=True)
    assert (out / "checkpoints" / "step-00000001").is_dir()
    (out / "checkpoints" / "step-00000002" / "thesis.txt").unlink()
    lines = train(config, data, out, resume=True)
    assert "resumed from step-00000002" in lines
    lines = train(config, data, out, "train.steps=1", fresh=True)
    assert not any(line.startswith("resumed") for line in lines)
    assert [path.name for path in sorted((out / "checkpoints").glob("step-*"))] == ["step-00000001"]
    assert [path.name for path in sorted((out / "samples").iterdir())] == ["step-00000000.png", "step-00000001.png"]
    with pytest.raises(UsageError, match="exclude each other"):
        train(config, data, out, resume=True, fresh=True)


def test_resume_begins_where_there_is_nothing_to_go_on_from(tmp_path, config, data):
    out = tmp_path / "run"
    train(config, data, out, "train.steps=1", resume=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.yaml").write_text((out / "config.yaml").read_text().replace("steps: 1", "steps: 9"))
    train(config, data, other, "train.steps=1")  # of that attempt nothing is left that could be mixed
    assert_same_run(other, out)


def test_a_damaged_checkpoint_is_passed_over_or_deleted_and_the_run_is_the_same(tmp_path, config, data, straight):
    out = tmp_path / "run"
    train(config, data, out)
    for more, word in (({}, "skipped"), ({"delete_invalid": True}, "deleted")):
        file = out / "checkpoints" / "step-00000003" / "optimizer.safetensors"
        file.write_bytes(bytes(file.stat().st_size))
        lines = train(config, data, out, **more)
        assert any(line.startswith(f"checkpoint step-00000003 is {word}: optimizer.safetensors") for line in lines)
        assert "resumed from step-00000002" in lines
        assert_same_run(out, straight)


# Signals


@pytest.mark.parametrize(("number", "more"), [(signal.SIGTERM, ()), (signal.SIGUSR1, ("--save-on-signal", "USR1"))])
def test_a_signal_saves_ends_with_its_code_and_the_same_command_goes_on(tmp_path, config, data, straight, number, more):
    out = tmp_path / "run"
    often = ("--set", "train.checkpoint_every=1000", "--set", "train.validate_every=1000", *more)
    process = fork_server.Popen(words(config, data, out, *often), stderr=subprocess.PIPE, env=ENVIRONMENT, text=True)
    while "loss" not in (out / "log.csv").read_text() if (out / "log.csv").exists() else True:
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(number)
    errors = process.communicate()[1]
    if process.returncode:  # else the run was over before
        assert process.returncode == STOPPED_CODE == 143, errors
        assert errors.splitlines()[-2].startswith(f"error: ended by {number.name} after step ")
        assert errors.splitlines()[-1] == "hint: run the same command again: it goes on from there"
    done = run(*words(config, data, out, *often))
    assert process.returncode == 0 or "resumed from step-0000000" in done.stderr
    assert_same_run(out, straight)


def test_a_signal_while_data_are_read_or_a_model_is_validated_ends_at_once():
    signals = StopSignals(("USR2",))
    with signals.listening():
        with signals.interrupting():
            os.kill(os.getpid(), signal.SIGUSR2)
            raise AssertionError("the block went on")
        assert signals.heard == "SIGUSR2"
        os.kill(os.getpid(), signal.SIGTERM)  # as a launcher's after the scheduler's own: changes nothing
        with signals.interrupting():
            pass
        assert signals.heard == "SIGUSR2"
    assert Stopped("SIGTERM", "x").exit_code == 143


def test_a_validation_cut_off_by_a_signal_is_saved_before_and_made_up_for(tmp_path):
    from illinstr.training.loop import Extras
    from tests.support.toy_task import ToyTask, toy_config, toy_trainer

    signals = StopSignals()

    class Cut(ToyTask):
        def validate(self, folder, step):
            if step == 3 and signals.heard is None:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().validate(folder, step)

    settings = {"ema_decay": 0.9, "checkpoint_every": 100}
    toy_trainer(ToyTask(toy_config(**settings)), tmp_path / "straight").fit()
    with signals.listening(), pytest.raises(Stopped, match="after step 3, which is saved"):
        toy_trainer(Cut(toy_config(**settings)), tmp_path / "cut", None, Extras(signals=signals)).fit()
    toy_trainer(ToyTask(toy_config(**settings)), tmp_path / "cut").fit()
    assert_same_run(tmp_path / "cut", tmp_path / "straight")
    assert [(tmp_path / name / "log.csv").read_text().count("\n") for name in ("cut", "straight")] == [10, 10]


def test_two_processes_end_at_one_step_and_go_on(tmp_path, config, data):
    long = ("--processes", "2", "--set", "train.checkpoint_every=1000", "--set", "train.steps=40")
    process = fork_server.Popen(
        words(config, data, tmp_path / "run", *long),
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        text=True,
        forked_children=True,
    )
    log = tmp_path / "run" / "log.csv"
    while "loss" not in (log.read_text() if log.exists() else ""):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    errors = process.communicate()[1]
    assert process.returncode == STOPPED_CODE, errors
    assert sum(line.startswith("error: ended by SIGTERM after step ") for line in errors.splitlines()) == 1
    (newest,) = (tmp_path / "run" / "checkpoints").glob("step-*")
    assert json.loads((newest / "state.json").read_text())["extra"]["processes"] == 2


# Data and disks


def test_a_takedown_between_two_runs_is_told_and_the_run_goes_on_without_it(tmp_path, config):
    data = make_tiny_data(tmp_path / "data", train=8, val=2)
    out = tmp_path / "run"
    train(config, data, out, "train.steps=1")
    shard = read_index(data).of_split("train")[0]
    key = next(row.key for row in read_rows(shard.parquet(data)) if row.status == "ok")
    (data / "takedown.txt").write_text(f"{key}\n")
    lines = train(config, data, out, "train.steps=2", resume=True)
    (told,) = [line for line in lines if "takedown list has changed since step-00000001" in line]
    assert "samples then" in told
    assert "resumed from step-00000001" in lines
    again = train(config, data, out, "train.steps=3", resume=True)
    assert not any("takedown" in line for line in again)  # told once
    other = make_tiny_data(tmp_path / "other", train=9, val=2)
    with pytest.raises(DataError, match="other data"):
        train(config, other, out, "train.steps=4", resume=True)


def fit_apart(run, resume=True, **train):
    """A toy run whose processes share no disk: each has a run folder of its own, as on two machines."""
    from tests.support.toy_task import ToyTask, toy_config, toy_trainer

    settings = {"ema_decay": 0.9, **train}
    toy_trainer(ToyTask(toy_config(**settings)), run / f"machine-{os.environ['RANK']}").fit(resume=resume)


def test_without_a_shared_disk_the_first_process_says_what_the_others_take(tmp_path):
    def job(name, **settings):
        return {"run": str(tmp_path / name), "processes": 2, "settings": settings}

    jobs = [job("straight"), job("halves", steps=4), job("halves")]
    assert run_jobs("tests.training.test_same_command:fit_apart", jobs) == [[0, 0]] * 3
    assert not (tmp_path / "halves" / "machine-1" / "checkpoints").exists()
    assert_same_run(tmp_path / "halves" / "machine-0", tmp_path / "straight" / "machine-0")
