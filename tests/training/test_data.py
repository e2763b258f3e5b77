"""How samples reach the model: noise by place, dealing, streaming from shards, caches, failures to read."""

import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from illinstr.errors import DataError
from illinstr.models.autoencoder import encode_panels
from illinstr.progress import SilentReporter, current_reporter, reporting_to
from illinstr.shards import ArticleTable, read_index
from illinstr.shards.layout import read_rows
from illinstr.training.batches import BatchReader, assign
from illinstr.training.cache import TensorCache, TextCache, text_cache, weights_sha256
from illinstr.training.config import DataConfig
from illinstr.training.data import Prefetcher, read_split, training_articles
from illinstr.training.latents import encode_article, encode_articles
from illinstr.training.noise import mixed_seed, randint, randn, rows_of, sample_generator
from illinstr.training.reading import ErrorBudget
from tests.support import fork_server
from tests.support.tiny_data import TINY_PX, make_tiny_data, tiny_article
from tests.support.toy_task import Listener


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_tiny_data(tmp_path_factory.mktemp("data") / "tiny")


# Noise


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 99))
def test_a_sample_meets_the_same_noise_however_the_batch_is_dealt(count, world_size, accumulate, step):
    whole = randn((count, 2), sample_generator(7, step, range(count)))
    timesteps = randint(1000, count, sample_generator(7, step, range(count)))
    for rank in range(world_size):
        for share in assign(range(count), rank, world_size, accumulate):
            generator = sample_generator(7, step, share.places)
            assert torch.equal(randn((len(share.places), 2), generator), whole[list(share.places)])
            generator = sample_generator(7, step, share.places)
            assert torch.equal(randint(1000, len(share.places), generator), timesteps[list(share.places)])


def test_noise_is_standard_normal_and_differs_by_seed_step_and_place():
    drawn = torch.cat([randn((4, 64), sample_generator(seed, step, range(4))) for seed in (0, 1) for step in range(8)])
    assert len({tuple(row.tolist()) for row in drawn}) == len(drawn)
    assert abs(float(drawn.mean())) < 0.05
    assert abs(float(drawn.std()) - 1) < 0.05
    picked = randint(10, 4096, torch.Generator().manual_seed(0))
    assert min(Counter(picked.tolist()).values()) > 300
    assert 0 <= mixed_seed(-1, 5) < 1 << 63


def test_a_generator_for_another_number_of_samples_is_refused():
    with pytest.raises(ValueError, match="2 samples, batch of 3"):
        rows_of(sample_generator(0, 0, (0, 1)), 3)


def test_decisions_about_a_whole_batch_are_the_same_on_every_process():
    first, second = sample_generator(0, 3, (0, 2)), sample_generator(0, 3, (1, 3))
    assert torch.rand((), generator=first) == torch.rand((), generator=second)


# Dealing


@given(st.integers(1, 20), st.integers(1, 5), st.integers(1, 4))
def test_shares_cover_the_batch_and_weights_make_means_into_the_mean(count, world_size, accumulate):
    units = [100 + place for place in range(count)]
    values = {unit: float(unit % 7) for unit in units}
    covered, total = [], 0.0
    for rank in range(world_size):
        shares = assign(units, rank, world_size, accumulate)
        assert len(shares) == accumulate  # every process takes part in every backward pass
        for share in shares:
            assert share.units == tuple(units[place] for place in share.places)
            covered += share.places if share.weight else ()
            total += share.weight * sum(values[unit] for unit in share.units) / len(share.units)
    assert sorted(covered) == list(range(count))
    assert total / (world_size * accumulate) == pytest.approx(sum(values.values()) / count)


def test_equal_shares_weigh_exactly_one():
    assert {share.weight for rank in range(2) for share in assign(range(8), rank, 2, 2)} == {1.0}


# Failures to read


def read_with(broken, units, limit=9):
    def make(asked):
        for unit in asked:
            if unit in broken:
                raise DataError(f"{unit} is torn")
        return list(asked)

    listener = Listener()
    reader = BatchReader(make, ErrorBudget(limit, listener))
    (micro,) = reader.read(assign(units, 0, 1, 1))
    return micro.batch, listener.lines, reader


def test_a_readable_neighbour_stands_in_for_what_cannot_be_read():
    batch, lines, reader = read_with({5}, [4, 5, 6])
    assert len(batch) == 3
    assert batch[0] == 4
    assert batch[2] == 6
    assert batch[1] in {4, 6}
    assert lines == ["unreadable sample 1 (limit 9): 5 is torn"]
    reader.read(assign([4, 5, 6], 0, 1, 1))
    assert len(lines) == 1  # told once


def test_over_the_limit_or_with_nothing_left_the_run_ends():
    with pytest.raises(DataError, match="2 samples could not be read, 1 are allowed"):
        read_with({4, 5}, [4, 5, 6], limit=1)
    with pytest.raises(DataError, match="none of the samples"):
        read_with({4, 5}, [4, 5])


