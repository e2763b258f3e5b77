"""A list of data folders with weights: what a weight means, how often each article is seen, and what is held out."""

import os
import signal
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from illinstr.cli.app import app
from illinstr.errors import DataError, UsageError
from illinstr.shards import JoinedTable, ShardWriter, Source, goal_signature, parse_sources
from illinstr.shards.joined import parse_source
from illinstr.training.config import DataConfig
from illinstr.training.data import BatchOrder, read_split, training_articles
from illinstr.training.stopping import Stopped
from illinstr.workflows.train import TrainRequest, check_training, data_of
from tests.support.shard_articles import article
from tests.support.tiny_data import make_tiny_data, tiny_article
from tests.support.toy_task import Listener
from tests.support.training_configs import VAE, write_config
from tests.support.training_runs import run_training
from tests.training.test_same_command import assert_same_run


def folder(path, numbers, split="train", num_steps=None):
    with ShardWriter(path, source_config={}) as writer:
        for number in numbers:
            own = tiny_article(number, num_steps)
            writer.add(own.model_copy(update={"goal": f"How to paint wall {number}"}), split=split)
    return path


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    root = tmp_path_factory.mktemp("mix")
    make_tiny_data(root / "a", train=4, val=2)
    return root / "a", folder(root / "b", range(50, 62))


@pytest.mark.parametrize(
    ("said", "path", "weight"),
    [
        ("A:2", "A", 2), ("A", "A", 1), ("a/b:0.5", "a/b", 0.5), ("a:b:1e1", "a:b", 10), ("C:\\data", "C:\\data", 1),
        ("C:\\data:2", "C:\\data", 2), ("s3://bucket/x", "s3://bucket/x", 1), ("s3://bucket/x:2", "s3://bucket/x", 2),
        ("http://host:8080", "http://host:8080", 1), ("http://host:8080/x:3", "http://host:8080/x", 3),
    ],
)  # fmt: skip
def test_what_follows_the_last_colon_is_a_weight_where_it_is_a_number(said, path, weight):
    assert parse_source(said) == Source(Path(path), weight)


def test_a_folder_whose_name_ends_in_a_number_is_a_folder(tmp_path):
    named = tmp_path / "cut:2"
    named.mkdir()
    assert parse_source(str(named)) == Source(named)
    assert parse_source(f"{named}:3") == Source(named, 3)
    assert parse_source(Path("x:3")) == Source(Path("x:3"))


def test_weights_that_are_none_and_folders_named_twice_are_refused(tmp_path):
    for weight in ("0", "-1", "1e999"):
        with pytest.raises(UsageError, match="a weight is a number over 0"):
            parse_sources([f"A:{weight}"])
    with pytest.raises(UsageError, match="named twice"):
        parse_sources([str(tmp_path), f"{tmp_path / 'x' / '..'}:2"])


def test_every_unit_is_seen_in_proportion_to_its_weight():
    """Against the chances in exact fractions; three lengths, weights 5, 1 and 1/4, batches that do not divide them."""
    lengths = ([2] * 9 + [3] * 14 + [4] * 7) * 2
    weights = [5.0] * 11 + [1.0] * 30 + [0.25] * 19
    epochs, batch_size = 600, 7
    order = BatchOrder(lengths, batch_size, 3, weights)
    each = order.batches_per_epoch * batch_size
    total = sum(map(Fraction, weights))
    expected = np.array([float(Fraction(weight) / total) for weight in weights]) * each
    seen = np.zeros(len(lengths))
    for epoch in range(epochs):
        start = epoch * order.batches_per_epoch
        batches = [order.batch(step) for step in range(start, start + order.batches_per_epoch)]
        assert {len(batch) for batch in batches} == {batch_size}
        for batch in batches:
            assert [lengths[unit] for unit in batch] == sorted(lengths[unit] for unit in batch)
        counts = np.bincount(np.concatenate(batches), minlength=len(lengths))
        assert (counts <= np.ceil(expected * len(lengths) / each)).all()
        seen += counts
    deviation = np.sqrt(expected / epochs)  # of independent draws, which these are steadier than
    assert (np.abs(seen / epochs - expected) < 4.5 * deviation).all()
    of_a = seen[:11].sum() / seen.sum()
    assert of_a == pytest.approx(float(5 * 11 / total), rel=0.01)
    again = BatchOrder(lengths, batch_size, 3, weights)  # a function of seed and step alone
    assert [again.batch(step) for step in (50, 3)] == [order.batch(step) for step in (50, 3)]


def test_a_list_of_equal_weights_is_the_merged_data(both):
    a, b = both
    equal = training_articles([Source(a, 3), Source(b, 3)], DataConfig())
    assert equal.weights is None
    assert len(equal) == 16
    assert Counter(equal.sources) == {0: 4, 1: 12}
    weighted = training_articles([Source(a, 2), Source(b)], DataConfig())
    assert weighted.weights == [2.0 if source == 0 else 1.0 for source in weighted.sources]
    panels = weighted.panels()
    assert panels.weights == [weighted.weights[panels.place(number)[0]] for number in range(len(panels))]


