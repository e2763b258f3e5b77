"""Every article counts the same whatever its length: order, shares, and what the loop makes of several N in a batch."""

import csv
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.errors import DataError
from illinstr.progress import SilentReporter
from illinstr.training.batches import BatchReader, assign
from illinstr.training.data import BatchOrder
from illinstr.training.reading import ErrorBudget
from illinstr.training.tasks.stacked.data import AssignedUnit
from tests.support.forked import run_jobs
from tests.support.toy_task import ToyTask, toy_config, toy_trainer

LENGTHS = st.lists(st.integers(2, 5), min_size=1, max_size=60)


@settings(deadline=None)
@given(LENGTHS, st.integers(1, 8), st.integers(0, 3), st.integers(0, 3))
def test_an_epoch_repeats_nobody_and_leaves_out_less_than_a_batch(lengths, batch_size, seed, epoch):
    order = BatchOrder(lengths, batch_size, seed)
    first = epoch * order.batches_per_epoch
    batches = [order.batch(step) for step in range(first, first + order.batches_per_epoch)]
    seen = [unit for batch in batches for unit in batch]
    assert len(seen) == len(set(seen))
    assert len(lengths) - len(seen) < batch_size
    assert {len(batch) for batch in batches} == {min(batch_size, len(lengths))}
    for batch in batches:  # one N, or several, each in a run
        of = [lengths[unit] for unit in batch]
        assert of == sorted(of)
    joined = [batch for batch in batches if len({lengths[unit] for unit in batch}) > 1]
    assert len(joined) < len(set(lengths))


def test_rare_lengths_weigh_as_they_are():
    """2,000 articles, 13 of them of six steps, batches of 384: the weight of each in the gradients of 200 epochs."""
    lengths = [2] * 20 + [3] * 300 + [4] * 767 + [5] * 900 + [6] * 13
    order = BatchOrder(lengths, 384, 0)
    weight = np.zeros(len(lengths))
    for step in range(order.batches_per_epoch * 200):
        batch = order.batch(step)
        weight[batch] += 1 / len(batch)
    mean = {n: weight[np.array(lengths) == n].mean() for n in set(lengths)}
    for n, each in mean.items():
        assert each == pytest.approx(mean[5], rel=0.02), n
    assert weight.min() > 0.8 * weight.max()  # and no article sits out


def test_articles_like_one_are_of_its_length_and_remember_its_step():
    order = BatchOrder([2, 3, 2, 3, 2], 2, 0)
    assert list(order.like(2)) == [4, 0]
    assert [(unit, unit.step) for unit in order.like(AssignedUnit(3, 7))] == [(1, 7)]


@settings(deadline=None)
@given(st.lists(st.integers(2, 4), min_size=1, max_size=20), st.integers(1, 4), st.integers(1, 3))
def test_shares_have_one_length_and_add_up_to_the_mean(lengths, world_size, accumulate):
    lengths = sorted(lengths)
    units = [100 + place for place in range(len(lengths))]
    by_rank = [assign(units, rank, world_size, accumulate, lengths) for rank in range(world_size)]
    assert len({len(shares) for shares in by_rank}) == 1  # all meet in each backward pass
    most = -(-len(units) // (world_size * accumulate))
    total, covered = 0.0, []
    for shares in by_rank:
        for number, share in enumerate(shares):
            of = {lengths[place] for place in share.places}
            assert of == {lengths[by_rank[0][number].places[0]]}  # of one N, the same in all processes
            assert len(share.places) <= most
            total += share.weight * sum(unit % 7 for unit in share.units) / len(share.units)
            covered += share.places if share.weight else ()
    assert sorted(covered) == list(range(len(units)))
    assert total / (world_size * len(by_rank[0])) == pytest.approx(sum(unit % 7 for unit in units) / len(units))


def test_batches_of_one_length_have_the_shares_they_had():
    for count in range(1, 12):
        for rank in range(3):
            assert assign(range(count), rank, 3, 2) == assign(range(count), rank, 3, 2, [4] * count)


def test_where_a_whole_share_cannot_be_read_another_of_its_length_stands_in():
    broken, order = {1}, BatchOrder([2, 3, 2, 3, 2], 2, 0)

    def make(units):
        if broken & set(units):
            raise DataError("torn")
        return units

    reader = BatchReader(make, ErrorBudget(9, SilentReporter()), order.like)
    (first,) = reader.read(assign([AssignedUnit(1, 5)], 0, 1, 1))
    assert first.batch == [3]
    assert first.batch[0].step == 5
    broken |= {3}
    with pytest.raises(DataError, match="none of the samples"):
        reader.read(assign([AssignedUnit(1, 5)], 0, 1, 1))


class Joined(ToyTask):
    """Lengths that do not matter to the loss; ``told``: the loop learns of them and splits what is joined."""

    def __init__(self, config, *, told):
        super().__init__(config)
        self.model[1].p = 0.0  # dropout draws for each micro-batch
        order = BatchOrder([1] * 15 + [2] * 7 + [3] * 2, config.train.batch_size, config.train.seed)
        self.batch = order.batch
        self.order = order if told else BatchOrder([1] * 24, config.train.batch_size, config.train.seed)
        self.lengths = order.lengths
        self.told = told

    def units_of(self, step):
        return self.batch(step)

    def make_batch(self, units):
        assert not self.told or len({self.lengths[unit] for unit in units}) == 1
        return super().make_batch(units)


def fit(run, resume=True, told=True, **train):
    toy_trainer(Joined(toy_config(**train), told=told), run).fit(resume=resume)


def losses(run):
    with (run / "log.csv").open() as stream:
        return [(float(row["loss"]), float(row["grad_norm"])) for row in csv.DictReader(stream) if row["loss"]]


def test_joined_batches_teach_what_one_pass_over_them_would(tmp_path):
    fit(tmp_path / "whole", told=False)
    jobs = [
        {"run": str(tmp_path / "one")},
        {"run": str(tmp_path / "two"), "processes": 2},
        {"run": str(tmp_path / "parts"), "processes": 2, "settings": {"accumulate": 3}},
    ]
    assert run_jobs("tests.training.test_lengths:fit", jobs) == [[0], [0, 0], [0, 0]]
    order = Joined(toy_config(), told=True).order
    assert any(len({order.lengths[unit] for unit in order.batch(step)}) > 1 for step in range(6))
    for name in ("one", "two", "parts"):
        assert np.array(losses(tmp_path / name)) == pytest.approx(np.array(losses(tmp_path / "whole")), rel=1e-3)


def test_most_batches_still_have_one_length():
    lengths = [2] * 500 + [3] * 700 + [4] * 800
    order = BatchOrder(lengths, 16, 0)
    kinds = Counter(len({lengths[unit] for unit in order.batch(step)}) for step in range(order.batches_per_epoch))
    assert kinds[1] >= order.batches_per_epoch - 2