def test_a_fault_of_the_batch_itself_is_not_blamed_on_samples():
    def make(asked):
        if len(asked) > 1:
            raise DataError("together they do not fit")
        return asked

    budget = ErrorBudget(9, SilentReporter())
    with pytest.raises(DataError, match="together"):
        BatchReader(make, budget).read(assign([1, 2], 0, 1, 1))
    assert not budget.failed


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_reading_threads_keeps_the_order(workers):
    def slow(step):
        time.sleep(0.002 * (step % 3))
        return step

    assert list(Prefetcher(slow, 4, 20, workers=workers, ahead=4)) == list(range(4, 20))


def test_readers_stop_when_the_run_does():
    started = []
    batches = iter(Prefetcher(lambda step: started.append(step) or step, 0, 1000, ahead=3))
    next(batches)
    batches.close()
    assert len(started) <= 5


# Articles from shards


def test_the_table_reads_every_article_as_the_stream_does(data):
    config = DataConfig(min_steps=2, max_steps=3)
    streamed = read_split(data, "train", config, limit=None)
    table = ArticleTable(data, "train", min_steps=2, max_steps=3)
    assert [table.read(number) for number in range(len(table))] == streamed
    assert table.lengths == [article.num_steps for article in streamed]
    assert len(set(table.contents)) == len(table)


def test_training_articles_are_left_on_disk_until_they_are_asked_for(data):
    config = DataConfig(limit=20, fraction=0.5)
    articles = training_articles(data, config)
    streamed = read_split(data, "train", config, limit=20)[:10]
    assert len(articles) == 10
    assert articles[3] == streamed[3]
    assert articles[-1] == streamed[-1]
    assert articles[2:4] == streamed[2:4]
    assert list(articles) == streamed
    with pytest.raises(IndexError):
        articles[10]
    flat = [step.image.data for article in streamed for step in article.steps]
    panels = articles.panels()
    assert len(panels) == len(flat)
    assert [panels[number] for number in range(len(flat))] == flat
    assert panels[5:8] == flat[5:8]
    with pytest.raises(DataError, match="no illustrated article of 9-9 steps"):
        training_articles(data, DataConfig(min_steps=9, max_steps=9))


def damage(folder, number):
    """Flip bytes inside the images of one training article."""
    shard = read_index(folder).of_split("train")[0]
    row = [row for row in read_rows(shard.parquet(folder)) if row.status == "ok"][number]
    with shard.tar(folder).open("r+b") as stream:
        stream.seek(row.offset + row.bytes - 512)
        stream.write(b"\xff" * 64)
    return row.key


def test_a_damaged_article_is_one_error_and_the_others_are_read(tmp_path):
    folder = make_tiny_data(tmp_path / "data", train=6, val=1)
    key = damage(folder, 2)
    articles = training_articles(folder, DataConfig())
    with pytest.raises(DataError, match=key):
        articles[2]
    assert articles[1].id != articles[3].id


# Caches


class CountingVae(torch.nn.Module):
    """Enough of an autoencoder to be asked for latents, and to count how often."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.layer = torch.nn.Conv2d(3, 2, 4, stride=4)
        self.config = type("Config", (), {"scaling_factor": 0.5})()
        self.dtype = torch.float32
        self.asked = 0

    def encode(self, panels):
        self.asked += len(panels)
        mean = self.layer(panels)
        return type("Encoded", (), {"latent_dist": type("Posterior", (), {"mean": mean})()})()


@pytest.fixture
def fresh_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ILLINSTR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_latents_are_encoded_once_whatever_part_of_the_data_is_used(fresh_cache, data):
    vae = CountingVae()
    few = encode_articles(training_articles(data, DataConfig(limit=5)), vae, TINY_PX, "cpu", "few")
    assert vae.asked == sum(latents.shape[0] for latents in few)
    before = vae.asked
    articles = training_articles(data, DataConfig())
    everything = encode_articles(articles, vae, TINY_PX, "cpu", "all")
    assert vae.asked == sum(articles.lengths)  # the first five were not encoded again
    assert before < vae.asked
    again = encode_articles(articles, vae, TINY_PX, "cpu", "all")
    assert vae.asked == sum(articles.lengths)
    for number, article in enumerate(articles):
        expected = encode_article(partial(encode_panels, CountingVae()), TINY_PX, "cpu", article)
        assert torch.equal(everything[number], expected)
        assert torch.equal(again[number], expected)


def test_the_cache_is_keyed_by_weights_transform_and_content(fresh_cache, data):
    articles = training_articles(data, DataConfig(limit=3))
    for vae, panel_px in ((CountingVae(), 32), (CountingVae(seed=1), 32), (CountingVae(), 16)):
        encode_articles(articles, vae, panel_px, "cpu", "x")
        assert vae.asked == sum(articles.lengths)
    others = [tiny_article(1000 + number) for number in range(2)]
    vae = CountingVae()
    encode_articles(others, vae, 32, "cpu", "x")
    assert vae.asked == sum(article.num_steps for article in others)


def test_without_a_cache_nothing_is_written_and_latents_are_the_same(fresh_cache, data):
    kept = encode_articles(training_articles(data, DataConfig(limit=3)), CountingVae(), TINY_PX, "cpu", "x")
    vae = CountingVae()
    before = sorted(fresh_cache.rglob("*"))
    online = encode_articles(training_articles(data, DataConfig(limit=3, cache=False)), vae, TINY_PX, "cpu", "x")
    assert vae.asked == 0
    assert all(torch.equal(mine, theirs) for mine, theirs in zip(online, kept, strict=True))
    assert vae.asked > 0
    assert sorted(fresh_cache.rglob("*")) == before


def test_an_unreadable_article_is_named_and_the_others_are_encoded(fresh_cache, tmp_path):
    folder = make_tiny_data(tmp_path / "data", train=6, val=1)
    key = damage(folder, 2)
    latents = encode_articles(training_articles(folder, DataConfig()), CountingVae(), TINY_PX, "cpu", "x")
    assert list(latents.unreadable) == [2]
    assert key in latents.unreadable[2]
    with pytest.raises(DataError, match=key):
        latents[2]
    assert latents[3].shape[0] >= 2


def test_a_damaged_part_is_made_anew(fresh_cache, data):
    articles = training_articles(data, DataConfig(limit=3))
    encode_articles(articles, CountingVae(), TINY_PX, "cpu", "x")
    (part,) = fresh_cache.rglob("part-*.safetensors")
    part.write_bytes(part.read_bytes()[:-5])
    vae = CountingVae()
    encode_articles(articles, vae, TINY_PX, "cpu", "x")
    assert vae.asked == sum(articles.lengths)


KILLED_WHILE_ADDING = """
import sys, torch
from illinstr.training.cache import TensorCache
from pathlib import Path
cache = TensorCache(Path(sys.argv[1]))
number = 0
while True:
    cache.add({f"{number:08d}": torch.full((2000,), float(number))})
    print(number, flush=True)
    number += 1