def test_any_beginning_of_the_list_has_each_folders_share(both):
    a, b = both
    few = training_articles([Source(a), Source(b)], DataConfig(limit=8))
    assert Counter(few.sources) == {0: 2, 1: 6}
    half = training_articles([Source(a), Source(b)], DataConfig(fraction=0.25))
    assert Counter(half.sources) == {0: 1, 1: 3}
    assert [few[number].id for number in range(8)] == [few.table.read(number).id for number in range(8)]


def test_validation_takes_the_folders_that_have_it(both):
    a, b = both
    config = DataConfig()
    mixed = read_split([Source(b), Source(a)], "val", config, limit=None)
    assert [each.id for each in mixed] == [each.id for each in read_split(a, "val", config, limit=None)]
    with pytest.raises(DataError, match="no split 'val'"):
        JoinedTable([Source(a), Source(b)], "val", min_steps=1, max_steps=9)
    with pytest.raises(DataError, match=r"has no article of 7-9 steps in split 'train'"):
        training_articles([Source(a), Source(b)], DataConfig(min_steps=7, max_steps=9))


def test_what_one_folder_holds_out_is_learnt_from_in_none(tmp_path):
    kept = folder(tmp_path / "kept", [1, 2, 3])
    with ShardWriter(tmp_path / "held", source_config={}) as writer:
        writer.add(article(70), split="train")
        writer.add(article(71).model_copy(update={"goal": "how to PAINT the wall 2!"}), split="val")
    table = JoinedTable([Source(kept), Source(tmp_path / "held")], "train", min_steps=1, max_steps=20)
    goals = {goal_signature(table.read(number).goal) for number in range(len(table))}
    assert goal_signature("How to paint wall 2") not in goals
    assert (len(table), table.num_held_out) == (3, 1)


def test_a_dry_run_prints_the_mix_and_the_weights_change_it(tmp_path, both):
    a, b = both
    config = write_config(tmp_path / "vae.yaml", VAE)
    result = run_training(str(config), [], data=[f"{a}:6", str(b)], out=tmp_path / "run", dry_run=True)
    first, second = result["estimate"]["mix"]
    panels = first["samples"], second["samples"]
    assert (first["articles"], second["articles"]) == (4, 12)
    assert first["share"] == pytest.approx(6 * panels[0] / (6 * panels[0] + panels[1]))
    assert first["times"] == pytest.approx(6 * second["times"])
    assert any(f"{a}: weight 6, 4 articles, {first['share']:.1%} of what is seen" in line for line in result["lines"])


def test_the_config_may_name_the_folders_and_data_goes_before(tmp_path, both):
    a, b = both
    config = str(write_config(tmp_path / "vae.yaml", VAE))
    named = [f"data.folders=['{a}:6', '{b}']"]
    for data, folders in ((None, (Source(a, 6), Source(b))), (a, (Source(a),)), ([f"{b}:2"], (Source(b, 2),))):
        request = TrainRequest(config, data, tmp_path / "run", named)
        resolved = check_training(request)
        assert data_of(request, resolved) == folders
        assert bool(resolved.data.folders) == (data is None)  # config.yaml names what was read
    with pytest.raises(UsageError, match="no data to train on"):
        check_training(TrainRequest(config, None, tmp_path / "run"))
    with pytest.raises(DataError, match="is not a data folder"):
        check_training(TrainRequest(config, [a, "s3://bucket/x:2"], tmp_path / "run"))


def test_the_command_takes_several_folders(tmp_path, both):
    a, b = both
    config = write_config(tmp_path / "vae.yaml", VAE)
    words = ["train", "--config", config, "--data", f"{a}:6", "--data", b, "--out", tmp_path / "run", "--dry-run"]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert f"{a}: weight 6" in done.output
    assert f"{b}: weight 1" in done.output


class Ending(Listener):
    """Ends the run by SIGTERM when it has told of its loss at step 2."""

    def task(self, name, total):
        import contextlib

        def advance(count, status=None):
            if status is not None and name.startswith("train"):
                self.steps = getattr(self, "steps", 0) + 1
                if self.steps == 2:
                    os.kill(os.getpid(), signal.SIGTERM)

        return contextlib.nullcontext(advance)


def test_a_run_on_a_mix_goes_on_bit_for_bit_and_refuses_other_weights(tmp_path, both):
    a, b = both
    config = write_config(
        tmp_path / "vae.yaml", VAE, train={"steps": 4, "checkpoint_every": 100, "validate_every": 100}
    )
    data = [f"{a}:3", f"{b}:2"]
    run_training(str(config), [], data=data, out=tmp_path / "straight")
    with pytest.raises(Stopped):
        run_training(str(config), [], data=data, out=tmp_path / "cut", reporter=Ending())
    for other in ([f"{a}:3", f"{b}:1"], [f"{b}:2", f"{a}:3"], [str(a)]):
        with pytest.raises(DataError, match="made on other data"):
            run_training(str(config), [], data=other, out=tmp_path / "cut")
    run_training(str(config), [], data=[f"{a}:6", f"{b}:4"], out=tmp_path / "cut")  # the same weights, said otherwise
    assert_same_run(tmp_path / "cut", tmp_path / "straight")
