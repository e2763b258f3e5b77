import hashlib
import json
import os
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import webdataset as wds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from illinstr.errors import ConfigError, DataError
from illinstr.files import sha256_file
from illinstr.shards import ShardWriter, iter_articles, read_index, validate
from tests.support import fork_server
from tests.support.shard_articles import PIXEL_PNG, article, folder_bytes, golden_article, write_data
from tests.test_articles import articles

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(made=st.lists(articles, min_size=1, max_size=5, unique_by=lambda a: a.id), max_samples=st.integers(1, 3))
def test_articles_come_back_as_they_went_in(tmp_path_factory, made, max_samples):
    data = write_data(tmp_path_factory.mktemp("data") / "d", made, max_samples=max_samples)
    assert list(iter_articles(data, verify=True)) == made
    assert validate(data).ok


def test_the_bytes_of_a_shard_are_the_golden_ones(tmp_path):
    data = write_data(tmp_path, [golden_article()])
    assert sha256_file(data / "shards/train-000000.tar") == (GOLDEN / "shard.sha256").read_text().strip()


def test_equal_input_gives_equal_bytes_in_every_file(tmp_path):
    for name in ("a", "b"):
        with ShardWriter(tmp_path / name, source_config={"x": 1, "a": [2]}, max_samples=2) as writer:
            for number in range(5):
                writer.add(article(number), split="train" if number % 2 else "val")
            writer.add_failure("lost", reason="no steps", url="https://example.org/lost")
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


def test_members_carry_no_time_owner_or_name_of_a_machine(tmp_path):
    data = write_data(tmp_path, [article(1)])
    with tarfile.open(data / "shards/train-000000.tar") as tar:
        for member in tar:
            fields = (member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode, member.type)
            assert fields == (0, 0, 0, "", "", 0o644, tarfile.REGTYPE)


def test_webdataset_itself_reads_the_same_samples(tmp_path):
    made = [article(number, steps=2) for number in range(3)]
    data = write_data(tmp_path, made)
    with (data / "shards/train-000000.tar").open("rb") as stream:
        files = wds.tariterators.tar_file_expander([{"url": "shard", "stream": stream}])
        samples = list(wds.tariterators.group_by_keys(files))
    assert [sample["__key__"] for sample in samples] == [one.id for one in made]
    assert [sample["01.png"] for sample in samples] == [one.steps[1].image.data for one in made]
    assert [json.loads(sample["json"])["goal"] for sample in samples] == [one.goal for one in made]


def test_a_step_without_a_image_has_no_file(tmp_path):
    data = write_data(tmp_path, [golden_article()])
    with tarfile.open(data / "shards/train-000000.tar") as tar:
        assert tar.getnames() == ["test-golden_1.json", "test-golden_1.00.png"]


def test_rows_tell_where_and_what_failures_included(tmp_path):
    with ShardWriter(tmp_path, source_config={}) as writer:
        writer.add(article(1, steps=2))
        writer.add_failure("lost", reason="no steps", url="https://example.org/lost")
        writer.add(golden_article())
    good, lost, golden = pq.read_table(tmp_path / "shards/train-000000.parquet").to_pylist()
    text = golden_article().to_json().encode()
    tar = (tmp_path / "shards/train-000000.tar").read_bytes()
    assert golden == {
        "key": "test-golden_1",
        "status": "ok",
        "reason": None,
        "goal": "How to make apple juice",
        "method": "By hand",
        "num_steps": 2,
        "num_images": 1,
        "url": "https://example.org/juice",
        "license": "CC0-1.0",
        "sha256": hashlib.sha256(text).hexdigest(),
        "offset": good["bytes"],
        "bytes": golden["bytes"],
    }
    run = tar[golden["offset"] :][: golden["bytes"]]
    assert text in run
    assert PIXEL_PNG in run
    assert tar[golden["offset"] + golden["bytes"] :].count(0) == len(tar) - golden["offset"] - golden["bytes"]
    assert (lost["key"], lost["status"], lost["reason"], lost["offset"]) == ("lost", "failed", "no steps", None)


