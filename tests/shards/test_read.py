"""Data folders that are damaged, hostile or somebody else's."""

import io
import json
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from illinstr.errors import DataError
from illinstr.files import sha256_file
from illinstr.shards import iter_articles, read_index, validate
from illinstr.shards.layout import MAX_JSON_BYTES
from illinstr.shards.reader import iter_samples, read_sample
from tests.support.shard_articles import article, make_image, write_data


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data", [article(number) for number in range(4)], max_samples=2)


@pytest.fixture
def tar(data):
    return data / "shards/train-000001.tar"


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def build(path, *members, format=tarfile.USTAR_FORMAT):
    with tarfile.open(path, "w", format=format) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))


def test_articles_before_the_damage_still_come(data, tar):
    tar.write_text("This is no tar.\n" * 1000)
    stream = iter_articles(data)
    assert [next(stream).id, next(stream).id] == ["test-00000", "test-00001"]
    with pytest.raises(DataError, match=r"train-000001\.tar is not a tar"):
        next(stream)


@pytest.mark.parametrize("keep", [100, 512, 700, 2048, 6000])
def test_a_truncated_tar_is_named(data, tar, keep):
    tar.write_bytes(tar.read_bytes()[:keep])
    with pytest.raises(DataError, match=r"train-000001\.tar.*truncated"):
        list(iter_articles(data))


def test_a_tar_cut_between_members_is_named(data, tar):
    content = tar.read_bytes().rstrip(b"\0")
    tar.write_bytes(content + bytes(-len(content) % 512))
    with pytest.raises(DataError, match="no end-of-archive mark"):
        list(iter_articles(data))


def test_a_missing_tar_is_named(data, tar):
    tar.unlink()
    with pytest.raises(DataError, match=r"cannot read .*train-000001\.tar"):
        list(iter_articles(data))


def test_an_article_less_than_the_index_says_is_noticed(data, tar):
    build(tar)
    with pytest.raises(DataError, match="holds 0 samples, the index says 2"):
        list(iter_articles(data))


@pytest.mark.parametrize(
    "fields",
    [
        {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
        {"type": tarfile.LNKTYPE, "linkname": "a.json"},
        {"type": tarfile.DIRTYPE},
        {"type": tarfile.CHRTYPE},
        {"type": tarfile.FIFOTYPE},
        {"type": tarfile.CONTTYPE},
    ],
)
def test_only_plain_files_are_members(tar, fields):
    build(tar, member("a.json", **fields))
    with pytest.raises(DataError, match="not a plain file"):
        list(iter_samples(tar))


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_extension_headers_are_refused_unread(tar, format):
    build(tar, member("a" * 200 + ".json", b"{}"), format=format)
    with pytest.raises(DataError, match="not a plain file"):
        list(iter_samples(tar))


@pytest.mark.parametrize(
    "name",
    ["../a.json", "/a.json", "d/a.json", "a.b.json", "a.pyd", "a.000.jpg", "A.json", "a.00.gif", "a", "a.json\n"],
)
def test_names_outside_the_format_are_refused(tar, name):
    build(tar, member(name, b"{}"))
    with pytest.raises(DataError, match=r"neither KEY\.json nor"):
        list(iter_samples(tar))


def test_a_size_over_the_limit_is_refused_before_reading(tar):
    info, _ = member("a.json")
    info.size = MAX_JSON_BYTES + 1
    tar.write_bytes(info.tobuf(tarfile.USTAR_FORMAT))
    with pytest.raises(DataError, match="over the limit"):
        list(iter_samples(tar))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a.json", "b.json", "a.00.png"], "not next to each other"),
        (["a.json", "b.json", "a.json"], "not next to each other"),
        (["a.00.png", "a.json"], "does not begin with its JSON"),
        (["a.json", "a.00.png", "a.00.jpg"], "two members for one step"),
        (["a.json", "a.json"], "two members for one step"),
        (["a.json"] + ["a.00.png"] * 101, "too many members"),
    ],
)
def test_members_stand_in_order(tar, names, said):
    build(tar, *(member(name, b"{}") for name in names))
    with pytest.raises(DataError, match=said):
        list(iter_samples(tar))


def with_sample(tar, json_bytes, *images):
    build(tar, member("test-00002.json", json_bytes), *images)


def test_images_and_record_must_agree(data, tar):
    good = article(2, steps=2)
    files = [member(f"test-00002.{i:02d}.png", step.image.data) for i, step in enumerate(good.steps)]
    text = good.to_json().encode()
    cases = {
        "do not agree": [files[:1], [*files, member("test-00002.02.png", make_image())]],
        "not the one recorded": [
            [files[0], member("test-00002.01.png", make_image((1, 2, 3)))],
            [files[0], member("test-00002.01.jpg", good.steps[1].image.data)],
        ],
    }
    for said, variants in cases.items():
        for variant in variants:
            with_sample(tar, text, *variant)
            with pytest.raises(DataError, match=said):
                list(iter_articles(data))


def test_json_must_be_the_article_of_its_key(data, tar):
    with_sample(tar, article(7, images=False).to_json().encode())
    with pytest.raises(DataError, match="test-00002: holds article 'test-00007'"):
        list(iter_articles(data))
    with_sample(tar, b'{"goal": 1}')
    with pytest.raises(DataError, match="test-00002: not a valid article"):
        list(iter_articles(data))