"""


def test_kill_9_while_adding_loses_nothing_that_was_published(tmp_path):
    words = [sys.executable, "-c", KILLED_WHILE_ADDING, str(tmp_path)]
    with fork_server.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(12):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    cache = TensorCache(tmp_path)
    for number in range(last + 1):
        assert torch.equal(cache.get(f"{number:08d}"), torch.full((2000,), float(number)))


def test_texts_are_remembered_on_disk_by_encoder_and_text(fresh_cache):
    class Tokenizer:
        model_max_length = 7

        def get_vocab(self):
            return {"a": 1}

    encoder = torch.nn.Linear(2, 2)
    texts = text_cache(encoder, Tokenizer(), keep=True)
    assert "cut it" not in texts
    texts["cut it"] = torch.arange(4.0).view(2, 2)
    texts.flush()
    again = text_cache(encoder, Tokenizer(), keep=True)
    assert torch.equal(again["cut it"], torch.arange(4.0).view(2, 2))
    assert "cut it" not in text_cache(torch.nn.Linear(2, 2), Tokenizer(), keep=True)
    private = text_cache(encoder, Tokenizer(), keep=False)
    assert "cut it" not in private
    private["x"] = torch.zeros(1)
    private.flush()
    assert "x" in private
    assert "x" not in text_cache(encoder, Tokenizer(), keep=True)
    with pytest.raises(KeyError):
        private["unknown"]


def test_texts_are_written_in_parts(tmp_path):
    texts = TextCache(tmp_path, part_size=3)
    for number in range(7):
        texts[f"text {number}"] = torch.tensor([float(number)])
    assert len(list(tmp_path.glob("part-*.json"))) == 2
    texts.flush()
    again = TextCache(tmp_path)
    assert [float(again[f"text {number}"]) for number in range(7)] == list(range(7))


def test_texts_in_memory_are_bounded_and_those_that_leave_are_read_again(tmp_path):
    texts = TextCache(tmp_path, part_size=4, max_bytes=3 * 40)
    for number in range(10):
        texts[f"text {number}"] = torch.full((10,), float(number))
        assert len(texts._memory) <= 3
    assert all(f"text {number}" in texts for number in range(10))  # on disk, or waiting to be written
    assert [float(texts[f"text {number}"][0]) for number in range(10)] == list(range(10))
    assert len(texts._memory) <= 3 and texts._bytes <= 3 * 40
    assert float(texts["text 3"][0]) == 3 and float(texts["text 1"][0]) == 1
    assert list(texts._memory)[-2:] == ["text 3", "text 1"]  # the last used stay
    alone = TextCache(None, max_bytes=40)
    for number in range(3):
        alone[f"text {number}"] = torch.full((10,), float(number))
        assert float(alone[f"text {number}"][0]) == number
    assert "text 0" not in alone  # to be encoded again


def test_the_hash_of_weights_follows_every_weight_and_setting():
    layer = torch.nn.Linear(2, 2)
    first = weights_sha256(layer, 1)
    assert first == weights_sha256(layer, 1)
    assert first != weights_sha256(layer, 2)
    with torch.no_grad():
        layer.bias[1] += 1e-6
    assert first != weights_sha256(layer, 1)


def test_parts_of_a_work_find_its_reporter():
    listener = Listener()
    with reporting_to(listener):
        current_reporter().log("inside")
    current_reporter().log("outside")
    assert listener.lines == ["inside"]