def test_index_and_stats_count(tmp_path):
    with ShardWriter(tmp_path, source_config={"seed": 3}, max_samples=2) as writer:
        for number in range(3):
            writer.add(article(number, steps=number + 1))
        writer.add(article(9), split="val")
        writer.add_failure("lost", reason="robots.txt")
        writer.add_failure("lost-too", reason="robots.txt")
    index = read_index(tmp_path)
    assert index == writer.index
    assert [(s.name, s.samples, s.failed, s.images) for s in index.shards] == [
        ("train-000000", 2, 0, 3),
        ("train-000001", 1, 2, 3),
        ("val-000000", 1, 0, 3),
    ]
    train = index.splits["train"]
    assert (train.samples, train.failed, train.images, train.shards) == (3, 2, 6, 2)
    assert index.source_config == {"seed": 3}
    stats = json.loads((tmp_path / "shards/train-000001_stats.json").read_text())
    assert stats["reasons"] == {"robots.txt": 2}
    for shard in index.shards:
        assert shard.sha256 == sha256_file(shard.tar(tmp_path))
        assert shard.bytes == shard.tar(tmp_path).stat().st_size


def test_max_bytes_closes_a_shard_and_a_large_article_stands_alone(tmp_path):
    data = write_data(tmp_path, [article(number) for number in range(4)], max_bytes=1)
    assert [shard.samples for shard in read_index(data).shards] == [1, 1, 1, 1]
    roomy = write_data(tmp_path / "roomy", [article(number) for number in range(4)], max_bytes=12_000)
    assert [shard.samples for shard in read_index(roomy).shards] == [2, 2]


def test_no_articles_make_valid_data(tmp_path):
    with ShardWriter(tmp_path, source_config={}):
        pass
    assert list(iter_articles(tmp_path)) == []
    assert validate(tmp_path).ok


def refused(tmp_path, match):
    return pytest.raises(DataError, match=match), ShardWriter(tmp_path, source_config={})


@pytest.mark.parametrize("again", ["add", "fail"])
def test_a_key_comes_once(tmp_path, again):
    raises, writer = refused(tmp_path, "comes twice")
    with raises, writer:
        writer.add(article(1))
        if again == "add":
            writer.add(article(1), split="val")
        else:
            writer.add_failure("test-00001", reason="x")


@pytest.mark.parametrize(("key", "said"), [("a.b", "must match"), ("A", "must match"), ("a" * 81, "80 is the limit")])
def test_unfit_keys_are_refused(tmp_path, key, said):
    raises, writer = refused(tmp_path, said)
    with raises, writer:
        writer.add_failure(key, reason="x")
    unchecked = article(1).model_copy(update={"id": key})
    with pytest.raises(DataError, match=said), ShardWriter(tmp_path, source_config={}) as writer:
        writer.add(unchecked)


@pytest.mark.parametrize("split", ["Train", "../x", "train-1", ""])
def test_unfit_splits_are_refused(tmp_path, split):
    raises, writer = refused(tmp_path, "must match")
    with raises, writer:
        writer.add(article(1), split=split)


def test_images_need_their_own_bytes(tmp_path):
    from illinstr.articles import Article

    bare = Article.from_json(article(1).to_json())
    raises, writer = refused(tmp_path, "step 1: the image's bytes are missing")
    with raises, writer:
        writer.add(bare)
    first = article(1).steps[0]
    swapped = first.model_copy(update={"image": first.image.model_copy(update={"data": PIXEL_PNG})})
    with pytest.raises(DataError, match="not the ones"), ShardWriter(tmp_path, source_config={}) as writer:
        writer.add(article(1).model_copy(update={"steps": (swapped,)}))


def test_limits_below_one_and_settings_json_cannot_hold_are_refused(tmp_path):
    with pytest.raises(ConfigError):
        ShardWriter(tmp_path, source_config={}, max_samples=0)
    with pytest.raises(DataError, match="JSON"):
        ShardWriter(tmp_path, source_config={"path": Path("x")})