@settings(max_examples=150, deadline=None)
@given(blob=st.binary(max_size=3000))
def test_no_bytes_do_worse_than_a_data_error(tmp_path_factory, blob):
    path = tmp_path_factory.mktemp("fuzz") / "x.tar"
    path.write_bytes(blob)
    try:
        assert list(iter_samples(path)) == []
    except DataError as error:
        assert str(path) in error.message


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, 9000), value=st.integers(0, 255))
def test_one_changed_byte_is_never_worse_than_a_data_error(tmp_path_factory, at, value):
    data = write_data(tmp_path_factory.mktemp("flip") / "d", [article(1)])
    path = data / "shards/train-000000.tar"
    content = bytearray(path.read_bytes())
    content[at % len(content)] = value
    path.write_bytes(content)
    try:
        read = list(iter_articles(data))
    except DataError as error:
        assert "train-000000.tar" in error.message
    else:
        assert [one.num_steps for one in read] == [3]


def test_one_sample_is_read_alone(data, tar):
    first, second = iter_samples(tar)
    alone = read_sample(tar, second.offset, second.length)
    assert (alone.key, alone.json, alone.images) == (second.key, second.json, second.images)
    for offset, length in ((second.offset, second.length + 10**9), (0, first.length + second.length)):
        with pytest.raises(DataError, match="at byte"):
            read_sample(tar, offset, length)


def test_verify_notices_what_only_the_hash_can(data, tar):
    content = bytearray(tar.read_bytes())
    content[-1] = 1  # behind the end-of-archive mark
    tar.write_bytes(content)
    assert len(list(iter_articles(data))) == 4
    with pytest.raises(DataError, match="SHA-256"):
        list(iter_articles(data, verify=True))


def test_splits_are_read_apart(tmp_path):
    from illinstr.shards import ShardWriter

    with ShardWriter(tmp_path, source_config={}) as writer:
        writer.add(article(1), split="train")
        writer.add(article(2), split="val")
    assert [one.id for one in iter_articles(tmp_path, split="val")] == ["test-00002"]
    with pytest.raises(DataError, match="no split 'test'") as caught:
        list(iter_articles(tmp_path, split="test"))
    assert caught.value.hint == "splits here: train, val"


def change_index(data, change):
    record = json.loads((data / "index.json").read_text())
    change(record)
    (data / "index.json").write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(schema_version=2), "schema version 2"),
        (lambda r: r.pop("schema_version"), "schema version None"),
        (lambda r: r.update(extra=1), "damaged: extra"),
        (lambda r: r["shards"][0].update(name="../../etc-000000"), "damaged: shards.0.name"),
        (lambda r: r["shards"][0].update(split="val"), "damaged: shards.0"),
        (lambda r: r["shards"].pop(), "do not add up"),
        (lambda r: r["shards"].append(r["shards"][0]), "listed twice"),
        (lambda r: r["splits"]["train"].update(samples=5), "do not add up"),
        (lambda r: r["source_config"].update(test=False), "does not belong"),
    ],
)
def test_a_damaged_index_is_refused(data, change, said):
    change_index(data, change)
    with pytest.raises(DataError, match=said) as caught:
        read_index(data)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "\udcff"])
def test_an_index_that_is_no_json_object_is_refused(data, text):
    (data / "index.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError):
        read_index(data)


def test_a_missing_index_tells_what_to_do(tmp_path):
    with pytest.raises(DataError) as caught:
        read_index(tmp_path / "nowhere")
    assert "illinstr minihow" in caught.value.hint
    (tmp_path / "shards").mkdir()
    with pytest.raises(DataError) as caught:
        read_index(tmp_path)
    assert "cut short" in caught.value.hint


def test_validate_passes_good_data(data):
    report = validate(data)
    assert (report.ok, report.articles, report.images, report.failed) == (True, 4, 12, 0)
    assert (report.problems, report.warnings) == ((), ())


def test_validate_names_the_damaged_shard_and_reads_the_others(data, tar):
    tar.write_bytes(tar.read_bytes()[:-1])
    report = validate(data)
    assert not report.ok
    assert [str(tar) in problem for problem in report.problems] == [True]
    assert report.articles == 2


def test_validate_compares_rows_with_the_tar(data):
    first, second = read_index(data).shards
    second.parquet(data).write_bytes(first.parquet(data).read_bytes())

    def follow(record):
        record["shards"][1]["parquet_sha256"] = sha256_file(second.parquet(data))

    change_index(data, follow)
    assert "'test-00002' is not as its Parquet row says" in validate(data).problems[0]
    second.parquet(data).write_bytes(b"PAR1")
    change_index(data, follow)
    assert "cannot read" in validate(data).problems[0]


def test_validate_notices_a_wrong_size_in_the_record(tmp_path):
    good = article(1)
    image = good.steps[0].image.model_copy(update={"width": 99})
    steps = (good.steps[0].model_copy(update={"image": image}), *good.steps[1:])
    data = write_data(tmp_path, [good.model_copy(update={"steps": steps})])
    assert "image of step 1 has another size" in validate(data).problems[0]


def test_validate_warns_of_strays_and_of_goals_on_both_sides(tmp_path):
    from illinstr.shards import ShardWriter

    twin = article(1).model_copy(update={"id": "twin"})
    with ShardWriter(tmp_path, source_config={}) as writer:
        writer.add(article(1), split="train")
        writer.add(twin, split="test")
    (tmp_path / "shards/notes.txt").write_text("x")
    report = validate(tmp_path)
    assert report.ok
    assert report.warnings == ("shards/notes.txt is not in the index", "1 goals stand in more than one split")