def test_an_exception_discards_the_open_shard_and_writes_no_index(tmp_path):
    with pytest.raises(RuntimeError), ShardWriter(tmp_path, source_config={}, max_samples=2) as writer:
        for number in range(3):
            writer.add(article(number))
        raise RuntimeError
    assert sorted(folder_bytes(tmp_path)) == [
        "shards/train-000000.parquet",
        "shards/train-000000.tar",
        "shards/train-000000_stats.json",
    ]


def test_data_in_the_way_is_refused_resumed_or_overwritten(tmp_path):
    write_data(tmp_path, [article(1), article(2)])
    with pytest.raises(DataError, match="already holds data"):
        ShardWriter(tmp_path, source_config={"test": True})
    before = folder_bytes(tmp_path)
    write_data(tmp_path, [article(1), article(2)], existing="resume")
    assert folder_bytes(tmp_path) == before
    write_data(tmp_path, [article(3)], existing="resume")
    assert [one.id for one in iter_articles(tmp_path, verify=True)] == ["test-00001", "test-00002", "test-00003"]
    write_data(tmp_path, [article(4)], existing="overwrite")
    assert [one.id for one in iter_articles(tmp_path)] == ["test-00004"]
    assert validate(tmp_path).warnings == ()


def test_resume_refuses_other_settings_and_other_content(tmp_path):
    write_data(tmp_path, [article(1)])
    with pytest.raises(DataError, match="other settings"):
        ShardWriter(tmp_path, source_config={"test": False}, existing="resume")
    with pytest.raises(DataError, match="another article"):
        write_data(tmp_path, [article(1, steps=2)], existing="resume")


def test_what_failed_may_succeed_on_resume(tmp_path):
    with ShardWriter(tmp_path, source_config={}) as writer:
        writer.add_failure("test-00001", reason="timed out")
        writer.add_failure("gone", reason="404")
    with ShardWriter(tmp_path, source_config={}, existing="resume") as writer:
        assert writer.add(article(1)) is True
        assert writer.add_failure("gone", reason="404") is False
    train = read_index(tmp_path).splits["train"]
    assert (train.samples, train.failed) == (1, 1)
    assert [one.id for one in iter_articles(tmp_path)] == ["test-00001"]
    assert validate(tmp_path).ok


CHILD = """
import sys, time
from pathlib import Path
from illinstr.shards import ShardWriter, writer as module
from tests.support.shard_articles import article

def stop(*args, **kwargs):
    print("here", flush=True)
    time.sleep(600)

out, point = Path(sys.argv[1]), sys.argv[2]
published = 0
def third(real):
    def call(*args, **kwargs):
        global published
        published += 1
        return stop() if published == 3 else real(*args, **kwargs)
    return call

if point == "before-parquet":
    module.write_rows = third(module.write_rows)
if point == "before-stats":
    module.write_json = third(module.write_json)
with ShardWriter(out, source_config={"test": True}, max_samples=5) as writer:
    if point == "before-index":
        writer._write_index = stop
    for number in range(18):
        writer.add(article(number))
        if point == "mid-tar" and number == 12:
            stop()
"""


@pytest.mark.parametrize("point", ["mid-tar", "before-parquet", "before-stats", "before-index"])
def test_kill_9_leaves_whole_shards_only_and_resuming_gives_the_same_bytes(tmp_path, point):
    out = tmp_path / "killed"
    with fork_server.Popen([sys.executable, "-c", CHILD, str(out), point], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "here\n"
        os.kill(child.pid, signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert not (out / "index.json").exists()
    with pytest.raises(DataError, match="not a finished data folder"):
        next(iter_articles(out))
    complete = sorted((out / "shards").glob("*_stats.json"))
    assert len(complete) == (4 if point == "before-index" else 2)
    for stats in complete:
        record = json.loads(stats.read_text())
        assert sha256_file(out / "shards" / f"{record['name']}.tar") == record["sha256"]
    made = [article(number) for number in range(18)]
    write_data(out, made, max_samples=5, existing="resume")
    expected = write_data(tmp_path / "whole", made, max_samples=5)
    assert folder_bytes(out) == folder_bytes(expected)
